"""The front panel: knobs, voltages, gates, encoder and buttons in; mute, gate and voltages out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.pins import PinMap, load_pin_map

KNOBS: Final = 8
VOLTAGES: Final = ("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3")
GATES: Final = ("GATE_IN", "TRIG_IN", "CLOCK_IN")
BUTTONS: Final = ("ENC_SW", "SHIFT", "SAVE")


@dataclass(frozen=True, slots=True)
class Edge:
    """A gate or a button went up or down at ``time_s`` by ``time.monotonic``, as the kernel stamped it."""

    name: str
    high: bool
    time_s: float


@dataclass(frozen=True, slots=True)
class PanelState:
    """What the panel says.

    Args:
        knobs: 0 … 1 each.
        voltages: Share of the converter's range, 0 … 1, by the names of VOLTAGES; calibration makes volts of it.
        edges: Gates and buttons since the last reading, in order.
        turns: Clicks of the encoder since the last reading, to the right > 0.
    """

    knobs: tuple[float, ...]
    voltages: Mapping[str, float]
    edges: tuple[Edge, ...] = ()
    turns: int = 0


class Panel(Protocol):
    """Controls and jacks."""

    name: str

    def read(self) -> PanelState:
        """All of it now, in less than a millisecond.

        Raises:
            DeviceUnavailable: The converters do not answer.
        """

    def set_mute(self, *, muted: bool) -> None:
        """Hold the outputs silent, or let them sound. Muted at the start and when closed."""

    def set_gate(self, *, high: bool) -> None:
        """Move the gate output."""

    def set_voltages(self, shares: Mapping[str, float]) -> None:
        """Move CV outputs, each to a share of its range, 0 … 1.

        Raises:
            DeviceUnavailable: The DAC does not answer.
        """

    def close(self) -> None:
        """Mute, and give the pins back. May be called twice."""


def shares_at_rest(pins: PinMap) -> dict[str, float]:
    """What inputs with nothing patched read: 0 V."""
    return {name: pins.adc[name].share_at_zero_volts for name in VOLTAGES}


@dataclass
class FakePanel:
    """A panel that a test plays by hand: ``turn``, ``patch``, ``raise_gate``, ``drop_gate``, ``click``, ``unplug``."""

    name: str = "a fake"
    muted: bool = True
    gate: bool = False
    out: dict[str, float] = field(default_factory=dict)
    _knobs: list[float] = field(default_factory=lambda: [0.0] * KNOBS)
    _voltages: dict[str, float] = field(default_factory=lambda: shares_at_rest(load_pin_map()))
    _edges: list[Edge] = field(default_factory=list)
    _turns: int = 0
    _gone: bool = False

    def turn(self, knob: int, position: float) -> None:
        """Knob 0 … 7 to 0 … 1."""
        self._knobs[knob] = position

    def patch(self, name: str, share: float) -> None:
        """A share of an input's range, 0 … 1."""
        self._voltages[name] = share

    def raise_gate(self, name: str = "GATE_IN", time_s: float = 0.0) -> None:
        """A gate rises, or a button is pressed."""
        self._edges.append(Edge(name, True, time_s))  # noqa: FBT003 - as declared

    def drop_gate(self, name: str = "GATE_IN", time_s: float = 0.0) -> None:
        """A gate falls, or a button is let go."""
        self._edges.append(Edge(name, False, time_s))  # noqa: FBT003 - as declared

    def click(self, turns: int) -> None:
        """Turn the encoder."""
        self._turns += turns

    def unplug(self) -> None:
        """Do not answer any more."""
        self._gone = True

    def read(self) -> PanelState:
        """See Panel."""
        if self._gone:
            raise DeviceUnavailable("the fake is unplugged; plug it in")
        edges, self._edges = tuple(self._edges), []
        turns, self._turns = self._turns, 0
        return PanelState(tuple(self._knobs), dict(self._voltages), edges, turns)

    def set_mute(self, *, muted: bool) -> None:
        """See Panel."""
        self.muted = muted

    def set_gate(self, *, high: bool) -> None:
        """See Panel."""
        self.gate = high

    def set_voltages(self, shares: Mapping[str, float]) -> None:
        """See Panel."""
        self.out.update(shares)

    def close(self) -> None:
        """See Panel."""
        self.muted = True


def open_panel(name: str) -> Panel | None:
    """Open the panel by its name in the configuration.

    Args:
        name: ``auto`` (the pins on a Raspberry Pi with gpiozero, else none), ``gpio``, ``mock`` or ``none``.

    Raises:
        DeviceUnavailable: The pins are not there.
        BadConfig: The name is unknown.
    """
    if name not in ("auto", "gpio", "mock", "none"):
        raise BadConfig(f"the panel {name!r} is unknown; give auto, gpio, mock or none")
    if name == "none" or (name == "auto" and not on_a_pi()):
        return None
    try:
        from tombola_device.hal.gpio import mock_panel, open_gpio_panel

        return mock_panel().panel if name == "mock" else open_gpio_panel()
    except DeviceUnavailable:
        if name == "auto":
            return None
        raise


def on_a_pi(model: Path = Path("/proc/device-tree/model")) -> bool:
    """Whether this computer says that it is a Raspberry Pi."""
    try:
        return "Raspberry Pi" in model.read_text(errors="replace")
    except OSError:
        return False
