"""A few kilobytes that survive software updates: the EEPROM on the board, or a file on other computers.

Source: Microchip 24LC32A datasheet DS20001713: 4096 bytes, pages of 32, 5 ms per write, 1 million writes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, Protocol

from tombola_device.contract.errors import DeviceUnavailable, StoreError
from tombola_device.hal.panel.i2c import I2cBus

SIZE_BYTES: Final = 4096
PAGE_BYTES: Final = 32
WRITE_S: Final = 0.006
BLANK: Final = b"\xff"


class Memory(Protocol):
    """SIZE_BYTES bytes of memory.

    >>> class Volatile:
    ...     def __init__(self): self.image = bytearray(BLANK * SIZE_BYTES)
    ...     def read(self): return bytes(self.image)
    ...     def write(self, offset, data): self.image[offset : offset + len(data)] = data
    >>> memory: Memory = Volatile()
    >>> memory.write(3, b"abc")
    >>> memory.read()[3:6]
    b'abc'
    """

    def read(self) -> bytes:
        """Read all bytes.

        Raises:
            DeviceUnavailable: The EEPROM does not answer.
            StoreError: The file cannot be read.
        """

    def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``. After a power cut each byte of this part may have any value.

        Raises:
            DeviceUnavailable: The EEPROM does not answer.
            StoreError: The file cannot be written.
        """


class FakeMemory:
    """Bytes in memory; verb: ``cut_power_after``, which loses the rest of a write."""

    def __init__(self) -> None:
        self.image = bytearray(BLANK * SIZE_BYTES)
        self._left: int | None = None

    def cut_power_after(self, count: int) -> None:
        """Store ``count`` more bytes, then none."""
        self._left = count

    def read(self) -> bytes:
        """See Memory."""
        return bytes(self.image)

    def write(self, offset: int, data: bytes) -> None:
        """See Memory."""
        kept = data if self._left is None else data[: self._left]
        if self._left is not None:
            self._left -= len(kept)
        self.image[offset : offset + len(kept)] = kept
        if len(kept) < len(data):
            raise DeviceUnavailable("the power of the fake is cut")


class Eeprom:
    """The chip on the board."""

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus, self._address = bus, address

    def read(self) -> bytes:
        """See Memory."""
        try:
            self._bus.write(self._address, b"\0\0")
            return b"".join(self._bus.read(self._address, PAGE_BYTES) for _ in range(SIZE_BYTES // PAGE_BYTES))
        except OSError as error:
            raise DeviceUnavailable(f"the EEPROM does not answer ({error.strerror}); check the board") from error

    def write(self, offset: int, data: bytes) -> None:
        """See Memory."""
        try:
            while data:
                # A write beyond the end of a page would continue at the start of that page.
                part = data[: PAGE_BYTES - offset % PAGE_BYTES]
                self._bus.write(self._address, offset.to_bytes(2, "big") + part)
                time.sleep(WRITE_S)
                offset, data = offset + len(part), data[len(part) :]
        except OSError as error:
            raise DeviceUnavailable(f"the EEPROM does not answer ({error.strerror}); check the board") from error


class FakeEeprom:
    """The chip on a FakeI2c."""

    def __init__(self) -> None:
        self.image = bytearray(BLANK * SIZE_BYTES)
        self._at = 0

    def receive(self, data: bytes) -> None:
        """See Chip."""
        self._at = int.from_bytes(data[:2], "big") % SIZE_BYTES
        page = self._at // PAGE_BYTES * PAGE_BYTES
        for byte in data[2:]:  # The address counter stays within its page.
            self.image[self._at] = byte
            self._at = page + (self._at + 1) % PAGE_BYTES

    def send(self, count: int) -> bytes:
        """See Chip."""
        data = bytes(self.image[(self._at + index) % SIZE_BYTES] for index in range(count))
        self._at = (self._at + count) % SIZE_BYTES
        return data


class FileMemory:
    """The memory as a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """See Memory."""
        try:
            return self._path.read_bytes()[:SIZE_BYTES].ljust(SIZE_BYTES, BLANK)
        except FileNotFoundError:
            return BLANK * SIZE_BYTES
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read ({error.strerror}); check the disk") from error

    def write(self, offset: int, data: bytes) -> None:
        """See Memory."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                self._path.write_bytes(BLANK * SIZE_BYTES)
            with self._path.open("r+b") as file:
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written ({error.strerror}); check the disk") from error
