"""Sixteen dimmable LEDs: PCA9685.

The lamps have a common cathode, so an output that is high lights its die. A chip just reset holds all outputs low.

Source: NXP PCA9685 rev. 4: MODE1 (7.3.1: sleep, auto-increment), MODE2 (7.3.2: INVRT, OUTDRV), LEDn (7.3.3: full OFF),
ALL_LED (7.3.4), PRE_SCALE (7.3.5).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.i2c import I2cBus

MODE1, MODE2, LED0, ALL_LED, ALL_LED_OFF_H, PRE_SCALE = 0x00, 0x01, 0x06, 0xFA, 0xFD, 0xFE
SLEEP, AUTO_INCREMENT = 0x10, 0x20
TOTEM_POLE, INVERTED = 0x04, 0x10
FULL_OFF_H: Final = 0x10
"""In LEDn_OFF_H, also after reset: off whatever the counts say."""
FULL_OFF: Final = FULL_OFF_H << 8
FULL: Final = 4095
CHANNELS: Final = 16
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
        # First: a chip that was not reset still shows the picture of the daemon before.
        self._write(bytes((ALL_LED_OFF_H, FULL_OFF_H)))
        self._write(bytes((MODE1, SLEEP)))  # The rate can be set only in sleep.
        self._write(bytes((PRE_SCALE, round(CLOCK_HZ / (4096 * RATE_HZ)) - 1)))
        self._write(bytes((MODE2, TOTEM_POLE)))
        self._write(bytes((MODE1, AUTO_INCREMENT)))
        time.sleep(WAKE_S)

    def show(self, channels: Sequence[float]) -> None:
        """Set the light of each channel, 0 … 1. Nothing is sent if no channel changed.

        Raises:
            DeviceUnavailable: The driver does not answer.
        """
        counts = [round(min(max(level, 0.0), 1.0) * FULL) for level in channels]
        if counts != self._sent:
            # On at 0, off at the count: four bytes per channel, low byte first. A dark channel is off by its own bit:
            # what the chip does when it shall switch on and off at the same count is not said.
            data = b"".join(b"\0\0" + (count or FULL_OFF).to_bytes(2, "little") for count in counts)
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
    """The chip on a FakeI2c, with its registers, just reset; ``light``: of lamps between its outputs and ground."""

    def __init__(self) -> None:
        self.registers = bytearray(256)
        self.registers[MODE1], self.registers[MODE2] = SLEEP | 1, TOTEM_POLE
        for led in range(CHANNELS):
            self.registers[LED0 + 4 * led + 3] = FULL_OFF_H
        self._at = 0

    def receive(self, data: bytes) -> None:
        """See Chip."""
        self._at = data[0]
        for byte in data[1:]:
            self._store(self._at, byte)
            if self.registers[MODE1] & AUTO_INCREMENT:
                self._at = (self._at + 1) % 256

    def send(self, count: int) -> bytes:
        """See Chip."""
        return bytes(self.registers[self._at : self._at + count])

    @property
    def light(self) -> list[float]:
        """Light of each channel, 0 … 1: the share of time at which it is driven high."""
        mode = self.registers[MODE2]
        shares = [self._share(led) for led in range(CHANNELS)]
        if not mode & TOTEM_POLE:
            return [0.0] * CHANNELS  # An open drain only pulls low.
        return [1.0 - share for share in shares] if mode & INVERTED else shares

    def _store(self, at: int, byte: int) -> None:
        if at == PRE_SCALE and not self.registers[MODE1] & SLEEP:
            return
        if ALL_LED <= at <= ALL_LED_OFF_H:
            for led in range(CHANNELS):
                self.registers[LED0 + 4 * led + at - ALL_LED] = byte
            return
        self.registers[at] = byte

    def _share(self, led: int) -> float:
        off = int.from_bytes(self.registers[LED0 + 4 * led + 2 : LED0 + 4 * led + 4], "little")
        return 0.0 if off & FULL_OFF else off / FULL
