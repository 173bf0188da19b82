"""Life: what makes a held note move as the recordings of its mode moved.

The process of each mode (``contract.life``) is played into tables once, when a bundle is loaded (``life_tables``). In
each period a voice reads one row of them: of the recording whose attack its strike drew, or from a place that each
strike draws anew. So that a blend of two modes moves as much as either and not less, modes of noise alone share the
random phases; courses of recordings have nothing in common, and are mixed with equal power.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Final

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, Controls, Float32Array
from tombola_device.contract.graph import SHADE_DB, SHADES
from tombola_device.contract.life import COURSE_AGAIN, COURSE_ENDS, COURSE_FROM
from tombola_device.contract.manifest import Mode
from tombola_device.engine.attack import AttackFeed
from tombola_device.engine.life_tables import SEED, TAKE_FRAMES, TAKES, Table, furthest, tables
from tombola_device.engine.motion import Motion, MovedVoice
from tombola_device.engine.numbers import numbers

NEAR: Final = 1
"""A strike draws among so many takes on both sides of the nearest one."""
LATE: Final = 12
"""A strike enters a course up to so many frames late, 32 ms: two strikes that follow one recording are not alike."""
LATEST: Final = 128
"""The same of a course of ``Life.courses``, which does not go on from an attack: 0.34 s."""
GROWTH_FRAMES: Final = 8
"""Life grows in steps of this length, 21 ms."""
_STATIC: Final = len(SHADES)
_FLOAT: Final = struct.Struct("f")
_DYNAMICS: Final = SHADES.index("dynamics")
_Alone = tuple[memoryview, list[bytes], list[float], list[float]]
"""What moves a voice in one mode alone: where its directions are written, their rows, factors of pace and amplitude."""


class LifeFeed:
    """Writes the shade of V voices, and moves their pace and amplitude.

    In each period: held for two, motion of 12 to 60 Hz has images 187 Hz beside each partial, louder than a flute's
    noise.

    Args:
        modes: The M modes that the graph renders.
        shade: The graph's input. Shape (V, M * 3 + M * L + S): SHADES of each mode, then L directions of life of each.
        controls: The graph's columns; X, Y and the blend of the M modes stand at the end. Shape (V, C + M).
        motion: Pace and amplitude of the voices.
        strikes: How many directions all modes share, S; the last of the shade.
    """

    def __init__(
        self, modes: Sequence[Mode], shade: Float32Array, controls: Float32Array, motion: Motion, strikes: int = 0
    ) -> None:
        voices, count = len(shade), len(modes)
        split = count * _STATIC
        living = (shade.shape[1] - strikes) // count - _STATIC
        end = shade.shape[1] - strikes
        self._follows = [mode.life is not None and mode.life.follows for mode in modes]
        # Notes that follow recordings move in the directions that all modes share, else in those of each mode.
        shared = any(self._follows)
        moved = shade[:, end:] if shared else shade[:, split:end]
        self._tables = tables(modes, strikes if shared else living)
        self._mix: Callable[..., object] = np.dot if shared else np.multiply
        self._living = 1 if shared else living
        self._unmoved = bytes(4 * self._living)
        self._grown = [max(1, math.ceil(mode.life.onset_s * FRAME_RATE_HZ)) if mode.life else 1 for mode in modes]
        self._growing = max(self._grown) + GROWTH_FRAMES
        # Views are made once: in the audio loop, slicing costs half as much as the numpy call that uses the slice.
        self._timbre, self._blend = controls[:, -count - 2 : -count], controls[:, -count:]
        self._blend_columns = self._blend[:, :, None]
        self._static = shade[:, :split].reshape(voices, count, _STATIC)
        self._shades = np.zeros((voices, 1, _STATIC), np.float32)
        self._shades_timbre, self._shade_numbers = self._shades[:, 0, :2], numbers(self._shades)
        self._amounts = [0.0] * voices
        self._voices = [
            _Voice(index, voice, row, self._tables, shared=shared)
            for index, (voice, row) in enumerate(zip(motion.voices, moved, strict=True))
        ]
        self._draws, self._ranges = SEED, [mode.note_range for mode in modes]
        self._told: Controls | None = None
        self._has_life = any(mode.life for mode in modes)
        lives = [mode.life for mode in modes]
        self._attack: AttackFeed | None = None
        if self._has_life and any(life.attacks for life in lives if life):
            own = None if shared else shade[:, split:end].reshape(voices, count, living)
            self._attack = AttackFeed(lives, shade, own, motion.voices)
        self._shares = [voice.shares for voice in self._voices]
        self._recorded = [bool(life and (life.courses or life.follows)) for life in lives]
        self._turns = [_turn(mode, follow=follow) for mode, follow in zip(modes, self._follows, strict=True)]
        self._alike = [not recorded for recorded in self._recorded]

    def take(self, controls: Controls) -> None:
        """Read a new frame. Audio thread."""
        self._amounts, self._told = controls.life.tolist(), controls

    def begin(self, voice: int) -> None:
        """Begin a note: draw one of the takes of notes near it, and a place in it. Audio thread."""
        # The generator of Numerical Recipes; its high bits are random enough to choose a place.
        self._draws = (self._draws * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        drawn = self._draws >> 8
        one = self._voices[voice]
        told = self._told
        note, velocity = (0.0, 1.0) if told is None else (float(told.note[voice]), float(told.velocity[voice]))
        mode = one.blend.index(max(one.blend))
        struck = [0] * len(one.blend) if self._attack is None else self._attack.begin(voice, note, velocity)
        take, at = self._nearest(mode, note), drawn % LATE
        if not self._recorded[mode]:
            take, at = take + drawn % (2 * NEAR + 1) - NEAR, drawn // (2 * NEAR + 1)
            take = abs(take) if take < TAKES else 2 * (TAKES - 1) - take
        elif not self._follows[mode]:  # The recording that begins goes on.
            near = note if self._attack is None else self._attack.note_of(mode, struck[mode], note)
            take, at = self._nearest(mode, near), drawn % LATEST - COURSE_FROM - 1
        takes = [own if follow else take for own, follow in zip(struck, self._follows, strict=True)]
        one.follow(self._tables, takes)
        one.at = at % TAKE_FRAMES
        one.end, one.again = self._turns[mode]
        one.age = 0
        self._weigh(one)

    def furthest(self, mode: int) -> list[tuple[int, int]]:
        """The takes and periods in which a mode moves its notes furthest."""
        return furthest(self._tables[mode])

    def leap(self, voice: int, take: int, period: int) -> None:
        """Go on from a period of a take, as if the note had sounded for long."""
        one = self._voices[voice]
        one.follow(self._tables, [min(take, len(table.rows) - 1) for table in self._tables])
        one.at, one.end, one.again, one.age = period - 1, TAKE_FRAMES, 0, self._growing
        self._weigh(one)

    def _nearest(self, mode: int, note: float) -> int:
        """The take of the recording nearest to a note: takes rise over the range of a mode."""
        lowest, highest = self._ranges[mode]
        share = (note - lowest) / max(highest - lowest, 1.0)
        return round(min(max(0.0, share), 1.0) * (TAKES - 1))  # In this order NaN gives 0.

    def place(self, louder_db: Sequence[float]) -> None:
        """Controls have moved: write the directions that the player moves, and weigh the life of the modes.

        Args:
            louder_db: How much louder each voice is played than the recordings of its modes. Shape (V,).

        Real time: audio thread.
        """
        np.copyto(self._shades_timbre, self._timbre)
        shades, at = self._shade_numbers, _DYNAMICS
        for decibels in louder_db:
            shades[at] = decibels
            shades[at] /= SHADE_DB
            at += _STATIC
        np.multiply(self._blend_columns, self._shades, out=self._static)
        if self._has_life:
            for voice, blend in zip(self._voices, self._blend.tolist(), strict=True):
                if blend != voice.blend:
                    voice.blend, voice.evened = blend, self._evened(blend)
                self._weigh(voice)

    def _evened(self, blend: Sequence[float]) -> float:
        """What makes the motions of a blend, which have nothing in common, as large together as those of one mode."""
        # All in C: a loop over four modes would cost each voice 500 instructions more.
        together = math.hypot(sum(compress(blend, self._alike)), *compress(blend, self._recorded))
        return sum(blend) / together if together else 1.0

    def advance(self, voices: int) -> None:
        """Advance the first voices by one period: write their life, and their factors of pace and amplitude.

        Real time: audio thread.
        """
        growing = self._growing
        for voice in self._voices[:voices]:
            if voice.age < growing:
                voice.age += 1
                if voice.age % GROWTH_FRAMES == 0:
                    self._weigh(voice)
            if not voice.moves:
                continue
            at = voice.at + 1
            voice.at = at = at if at < voice.end else voice.again
            if voice.alone is not None:
                living, rows, bent, gained = voice.alone
                living[:] = rows[at]
                voice.moved.bend, voice.moved.gain = bent[at], gained[at]
                continue
            voice.row_bytes[:] = b"".join([rows[at] for rows in voice.rows])
            self._mix(voice.weights, voice.row, voice.living)
            bend = gain = 1.0
            for mode, weight in voice.moves:
                bend *= voice.bent[mode][at] ** weight
                gain *= voice.gained[mode][at] ** weight
            voice.moved.bend, voice.moved.gain = bend, gain
        attack = self._attack
        if attack is not None and attack.striking:
            attack.advance(voices, self._shares)

    def _weigh(self, voice: _Voice) -> None:
        """The weight of each mode's life in a voice: blend, amount, and growth since the onset."""
        age, amount = voice.age, self._amounts[voice.index]
        moves = voice.moves = []
        voice.shares.clear()
        weights: list[bytes] = []
        for weight in voice.blend:
            share = weight * amount
            if share:
                voice.shares.append((len(weights), share))
                share *= voice.evened
                grown = self._grown[len(weights)]
                if age < grown:
                    share *= age / grown
                moves.append((len(weights), share))
                weights.append(_FLOAT.pack(share) * self._living)
            else:
                weights.append(self._unmoved)
        voice.weight_bytes[:] = b"".join(weights)
        voice.alone = None
        if len(moves) < 2:  # What another mode left behind would stay.
            voice.living[:] = 0.0
            voice.moved.bend = voice.moved.gain = 1.0
        if len(moves) == 1 and moves[0][1] == 1.0:
            # One mode alone: a copy costs a tenth of a product.
            mode = moves[0][0]
            voice.alone = voice.own_bytes[mode], voice.rows[mode], voice.bent[mode], voice.gained[mode]


