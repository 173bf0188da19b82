"""The interface of all panels. Inputs: knobs, voltages, gates, encoder, buttons. Outputs: mute, gate, voltages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tombola_device.hal.panel.pins import PinMap

KNOBS: Final = 8
VOLTAGES: Final = ("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3")
GATES: Final = ("GATE_IN", "TRIG_IN", "CLOCK_IN")
BUTTONS: Final = ("ENC_SW", "SHIFT", "SAVE")
POWER_FAILS: Final = "PWR_FAIL"
USB: Final = "VBUS_SENSE"


@dataclass(frozen=True, slots=True)
class Edge:
    """A gate or a button changed to ``high`` at ``time_s``, the kernel's time stamp on ``time.monotonic``."""

    name: str
    high: bool
    time_s: float


@dataclass(frozen=True, slots=True)
class PanelState:
    """One reading of the panel.

    Args:
        knobs: Positions, 0 … 1.
        voltages: Name of VOLTAGES → share of the converter's range, 0 … 1. The calibration converts it to volts.
        edges: Edges of gates and buttons since the last reading, in order.
        turns: Clicks of the encoder since the last reading; right > 0.
        power_fails: Whether +12 V is too low. The outputs rest until it is back.
        usb: Whether a computer's 5 V is at the USB port.
        fault: Why the converters do not answer, in one sentence; empty: they do. Knobs and voltages are then old, edges
            and turns are new.
    """

    knobs: tuple[float, ...]
    voltages: Mapping[str, float]
    edges: tuple[Edge, ...] = ()
    turns: int = 0
    power_fails: bool = False
    usb: bool = False
    fault: str = ""


class Panel(Protocol):
    """The knobs, jacks and buttons of the instrument.

    >>> class OneKnob:
    ...     name, muted = "one knob", True
    ...     def read(self): return PanelState(knobs=(0.5,), voltages={})
    ...     def set_mute(self, *, muted): self.muted = muted
    ...     def set_gate(self, *, high): pass
    ...     def set_voltages(self, shares): pass
    ...     def close(self): self.muted = True
    >>> panel: Panel = OneKnob()
    >>> panel.read().knobs
    (0.5,)
    """

    name: str

    def read(self) -> PanelState:
        """Read all inputs, in less than a millisecond. Converters that do not answer are a ``fault``; ask again."""

    def set_mute(self, *, muted: bool) -> None:
        """Mute the outputs, or let them sound. They are muted at the start, while power fails, and after ``close``.

        Raises:
            DeviceUnavailable: The pins do not answer.
        """

    def set_gate(self, *, high: bool) -> None:
        """Set the gate output. It is low while power fails.

        Raises:
            DeviceUnavailable: The pins do not answer.
        """

    def set_voltages(self, shares: Mapping[str, float]) -> None:
        """Set CV outputs, each to a share of its range, 0 … 1.

        Raises:
            DeviceUnavailable: The DAC does not answer.
        """

    def close(self) -> None:
        """Mute the outputs and free the pins. May be called twice."""


def shares_at_rest(pins: PinMap) -> dict[str, float]:
    """The reading of each unpatched input (0 V), as a share of its range."""
    return {name: pins.adc[name].share_at_zero_volts for name in VOLTAGES}
