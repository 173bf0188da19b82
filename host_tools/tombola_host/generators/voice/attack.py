"""Fits the attacks of modes: how each recording begins, as a difference from what the network plays of its note.

The network has learned what the attacks of a mode have in common; this is what each has for itself. It is written in
the mode's own directions of life, and in a few that all modes share: a graph pays for each direction in each period.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import (
    ATTACK_AT,
    ATTACK_CENTS,
    ATTACK_DB,
    ATTACK_POINTS,
    ATTACK_UNIT,
    MAX_ATTACKS,
    Attacks,
)
from tombola_device.contract.manifest import Envelope
from tombola_device.engine.envelope import table_time_s

from tombola_host.corpus.course import FULL_FROM_S, RISE_WITHIN_S
from tombola_host.corpus.windows import LEVEL, NOTE, ModeData, Note, one_hot
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import (
    LIFE,
    NEPER,
    Array,
    as_recorded,
    audible,
    least_squares,
    motion_weight,
)

STRIKES = 6
"""Directions that strikes share. With more, a further voice would cost more than 60 000 instructions."""
MOST_OFF_DB = 24.0
FRAMES, POINTS = ATTACK_AT[-1] + 1, list(ATTACK_AT)
MOST_STEPS = 127
LEANING = 0.01


def fit_strikes(network: Voice, modes: Sequence[ModeData]) -> torch.Tensor:
    """The directions that explain most of what those of life leave of the attacks. Shape (STRIKES, A), or (0, A)."""
    weights = [motion_weight(mode) for mode in modes]
    weight = np.mean(weights, axis=0)
    root, square = np.sqrt(weight), np.zeros((len(weight), len(weight)))
    courses = [_courses(network, index, mode) for index, mode in enumerate(modes)]
    if not any(len(course) for course in courses):
        return network.strikes[:0]
    for index, course in enumerate(courses):
        own = _own(network, index)
        left = course - least_squares(own, course, weight, LEANING) @ own
        left = (left - (left @ (weight / weight.sum()))[:, None]) * root
        # A mode of many recordings, or of wild ones, counts no more than another.
        square += left.T @ left / max(float(np.sum(left**2)), 1e-9)
    _, vectors = np.linalg.eigh(square)
    strikes = vectors[:, : -STRIKES - 1 : -1].T / root
    reach = np.zeros(STRIKES)
    for index, course in enumerate(courses):
        if len(course):
            own = _own(network, index)
            found = least_squares(np.concatenate([own, strikes]), course, weights[index], LEANING)
            reach = np.maximum(reach, np.abs(found[:, len(own) :]).max(axis=0))
    strikes *= (reach / (ATTACK_UNIT * MOST_STEPS))[:, None]
    return torch.from_numpy(strikes.astype(np.float32))


def fit_attacks(network: Voice, index: int, mode: ModeData, envelope: Envelope) -> Attacks | None:
    """The attacks of a mode; None if no recording is long enough to have one.

    Args:
        network: Trained, with its ``strikes``.
        index: Of the mode in the network.
        mode: Its recordings; if there are too many, those evenly spread over the notes are used.
        envelope: The course of level that the engine plays.
    """
    notes = _chosen(mode)
    if not notes or not len(network.strikes):
        return None
    own = _own(network, index)
    rows = np.concatenate([own, network.strikes.numpy().astype(np.float64)])
    moved = least_squares(rows, _courses(network, index, mode), motion_weight(mode), LEANING) / ATTACK_UNIT
    others = np.zeros((len(moved), network.directions.shape[1] - LIFE.stop))
    heard = [np.stack([_cents(note) / ATTACK_CENTS, _louder_db(note, envelope) / ATTACK_DB], axis=1) for note in notes]
    steps = np.column_stack([np.concatenate(heard), moved[:, : len(own)], others, moved[:, len(own) :]])
    takes = np.clip(np.rint(steps), -MOST_STEPS, MOST_STEPS).astype(np.int8).reshape(len(notes), -1)
    return Attacks([round(_pitch(note), 2) for note in notes], [take.tobytes() for take in takes])


def _chosen(mode: ModeData) -> list[Note]:
    """The recordings whose attacks are kept, the lowest first."""
    rising = sorted((note for note in mode.notes if len(note.scalars) >= FRAMES), key=_pitch)
    places = np.linspace(0, len(rising) - 1, min(len(rising), MAX_ATTACKS))
    return [rising[round(place)] for place in places]


def _own(network: Voice, index: int) -> Array:
    """The directions of a mode's life. Shape (L, A)."""
    return network.directions[index, LIFE].numpy().astype(np.float64)


def _courses(network: Voice, index: int, mode: ModeData) -> Array:
    """How the chosen recordings differ from what the network plays, nepers. Shape (P * ATTACK_POINTS, A)."""
    lives = bool(_own(network, index).any())
    found = [_course(network, index, note) for note in _chosen(mode)] if lives else []
    return np.concatenate([np.zeros((0, network.strikes.shape[1])), *found])


def _course(network: Voice, index: int, note: Note) -> Array:
    """Shape (ATTACK_POINTS, A)."""
    scalars = note.scalars[:FRAMES]
    controls = torch.cat([scalars, one_hot(index, network.modes).expand(FRAMES, -1)], dim=1)[None]
    with torch.no_grad():
        played, _ = network.log_amplitudes(controls, as_recorded(network, controls))
        played = normalized(played, network.audible(network.note_and_level(controls)))[0]
    real, ours = (audible(part.numpy().astype(np.float64)) for part in (note.relative[:FRAMES], played))
    return np.clip(real - ours, -MOST_OFF_DB * NEPER, MOST_OFF_DB * NEPER)[POINTS]


def _pitch(note: Note) -> float:
    return float(note.scalars[:, NOTE].median())


def _cents(note: Note) -> Array:
    """How far the pitch is off its median. Shape (ATTACK_POINTS,)."""
    return 100 * (note.scalars[POINTS, NOTE].numpy().astype(np.float64) - _pitch(note))


def _louder_db(note: Note, envelope: Envelope) -> Array:
    """How much louder a recording begins than the envelope, against how much louder it goes on. (ATTACK_POINTS,).

    Else a recording that is softer throughout would seem to swell where its attack fades out. Of a mode that dies away
    nothing: how its strings beat moves the peak, so that the harp's attacks took 34 ms for 17 (without, 22).
    """
    if envelope.decay_db_per_s < 0:
        return np.zeros(ATTACK_POINTS)
    level_db = note.scalars[: round(RISE_WITHIN_S * FRAME_RATE_HZ), LEVEL].numpy().astype(np.float64)
    time_s = table_time_s(envelope, _pitch(note), np.arange(len(level_db)) / FRAME_RATE_HZ)
    fallen_db = envelope.decay_db_per_s * np.maximum(time_s - envelope.time_s[-1], 0.0)
    louder_db = level_db - np.interp(time_s, envelope.time_s, envelope.level_db) - fallen_db
    louder_db -= np.median(louder_db[round(FULL_FROM_S * FRAME_RATE_HZ) :])
    return np.asarray(louder_db[POINTS])
