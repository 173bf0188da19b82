"""Sixteen dimmable LEDs: PCA9685.

Source: NXP PCA9685 rev. 4: MODE1 (7.3.1: sleep, auto-increment), MODE2 (7.3.2), PRE_SCALE (7.3.5), LEDn (7.3.3).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.i2c import I2cBus

MODE1, MODE2, LED0, PRE_SCALE = 0x00, 0x01, 0x06, 0xFE
SLEEP, AUTO_INCREMENT, OPEN_DRAIN = 0x10, 0x20, 0x00
FULL: Final = 4095
RATE_HZ: Final = 1000
CLOCK_HZ: Final = 25_000_000
WAKE_S: Final = 0.0005


class Leds:
    """The driver of the LEDs.

    Args:
        bus: I²C bus of the chip.
        address: Address of the chip.

    Raises:
        DeviceUnavailable: The driver does not answer.
    """

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus, self._address = bus, address
        self._sent: list[int] | None = None
        self._write(bytes((MODE1, SLEEP)))  # The rate can be set only in sleep.
        self._write(bytes((PRE_SCALE, round(CLOCK_HZ / (4096 * RATE_HZ)) - 1)))
        self._write(bytes((MODE2, OPEN_DRAIN)))
        self._write(bytes((MODE1, AUTO_INCREMENT)))
        time.sleep(WAKE_S)

    def show(self, channels: Sequence[float]) -> None:
        """Set the light of each channel, 0 … 1. Nothing is sent if no channel changed.

        Raises:
            DeviceUnavailable: The driver does not answer.
        """
        counts = [round(min(max(level, 0.0), 1.0) * FULL) for level in channels]
        if counts != self._sent:
            # On at 0, off at the count: four bytes per channel, low byte first.
            data = b"".join(b"\0\0" + count.to_bytes(2, "little") for count in counts)
            self._write(bytes((LED0,)) + data)
            self._sent = counts

    def _write(self, data: bytes) -> None:
        try:
            self._bus.write(self._address, data)
        except OSError as error:
            raise DeviceUnavailable(
                f"the driver of the LEDs does not answer ({error.strerror}); check the board"
            ) from error


class FakePca9685:
    """The chip on a FakeI2c, with its registers."""

    def __init__(self) -> None:
        self.registers = bytearray(256)
        self.registers[MODE1] = SLEEP | 1
        self._at = 0

    def receive(self, data: bytes) -> None:
        """See Chip."""
        self._at = data[0]
        for byte in data[1:]:
            if self._at == PRE_SCALE and not self.registers[MODE1] & SLEEP:
                continue
            self.registers[self._at] = byte
            if self.registers[MODE1] & AUTO_INCREMENT:
                self._at = (self._at + 1) % 256

    def send(self, count: int) -> bytes:
        """See Chip."""
        return bytes(self.registers[self._at : self._at + count])

    @property
    def counts(self) -> list[int]:
        """Count at which each channel switches off, 0 … 4095."""
        return [int.from_bytes(self.registers[LED0 + 4 * led + 2 : LED0 + 4 * led + 4], "little") for led in range(16)]
