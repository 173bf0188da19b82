"""CV outputs: MCP4728, four channels of twelve bits.

Source: Microchip MCP4728 datasheet DS22187E, fig. 5-7 (fast write, which does not change its EEPROM) and 5-15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.i2c import I2cBus

FULL_SCALE: Final = 4095
CHANNELS: Final = 4


class CvOut:
    """The DAC of the CV outputs.

    Args:
        bus: I²C bus of the chip.
        address: Address of the chip.
    """

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus, self._address = bus, address
        self._counts = [0] * CHANNELS
        self._sent: list[int] | None = None

    def write(self, shares: Mapping[int, float]) -> None:
        """Set channels, each to a share of its range, 0 … 1. Nothing is sent if no value changed.

        Raises:
            DeviceUnavailable: The DAC does not answer.
        """
        for channel, share in shares.items():
            self._counts[channel] = round(min(max(share, 0.0), 1.0) * FULL_SCALE)
        if self._counts == self._sent:
            return
        # Fast write: two bytes per channel, from A on; power-down bits 0. All channels change at the last byte.
        data = b"".join(counts.to_bytes(2, "big") for counts in self._counts)
        try:
            self._bus.write(self._address, data)
        except OSError as error:
            raise DeviceUnavailable(
                f"the DAC of the CV outputs does not answer ({error.strerror}); check the board"
            ) from error
        self._sent = list(self._counts)

    def close(self) -> None:
        """See Converter; the bus belongs to the caller."""


class FakeMcp4728:
    """The chip on a FakeI2c; ``counts``: its outputs, 0 … 4095."""

    def __init__(self) -> None:
        self.counts = [0] * CHANNELS

    def receive(self, data: bytes) -> None:
        """See Chip."""
        assert len(data) % 2 == 0
        assert data[0] >> 6 == 0, "only fast writes do not change the EEPROM"
        for channel in range(len(data) // 2):
            self.counts[channel] = int.from_bytes(data[2 * channel : 2 * channel + 2], "big") & 0x0FFF

    def send(self, count: int) -> bytes:
        """See Chip."""
        return bytes(count)
