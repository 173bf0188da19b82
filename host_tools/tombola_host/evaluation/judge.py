"""A bundle judged mode by mode on real notes that it never learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadConfig, ShapeError

from tombola_host.corpus.material import Material
from tombola_host.corpus.sources import EARLIER_FINGERPRINTS
from tombola_host.corpus.windows import Note
from tombola_host.evaluation.frames import middle_note
from tombola_host.evaluation.frechet import Embedding, Likeness, LogMel, frechet_ratio
from tombola_host.evaluation.held_out import mean_error, note_errors
from tombola_host.evaluation.ladder import Rung, ladder, spread
from tombola_host.evaluation.performed import Performed, liken, perform
from tombola_host.evaluation.pitch import cents_off, summarise
from tombola_host.evaluation.played import BundleInstrument, Instrument, Key
from tombola_host.evaluation.response import Axis, Dynamics, dynamics, timbre
from tombola_host.progress import Step


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is played; thinned notes are spread evenly over the range.

    Args:
        training: Notes of the training whose error is measured.
        calibration: Notes of the training on which the ladder's noise is set.
        performed: Notes played from keys beside their recordings: held-out ones first.
        likened: The same for the likeness, which needs more of them.
        dynamics_every: Semitones between two notes that are played at several velocities.
        velocities: How many.
        timbre_notes: Notes on which the knobs are turned.
        positions: Of a knob.
    """

    training: int
    calibration: int
    performed: int
    likened: int
    dynamics_every: int
    velocities: int
    timbre_notes: int
    positions: int


BRIEF = Depth(
    training=2, calibration=1, performed=3, likened=24, dynamics_every=6, velocities=4, timbre_notes=2, positions=4
)
"""For a page that is written beside other work."""
QUICK = Depth(
    training=4, calibration=2, performed=6, likened=48, dynamics_every=3, velocities=6, timbre_notes=3, positions=6
)
"""Half a minute for the quartet."""
FULL = Depth(
    training=1000,
    calibration=4,
    performed=1000,
    likened=1000,
    dynamics_every=3,
    velocities=10,
    timbre_notes=8,
    positions=9,
)
"""For experiments."""


class ModeJudgement(msgspec.Struct, frozen=True):
    """One mode.

    Args:
        mode: Its name.
        held_out: Whether the bundle was built from these recordings and never learned from the notes judged here.
            Otherwise the bundle was built from other recordings, and all notes of these are judged.
        notes: How many were judged.
        spectral_error: Mean multi-scale spectral error at the mode's default timbre and at life 0.
        spectral_error_per_note: By clip name.
        training_error: The same on notes that it learned from; None where the recordings are unknown.
        pitch_median_cents: Median over the frames of the steady part, played from MIDI notes at life 0.
        pitch_p95_cents: 95 % of those frames are no further off.
        frechet_ratio: Log-mel Fréchet distance as a multiple of real against real; absent with too few windows.
        ladder: What the error is measured against, from ``floor`` to ``sampler``.
        performed: Notes played from keys, beside their recordings.
        likeness: How near they are to the recordings, by the name of what hears it.
        dynamics: Brightness over velocity.
        timbre: Knobs X and Y.
    """

    mode: str
    held_out: bool
    notes: int
    spectral_error: float
    spectral_error_per_note: dict[str, float]
    training_error: float | None
    pitch_median_cents: float
    pitch_p95_cents: float
    frechet_ratio: float | None
    ladder: dict[str, Rung]
    performed: Performed
    likeness: dict[str, Likeness]
    dynamics: Dynamics | None
    timbre: tuple[Axis, Axis] | None


def check_modes(bundle: Bundle, wanted: Iterable[str]) -> None:
    """Make sure that a bundle has modes of these names, before anything is analysed.

    Raises:
        BadConfig: It lacks one.
    """
    names = [mode.name for mode in bundle.manifest.modes]
    for name in wanted:
        if name not in names:
            raise BadConfig(f"the bundle has no mode {name!r}; name one of {', '.join(names)}")


