"""The front panel: knobs, voltages, gates, encoder and buttons in; mute, gate and voltages out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tombola_device.hal.panel.pins import PinMap

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
