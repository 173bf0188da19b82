"""The I²C bus: smbus2 on a Raspberry Pi, and a fake bus with the chips of a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tombola_device.contract.errors import DeviceUnavailable


class I2cBus(Protocol):
    """Transfers bytes to and from chips.

    >>> class OneChip:
    ...     memory = b""
    ...     def write(self, address, data): self.memory = data
    ...     def read(self, address, count): return self.memory[:count]
    >>> bus: I2cBus = OneChip()
    >>> bus.write(0x50, b"abc")
    >>> bus.read(0x50, 2)
    b'ab'
    """

    def write(self, address: int, data: bytes) -> None:
        """Write bytes to a chip in one transfer.

        Raises:
            OSError: The chip does not answer.
        """

    def read(self, address: int, count: int) -> bytes:
        """Read ``count`` bytes from a chip in one transfer.

        Raises:
            OSError: The chip does not answer.
        """


class Chip(Protocol):
    """A chip on a FakeI2c.

    >>> class Ones:
    ...     def receive(self, data): pass
    ...     def send(self, count): return bytes([1] * count)
    >>> FakeI2c({0x20: Ones()}).read(0x20, 2).hex()
    '0101'
    """

    def receive(self, data: bytes) -> None:
        """Take the bytes of one write."""

    def send(self, count: int) -> bytes:
        """Return ``count`` bytes for one read."""


class FakeI2c:
    """A bus with fake chips, by address."""

    def __init__(self, chips: dict[int, Chip]) -> None:
        self.chips = chips

    def write(self, address: int, data: bytes) -> None:
        """See I2cBus."""
        self._chip(address).receive(data)

    def read(self, address: int, count: int) -> bytes:
        """See I2cBus."""
        return self._chip(address).send(count)

    def _chip(self, address: int) -> Chip:
        if address not in self.chips:
            raise OSError(121, "Remote I/O error")
        return self.chips[address]


class SmbusI2c:
    """The kernel's bus, through smbus2.

    Args:
        bus: An ``smbus2.SMBus``.
        message: ``smbus2.i2c_msg``.
    """

    def __init__(self, bus: Any, message: Any) -> None:  # noqa: ANN401 - smbus2 is not needed elsewhere
        self._bus, self._message = bus, message

    def write(self, address: int, data: bytes) -> None:
        """See I2cBus."""
        self._bus.i2c_rdwr(self._message.write(address, data))

    def read(self, address: int, count: int) -> bytes:
        """See I2cBus."""
        message: Sequence[int] = self._message.read(address, count)
        self._bus.i2c_rdwr(message)
        return bytes(message)


def open_i2c(number: int) -> I2cBus:
    """Open a bus of the Raspberry Pi.

    Raises:
        DeviceUnavailable: smbus2 is missing, or I²C is off.
    """
    try:
        from smbus2 import SMBus, i2c_msg
    except ImportError as error:
        raise DeviceUnavailable(
            "I²C needs the Python package smbus2, which is not installed; install tombola-device[gpio]"
        ) from error
    try:
        return SmbusI2c(SMBus(number), i2c_msg)
    except OSError as error:
        raise DeviceUnavailable(
            f"I²C {number} cannot be opened ({error.strerror}); switch it on in config.txt"
        ) from error
