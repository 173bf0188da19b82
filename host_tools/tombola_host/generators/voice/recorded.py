"""How recordings differ from what the engine plays of their notes: level, pitch and spectrum, period by period.

The network has learned what the recordings of a mode have in common; this is what each has for itself. Attacks and
courses hold it, in directions that all modes share: those in which most of it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.graph import SHADE_DB
from tombola_device.contract.life import ATTACK_AT, COURSE_FRAMES, COURSE_FROM, MAX_ATTACKS, MAX_FOLLOWED
from tombola_device.contract.manifest import Envelope
from tombola_device.engine.envelope import table_time_s
from torch import Tensor

from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.course import FULL_FROM_S, RISE_WITHIN_S
from tombola_host.corpus.windows import LEVEL, NOTE, VELOCITY, ModeData, Note, one_hot
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import (
    DYNAMICS,
    NEPER,
    SOUNDING_DB,
    Array,
    around_trend,
    as_recorded,
    audible,
    heard_in,
    least_squares,
)

MOST_OFF_DB = 24.0
MOST_SWING, FOLLOWED = 1.5, 10
"""A few directions hold a part of how the first partials move; they move so many times as far at most, so that the
partials in sum move as far as recorded."""
SHARED = 24
"""Directions. With eight of each mode and six of all, a saxophone was a third further from its recordings."""
MOST_CENTS, MOST_DB, MOST_MOVED = 100.0, 12.0, 15.0
"""Further off is a fault of the analysis; attacks say no more than 15.9 in a direction."""
FULL = slice(round(FULL_FROM_S * FRAME_RATE_HZ), round(RISE_WITHIN_S * FRAME_RATE_HZ))
"""Where a held note is as loud as its key: it may swell on from there."""
MOVING_SHARE = 0.5
SETTLED_FRAMES = 256
LEANING = 0.01
STRIKE_FRAMES = ATTACK_AT[-1] + 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording beside what the engine plays.

    Args:
        pitch: MIDI note number, its median.
        velocity: How hard it was struck, 0 … 1.
        level_db: Its level. Shape (F,).
        dies: Whether its mode dies away. Else how loud it begins counts nothing: a key's velocity says that.
        course: Cents, dB, its place in the directions. Shape (F, 2 + S).
        swing: The motion of the directions is to be so many times as far.
    """

    pitch: float
    velocity: float
    level_db: Array
    dies: bool
    course: Array
    swing: float


def recorded(network: Voice, index: int, mode: ModeData, envelope: Envelope) -> list[Recorded]:
    """The recordings of a mode, the lowest first; of very many, some from each register.

    Args:
        network: Trained, with its ``strikes``.
        index: Of the mode in the network.
        mode: Its recordings.
        envelope: The course of level that the engine plays.
    """
    rows, weight = network.strikes.numpy().astype(np.float64), heard_in(mode)
    dies, found, moving = envelope.decay_db_per_s < 0, [], []
    for note in chosen(network, mode):
        off = _spectrum(network, index, note, envelope)
        level_db, pitch = note.scalars[: len(off), LEVEL].numpy().astype(np.float64), pitch_of(note)
        louder_db = level_db - _played_db(note, envelope)[: len(off)] - _struck_db(note)
        if not dies:
            louder_db -= np.median(louder_db[FULL])
        cents = 100 * (note.scalars[: len(off), NOTE].numpy().astype(np.float64) - pitch)
        told = np.clip(np.column_stack([cents, louder_db]), (-MOST_CENTS, -2 * MOST_DB), (MOST_CENTS, 2 * MOST_DB))
        moved = least_squares(rows, off, weight, LEANING)
        moving.append(_moving(moved @ rows, off, weight, level_db))
        course = np.column_stack([told, np.clip(moved, -MOST_MOVED, MOST_MOVED)])
        found.append(Recorded(pitch, float(note.scalars[0, VELOCITY]), level_db, dies, course, 1.0))
    held, real = np.sum(moving, axis=0) if moving else np.ones(2)
    swing = float(np.clip(np.sqrt(real / max(held, 1e-12)), 1.0, MOST_SWING))
    return [replace(one, swing=swing) for one in found]


