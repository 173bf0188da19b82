"""Everything that a player can ask of the instrument, at whatever face. Pure data, checked where it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from tombola_device.contract.controls import MAX_MODES, MOST_LIFE
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.words import LONGEST_WORD
from tombola_device.surface.backup import Backup
from tombola_device.surface.scenes import NAME_LETTERS, PLACES, is_name

JACKS: Final = ("V/OCT", "CV A", "CV B")
"""The jacks that can be calibrated, as the panel calls them; V/OCT measures the others."""
CV_JACKS: Final = ("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3")
GATE_JACKS: Final = ("GATE_IN", "TRIG_IN", "CLOCK_IN")
"""The inputs, by the pin map's names."""
MOST_VOLTS: Final = 10.0


@dataclass(frozen=True, slots=True)
class MorphBy:
    """Move on the way through the modes by a share of it, -1 … 1."""

    amount: float

    def __post_init__(self) -> None:
        _check_number("the morph moves by", self.amount, -1, 1)


@dataclass(frozen=True, slots=True)
class Morph:
    """Go to a place on the way through the modes, 0 … 1."""

    place: float

    def __post_init__(self) -> None:
        _check_number("the morph", self.place, 0, 1)


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Set the weight of one mode, 0 … 1, before normalisation: a weight's knob."""

    mode: int
    weight: float

    def __post_init__(self) -> None:
        _check_number("the number of the mode", self.mode, 0, MAX_MODES - 1)
        _check_number("the weight", self.weight, 0, 1)


@dataclass(frozen=True, slots=True)
class SetBlend:
    """Set the weights of all modes, each 0 … 1, not all 0; they are normalised to sum 1."""

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        for weight in self.weights:
            _check_number("the weight", weight, 0, 1)
        if not any(self.weights) or len(self.weights) > MAX_MODES:
            raise BadConfig("the blend needs one weight per mode, and one of them above 0; give them again")


@dataclass(frozen=True, slots=True)
class SetTimbre:
    """Set timbre X and Y, 0 … 1; 0.5 is the mode's default."""

    x: float
    y: float

    def __post_init__(self) -> None:
        _check_number("timbre X", self.x, 0, 1)
        _check_number("timbre Y", self.y, 0, 1)


@dataclass(frozen=True, slots=True)
class SetLoudness:
    """Set what the loudness knob adds, -160 … 12 dB."""

    offset_db: float

    def __post_init__(self) -> None:
        _check_number("the loudness", self.offset_db, -160, 12)


@dataclass(frozen=True, slots=True)
class SetLife:
    """Set how much held notes move, 0 … MOST_LIFE; 1: as the mode's recordings do."""

    amount: float

    def __post_init__(self) -> None:
        _check_number("the life", self.amount, 0, MOST_LIFE)


@dataclass(frozen=True, slots=True)
class SetWord:
    """Turn the knob of a word, 0 … 1: it sets blend, timbre and life."""

    word: str
    place: float

    def __post_init__(self) -> None:
        if len(self.word) > LONGEST_WORD:
            raise BadConfig(f"no bundle has a knob {self.word[:40]!r}; words have at most {LONGEST_WORD} letters")
        _check_number("the place of the knob", self.place, 0, 1)


@dataclass(frozen=True, slots=True)
class SetGlide:
    """Set the glide time, 0 … 10 s."""

    seconds: float

    def __post_init__(self) -> None:
        _check_number("the glide", self.seconds, 0, 10)


@dataclass(frozen=True, slots=True)
class SetTune:
    """Transpose, -24 … 24 semitones."""

    semitones: float

    def __post_init__(self) -> None:
        _check_number("the transposition", self.semitones, -24, 24)


@dataclass(frozen=True, slots=True)
class Patch:
    """Put a voltage, -10 … 10 V, to one of CV_JACKS, as if a cable were in it; 0 V: there is none."""

    jack: str
    volts: float

    def __post_init__(self) -> None:
        _check_jack(self.jack, CV_JACKS)
        _check_number("the voltage", self.volts, -MOST_VOLTS, MOST_VOLTS)


@dataclass(frozen=True, slots=True)
class Gate:
    """Raise or lower one of GATE_JACKS."""

    jack: str
    high: bool

    def __post_init__(self) -> None:
        _check_jack(self.jack, GATE_JACKS)


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
class RandomScene:
    """Try blend, timbre and life at random; near the player's habits, if they are learned."""


@dataclass(frozen=True, slots=True)
class Suggest:
    """Try what the instrument proposes next, by the player's habits."""


@dataclass(frozen=True, slots=True)
class RenameScene:
    """Name the scene at a place, 0 … PLACES - 1; an empty name: none."""

    place: int
    name: str

    def __post_init__(self) -> None:
        _check_place(self.place)
        if not is_name(self.name):
            raise BadConfig(f"a scene cannot be called {self.name[:40]!r}; {NAME_LETTERS}")


@dataclass(frozen=True, slots=True)
class MakeBackup:
    """Give scenes, settings and calibration as text in ``View.answer``, with this ticket."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Replace scenes, settings and calibration by these; ``View.answer`` says with this ticket how it went."""

    backup: Backup
    ticket: str


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


BlendAction: TypeAlias = MorphBy | Morph | SetWeight | SetBlend | SetWord
SoundAction: TypeAlias = SetTimbre | SetLoudness | SetLife | SetGlide | SetTune | Patch | Gate | Panic
SceneAction: TypeAlias = SaveScene | RecallScene | RandomScene | Suggest | RenameScene
SetupAction: TypeAlias = (
    Choose | Calibrate | ConfirmCalibration | CancelCalibration | StopLearning | MakeBackup | Restore
)
HouseAction: TypeAlias = Revert | AllowOnce | Enrol | AcceptKey | TurnDownKey
Action: TypeAlias = BlendAction | SoundAction | SceneAction | SetupAction | HouseAction


def _check_number(what: str, number: float, least: float, most: float) -> None:
    if not (math.isfinite(number) and least <= number <= most):
        raise BadConfig(f"{what} cannot be {number}; give a number from {least:g} to {most:g}")


def _check_jack(jack: str, jacks: tuple[str, ...]) -> None:
    if jack not in jacks:
        raise BadConfig(f"there is no input {jack[:40]!r}; choose one of {', '.join(jacks)}")


def _check_place(place: int) -> None:
    if not 0 <= place < PLACES:
        raise BadConfig(f"there is no place {place + 1} for a scene; choose one from 1 to {PLACES}")
