"""CV outputs: MCP4728, four channels of twelve bits.

The amplifiers behind it are made for its internal reference at gain 1: 0 … 2.048 V become −2 … 8 V.

Source: Microchip MCP4728 datasheet DS22187E, fig. 5-7 (fast write, which leaves reference, gain and EEPROM alone), 5-8
(multi-write: reference and gain too), 5-9 (sequential write: EEPROM too), 5-15 (reading both).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.i2c import I2cBus

FULL_SCALE: Final = 4095
CHANNELS: Final = 4
INTERNAL: Final = 0x80
"""Upper byte of a setting: the reference of 2.048 V. Power-down and gain bits 0: on, gain 1."""
POWER_DOWN: Final = 0x60
GAIN_2: Final = 0x10
MULTI_WRITE: Final = 0x40
SEQUENTIAL_WRITE: Final = 0x50
EEPROM_WRITE_S: Final = 0.06
"""50 ms at most; the chip takes no writes meanwhile."""
REFERENCE_VOLTS: Final = 2.048


class CvOut:
    """The DAC of the CV outputs, with its outputs at rest.

    Its EEPROM is written once, when it does not hold the rest yet: the chip stands there from power-on, before this
    computer has booted.

    Args:
        bus: I²C bus of the chip.
        address: Address of the chip.
        rest: Channel → share of its range at which its jack gives 0 V.

    Raises:
        DeviceUnavailable: The DAC does not answer.
    """

    def __init__(self, bus: I2cBus, address: int, rest: Mapping[int, float]) -> None:
        self._bus, self._address = bus, address
        self._counts = [_count(rest.get(channel, 0.0)) for channel in range(CHANNELS)]
        self._sent: list[int] | None = None
        settings = [(INTERNAL << 8 | count).to_bytes(2, "big") for count in self._counts]
        try:
            # Six bytes per channel: state, setting (2), state, setting in the EEPROM (2).
            image = bus.read(address, 6 * CHANNELS)
            if [image[6 * channel + 4 : 6 * channel + 6] for channel in range(CHANNELS)] != settings:
                bus.write(address, bytes((SEQUENTIAL_WRITE,)) + b"".join(settings))
                time.sleep(EEPROM_WRITE_S)
            else:
                words = (bytes((MULTI_WRITE | channel << 1,)) + word for channel, word in enumerate(settings))
                bus.write(address, b"".join(words))
        except OSError as error:
            raise _silent(error) from error
        self._sent = list(self._counts)

    def write(self, shares: Mapping[int, float]) -> None:
        """Set channels, each to a share of its range, 0 … 1. Nothing is sent if no value changed.

        Raises:
            DeviceUnavailable: The DAC does not answer.
        """
        for channel, share in shares.items():
            self._counts[channel] = _count(share)
        if self._counts == self._sent:
            return
        # Fast write: two bytes per channel, from A on; power-down bits 0. All channels change at the last byte.
        data = b"".join(counts.to_bytes(2, "big") for counts in self._counts)
        try:
            self._bus.write(self._address, data)
        except OSError as error:
            raise _silent(error) from error
        self._sent = list(self._counts)

    def close(self) -> None:
        """See Converter; the bus belongs to the caller."""


def _count(share: float) -> int:
    return round(min(max(share, 0.0), 1.0) * FULL_SCALE)


def _silent(error: OSError) -> DeviceUnavailable:
    return DeviceUnavailable(f"the DAC of the CV outputs does not answer ({error.strerror}); check the board")


class FakeMcp4728:
    """The chip on a FakeI2c, as it comes from a distributor; verb: ``power_on``.

    Args:
        supply_volts: Its supply, which is its reference while the internal one is not chosen.
    """

    def __init__(self, supply_volts: float = 3.3) -> None:
        self._supply_volts = supply_volts
        self.eeprom = [0] * CHANNELS
        """Reference, power-down, gain and count of each channel, in 16 bits; a new chip: the supply, on, 1, 0."""
        self.eeprom_writes = 0
        self.power_on()

    def power_on(self) -> None:
        """Begin anew with what the EEPROM holds."""
        self.settings = list(self.eeprom)

    @property
    def counts(self) -> list[int]:
        """Counts of its channels, 0 … 4095."""
        return [setting & FULL_SCALE for setting in self.settings]

    @property
    def volts(self) -> list[float]:
        """Volts at its pins."""
        return [self._volts(setting) for setting in self.settings]

    def receive(self, data: bytes) -> None:
        """See Chip."""
        command = data[0] & 0xF8
        if command & 0xC0 == 0:
            for channel in range(len(data) // 2):
                word = int.from_bytes(data[2 * channel : 2 * channel + 2], "big")
                kept = self.settings[channel] & (INTERNAL | GAIN_2) << 8
                self.settings[channel] = kept | (word & 0x3000) << 1 | word & FULL_SCALE
        elif command == MULTI_WRITE:
            for at in range(0, len(data), 3):
                self.settings[data[at] >> 1 & 3] = int.from_bytes(data[at + 1 : at + 3], "big")
        else:
            assert command == SEQUENTIAL_WRITE, f"the command {command:#x} is not modelled"
            first = data[0] >> 1 & 3
            for channel in range(first, CHANNELS):
                at = 1 + 2 * (channel - first)
                self.settings[channel] = self.eeprom[channel] = int.from_bytes(data[at : at + 2], "big")
            self.eeprom_writes += 1

    def send(self, count: int) -> bytes:
        """See Chip."""
        image = b""
        for channel, words in enumerate(zip(self.settings, self.eeprom, strict=True)):
            for word in words:
                image += bytes((0xC0 | channel << 4,)) + word.to_bytes(2, "big")  # Ready, powered.
        return image[:count]

    def _volts(self, setting: int) -> float:
        upper, count = setting >> 8, setting & FULL_SCALE
        if upper & POWER_DOWN:
            return 0.0
        if upper & INTERNAL:
            return REFERENCE_VOLTS * (2 if upper & GAIN_2 else 1) * count / 4096
        return self._supply_volts * count / 4096  # The gain needs the internal reference.
