"""The panel's two converters through gpiozero, on real pins and on mock ones.

Source: Microchip MCP3208 datasheet, fig. 6-1: start bit, single/differential, three bits of channel, then one sampling
clock, a null bit and twelve bits of result.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel import CVS, KNOBS, PanelState

CLOCK_PIN, MOSI_PIN, MISO_PIN = 11, 10, 9
KNOBS_SELECT_PIN, CVS_SELECT_PIN = 8, 7
FULL_SCALE: Final = 4095
CV_ZERO: Final = 0.5


def _library() -> ModuleType:
    try:
        import gpiozero
    except ImportError as error:
        raise DeviceUnavailable(
            "the panel needs the Python package gpiozero, which is not installed; install tombola-device[gpio] or set "
            "panel to none"
        ) from error
    library: ModuleType = gpiozero
    return library


class GpioPanel:
    """Knobs on the converter at CE0, CV on the one at CE1, of the same bus.

    Args:
        pin_factory: gpiozero's; by default the one that it finds.

    Raises:
        DeviceUnavailable: gpiozero is missing, or finds no pins.
    """

    name = "8 knobs and 4 CV"

    def __init__(self, pin_factory: Any = None) -> None:  # noqa: ANN401 - gpiozero has no annotations
        library = _library()
        self._device, self._factory_before = library.Device, library.Device.pin_factory
        if pin_factory is not None:  # Its bus looks for the factory there, whatever it is told.
            library.Device.pin_factory = pin_factory
        pins = {"clock_pin": CLOCK_PIN, "mosi_pin": MOSI_PIN, "miso_pin": MISO_PIN, "pin_factory": pin_factory}
        try:
            self._knobs = [library.MCP3208(channel=c, select_pin=KNOBS_SELECT_PIN, **pins) for c in range(KNOBS)]
            self._cvs = [library.MCP3208(channel=c, select_pin=CVS_SELECT_PIN, **pins) for c in range(CVS)]
        except (library.GPIOZeroError, OSError, RuntimeError) as error:
            raise DeviceUnavailable(f"the panel's pins cannot be opened ({error}); set panel to none") from error

    def read(self) -> PanelState:
        """See Panel."""
        try:
            knobs = tuple(converter.raw_value / FULL_SCALE for converter in self._knobs)
            cvs = tuple((converter.raw_value / FULL_SCALE - CV_ZERO) * 2 for converter in self._cvs)
        except (_library().GPIOZeroError, OSError) as error:
            raise DeviceUnavailable(f"the panel's converters do not answer ({error}); check SPI") from error
        return PanelState(knobs, cvs)

    def close(self) -> None:
        """See Panel."""
        for converter in (*self._knobs, *self._cvs):
            converter.close()
        self._knobs, self._cvs = [], []
        self._device.pin_factory = self._factory_before


if TYPE_CHECKING:
    from typing import Protocol

    class MockConverter(Protocol):
        """An MCP3208 on mock pins; ``counts`` are what its eight inputs read, 0 … 4095."""

        counts: list[int]


def mock_panel() -> tuple[GpioPanel, MockConverter, MockConverter]:
    """The real panel on mock pins, with the converters of the knobs and of the CV to set.

    Raises:
        DeviceUnavailable: gpiozero is missing.
    """
    _library()
    from gpiozero.pins.mock import MockFactory, MockSPIDevice

    class MockMcp3208(MockSPIDevice):  # type: ignore[misc]  # gpiozero has no annotations
        """The converter's end of the bus, bit by bit."""

        def __init__(self, select_pin: int, rest: int, pin_factory: Any) -> None:  # noqa: ANN401
            super().__init__(CLOCK_PIN, MOSI_PIN, MISO_PIN, select_pin, pin_factory=pin_factory)
            self.counts = [rest] * 8
            self._request: list[int] = []

        def on_start(self) -> None:
            super().on_start()
            self._request = []

        def on_bit(self) -> None:
            self._request.append(int(self.rx_buf[-1]))
            started = self._request[self._request.index(1) :] if 1 in self._request else []
            if len(started) == 5:  # Start, single-ended, three bits of channel.
                channel = started[2] << 2 | started[3] << 1 | started[4]
                # One clock to sample and the null bit come before the twelve bits.
                self.tx_word(self.counts[channel], 14)

    factory = MockFactory()
    knobs = MockMcp3208(KNOBS_SELECT_PIN, 0, factory)
    cvs = MockMcp3208(CVS_SELECT_PIN, (FULL_SCALE + 1) // 2, factory)
    return GpioPanel(factory), knobs, cvs
