"""The panel on real or mock pins, through gpiozero."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.converters import CHIPS, SPI_HZ, Converter, Spidev
from tombola_device.hal.panel.cv_out import CvOut
from tombola_device.hal.panel.encoder import Detents
from tombola_device.hal.panel.i2c import open_i2c
from tombola_device.hal.panel.late import Late, LateConverter, LateCvOut, VoltagesOut
from tombola_device.hal.panel.pins import Bus, PinMap, load_pin_map
from tombola_device.hal.panel.port import BUTTONS, GATES, POWER_FAILS, USB, Edge, PanelState
from tombola_device.hal.panel.readings import Readings

MOST_EDGES: Final = 1024
"""Half a second of a 1 kHz clock. If more edges are unread, the oldest are dropped."""
_LOG = logging.getLogger(__name__)


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
    """The panel on the pins of a Raspberry Pi.

    Args:
        pins: The pin map.
        converters: Converters by their names in the pin map.
        cv_out: The DAC; None: the CV outputs never change.
        factory: gpiozero's pin factory; None: gpiozero's default.
        closed: Called at the end of ``close``.

    Raises:
        DeviceUnavailable: gpiozero is missing or cannot use the pins.
    """

    def __init__(
        self,
        pins: PinMap,
        converters: Mapping[str, Converter],
        cv_out: VoltagesOut | None = None,
        factory: Any = None,  # noqa: ANN401 - gpiozero has no annotations
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        library = _library()
        self.name = f"panel {pins.board} {pins.revision}"
        self._pins, self._converters, self._cv_out = pins, converters, cv_out
        self._edges: deque[Edge] = deque(maxlen=MOST_EDGES)
        self._closed, self._when_closed = False, closed
        self._outputs = threading.Lock()
        """Held while outputs move: power fails in gpiozero's thread."""
        self._mute_asked, self._gate_asked, self._power_fails = True, False, False
        try:
            used = library.Device._default_pin_factory() if factory is None else factory  # noqa: SLF001
            low = set(pins.active_low)
            # "On" lets the sound pass; the pin at rest mutes the outputs.
            self._unmute = library.DigitalOutputDevice(pins.gpio["AUDIO_MUTE"], pin_factory=used)
            self._gate = library.DigitalOutputDevice(
                pins.gpio["GATE_OUT"], active_high="GATE_OUT" not in low, pin_factory=used
            )
        except (library.GPIOZeroError, OSError, RuntimeError) as error:
            raise DeviceUnavailable(f"the panel's pins cannot be opened ({error}); set panel to none") from error
        self._watched: list[tuple[Any, Any]] = []
        self._detents, self._usb = Detents(), used.pin(pins.gpio[USB])
        watches: dict[str, Callable[[], object]] = {
            name: partial(self._watch_edges, used, name, name in low) for name in (*GATES, *BUTTONS)
        }
        watches |= {
            "the encoder": lambda: self._watch_encoder(used),
            USB: lambda: self._usb.input_with_pull("floating"),
        }
        if POWER_FAILS in pins.gpio:  # Not on the desktop board.
            watches[POWER_FAILS] = lambda: self._watch_power(used)
        for name, watch in watches.items():
            try:
                watch()
            except (library.GPIOZeroError, OSError, RuntimeError) as error:  # The sound needs none of them.
                _LOG.warning("%s of the panel cannot be read (%s); check the board, then restart", name, error)
        self._readings = Readings(pins.adc, converters)

    def read(self) -> PanelState:
        """See Panel."""
        usb = bool(self._usb.state)  # First: if a pin cannot be read, no edge may be lost with it.
        edges = tuple(self._edges.popleft() for _ in range(len(self._edges)))
        fault = self._readings.follow(struck=any(edge.high and edge.name in GATES[:2] for edge in edges))
        return PanelState(
            self._readings.knobs,
            self._readings.voltages,
            edges,
            self._detents.take(),
            power_fails=self._power_fails,
            usb=usb,
            fault=fault,
        )

    def set_mute(self, *, muted: bool) -> None:
        """See Panel."""
        with self._outputs:
            self._mute_asked = muted
            self._put_out()

    def set_gate(self, *, high: bool) -> None:
        """See Panel."""
        with self._outputs:
            self._gate_asked = high
            self._put_out()

    def set_voltages(self, shares: Mapping[str, float]) -> None:
        """See Panel."""
        if self._cv_out is not None:
            self._cv_out.write({self._pins.dac[name].channel: share for name, share in shares.items()})

    def close(self) -> None:
        """See Panel."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(DeviceUnavailable):
            self.set_mute(muted=True)
        for pin, _ in self._watched:
            pin.when_changed = None
            pin.close()
        for device in (self._usb, self._unmute, self._gate):
            device.close()
        for converter in self._converters.values():
            converter.close()
        self._when_closed()

    def _put_out(self) -> None:
        """Set mute and gate as asked; while power fails the gate drops and the mute holds. Needs the lock."""
        try:
            self._unmute.value = not (self._mute_asked or self._power_fails)
            self._gate.value = self._gate_asked and not self._power_fails
        except Exception as error:  # gpiozero's pin libraries have errors of their own.
            raise DeviceUnavailable(f"the panel's pins do not answer ({error}); check the board") from error

    def _watch_power(self, factory: Any) -> None:  # noqa: ANN401
        """Let the outputs rest as soon as power fails, and let them go on when it is back.

        The 5 V last 0.3 ms from the edge on: too short for a tick of the control loop, and for any write to a disk.
        """

        def changed(_: float, state: int) -> None:
            with self._outputs:
                self._power_fails = not state
                self._put_out()

        changed(0.0, self._watch(factory, POWER_FAILS, "up", changed).state)

    def _watch_edges(self, factory: Any, name: str, low: bool) -> None:  # noqa: ANN401, FBT001
        """Queue the edges of a gate or a button with the kernel's times."""

        def changed(time_s: float, state: int) -> None:
            self._edges.append(Edge(name, bool(state) != low, time_s))

        self._watch(factory, name, "up" if low else "floating", changed)

    def _watch_encoder(self, factory: Any) -> None:  # noqa: ANN401
        """Count the encoder's detents from now on; its contacts close to ground."""
        detents = self._detents
        for name, contact in (("ENC_A", detents.contact_a), ("ENC_B", detents.contact_b)):

            def changed(_: float, state: int, contact: Callable[..., None] = contact) -> None:
                contact(closed=not state)

            changed(0.0, self._watch(factory, name, "up", changed).state)
        detents.take()  # Where it stands at the start is no turn.

    def _watch(
        self,
        factory: Any,  # noqa: ANN401
        name: str,
        pull: str,
        changed: Callable[[float, int], None],
    ) -> Any:  # noqa: ANN401
        """Call ``changed`` at each edge of a pin, and keep both alive; return the pin."""
        pin = factory.pin(self._pins.gpio[name])
        pin.input_with_pull(pull)
        pin.bounce = None
        pin.edges = "both"
        pin.when_changed = changed
        self._watched.append((pin, changed))
        return pin


def resting_shares(pins: PinMap) -> dict[int, float]:
    """Channel of the DAC → share of its range at which its jack gives 0 V."""
    return {pin.channel: pin.share_at_zero_volts for pin in pins.dac.values()}


def open_gpio_panel() -> GpioPanel:
    """Open the panel of a Raspberry Pi. Converters and DAC take part from when they answer.

    Raises:
        DeviceUnavailable: A library is missing, or the pins of the outputs cannot be opened.
    """
    pins = load_pin_map()
    converters = {name: LateConverter(Late(partial(_open_converter, line))) for name, line in pins.spi.items()}
    return GpioPanel(pins, converters, _open_cv_out(pins))


def _open_converter(line: Bus) -> Converter:
    return CHIPS[line.chip](Spidev(line.bus, line.chip_enable, SPI_HZ[line.chip]))


def _open_cv_out(pins: PinMap) -> LateCvOut | None:
    """Open the DAC with its outputs at 0 V, at once or when it answers; None: the board has none."""
    if "DAC" not in pins.i2c.addresses:
        return None
    return LateCvOut(Late(lambda: CvOut(open_i2c(pins.i2c.bus), pins.i2c.addresses["DAC"], resting_shares(pins))))
