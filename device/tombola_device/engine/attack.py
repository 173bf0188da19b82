"""Attacks: what makes no two strikes alike, from the first moment on.

A strike adds, for a quarter of a second, how the recording nearest to its note differed from what the graph plays, a
little more or less of it each time. All tables are made when a bundle is loaded; after the attack nothing is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tombola_device.contract.controls import Float32Array
from tombola_device.contract.life import (
    ATTACK_AT,
    ATTACK_CENTS,
    ATTACK_DB,
    ATTACK_POINTS,
    ATTACK_UNIT,
    Attacks,
    Life,
)
from tombola_device.engine.motion import MovedVoice

FRAMES: Final = ATTACK_AT[-1]
FADED_FROM: Final = 56
"""From this frame on, 0.15 s, an attack fades out."""
SIZES: Final = (1.0, 0.85, 1.1, 0.95, 0.75, 1.05, 0.9, 1.0)
"""How much of the nearest recording's attack a strike has: no two strikes of a key are alike. Drawn among several
recordings they differed more, and were less like recordings (docs/notebook/0023-whole-courses.md)."""
NOTES, STEPS, LAYERS = 128, 4, 9
"""Recordings are found by quarters of a semitone and eighths of the range of velocity."""
SEMITONES: Final = 4.0
"""A recording that was struck as softly as the others were struck hard is as far as one so many semitones away."""
MOST_CENTS, MOST_DB = 100.0, 16.0
"""More is cut: a bundle must not begin on a wrong note."""
SEED: Final = 20_261_201

Shares = Sequence[Sequence[tuple[int, float]]]
"""Of each voice the modes that move it, and how much each counts."""


class AttackFeed:
    """Moves V voices within their attack, after their life has moved them.

    Args:
        lives: Of the M modes that the graph renders, as far as they have one.
        shade: The graph's input; the directions that all modes share are its last. Shape (V, M * K + S).
        living: The L directions of life of each mode, in the same memory, shape (V, M, L); None if life moves those
            that all modes share.
        moved: Pace and amplitude of the voices.
    """

    def __init__(
        self,
        lives: Sequence[Life | None],
        shade: Float32Array,
        living: Float32Array | None,
        moved: Sequence[MovedVoice],
    ) -> None:
        own = 0 if living is None else living.shape[2]
        attacks = [life.attacks if life else None for life in lives]
        self._tables = [_Table(found, own) if found else None for found in attacks]
        self._moved = moved
        self._shared = list(shade[:, shade.shape[1] - _shared(attacks, own) :])
        self._shared_numbers, self._still = [row.data for row in self._shared], np.zeros_like(self._shared[0]).data
        self._living = None if living is None else [list(rows) for rows in living]
        self._scaled = np.zeros(own + len(self._still), np.float32)
        self._scaled_own, self._scaled_common = self._scaled[:own], self._scaled[own:]
        self._begun = [[0] * len(lives) for _ in moved]
        self._ages, self._sizes = [FRAMES] * len(moved), [1.0] * len(moved)
        self._draws = SEED
        self.striking: list[int] = []
        """Voices within their attack."""

    def begin(self, voice: int, note: float, velocity: float) -> list[int]:
        """Begin a note: draw a recording near it in each mode; gives their numbers. Audio thread."""
        # As for life, the generator of Numerical Recipes.
        self._draws = (self._draws * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        drawn, begun = self._draws >> 8, self._begun[voice]
        struck = [0 if table is None else table.near(note, velocity) for table in self._tables]
        begun[:] = [FRAMES * near for near in struck]
        self._ages[voice], self._sizes[voice] = 0, SIZES[drawn % len(SIZES)]
        if voice not in self.striking:
            self.striking.append(voice)
        return struck

    def note_of(self, mode: int, recording: int, played: float) -> float:
        """The note of a recording; that which is played where the mode has none. Audio thread."""
        table = self._tables[mode]
        return played if table is None else table.notes[recording]

    def advance(self, voices: int, shares: Shares) -> None:
        """Advance by one period those of the first voices that are within their attack.

        Real time: audio thread.
        """
        over = False
        for voice in self.striking:
            if voice >= voices:
                continue
            age = self._ages[voice]
            self._ages[voice] = age + 1
            if self._living is not None:  # Else life has written it.
                self._shared_numbers[voice][:] = self._still
            if age >= FRAMES:
                over = True
                continue
            alone, size = len(shares[voice]) == 1, self._sizes[voice]
            for mode, weight in shares[voice]:
                table, share = self._tables[mode], weight * size
                if table is not None:
                    self._move(voice, mode, table, share, alone=alone and share == 1.0)
        if over:
            self.striking = [voice for voice in self.striking if self._ages[voice] <= FRAMES]

    def _move(self, voice: int, mode: int, table: _Table, share: float, *, alone: bool) -> None:
        at, shared, moved = self._begun[voice][mode] + self._ages[voice] - 1, self._shared[voice], self._moved[voice]
        if alone:  # A copy costs a tenth of a sum.
            moved.bend *= table.bent[at]
            moved.gain *= table.gained[at]
            if self._living is None:
                np.add(shared, table.rows[at], shared)
                return
            self._shared_numbers[voice][:] = table.views[at]
            np.add(self._living[voice][mode], table.own[at], self._living[voice][mode])
            return
        np.multiply(table.rows[at], share, self._scaled)
        np.add(shared, self._scaled_common, shared)
        moved.bend *= table.bent[at] ** share
        moved.gain *= table.gained[at] ** share
        if self._living is not None:
            np.add(self._living[voice][mode], self._scaled_own, self._living[voice][mode])


class _Table:
    """The attacks of one mode, a row for each period: P recordings of FRAMES rows, one after another."""

    def __init__(self, attacks: Attacks, own: int) -> None:
        self.notes, self._nearest = attacks.notes, _nearest(attacks)
        directions, bent, gained = played(attacks)
        common = np.ascontiguousarray(directions[:, own:])
        self.rows, self.own, self.views = list(directions), list(directions[:, :own]), [row.data for row in common]
        # Lists: reading a number takes a tenth of the instructions that a view of an array takes.
        self.bent: list[float] = bent.tolist()
        self.gained: list[float] = gained.tolist()

    def near(self, note: float, velocity: float) -> int:
        """The recording nearest to a note. What is no note is the lowest one."""
        key = min(max(0.0, note), NOTES - 1.0) * STEPS
        layer = min(max(0.0, velocity), 1.0) * (LAYERS - 1)
        return self._nearest[round(key)][round(layer)]


def _nearest(attacks: Attacks) -> list[list[int]]:
    """The recording nearest to each step of the keyboard at each of LAYERS velocities."""
    notes, struck = np.array(attacks.notes), np.array(attacks.velocities or [0.0] * len(attacks.notes))
    keys, layers = np.arange(STEPS * (NOTES - 1) + 1) / STEPS, np.linspace(0.0, 1.0, LAYERS)
    away = np.abs(keys[:, None] - notes)[:, None] + SEMITONES * np.abs(layers[:, None] - struck)
    found: list[list[int]] = away.argmin(axis=-1).tolist()
    return found


def played(attacks: Attacks) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Play P attacks into one row for each period.

    Returns:
        The directions, shape (P * FRAMES, L + S); factors of pace and of amplitude, shape (P * FRAMES,) each.
    """
    points = np.array([np.frombuffer(take, np.int8) for take in attacks.takes], np.float32)
    points = points.reshape(len(attacks.takes), ATTACK_POINTS, -1)
    # Between the points, in straight lines. Shape (FRAMES, ATTACK_POINTS).
    between = np.array([np.interp(np.arange(FRAMES), ATTACK_AT, one) for one in np.eye(ATTACK_POINTS)]).T
    rows = between @ points
    rows *= np.minimum(1.0, (FRAMES - np.arange(FRAMES, dtype=np.float32)) / (FRAMES - FADED_FROM))[:, None]
    rows = rows.reshape(len(points) * FRAMES, -1)
    cents = np.clip(ATTACK_CENTS * rows[:, 0], -MOST_CENTS, MOST_CENTS)
    level_db = np.clip(ATTACK_DB * rows[:, 1], -MOST_DB, MOST_DB)
    found = ATTACK_UNIT * rows[:, 2:], np.exp2(cents / 1200), 10 ** (level_db / 20)
    directions, bent, gained = (np.asarray(part, np.float32) for part in found)
    return directions, bent, gained


def _shared(attacks: Sequence[Attacks | None], own: int) -> int:
    """S."""
    return next((found.directions - own for found in attacks if found), 0)
