"""What hands, controllers and control voltages set for all voices: timbre, life, loudness, transposition, glide."""

from __future__ import annotations

import math
from typing import Final, TypedDict

from tombola_device.contract.controls import MOST_LIFE, SILENCE_DB

LONGEST_GLIDE_S: Final = 10.0


class DialValues(TypedDict):
    """What the dials say together; see ``frame_of``."""

    base_db: float
    timbre: tuple[float, float]
    life: float
    glide_s: float
    tune_semitones: float


class Dials:
    """The dials of a player. What a hand sets and what a voltage adds are kept apart.

    >>> dials = Dials()
    >>> dials.set_life(0.5)
    >>> dials.cv_life(0.25)
    >>> dials.life, dials.dials()["life"]
    (0.5, 0.75)
    """

    def __init__(self) -> None:
        self._timbre = [0.5, 0.5]
        self._timbre_cv = [0.0, 0.0]
        self._life, self._life_cv = 1.0, 0.0
        self._lean = (0.0, 0.0, 0.0)
        self._knob_db = self._cv_db = 0.0
        self._tune_semitones = 0.0
        self._glide_s, self._glides = 0.0, True
        self.rest_loudness()

    def rest_loudness(self) -> None:
        """Return the loudness controllers to rest."""
        self._loudness: dict[int, float] = {}

    def set_timbre(self, axis: int, value: float) -> None:
        """Set timbre X (axis 0) or Y (axis 1), 0 … 1; 0.5 is the mode's default."""
        self._timbre[axis] = min(max(float(value), 0.0), 1.0)

    def cv_timbre(self, axis: int, offset: float) -> None:
        """Set the offset of a control voltage to timbre X (axis 0) or Y (axis 1), -1 … 1."""
        self._timbre_cv[axis] = min(max(float(offset), -1.0), 1.0)

    def set_life(self, amount: float) -> None:
        """Set how much held notes move, 0 … MOST_LIFE; 1: as the mode's recordings do."""
        self._life = min(max(float(amount), 0.0), MOST_LIFE)

    def cv_life(self, offset: float) -> None:
        """Set the offset of a control voltage to the life, -MOST_LIFE … MOST_LIFE."""
        self._life_cv = min(max(float(offset), -MOST_LIFE), MOST_LIFE)

    def lean(self, x: float = 0.0, y: float = 0.0, life: float = 0.0) -> None:
        """Set what voltages at the knobs of words add to timbre X and Y and to the life."""
        self._lean = x, y, life

    def set_loudness(self, offset_db: float) -> None:
        """Set the loudness knob's offset, dB, ≤ 12."""
        self._knob_db = min(max(float(offset_db), 2 * SILENCE_DB), 12.0)

    def cv_loudness(self, offset_db: float) -> None:
        """Set the offset of a control voltage to the loudness, dB."""
        self._cv_db = min(max(float(offset_db), SILENCE_DB), 12.0)

    def set_loudness_controller(self, controller: int, value: float) -> None:
        """Set one of several loudness controllers, 0 … 1. Each gives 40 log10(value) dB; the dB are added."""
        self._loudness[controller] = value

    def tune(self, semitones: float) -> None:
        """Transpose all pitches, -24 … 24 semitones."""
        self._tune_semitones = min(max(float(semitones), -24.0), 24.0)

    def glide(self, seconds: float) -> None:
        """Set the time in which a sounding voice reaches a new pitch, 0 … LONGEST_GLIDE_S."""
        self._glide_s = min(max(float(seconds), 0.0), LONGEST_GLIDE_S)

    def glide_on(self, *, on: bool) -> None:
        """Switch glide on or off."""
        self._glides = on

    @property
    def timbre(self) -> tuple[float, float]:
        """Timbre X and Y set by hand, 0 … 1."""
        return self._timbre[0], self._timbre[1]

    @property
    def life(self) -> float:
        """How much held notes move, set by hand, 0 … MOST_LIFE."""
        return self._life

    @property
    def loudness_db(self) -> float:
        """The loudness knob's offset."""
        return self._knob_db

    @property
    def tune_semitones(self) -> float:
        """The transposition."""
        return self._tune_semitones

    @property
    def glide_s(self) -> float:
        """The glide time."""
        return self._glide_s

    def dials(self) -> DialValues:
        """What they say, voltages included."""
        x, y, life = self._lean
        return DialValues(
            base_db=self._base_db(),
            timbre=(self._timbre[0] + self._timbre_cv[0] + x, self._timbre[1] + self._timbre_cv[1] + y),
            life=min(max(self._life + self._life_cv + life, 0.0), MOST_LIFE),
            glide_s=self._glide_s if self._glides else 0.0,
            tune_semitones=self._tune_semitones,
        )

    def _base_db(self) -> float:
        total = self._knob_db + self._cv_db
        for value in self._loudness.values():
            total += 40 * math.log10(value) if value > 0 else 2 * SILENCE_DB
        return total
