"""Life: what makes a held note move as the recordings of its mode moved.

The process of each mode (``contract.life``) is played into tables once, when a bundle is loaded: noise of given spectra
is exact and costs nothing later. In each period a voice reads one row of them, from a place of its own that each strike
draws anew. All modes share the random phases, so a blend of two modes moves as much as either and not less.

Source of the noise: Theiler et al. 1992, "Testing for nonlinearity in time series: the method of surrogate data".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB, Controls, Float32Array, Float64Array
from tombola_device.contract.graph import SHADE_DB, SHADES
from tombola_device.contract.life import BANDS, CENTS, LEVEL, Life, band_edges_hz
from tombola_device.contract.manifest import Mode

TAKE_FRAMES: Final = 2048
"""5.5 s; a take continues at its start without a seam."""
TAKES: Final = 8
GROWTH_FRAMES: Final = 8
"""Life grows in steps of this length, 21 ms."""
SEED: Final = 20_261_130
MOST_CENTS, MOST_DB = 300.0, 12.0
"""Motion beyond these is cut: a bundle must not sing a wrong note."""
_STATIC: Final = len(SHADES)


class LifeFeed:
    """Writes the shade of V voices, and moves their notes and levels.

    Every other voice is moved in every other period: 187 times a second is three times as fast as the fastest band, and
    the graph ramps from one value to the next.

    Args:
        modes: The M modes that the graph renders.
        shade: The graph's input. Shape (V, M * 3 + M * L): SHADES of each mode, then L directions of life of each.
        controls: The graph's columns; X, Y and the blend of the M modes stand at the end. Shape (V, C + M).
    """

    def __init__(self, modes: Sequence[Mode], shade: Float32Array, controls: Float32Array) -> None:
        voices, count = len(shade), len(modes)
        self.notes, self.levels_db = [0.0] * voices, [SILENCE_DB] * voices
        """Note and level of each voice after the last ``advance``."""
        split = count * _STATIC
        living = shade.shape[1] // count - _STATIC
        rows, semitones, levels_db = tables(modes, living)
        self._rows = rows.reshape(len(rows), -1)
        self._row_bytes, self._size = rows.data.cast("B"), 4 * living
        self._semitones = [column.data for column in semitones]
        self._levels = [column.data for column in levels_db]
        self._grown = [max(1, math.ceil(mode.life.onset_s * FRAME_RATE_HZ)) if mode.life else 1 for mode in modes]
        self._growing = max(self._grown) + GROWTH_FRAMES
        # Views are made once: in the audio loop, slicing costs half as much as the numpy call that uses the slice.
        self._timbre, self._blend = controls[:, -count - 2 : -count], controls[:, -count:]
        self._blend_columns = self._blend[:, :, None]
        self._static = shade[:, :split].reshape(voices, count, _STATIC)
        self._living = [row[split:] for row in shade]
        self._living_bytes = [row[split:].data.cast("B") for row in shade]
        self._shades = np.zeros((voices, 1, _STATIC), np.float32)
        self._shades_timbre, self._shades_dynamics = self._shades[:, 0, :2], self._shades[:, 0, 2]
        self._amounts = np.zeros((voices, 1), np.float32)
        self._wanted = np.zeros((voices, count), np.float32)
        weights = np.zeros((voices, count, living), np.float32)
        self._weights, self._flat_weights = list(weights), list(weights.reshape(voices, -1))
        self._turn = 0
        self._moves: list[list[tuple[int, float]]] = [[] for _ in range(voices)]
        self._places, self._end, self._age = [0] * voices, [TAKE_FRAMES] * voices, [0] * voices
        self._off_semitones, self._off_db = [0.0] * voices, [0.0] * voices
        self._draws = SEED
        self._has_life = living > 0 and any(mode.life for mode in modes)

    def take(self, controls: Controls) -> None:
        """Read a new frame. Audio thread."""
        np.copyto(self._amounts[:, 0], controls.life)

    def begin(self, voice: int) -> None:
        """Begin a note: draw another take, and a place in it. Audio thread."""
        # The generator of Numerical Recipes; its high bits are random enough to choose a place.
        self._draws = (self._draws * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        drawn = self._draws >> 8
        take = drawn % TAKES
        self._places[voice] = take * TAKE_FRAMES + (drawn // TAKES) % TAKE_FRAMES
        self._end[voice] = (take + 1) * TAKE_FRAMES
        self._age[voice] = 0
        self._weigh(voice)

    def place(self, louder_db: Sequence[float]) -> None:
        """Controls have moved: write the directions that the player moves, and weigh the life of the modes.

        Args:
            louder_db: How much louder each voice is played than the recordings of its modes. Shape (V,).

        Real time: audio thread.
        """
        np.copyto(self._shades_timbre, self._timbre)
        self._shades_dynamics[:] = louder_db
        self._shades_dynamics /= np.float32(SHADE_DB)
        np.multiply(self._blend_columns, self._shades, out=self._static)
        if self._has_life:
            np.multiply(self._blend, self._amounts, out=self._wanted)
            for voice in range(len(self._moves)):
                self._weigh(voice)

    def advance(self, voices: int, notes: Sequence[float], levels_db: Sequence[float]) -> None:
        """Advance the first voices by one period: write their life, and set ``notes`` and ``levels_db``.

        Real time: audio thread.
        """
        moved_notes, moved_levels, turn = self.notes, self.levels_db, self._turn
        for voice, moves in enumerate(self._moves[:voices]):
            level_db = levels_db[voice]
            if not moves or level_db <= SILENCE_DB:
                moved_notes[voice], moved_levels[voice] = notes[voice], level_db
                continue
            if voice & 1 == turn:
                self._move(voice, moves)
            moved_notes[voice] = notes[voice] + self._off_semitones[voice]
            level_db += self._off_db[voice]
            moved_levels[voice] = level_db if level_db < 0.0 else 0.0  # noqa: FURB136 - min() costs 300 more
        self._turn = 1 - turn

    def _move(self, voice: int, moves: list[tuple[int, float]]) -> None:
        if self._age[voice] < self._growing:
            self._age[voice] += 2
            if self._age[voice] % GROWTH_FRAMES == 0:
                self._weigh(voice)
                moves = self._moves[voice]
                if not moves:
                    return
        at = self._places[voice] + 2
        if at >= self._end[voice]:
            at -= TAKE_FRAMES
        self._places[voice] = at
        mode, weight = moves[0]
        if weight == 1.0 and len(moves) == 1:  # One mode alone: a copy costs a twentieth of a product.
            size = self._size
            start, row = mode * size, (at * len(self._semitones) + mode) * size
            self._living_bytes[voice][start : start + size] = self._row_bytes[row : row + size]
            self._off_semitones[voice], self._off_db[voice] = self._semitones[mode][at], self._levels[mode][at]
            return
        np.multiply(self._rows[at], self._flat_weights[voice], out=self._living[voice])
        semitones = decibels = 0.0
        for mode, weight in moves:
            semitones += weight * self._semitones[mode][at]
            decibels += weight * self._levels[mode][at]
        self._off_semitones[voice], self._off_db[voice] = semitones, decibels

    def _weigh(self, voice: int) -> None:
        """The weight of each mode's life in a voice: blend, amount, and growth since the onset."""
        age, weights = self._age[voice], self._weights[voice]
        weights[:] = 0.0
        moves = self._moves[voice] = []
        for mode, weight in enumerate(self._wanted[voice].tolist()):
            if weight:
                grown = self._grown[mode]
                share = weight if age >= grown else weight * age / grown
                weights[mode] = share
                moves.append((mode, share))
        if len(moves) < 2:  # What another mode left behind would stay.
            self._living[voice][:] = 0.0
            self._off_semitones[voice] = self._off_db[voice] = 0.0


