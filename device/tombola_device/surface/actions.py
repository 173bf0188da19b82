"""Everything that a player can ask of the instrument, at whatever face. Pure data, checked where it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from tombola_device.contract.errors import BadConfig
from tombola_device.surface.scenes import PLACES

JACKS: Final = ("V/OCT", "CV A", "CV B")
"""The jacks that can be calibrated, as the panel calls them; V/OCT measures the others."""


@dataclass(frozen=True, slots=True)
class MorphBy:
    """Move on the way through the modes by a share of it, -1 … 1."""

    amount: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.amount):
            raise BadConfig(f"the morph cannot move by {self.amount}; give a number from -1 to 1")


@dataclass(frozen=True, slots=True)
class SaveScene:
    """Save the scene at a place, 0 … PLACES - 1."""

    place: int

    def __post_init__(self) -> None:
        _check_place(self.place)


@dataclass(frozen=True, slots=True)
class RecallScene:
    """Recall the scene of a place, 0 … PLACES - 1."""

    place: int

    def __post_init__(self) -> None:
        _check_place(self.place)


@dataclass(frozen=True, slots=True)
class Choose:
    """Choose ``choice`` for the setting ``option``, both in the words of ``View.options``."""

    option: str
    choice: str


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Begin to calibrate one of JACKS."""

    jack: str

    def __post_init__(self) -> None:
        if self.jack not in JACKS:
            raise BadConfig(f"{self.jack!r} cannot be calibrated; choose one of {', '.join(JACKS)}")


@dataclass(frozen=True, slots=True)
class ConfirmCalibration:
    """Answer the calibration wizard: the cable is patched, or the result is good."""


@dataclass(frozen=True, slots=True)
class CancelCalibration:
    """End the calibration; the one before stays."""


@dataclass(frozen=True, slots=True)
class StopLearning:
    """Teach no controller any more."""


@dataclass(frozen=True, slots=True)
class Panic:
    """Silence every voice at once."""


@dataclass(frozen=True, slots=True)
class Revert:
    """Go back to the bundle before."""


@dataclass(frozen=True, slots=True)
class AllowOnce:
    """Let this bundle in, whoever signed it or nobody: ``View.asking_bundle``, as the player saw it."""

    bundle: str


@dataclass(frozen=True, slots=True)
class Enrol:
    """Open the window in which an owner's key can ask to be enrolled."""


@dataclass(frozen=True, slots=True)
class AcceptKey:
    """Enrol the key that asks: ``View.asking_key``, as the player saw it."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class TurnDownKey:
    """Refuse the key that asks."""


Action: TypeAlias = (
    MorphBy
    | SaveScene
    | RecallScene
    | Choose
    | Calibrate
    | ConfirmCalibration
    | CancelCalibration
    | StopLearning
    | Panic
    | Revert
    | AllowOnce
    | Enrol
    | AcceptKey
    | TurnDownKey
)


def _check_place(place: int) -> None:
    if not 0 <= place < PLACES:
        raise BadConfig(f"there is no place {place + 1} for a scene; choose one from 1 to {PLACES}")
