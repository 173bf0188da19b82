"""The volts and the gate that the outputs stand at. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from tombola_device.contract.controls import SILENCE_DB
from tombola_device.surface.routing import GateSource, Source

ENVELOPE_VOLTS: Final = 8.0
"""An envelope at full level, and a blend weight of 1: the top of the outputs' range."""
GATE_VOLTS: Final = 5.0
"""Of the gate output, high."""
PULSE_S: Final = 0.01
"""A clock pulse: long enough for any input, short enough for 32 a second at 3000 bpm."""


class Sounding(msgspec.Struct, frozen=True):
    """What the outputs can follow.

    Args:
        level_db: Of the loudest voice.
        note: Of the first voice, bend included.
        blend: Weights of the modes.
        place: On the way through the modes, 0 … 1.
        held: Whether any key is held.
        pulses: Pulses of the clock since the start.
    """

    level_db: float
    note: float
    blend: tuple[float, ...]
    place: float
    held: bool
    pulses: int


def output_volts(source: Source, sounding: Sounding) -> float:
    """Volts at an output that carries this source."""
    if source is Source.ENVELOPE:
        return ENVELOPE_VOLTS * min(max(1 - sounding.level_db / max(SILENCE_DB, -60.0), 0.0), 1.0)
    if source is Source.MORPH:
        return ENVELOPE_VOLTS * sounding.place
    if source is Source.PITCH:
        return (sounding.note - 36.0) / 12.0
    if source is Source.NONE:
        return 0.0
    mode = int(source.value.split()[1]) - 1
    return ENVELOPE_VOLTS * sounding.blend[mode] if mode < len(sounding.blend) else 0.0


class GateOut:
    """Moves the gate output: it follows the keys, or makes one pulse for each pulse of the clock."""

    def __init__(self) -> None:
        self._pulses = 0
        self._until_s = -1.0

    def level(self, source: GateSource, sounding: Sounding, now_s: float) -> bool:
        """Whether the gate is high now."""
        if source is GateSource.GATE:
            self._pulses = sounding.pulses
            return sounding.held
        if sounding.pulses != self._pulses:
            self._pulses, self._until_s = sounding.pulses, now_s + PULSE_S
        return now_s < self._until_s
