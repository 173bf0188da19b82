"""The fake panel for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.hal.panel.port import KNOBS, Edge, PanelState, shares_at_rest


@dataclass
class FakePanel:
    """A panel that a test plays.

    Verbs: ``turn``, ``patch``, ``raise_gate``, ``drop_gate``, ``click``, ``fail_power``, ``restore_power``,
    ``plug_usb``, ``unplug_usb``, ``unplug``, ``plug_in``, ``stick``, ``loosen``.

    >>> panel = FakePanel()
    >>> panel.turn(7, 0.5)
    >>> panel.raise_gate()
    >>> panel.read().knobs[7], panel.read().edges
    (0.5, ())
    """

    name: str = "a fake"
    out: dict[str, float] = field(default_factory=dict)
    _knobs: list[float] = field(default_factory=lambda: [0.0] * KNOBS)
    _voltages: dict[str, float] = field(default_factory=lambda: shares_at_rest(load_pin_map()))
    _edges: list[Edge] = field(default_factory=list)
    _turns: int = 0
    _usb: bool = False
    _power_fails: bool = False
    _mute_asked: bool = True
    _gate_asked: bool = False
    _stuck: bool = False
    _before: PanelState | None = None

    @property
    def muted(self) -> bool:
        """Whether the outputs are muted."""
        return self._mute_asked or self._power_fails

    @property
    def gate(self) -> bool:
        """Whether the gate output is high."""
        return self._gate_asked and not self._power_fails

    def turn(self, knob: int, position: float) -> None:
        """Turn knob 0 … 7 to a position 0 … 1."""
        self._knobs[knob] = position

    def patch(self, name: str, share: float) -> None:
        """Set an input to a share of its range, 0 … 1."""
        self._voltages[name] = share

    def raise_gate(self, name: str = "GATE_IN", time_s: float = 0.0) -> None:
        """Raise a gate, or press a button."""
        self._edges.append(Edge(name, True, time_s))  # noqa: FBT003 - as declared

    def drop_gate(self, name: str = "GATE_IN", time_s: float = 0.0) -> None:
        """Drop a gate, or release a button."""
        self._edges.append(Edge(name, False, time_s))  # noqa: FBT003 - as declared

    def click(self, turns: int) -> None:
        """Turn the encoder by clicks, right > 0."""
        self._turns += turns

    def fail_power(self) -> None:
        """Let +12 V become too low."""
        self._power_fails = True

    def restore_power(self) -> None:
        """Let +12 V come back."""
        self._power_fails = False

    def plug_usb(self) -> None:
        """Plug a computer into the USB port."""
        self._usb = True

    def unplug_usb(self) -> None:
        """Take the computer away."""
        self._usb = False

    def unplug(self) -> None:
        """Let the converters answer no more."""
        self._before = PanelState(tuple(self._knobs), dict(self._voltages), fault="the fake is unplugged; plug it in")

    def plug_in(self) -> None:
        """Let the converters answer again."""
        self._before = None

    def stick(self) -> None:
        """Let the output pins answer no more."""
        self._stuck = True

    def loosen(self) -> None:
        """Let the output pins answer again."""
        self._stuck = False

    def read(self) -> PanelState:
        """See Panel."""
        edges, self._edges = tuple(self._edges), []
        turns, self._turns = self._turns, 0
        before = self._before or PanelState(tuple(self._knobs), dict(self._voltages))
        return replace(before, edges=edges, turns=turns, power_fails=self._power_fails, usb=self._usb)

    def set_mute(self, *, muted: bool) -> None:
        """See Panel."""
        self._move_pins()
        self._mute_asked = muted

    def set_gate(self, *, high: bool) -> None:
        """See Panel."""
        self._move_pins()
        self._gate_asked = high

    def set_voltages(self, shares: Mapping[str, float]) -> None:
        """See Panel."""
        self.out.update(shares)

    def close(self) -> None:
        """See Panel."""
        self._mute_asked = True

    def _move_pins(self) -> None:
        if self._stuck:
            raise DeviceUnavailable("the fake's pins are stuck; loosen them")