def fit_shared(network: Voice, modes: Sequence[ModeData]) -> Tensor:
    """The directions in which most of how the recordings of all modes differ lies, at rest and in motion.

    The network learned beside directions of each mode, components of how its recordings move. These hold what it has
    left; a mode counts as much as another, and its motion half as much as the whole.

    Returns:
        Shape (SHARED, A), or (0, A) if no recording is long enough. A step of 1 is a mean of 1 dB, as amplitudes are
        heard.
    """
    weights = [heard_in(mode) for mode in modes]
    weight, square = np.mean(weights, axis=0), np.zeros((len(weights[0]), len(weights[0])))
    for index, (mode, own) in enumerate(zip(modes, weights, strict=True)):
        whole, moving = np.zeros((2, *square.shape))
        for note in chosen(network, mode):
            off = _spectrum(network, index, note)
            whole += _square(off, own)
            if len(off) >= COURSE_FROM + SETTLED_FRAMES:
                moving += _square(around_trend(off[COURSE_FROM:]), own)
        square += whole / max(np.trace(whole), 1e-12) + MOVING_SHARE * moving / max(np.trace(moving), 1e-12)
    if not square.any():
        return network.strikes[:0]
    _, vectors = np.linalg.eigh(square)
    rows = vectors[:, : -SHARED - 1 : -1].T / np.sqrt(weight) * NEPER * np.sqrt(weight.sum())
    return torch.from_numpy(rows.astype(np.float32))


def _square(off: Array, weight: Array) -> Array:
    """Mean products of amplitudes around their common motion, weighted. (F, A), (A,) → (A, A)."""
    off = (off - (off @ (weight / weight.sum()))[:, None]) * np.sqrt(weight)
    return np.asarray(off.T @ off / len(off))


def chosen(network: Voice, mode: ModeData) -> list[Note]:
    """The recordings that are kept, the lowest first: those long enough for an attack, as many as a bundle may have."""
    most = min(MAX_ATTACKS, MAX_FOLLOWED // network.modes)
    rising = sorted((note for note in mode.notes if len(note.scalars) >= STRIKE_FRAMES), key=pitch_of)
    places = np.linspace(0, len(rising) - 1, min(len(rising), most))
    return [rising[round(place)] for place in places]


def pitch_of(note: Note) -> float:
    """Its median MIDI note number."""
    return float(note.scalars[:, NOTE].median())


def _spectrum(network: Voice, index: int, note: Note, envelope: Envelope | None = None) -> Array:
    """How a recording's log amplitudes differ from the network's, nepers. Shape (F, A).

    Args:
        envelope: The network is told its level and a pitch that stands still; None: those of the recording.
    """
    scalars = note.scalars[:COURSE_FRAMES].clone()
    if envelope is not None:
        scalars[:, NOTE] = pitch_of(note)
        played_db = _played_db(note, envelope)[: len(scalars)] + float(network.recorded_db[index])
        scalars[:, LEVEL] = torch.from_numpy(played_db.astype(np.float32))
    controls = torch.cat([scalars, one_hot(index, network.modes).expand(len(scalars), -1)], dim=1)[None]
    shade = controls.new_zeros(1, len(scalars), network.directions.shape[1])
    shade[..., DYNAMICS] = (_struck_db(note) - float(network.recorded_db[index])) / SHADE_DB
    with torch.no_grad():
        ours, _ = network.log_amplitudes(controls, as_recorded(network, controls, shade))
        ours = normalized(ours, network.audible(network.note_and_level(controls)))[0]
    real, played = (audible(part.numpy().astype(np.float64)) for part in (note.relative[: len(scalars)], ours))
    return np.clip(real - played, -MOST_OFF_DB * NEPER, MOST_OFF_DB * NEPER)


def _moving(moved: Array, real: Array, weight: Array, level_db: Array) -> Array:
    """Power of the motion of the first partials, as the directions hold it and as recorded. Shape (2,)."""
    first = slice(COURSE_FROM, int(np.flatnonzero(level_db >= level_db.max() - SOUNDING_DB)[-1]) + 1)
    if first.stop - first.start < SETTLED_FRAMES:
        return np.zeros(2)
    share = weight[:FOLLOWED] / weight[:FOLLOWED].sum()
    motions = (around_trend(course[first, :FOLLOWED]) for course in (moved, real))
    return np.array([float(((one - (one @ share)[:, None]) ** 2 @ share).sum()) for one in motions])


def _played_db(note: Note, envelope: Envelope) -> Array:
    """The level of the envelope at velocity 1. Shape (COURSE_FRAMES,)."""
    time_s = table_time_s(envelope, pitch_of(note), np.arange(COURSE_FRAMES) / FRAME_RATE_HZ)
    beyond_s = np.maximum(time_s - envelope.time_s[-1], 0.0)
    return np.asarray(np.interp(time_s, envelope.time_s, envelope.level_db) + envelope.decay_db_per_s * beyond_s)


def _struck_db(note: Note) -> float:
    return VELOCITY_RANGE_DB * (float(note.scalars[0, VELOCITY]) - 1.0)
