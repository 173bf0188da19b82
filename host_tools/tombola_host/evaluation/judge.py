"""A bundle judged mode by mode on real notes that it never learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadConfig, ShapeError
from tombola_device.play.offline import PerformedEvent, render_performance

from tombola_host.corpus.material import Material
from tombola_host.corpus.sources import EARLIER_FINGERPRINTS
from tombola_host.corpus.windows import NOTE, Note
from tombola_host.evaluation.frechet import frechet_ratio
from tombola_host.evaluation.held_out import bundle_playback, mean_error, note_errors
from tombola_host.evaluation.pitch import cents_off, summarise
from tombola_host.progress import Step

HELD_S = 1.5
VELOCITY = 0.8


class ModeJudgement(msgspec.Struct, frozen=True):
    """One mode.

    Args:
        mode: Its name.
        held_out: Whether the bundle was built from these recordings and never learned from the notes judged here.
            Otherwise the bundle was built from other recordings, and all notes of these are judged.
        notes: How many were judged.
        spectral_error: Mean multi-scale spectral error at the mode's default timbre.
        spectral_error_per_note: By clip name.
        pitch_median_cents: Median over the frames of the steady part, played from MIDI notes.
        pitch_p95_cents: 95 % of those frames are no further off.
        frechet_ratio: Log-mel Fréchet distance as a multiple of real against real; absent with too few windows.
    """

    mode: str
    held_out: bool
    notes: int
    spectral_error: float
    spectral_error_per_note: dict[str, float]
    pitch_median_cents: float
    pitch_p95_cents: float
    frechet_ratio: float | None


def check_modes(bundle: Bundle, wanted: Iterable[str]) -> None:
    """Make sure that a bundle has modes of these names, before anything is analysed.

    Raises:
        BadConfig: It lacks one.
    """
    names = [mode.name for mode in bundle.manifest.modes]
    for name in wanted:
        if name not in names:
            raise BadConfig(f"the bundle has no mode {name!r}; name one of {', '.join(names)}")


def judge(bundle: Bundle, materials: Sequence[Material], step: Step) -> tuple[ModeJudgement, ...]:
    """Judge the modes that recordings are given for.

    Raises:
        BadConfig: The bundle has no mode of that name, or there is no note to judge it by.
    """
    check_modes(bundle, [material.name for material in materials])
    names = [mode.name for mode in bundle.manifest.modes]
    judgements = []
    for done, material in enumerate(materials):
        judgements.append(_judge(bundle, names.index(material.name), material))
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


def _judge(bundle: Bundle, mode: int, material: Material) -> ModeJudgement:
    known = built_from(bundle, material)
    notes = never_learned_from(bundle, material) if known else (*material.training.notes, *material.test.notes)
    if not notes:
        raise BadConfig(f"no note of mode {material.name!r} was held out, so none can judge it; record three or more")
    play = bundle_playback(bundle, mode)
    errors = note_errors(play, notes)
    sounds, recordings = [play(note) for note in notes], [note.audio.numpy() for note in notes]
    numbers = sorted({round(float(note.scalars[:, NOTE].median())) for note in notes})
    pitch = summarise(cents_off(held_note(bundle, mode, number), number) for number in numbers)
    return ModeJudgement(
        mode=material.name,
        held_out=known,
        notes=len(notes),
        spectral_error=mean_error(errors),
        spectral_error_per_note={entry.name: entry.error for entry in errors},
        pitch_median_cents=pitch.median_cents,
        pitch_p95_cents=pitch.p95_cents,
        frechet_ratio=_frechet(sounds, recordings),
    )


def held_note(bundle: Bundle, mode: int, note: float, seconds: float = HELD_S) -> Float32Array:
    """A MIDI note in a pure mode, held, as the device plays it. Shape (T,)."""
    events = [PerformedEvent(0.0, "program_change", (mode,)), PerformedEvent(0.0, "note_on", (note, VELOCITY))]
    return render_performance(bundle, events, seconds=seconds, voices=1)


def _frechet(sounds: Sequence[Float32Array], recordings: Sequence[Float32Array]) -> float | None:
    try:
        return float(np.round(frechet_ratio(sounds, recordings).ratio, 3))
    except ShapeError:
        return None
