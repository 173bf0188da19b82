"""What a network is measured against, on the same notes: from the best that its synthesizer can do to a plain sampler.

    floor           the note's own analysis, played back: nothing that learns can be better
    own mean        the note's own mean spectrum, standing still: what a network can reach that knows no motion
    table           the mean spectra of the two nearest notes of the training, blended by distance: no motion
    moving table    the same frame by frame: the motion of other notes
    sampler         the nearest note of the training, resampled to the pitch

All follow the note's analysed pitch and level, as the network does. The noise of each rung but the sampler is set by
one number, the offset in dB that is best on notes of the training: where analysis reads noise too high, no rung loses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from torch import Tensor

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.windows import LEVEL, Note
from tombola_host.evaluation.frames import DB_PER_NEPER, middle_note
from tombola_host.evaluation.held_out import LONGEST_FRAMES, mean_error, note_errors
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.noise import noise_source
from tombola_host.generators.voice.size import VoiceSize

FLOOR, OWN_MEAN, TABLE, MOVING_TABLE, SAMPLER = "floor", "own mean", "table", "moving table", "sampler"
OFFSETS_DB = (-16.0, -12.0, -8.0, -4.0, 0.0)
CALIBRATED_FRAMES = 560
"""1.5 s: the attack and some of what follows."""
LOUDEST_GAIN_DB = 20.0
"""A sampler does not raise what has died away any further: that would be its noise."""
PITCHES_ALIKE = 0.5

Spectra = Callable[[Note, Sequence[Note]], Tensor]
"""A rung: from the note asked for and the notes it may know, to log amplitudes of shape (F, H + B)."""


class Rung(msgspec.Struct, frozen=True):
    """One line of the ladder.

    Args:
        error: Mean over the notes judged.
        as_analysed: The same without an offset of the noise.
        noise_db: The offset.
    """

    error: float
    as_analysed: float
    noise_db: float


def ladder(known: Sequence[Note], judged: Sequence[Note], calibration: int = 3) -> dict[str, Rung]:
    """All rungs.

    Args:
        known: Notes of the training.
        judged: Notes to be played; none that is judged stands on the table or in the sampler.
        calibration: On how many notes of the training the noise is set.
    """
    tried = [_cut(note) for note in spread(known, calibration)]
    rungs = {name: _rung(spectra, known, judged, tried) for name, spectra in SPECTRA.items() if _possible(name, known)}
    if _possible(SAMPLER, known):
        error = mean_error(note_errors(lambda note: sampled(note, known), judged))
        rungs[SAMPLER] = Rung(error, error, 0.0)
    return rungs


def resynthesised(note: Note, log_amplitude: Tensor, noise_db: float = 0.0) -> Float32Array:
    """Play log amplitudes at the note's pitch and level through the generator's own synthesizer.

    Args:
        note: Whose pitch and level are followed.
        log_amplitude: Up to a common factor. Shape (F, H + B).
        noise_db: Added to all noise bands.

    Returns:
        Shape (F * 128,).
    """
    synthesizer = Voice(modes=1, size=VoiceSize(1, 1, len(note.tracks)))
    if synthesizer.free is not None:
        synthesizer.free.tell(0, note.tracks)
    offset = torch.zeros(log_amplitude.shape[1])
    offset[PARTIALS : PARTIALS + NOISE_BANDS] = noise_db / DB_PER_NEPER
    frames = len(log_amplitude)
    noise = noise_source(synthesizer.noise_bands).draw(1, frames, np.random.default_rng(0))
    with torch.no_grad():
        controls = torch.cat([note.scalars[None, :frames], torch.ones(1, frames, 1)], dim=-1)
        sounding = synthesizer.note_and_level(controls)
        amplitude, pace = synthesizer.at_level((log_amplitude + offset)[None], sounding)
        audio, _ = synthesizer.sound(amplitude, pace, noise)
    sound: Float32Array = audio[0].numpy()
    return sound


def sampled(note: Note, known: Sequence[Note]) -> Float32Array:
    """The nearest of the known notes, resampled to the note's pitch, its level made to follow. Shape (T,)."""
    source = others(note, known)[0]
    audio, ratio = resampled(source, middle_note(note))
    frames = min(len(audio) // PERIOD_SAMPLES, len(note.scalars), LONGEST_FRAMES)
    own_db = np.interp(np.arange(frames) * ratio, np.arange(len(source.scalars)), source.scalars[:, LEVEL].numpy())
    gain_db = np.minimum(note.scalars[:frames, LEVEL].numpy() - own_db, LOUDEST_GAIN_DB)
    # Between frames the gain moves in straight lines, as the synthesizer's does.
    at = (np.arange(frames * PERIOD_SAMPLES) + 0.5) / PERIOD_SAMPLES - 0.5
    gain = np.interp(at, np.arange(frames), 10 ** (gain_db / 20))
    return np.asarray(audio[: len(gain)] * gain, np.float32)


def resampled(source: Note, note: float) -> tuple[Float32Array, float]:
    """A recording at another pitch, and how much faster it runs."""
    import soxr

    ratio = 2 ** ((note - middle_note(source)) / 12)
    # soxr takes rates of whole numbers or fractions; what is asked is their ratio.
    return np.asarray(soxr.resample(source.audio.numpy(), ratio, 1.0), np.float32), float(ratio)


def others(note: Note, known: Sequence[Note]) -> list[Note]:
    """The known notes of another pitch, the nearest first; of two pitches as near, the lower.

    A recording at the same pitch is no other note: it would tell what is asked.
    """
    pitch = middle_note(note)
    distant = [other for other in known if abs(middle_note(other) - pitch) > PITCHES_ALIKE]
    return sorted(distant, key=lambda other: (round(abs(middle_note(other) - pitch), 1), middle_note(other)))


def spread(notes: Sequence[Note], count: int) -> list[Note]:
    """At most ``count`` notes, evenly over the range."""
    rising = sorted(notes, key=middle_note)
    places = (
        np.linspace(0, len(rising) - 1, min(count, len(rising)) + 2)[1:-1]
        if len(rising) > count
        else range(len(rising))
    )
    return [rising[round(place)] for place in places]


def _own(note: Note, _: Sequence[Note]) -> Tensor:
    return note.relative[:LONGEST_FRAMES]


def _own_mean(note: Note, _: Sequence[Note]) -> Tensor:
    return _mean(note).expand(min(len(note.scalars), LONGEST_FRAMES), -1)


def _table(note: Note, known: Sequence[Note]) -> Tensor:
    rows = [_mean(other) for other in others(note, known)[:2]]
    return _blended(note, known, rows).expand(min(len(note.scalars), LONGEST_FRAMES), -1)


def _moving_table(note: Note, known: Sequence[Note]) -> Tensor:
    frames = min(len(note.scalars), LONGEST_FRAMES)
    rows = []
    for other in others(note, known)[:2]:
        part = other.relative[:frames]
        rows.append(torch.cat([part, part[-1:].expand(frames - len(part), -1)]))
    return _blended(note, known, rows)


SPECTRA: Mapping[str, Spectra] = {FLOOR: _own, OWN_MEAN: _own_mean, TABLE: _table, MOVING_TABLE: _moving_table}


def _blended(note: Note, known: Sequence[Note], rows: Sequence[Tensor]) -> Tensor:
    """The nearer counts more, in proportion to the other's distance."""
    far = [abs(middle_note(other) - middle_note(note)) for other in others(note, known)[: len(rows)]]
    weights = [1.0] if len(rows) == 1 else [far[1] / sum(far), far[0] / sum(far)]
    return torch.stack([weight * row for weight, row in zip(weights, rows, strict=True)]).sum(0)


def _mean(note: Note) -> Tensor:
    """Mean log amplitudes, a frame counted by its amplitude: else the long end of a plucked note decides. (H + B,)."""
    weight = 10 ** (note.scalars[:, LEVEL, None] / 20)
    return (note.relative * weight).sum(0) / weight.sum()


def _rung(spectra: Spectra, known: Sequence[Note], judged: Sequence[Note], tried: Sequence[Note]) -> Rung:
    def error(notes: Sequence[Note], noise_db: float) -> float:
        return mean_error(note_errors(lambda note: resynthesised(note, spectra(note, known), noise_db), notes))

    noise_db = _lowest(OFFSETS_DB, [error(tried, offset_db) for offset_db in OFFSETS_DB])
    return Rung(error(judged, noise_db), error(judged, 0.0), noise_db)


def _lowest(at: Sequence[float], errors: Sequence[float]) -> float:
    """The bottom of a parabola through the lowest of evenly spaced points and its neighbours; at an end, the end."""
    best = int(np.argmin(errors))
    if not 0 < best < len(at) - 1:
        return at[best]
    left, middle, right = errors[best - 1 : best + 2]
    shift = 0.5 * (left - right) / max(left - 2 * middle + right, 1e-12)
    return round(at[best] + (at[1] - at[0]) * float(np.clip(shift, -0.5, 0.5)), 2)


def _possible(name: str, known: Sequence[Note]) -> bool:
    """Tables and sampler need another note, also for a note that is known itself."""
    fewest = {FLOOR: 0, OWN_MEAN: 0}.get(name, 3)
    return len({round(middle_note(note)) for note in known}) >= fewest


def _cut(note: Note) -> Note:
    frames = min(len(note.scalars), CALIBRATED_FRAMES)
    audio = note.audio[: frames * PERIOD_SAMPLES]
    return Note(note.name, note.scalars[:frames], note.relative[:frames], audio, note.tracks)
