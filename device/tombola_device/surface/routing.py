"""What the assignable jacks are connected to: which input moves what, which output carries what. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

import msgspec


class CvTarget(Enum):
    """What a CV input can move."""

    NONE = "none"
    MORPH = "morph"
    LEVEL = "level"
    VELOCITY = "velocity"
    LIFE = "life"
    WEIGHT_1 = "weight 1"
    WEIGHT_2 = "weight 2"
    WEIGHT_3 = "weight 3"
    WEIGHT_4 = "weight 4"
    WEIGHT_5 = "weight 5"
    WORD_1 = "word 1"
    WORD_2 = "word 2"
    WORD_3 = "word 3"
    WORD_4 = "word 4"


class CvTargets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each assignable input moves."""

    cv_1: CvTarget = CvTarget.LEVEL  # Its jack stands below the knob LEVEL.
    cv_2: CvTarget = CvTarget.MORPH
    cv_3: CvTarget = CvTarget.NONE


class Source(Enum):
    """What a CV output can carry.

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
    """What the gate output carries: high while any key is held, or one pulse for each pulse of the clock."""

    GATE = "gate"
    CLOCK = "clock"


class Assignments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each output carries."""

    cv_a: Source = Source.ENVELOPE
    cv_b: Source = Source.MORPH
    gate: GateSource = GateSource.GATE


class Jacks(Protocol):
    """The input jacks where no panel has them; ``hands.PanelMap`` is the real one.

    >>> class Unpatched:
    ...     volts = {"CV_X": 0.0}
    ...     def patch(self, jack, volts): self.volts[jack] = volts
    ...     def gate(self, jack, *, high, time_s): pass
    >>> jacks: Jacks = Unpatched()
    >>> jacks.patch("CV_X", 2.5)
    >>> jacks.volts["CV_X"]
    2.5
    """

    @property
    def volts(self) -> Mapping[str, float]:
        """Volts at each input to which a voltage was put, by the pin map's name."""

    def patch(self, jack: str, volts: float) -> None:
        """Put a voltage to an input."""

    def gate(self, jack: str, *, high: bool, time_s: float) -> None:
        """Raise or lower a gate at a time by ``time.monotonic``."""


class Hands(Protocol):
    """The knobs and CV inputs, as far as scenes and settings concern them; ``hands.PanelMap`` is the real one.

    >>> class NoHands:
    ...     targets = CvTargets()
    ...     def pick_up(self): pass
    >>> hands: Hands = NoHands()
    >>> hands.targets.cv_1
    <CvTarget.LEVEL: 'level'>
    """

    targets: CvTargets

    def pick_up(self) -> None:
        """The values were changed elsewhere: each knob waits until it passes the value that holds now."""