def judge(
    bundle: Bundle,
    materials: Sequence[Material],
    step: Step,
    depth: Depth = QUICK,
    embeddings: Sequence[Embedding] = (LogMel(),),
) -> tuple[ModeJudgement, ...]:
    """Judge the modes that recordings are given for.

    Raises:
        BadConfig: The bundle has no mode of that name, or there is no note to judge it by.
    """
    check_modes(bundle, [material.name for material in materials])
    names = [mode.name for mode in bundle.manifest.modes]
    judgements = []
    for done, material in enumerate(materials):
        instrument = BundleInstrument(bundle, names.index(material.name))
        judgements.append(judge_mode(instrument, material, depth, embeddings, known=built_from(bundle, material)))
        step(done + 1, len(materials), material.name)
    return tuple(judgements)


def built_from(bundle: Bundle, material: Material) -> bool:
    """Whether a mode of the bundle was built from exactly these recordings, with the same ones held out."""
    stated = bundle.manifest.provenance.get(f"corpus_{material.name}")
    return stated in (material.recordings, EARLIER_FINGERPRINTS.get(material.recordings, material.recordings))


def never_learned_from(bundle: Bundle, material: Material) -> tuple[Note, ...]:
    """The notes that the bundle surely never learned from; none where it was built from other recordings.

    A folder that changed since the build is split anew, and what is held out now may have been learned from then.
    """
    return material.test.notes if built_from(bundle, material) else ()


def judge_mode(
    instrument: Instrument, material: Material, depth: Depth, embeddings: Sequence[Embedding], *, known: bool
) -> ModeJudgement:
    """Judge one mode.

    Args:
        instrument: What plays it.
        material: Its recordings.
        depth: How much is played.
        embeddings: What hears the likeness.
        known: Whether it was built from exactly these recordings.

    Raises:
        BadConfig: There is no note to judge it by.
    """
    training = material.training.notes
    notes = material.test.notes if known else (*training, *material.test.notes)
    if not notes:
        raise BadConfig(f"no note of mode {material.name!r} was held out, so none can judge it; record three or more")
    errors = note_errors(instrument.follow, notes)
    sounds, recordings = [instrument.follow(note) for note in notes], [note.audio.numpy() for note in notes]
    numbers = sorted({round(middle_note(note)) for note in notes})
    held = instrument.play([Key(number, life=0.0) for number in numbers])
    pitch = summarise(cents_off(sound, number) for sound, number in zip(held, numbers, strict=True))
    learned = spread(training, depth.training)
    moving = instrument.mode.gate == "held"
    return ModeJudgement(
        mode=material.name,
        held_out=known,
        notes=len(notes),
        spectral_error=mean_error(errors),
        spectral_error_per_note={entry.name: entry.error for entry in errors},
        training_error=mean_error(note_errors(instrument.follow, learned)) if known else None,
        pitch_median_cents=pitch.median_cents,
        pitch_p95_cents=pitch.p95_cents,
        frechet_ratio=_frechet(sounds, recordings),
        ladder=ladder(training, notes, depth.calibration),
        performed=perform(instrument, _some(notes, training, depth.performed)),
        likeness=liken(instrument, _some(notes, training, depth.likened), training, embeddings),
        dynamics=_dynamics(instrument, material, depth) if moving else None,
        timbre=_timbre(instrument, depth) if moving else None,
    )


def _some(notes: Sequence[Note], training: Sequence[Note], count: int) -> list[Note]:
    """Those judged first; then, so that there is something to compare, others of the mode."""
    first = spread(notes, count)
    return [*first, *spread([note for note in training if note not in first], count - len(first))]


def _dynamics(instrument: Instrument, material: Material, depth: Depth) -> Dynamics:
    low, high = instrument.mode.note_range
    numbers = list(range(int(np.ceil(low)), int(high) + 1, depth.dynamics_every)) or [round((low + high) / 2)]
    velocities = np.linspace(0.1, 1.0, depth.velocities).tolist()
    recordings = [*material.training.notes, *material.test.notes]
    return dynamics(instrument, numbers, velocities, recordings)


def _timbre(instrument: Instrument, depth: Depth) -> tuple[Axis, Axis]:
    places = (np.arange(depth.timbre_notes) + 0.5) / depth.timbre_notes
    numbers = np.round(np.interp(places, [0, 1], instrument.mode.note_range)).tolist()
    return timbre(instrument, numbers, np.linspace(0, 1, depth.positions).tolist())


def _frechet(sounds: Sequence[Float32Array], recordings: Sequence[Float32Array]) -> float | None:
    try:
        return float(np.round(frechet_ratio(sounds, recordings).ratio, 3))
    except ShapeError:
        return None