def _turn(mode: Mode, *, follow: bool) -> tuple[int, int]:
    """Where the takes of a mode end, and where they go on then."""
    if not follow:
        return TAKE_FRAMES, 0
    dies = mode.envelope is not None and mode.envelope.decay_db_per_s < 0
    return COURSE_ENDS, COURSE_ENDS - 1 if dies else COURSE_AGAIN


class _Voice:
    """The life of one voice.

    Args:
        index: Its row in the graph.
        moved: Its pace and amplitude.
        living: Its directions in the shade: those of each mode's life side by side, or those that all modes share.
        tables: Of the M modes.
        shared: Which of the two.
    """

    __slots__ = (
        "again",
        "age",
        "alone",
        "at",
        "bent",
        "blend",
        "end",
        "evened",
        "gained",
        "index",
        "living",
        "moved",
        "moves",
        "own_bytes",
        "row",
        "row_bytes",
        "rows",
        "shares",
        "weight_bytes",
        "weights",
    )

    def __init__(
        self, index: int, moved: MovedVoice, living: Float32Array, tables: Sequence[Table], *, shared: bool
    ) -> None:
        self.index, self.moved, self.living = index, moved, living
        owns = [living] * len(tables) if shared else living.reshape(len(tables), -1)
        self.own_bytes = [own.view(np.uint8).data for own in owns]
        self.row = np.zeros((len(tables), len(living)) if shared else len(living), np.float32)
        self.weights = np.zeros(len(tables) if shared else len(living), np.float32)
        self.row_bytes, self.weight_bytes = self.row.reshape(-1).view(np.uint8).data, self.weights.view(np.uint8).data
        self.at, self.end, self.again, self.age = 0, TAKE_FRAMES, 0, 0
        """The period of its takes, where they end, and where they go on then."""
        self.blend, self.evened = [0.0] * len(tables), 1.0
        self.moves: list[tuple[int, float]] = []
        """Each mode that moves the voice, and its weight."""
        self.shares: list[tuple[int, float]] = []
        """Each mode that the voice plays, and how much its life counts when it is grown."""
        self.alone: _Alone | None = None
        self.follow(tables, [0] * len(tables))

    def follow(self, tables: Sequence[Table], takes: Sequence[int]) -> None:
        """Follow a take of each mode."""
        self.rows = [table.rows[take] for table, take in zip(tables, takes, strict=True)]
        self.bent = [table.bent[take] for table, take in zip(tables, takes, strict=True)]
        self.gained = [table.gained[take] for table, take in zip(tables, takes, strict=True)]
