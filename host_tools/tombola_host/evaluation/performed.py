"""A mode's notes, played from keys with the mode's own envelope, beside the recordings of the same notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.manifest import Mode

from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import VELOCITY, Note
from tombola_host.evaluation.frames import LONGEST_S as STEADY_S
from tombola_host.evaluation.frames import SHORTEST_S as SHORTEST_STEADY_S
from tombola_host.evaluation.frames import Frames, common, measured, middle_note, recorded, steady
from tombola_host.evaluation.frechet import Embedding, Likeness, likeness
from tombola_host.evaluation.ladder import others, resampled
from tombola_host.evaluation.motion import MotionRatio, compared, heard_partials, motion
from tombola_host.evaluation.played import Instrument, Key, samples_of
from tombola_host.evaluation.strikes import (
    Compared,
    Decays,
    attack_s,
    compare,
    compare_decays,
    decays_db_per_s,
    let_go_s,
    release_db_per_s,
)

LONGEST_HELD_S = STEADY_S + 0.8
TAIL_S = 1.5
"""A release of 24 dB per second falls 36 dB in it."""
LIKENED_S = 3.0
SHORTEST_HELD_S = 0.1


class Performed(msgspec.Struct, frozen=True):
    """Figures of notes played from keys; None where the notes do not give one.

    Args:
        notes: How many were played.
        motion: How a held note moves.
        attack: From 10 to 90 % of the amplitude, s.
        release: dB per second; only of sustained modes, and where recordings have one.
        decays: Of each partial; only of modes that decay.
    """

    notes: int
    motion: MotionRatio | None
    attack: Compared | None
    release: Compared | None
    decays: Decays | None


def perform(instrument: Instrument, notes: Sequence[Note]) -> Performed:
    """Play notes as they were recorded, pitch, velocity and how long, and compare both."""
    sustained = is_sustained(instrument.mode)
    keys = [key_of(note, sustained=sustained) for note in notes]
    sounds = instrument.play(keys)
    held = [sound[: samples_of(Key(key.note, held_s=key.held_s))] for sound, key in zip(sounds, keys, strict=True)]
    audios = [note.audio.numpy() for note in notes]
    ours = [measured(sound, key.note) for sound, key in zip(held, keys, strict=True)]
    theirs = [recorded(note) for note in notes]
    pitches = [key.note for key in keys]
    attacks = [
        [attack_s(sound, at, sustained=sustained) for sound, at in zip(side, pitches, strict=True)]
        for side in (held, audios)
    ]
    release, decays = None, None
    if sustained:
        let_go = [release_db_per_s(sound, key.held_s) for sound, key in zip(sounds, keys, strict=True)]
        release = compare(let_go, [release_db_per_s(audio) for audio in audios])
    else:
        decays = compare_decays(
            [decays_db_per_s(frames) for frames in ours], [decays_db_per_s(frames) for frames in theirs]
        )
    return Performed(
        notes=len(notes),
        motion=_motion(ours, theirs, sustained=sustained),
        attack=compare(attacks[0], attacks[1]),
        release=release,
        decays=decays,
    )


def liken(
    instrument: Instrument, notes: Sequence[Note], known: Sequence[Note], embeddings: Sequence[Embedding]
) -> dict[str, Likeness]:
    """How near the first LIKENED_S of notes played from keys are to the recordings, by the name of the embedding.

    Args:
        instrument: Plays.
        notes: Recordings to compare with. With a few, both distances are mostly that between any two handfuls of notes.
        known: Recordings that the sampler may use, but none of the note it plays.
        embeddings: What hears.
    """
    if not all(others(note, known) for note in notes):
        return {}
    sustained = is_sustained(instrument.mode)
    keys = [
        replace(key, held_s=min(key.held_s, LIKENED_S)) for key in (key_of(note, sustained=sustained) for note in notes)
    ]
    played = [_first(sound) for sound in instrument.play(keys)]
    sampled = [_first(sampler(note, known)) for note in notes]
    recordings = [_first(note.audio.numpy()) for note in notes]
    found = {embedding.name: likeness(embedding, played, sampled, recordings) for embedding in embeddings}
    return {name: one for name, one in found.items() if one is not None}


def key_of(note: Note, *, sustained: bool) -> Key:
    """The key that would have given a recording."""
    audio = note.audio.numpy()
    seconds = let_go_s(audio) if sustained else len(audio) / SAMPLE_RATE_HZ
    velocity = float(note.scalars[0, VELOCITY])
    # A whole number of periods, so that what is analysed is one, too.
    held_s = (
        round(min(max(seconds, SHORTEST_HELD_S), LONGEST_HELD_S) * SAMPLE_RATE_HZ / PERIOD_SAMPLES)
        * PERIOD_SAMPLES
        / SAMPLE_RATE_HZ
    )
    return Key(middle_note(note), max(velocity, 1 / 127), held_s, TAIL_S if sustained else 0.0)


def is_sustained(mode: Mode) -> bool:
    """Whether a note of a mode lasts as long as its key is down."""
    return mode.gate == "held" and mode.envelope is not None and mode.envelope.decay_db_per_s == 0


def sampler(note: Note, known: Sequence[Note]) -> Float32Array:
    """What a sampler plays that has no recording of the note: the nearest one, at the note's pitch and velocity."""
    source = others(note, known)[0]
    gain_db = VELOCITY_RANGE_DB * float(note.scalars[0, VELOCITY] - source.scalars[0, VELOCITY])
    return np.asarray(resampled(source, middle_note(note))[0] * 10 ** (gain_db / 20), np.float32)


def _motion(played: Sequence[Frames], real: Sequence[Frames], *, sustained: bool) -> MotionRatio | None:
    ours, theirs = [], []
    for mine, other in zip(played, real, strict=True):
        # Both over the same time: how much of a slow drift is seen depends on how long one looks.
        span = common(steady(mine, sustained=sustained), steady(other, sustained=sustained))
        if span.seconds >= SHORTEST_STEADY_S:
            heard = heard_partials(other, span)
            ours.append(motion(mine, span, heard, sustained=sustained))
            theirs.append(motion(other, span, heard, sustained=sustained))
    return compared(ours, theirs)


def _first(audio: Float32Array) -> Float32Array:
    """LIKENED_S from the onset on; after the end of a short note is silence."""
    samples = round(LIKENED_S * SAMPLE_RATE_HZ)
    return np.pad(audio[:samples], (0, max(samples - len(audio), 0)))
