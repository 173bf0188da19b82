"""What the CV and gate outputs carry."""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from tombola_device.contract.controls import SILENCE_DB

ENVELOPE_VOLTS: Final = 8.0
"""An envelope at full level, and a blend weight of 1: the top of the outputs' range."""
PULSE_S: Final = 0.01
"""A clock pulse: long enough for any input, short enough for 32 a second at 3000 bpm."""


class Source(Enum):
    """Something an output can carry.

    ENVELOPE  level of the loudest voice, -60 dB is 0 V
    MORPH     place on the way through the modes
    PITCH     pitch of the first voice, 1 V/octave, 0 V is note 36
    WEIGHT_n  weight of mode n
    """

    NONE = "none"
    ENVELOPE = "envelope"
    MORPH = "morph"
    PITCH = "pitch"
    WEIGHT_1 = "weight 1"
    WEIGHT_2 = "weight 2"
    WEIGHT_3 = "weight 3"
    WEIGHT_4 = "weight 4"
    WEIGHT_5 = "weight 5"


class GateSource(Enum):
    """What the gate output carries: any key held, or a pulse for each of the MIDI clock's."""

    GATE = "gate"
    CLOCK = "clock"


class Assignments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each output carries."""

    cv_a: Source = Source.ENVELOPE
    cv_b: Source = Source.MORPH
    gate: GateSource = GateSource.GATE


class Sounding(msgspec.Struct, frozen=True):
    """What outputs can follow.

    Args:
        level_db: Of the loudest voice.
        note: Of the first voice, bend included.
        blend: Weights of the modes.
        place: On the way through the modes, 0 … 1.
        held: Whether any key is.
        pulses: Of the clock, since the beginning.
    """

    level_db: float
    note: float
    blend: tuple[float, ...]
    place: float
    held: bool
    pulses: int


def volts(source: Source, sounding: Sounding) -> float:
    """What an output with this source stands at."""
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
    """Moves the gate output: follows the keys, or makes a pulse of each of the clock's."""

    def __init__(self) -> None:
        self._pulses = 0
        self._until_s = -1.0

    def level(self, source: GateSource, sounding: Sounding, now_s: float) -> bool:
        """Whether it is high now."""
        if source is GateSource.GATE:
            self._pulses = sounding.pulses
            return sounding.held
        if sounding.pulses != self._pulses:
            self._pulses, self._until_s = sounding.pulses, now_s + PULSE_S
        return now_s < self._until_s