def tables(modes: Sequence[Mode], directions: int) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Play the life of M modes into tables of T = TAKES * TAKE_FRAMES frames.

    Returns:
        The L directions, shape (T, M, L); pitch in semitones and level in dB, shape (M, T) each.
    """
    rows = np.zeros((len(modes), TAKES * TAKE_FRAMES, 2 + directions), np.float32)
    for table, mode in zip(rows, modes, strict=True):
        if mode.life is not None:
            table[:] = played(mode.life)
    semitones = np.clip(rows[:, :, CENTS], -MOST_CENTS, MOST_CENTS) / np.float32(100.0)
    levels_db = np.clip(rows[:, :, LEVEL], -MOST_DB, MOST_DB)
    return (
        np.ascontiguousarray(rows[:, :, 2:].transpose(1, 0, 2)),
        np.ascontiguousarray(semitones),
        np.ascontiguousarray(levels_db),
    )


def played(life: Life) -> Float64Array:
    """TAKES takes of one mode, one after another. Shape (TAKES * TAKE_FRAMES, 2 + L)."""
    mixing = np.array(life.mixing)
    takes = np.array(life.takes)[np.arange(TAKES) % len(life.takes)]
    rng = np.random.default_rng(SEED)
    bins = TAKE_FRAMES // 2 + 1
    shares = _shares()
    latents = np.zeros((TAKES, takes.shape[1], TAKE_FRAMES))
    # One latent after another, so that latent q of two modes has the same phases however many latents they have.
    for latent in range(takes.shape[1]):
        turns = rng.uniform(0.0, 2 * np.pi, (TAKES, bins))
        variance = takes[:, latent] ** 2 @ shares
        latents[:, latent] = np.fft.irfft(TAKE_FRAMES * np.sqrt(variance / 2) * np.exp(1j * turns), axis=1)
    mixed = latents.transpose(0, 2, 1) @ mixing
    return np.asarray(mixed.reshape(TAKES * TAKE_FRAMES, -1))


def _shares() -> Float64Array:
    """How the variance of each band is spread over the frequencies of a take. Shape (BANDS, TAKE_FRAMES // 2 + 1)."""
    edges_hz = np.array(band_edges_hz())
    hz = np.arange(TAKE_FRAMES // 2 + 1) * (FRAME_RATE_HZ / TAKE_FRAMES)
    shares = np.zeros((BANDS, len(hz)))
    for band, (low, high) in enumerate(pairwise(edges_hz)):
        inside = np.flatnonzero((hz >= low) & (hz < high))
        if not inside.size:  # A band may be narrower than the distance of two frequencies.
            inside = np.array([np.abs(hz - math.sqrt(low * high)).argmin()])
        shares[band, inside] = 1.0 / len(inside)
    return shares
