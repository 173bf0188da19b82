"""A few kilobytes that outlive updates: the EEPROM on the board, or a file where there is none.

Source: Microchip 24LC32A datasheet DS20001713: 4096 bytes, pages of 32, 5 ms a write, 1 million times.
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
    """SIZE_BYTES bytes."""

    def read(self) -> bytes:
        """All of it.

        Raises:
            DeviceUnavailable: It does not answer.
            StoreError: The file cannot be read.
        """

    def write(self, offset: int, data: bytes) -> None:
        """Change a part of it; when the power fails, any byte of that part may be old, new or neither.

        Raises:
            DeviceUnavailable: It does not answer.
            StoreError: The file cannot be written.
        """


class FakeMemory:
    """Bytes; verb: ``cut_power_after``, which loses the rest of a write."""

    def __init__(self) -> None:
        self.image = bytearray(BLANK * SIZE_BYTES)
        self._left: int | None = None

    def cut_power_after(self, count: int) -> None:
        """Let so many more bytes be written, and then none."""
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
            raise DeviceUnavailable("the power is gone")


class Eeprom:
    """The chip."""

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
                part = data[: PAGE_BYTES - offset % PAGE_BYTES]  # A write that leaves its page would begin it again.
                self._bus.write(self._address, offset.to_bytes(2, "big") + part)
                time.sleep(WRITE_S)
                offset, data = offset + len(part), data[len(part) :]
        except OSError as error:
            raise DeviceUnavailable(f"the EEPROM does not answer ({error.strerror}); check the board") from error


class FakeEeprom:
    """The chip, for a FakeI2c."""

    def __init__(self) -> None:
        self.image = bytearray(BLANK * SIZE_BYTES)
        self._at = 0

    def receive(self, data: bytes) -> None:
        """See Chip."""
        self._at = int.from_bytes(data[:2], "big") % SIZE_BYTES
        page = self._at // PAGE_BYTES * PAGE_BYTES
        for byte in data[2:]:  # The address counter wraps round in its page.
            self.image[self._at] = byte
            self._at = page + (self._at + 1) % PAGE_BYTES

    def send(self, count: int) -> bytes:
        """See Chip."""
        data = bytes(self.image[(self._at + index) % SIZE_BYTES] for index in range(count))
        self._at = (self._at + count) % SIZE_BYTES
        return data


class FileMemory:
    """The same bytes in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """See Memory."""
        try:
            return self._path.read_bytes()[:SIZE_BYTES].ljust(SIZE_BYTES, BLANK)
        except FileNotFoundError:
            return BLANK * SIZE_BYTES
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read ({error.strerror}); check the card") from error

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
            raise StoreError(f"{self._path} cannot be written ({error.strerror}); check the card") from error
