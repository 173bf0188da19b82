"""CV outputs: MCP4728, four channels of twelve bits.

Source: Microchip MCP4728 datasheet DS22187E, fig. 5-7 (fast write, which leaves its EEPROM alone) and 5-15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.i2c import I2cBus

FULL_SCALE: Final = 4095
CHANNELS: Final = 4


class CvOut:
    """The DAC.

    Args:
        bus: Where it is.
        address: Its address.
    """

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus, self._address = bus, address
        self._counts = [0] * CHANNELS
        self._sent: list[int] | None = None

    def write(self, shares: Mapping[int, float]) -> None:
        """Move channels, each to a share of its range, 0 … 1; what has not moved is not sent again.

        Raises:
            DeviceUnavailable: It does not answer.
        """
        for channel, share in shares.items():
            self._counts[channel] = round(min(max(share, 0.0), 1.0) * FULL_SCALE)
        if self._counts == self._sent:
            return
        # Fast write: two bytes a channel from A on; power-down bits 0. All change together at the last one.
        data = b"".join(counts.to_bytes(2, "big") for counts in self._counts)
        try:
            self._bus.write(self._address, data)
        except OSError as error:
            raise DeviceUnavailable(f"the DAC of the CV outputs does not answer ({error.strerror})") from error
        self._sent = list(self._counts)

    def close(self) -> None:
        """Nothing is held."""


class FakeMcp4728:
    """The chip, for a FakeI2c: what its outputs stand at, 0 … 4095."""

    def __init__(self) -> None:
        self.counts = [0] * CHANNELS

    def receive(self, data: bytes) -> None:
        """See Chip."""
        assert len(data) % 2 == 0
        assert data[0] >> 6 == 0, "only fast writes leave the EEPROM alone"
        for channel in range(len(data) // 2):
            self.counts[channel] = int.from_bytes(data[2 * channel : 2 * channel + 2], "big") & 0x0FFF

    def send(self, count: int) -> bytes:
        """See Chip."""
        return bytes(count)
