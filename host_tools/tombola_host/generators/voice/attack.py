"""Fits the strikes of modes: how each recording begins, and how it goes on.

It is written in the mode's own directions of life, and in a few that all modes share: a graph pays for each direction
in each period.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from tombola_device.contract.life import ATTACK_AT, ATTACK_CENTS, ATTACK_DB, ATTACK_UNIT, Attacks
from tombola_device.engine.life import GROWTH_FRAMES

from tombola_host.corpus.windows import ModeData
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.recorded import (
    LEANING,
    STRIKE_FRAMES,
    Recorded,
    own_directions,
    strikes_of,
)
from tombola_host.generators.voice.shades import Array, heard_in, least_squares

STRIKES = 6
"""Directions that strikes share. With more, a further voice would cost more than 60 000 instructions."""
POINTS = list(ATTACK_AT)
MOST_STEPS = 127


def fit_strikes(network: Voice, modes: Sequence[ModeData]) -> torch.Tensor:
    """The directions that explain most of what those of life leave of the attacks. Shape (STRIKES, A), or (0, A)."""
    weights = [heard_in(mode) for mode in modes]
    weight = np.mean(weights, axis=0)
    root, square = np.sqrt(weight), np.zeros((len(weight), len(weight)))
    none = np.zeros((0, len(weight)))
    attacks = [
        np.concatenate([none, *(strike[POINTS] for strike in strikes_of(network, index, mode))])
        for index, mode in enumerate(modes)
    ]
    if not any(len(attack) for attack in attacks):
        return network.strikes[:0]
    for index, attack in enumerate(attacks):
        own = own_directions(network, index)
        left = attack - least_squares(own, attack, weights[index], LEANING) @ own
        left = (left - (left @ (weight / weight.sum()))[:, None]) * root
        # A mode of many recordings, or of wild ones, counts no more than another.
        square += left.T @ left / max(float(np.sum(left**2)), 1e-9)
    _, vectors = np.linalg.eigh(square)
    strikes = vectors[:, : -STRIKES - 1 : -1].T / root
    reach = np.zeros(STRIKES)
    for index, attack in enumerate(attacks):
        if len(attack):
            own = own_directions(network, index)
            found = least_squares(np.concatenate([own, strikes]), attack, weights[index], LEANING)
            reach = np.maximum(reach, np.abs(found[:, len(own) :]).max(axis=0))
    strikes *= (reach / (ATTACK_UNIT * MOST_STEPS))[:, None]
    return torch.from_numpy(strikes.astype(np.float32))


def fit_attacks(found: Sequence[Recorded], courses: Sequence[Array], steps: bytes, grown: int) -> Attacks:
    """The attacks of a mode's recordings, less what the growing course already moves.

    Args:
        found: The recordings, rising.
        courses: Of each, from ``course_of``. Shape (COURSE_FRAMES, 2 + L) each.
        steps: The same as signed bytes.
        grown: The periods in which a course grows to its full size.
    """
    steps_done = np.arange(1, STRIKE_FRAMES + 1) // GROWTH_FRAMES * GROWTH_FRAMES
    growth = np.minimum(steps_done / grown, 1.0)[:, None]
    takes = []
    for one, course in zip(found, courses, strict=True):
        strike, width = one.strike.copy(), course.shape[1]
        strike[:, :width] -= growth * course[:STRIKE_FRAMES]
        unit = np.array([ATTACK_CENTS, ATTACK_DB, *[ATTACK_UNIT] * (strike.shape[1] - 2)])
        takes.append(np.clip(np.rint(strike[POINTS] / unit), -MOST_STEPS, MOST_STEPS).astype(np.int8).tobytes())
    velocities = [round(one.velocity, 3) for one in found]
    return Attacks([round(one.pitch, 2) for one in found], takes, zlib.compress(steps, 9), velocities)
