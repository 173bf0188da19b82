"""The real panel on mock pins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tombola_device.hal.panel.converters import (
    CFG,
    CFG_CHANNEL,
    CHANNELS,
    CHIPS,
    FINE_CODES,
    FULL_SCALE,
    LEFTOVER,
    Converter,
    GpiozeroSpi,
    Sampler,
)
from tombola_device.hal.panel.cv_out import CvOut, FakeMcp4728
from tombola_device.hal.panel.gpio import GpioPanel, _library, resting_shares
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.hal.panel.port import BUTTONS, GATES, POWER_FAILS, shares_at_rest

CLOCK_PIN, MOSI_PIN, MISO_PIN = 11, 10, 9
SELECT_PINS: Final = (8, 7)
"""Chip enables 0 and 1 of SPI0. Its pins are the same on every Raspberry Pi."""
LEFTOVERS: Final = {"ADC_KNOBS": 0.0, "ADC_CV": LEFTOVER}
"""Knobs have 100 nF each, so that the channel before moves them by less than a count."""


@dataclass(frozen=True)
class MockPanel:
    """The real panel on mock pins.

    Args:
        panel: The panel.
        counts: Converter → values of its inputs, 0 … 4095 and in between; a test may change them.
        factory: gpiozero's mock pins: ``factory.pin(5).drive_low()``.
        dac: The DAC of the CV outputs.
    """

    panel: GpioPanel
    counts: dict[str, list[float]]
    factory: Any
    dac: FakeMcp4728


def _mock_chips() -> dict[str, Any]:
    """Name of each chip of the pin map to a class that answers as it does, bit by bit."""
    from gpiozero.pins.mock import MockSPIDevice

    class MockMcp3208(MockSPIDevice):  # type: ignore[misc]  # gpiozero has no annotations
        """A converter that answers bit by bit."""

        def __init__(self, select_pin: int, counts: list[float], sampler: Sampler, factory: Any) -> None:  # noqa: ANN401
            super().__init__(CLOCK_PIN, MOSI_PIN, MISO_PIN, select_pin, pin_factory=factory)
            self._counts, self._sampler = counts, sampler
            self._request: list[int] = []

        def on_start(self) -> None:
            super().on_start()
            self._request = []

        def on_bit(self) -> None:
            self._request.append(int(self.rx_buf[-1]))
            started = self._request[self._request.index(1) :] if 1 in self._request else []
            if len(started) == 5:  # Start, single-ended, three bits of channel.
                channel = started[2] << 2 | started[3] << 1 | started[4]
                # One sampling clock and the null bit precede the twelve bits.
                self.tx_word(round(self._sampler.sample(self._counts, channel)), 14)

    class MockAd7689(MockMcp3208):
        """One that converts when it is let go, the channel that it was told the time before."""

        _result, _channel = 0, 7

        def on_start(self) -> None:
            super().on_start()
            self.tx_word(self._result, 16)

        def on_bit(self) -> None:
            self._request.append(int(self.rx_buf[-1]))

        def on_select(self) -> None:
            super().on_select()
            if self.select_pin.state == self.select_high:
                return
            counts = self._sampler.sample(self._counts, self._channel)
            self._result = min(max(round(counts * FINE_CODES / FULL_SCALE), 0), FINE_CODES)
            told = int("".join(map(str, self._request[:14])) or "0", 2)
            if len(self._request) >= 14 and told & ~(7 << CFG_CHANNEL) == CFG:
                self._channel = told >> CFG_CHANNEL & 7

    return {"MCP3208": MockMcp3208, "AD7689": MockAd7689}


def mock_panel() -> MockPanel:
    """Make the real panel on mock pins. Its converters answer bit by bit.

    Raises:
        DeviceUnavailable: gpiozero is missing.
    """
    library = _library()
    from gpiozero.pins.mock import MockFactory

    mocks = _mock_chips()
    pins, factory = load_pin_map(), MockFactory()
    counts: dict[str, list[float]] = {name: [0.0] * CHANNELS for name in pins.spi}
    for name, share in shares_at_rest(pins).items():
        counts[pins.adc[name].converter][pins.adc[name].channel] = round(share * FULL_SCALE)
    before = library.Device.pin_factory
    library.Device.pin_factory = factory  # gpiozero's SPI bus ignores its argument and uses this factory.
    converters: dict[str, Converter] = {}
    for name, chip in pins.spi.items():
        select = SELECT_PINS[chip.chip_enable]
        mocks[chip.chip](select, counts[name], Sampler(LEFTOVERS[name]), factory)
        spi = GpiozeroSpi(
            clock_pin=CLOCK_PIN, mosi_pin=MOSI_PIN, miso_pin=MISO_PIN, select_pin=select, pin_factory=factory
        )
        converters[name] = CHIPS[chip.chip](spi)
    for name in (*GATES, *BUTTONS, POWER_FAILS):
        if name in pins.active_low:
            factory.pin(pins.gpio[name]).drive_high()  # At rest.
    dac, address = FakeMcp4728(), pins.i2c.addresses["DAC"]
    cv_out = CvOut(FakeI2c({address: dac}), address, resting_shares(pins))
    panel = GpioPanel(pins, converters, cv_out, factory, lambda: setattr(library.Device, "pin_factory", before))
    return MockPanel(panel, counts, factory, dac)
