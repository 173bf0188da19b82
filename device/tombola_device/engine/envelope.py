"""How loud each voice is asked to be: the envelopes of the modes, blended, with velocity, release and retrigger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB, BoolArray, Float32Array
from tombola_device.contract.manifest import KEYTRACK_NOTE, Mode

Float64Array = npt.NDArray[np.float64]

MAX_ENVELOPE_S = 60.0
"""What a table says after that is not read: it goes on at its decay."""
ONSET_FLOOR_DB = -60.0
"""A slow attack begins here at the latest, so that the first sound leaves within the first period."""
CARRY_DB_PER_S = -300.0
"""A retriggered voice falls from where it was at this rate until its new attack is louder: 60 dB in 0.2 s, fast
enough not to be taken for the new note and slow enough not to be a gap."""
CHOKED_DB = -1000.0


class Envelopes:
    """The level of V voices over M modes, one step per period.

    Args:
        modes: Whose envelopes they are.
        voices: V.
    """

    def __init__(self, modes: Sequence[Mode], voices: int) -> None:
        self.level_db: Float64Array = np.full(voices, SILENCE_DB)
        """Level of each voice in the period of the last ``advance``; SILENCE_DB … 0. Shape (V,)."""
        self._table, self._decay = _tables(modes)
        fall_db_per_s = [min(mode.envelope.release_db_per_s, mode.envelope.decay_db_per_s) for mode in modes]
        # One product with the blend for all that is linear in it: velocity dB, fall per frame, octaves per semitone.
        self._linear = np.array(
            [
                [mode.envelope.velocity_db for mode in modes],
                [value / FRAME_RATE_HZ for value in fall_db_per_s],
                [mode.envelope.keytrack / 12.0 for mode in modes],
            ]
        ).T
        self._blended = np.zeros((voices, 3))
        self._velocity_db, self._fall, self._octaves = self._blended.T
        self._last_frame = len(self._table) - 1
        self._scratch = np.zeros(voices)
        self._time = np.zeros(voices)
        self._rate = np.ones(voices)
        self._frames = np.zeros(voices, np.int64)
        self._release_db = np.full(voices, CHOKED_DB)
        self._carry_db = np.full(voices, CHOKED_DB)
        self._blend = np.zeros((voices, len(modes)))
        self._fixed_db = np.zeros(voices)
        self._step_db = np.zeros(voices)
        self._by_mode = np.zeros((voices, len(modes)))
        self._beyond = np.zeros((voices, 1), np.int64)

    def start(self, voice: int) -> None:
        """A note begins: the table is read from its start, and the voice goes on from the level it has."""
        self._time[voice] = 0.0
        self._release_db[voice] = 0.0
        self._carry_db[voice] = self.level_db[voice] if self.level_db[voice] > SILENCE_DB else CHOKED_DB

    def choke(self, voice: int) -> None:
        """Silence within one period."""
        self._release_db[voice] = self._carry_db[voice] = CHOKED_DB

    def play(
        self, gate: BoolArray, velocity: Float32Array, blend: Float32Array, offset_db: Float32Array, note: Float32Array
    ) -> None:
        """Take what holds until the next call.

        Args:
            gate: Shape (V,).
            velocity: 0 … 1. Shape (V,).
            blend: Shape (V, M).
            offset_db: Added to every level. Shape (V,).
            note: MIDI note number. Shape (V,).

        Real time: audio thread.
        """
        rate, fixed = self._rate, self._fixed_db
        np.copyto(self._blend, blend)
        np.matmul(self._blend, self._linear, out=self._blended)
        np.subtract(velocity, 1.0, out=fixed)
        fixed *= self._velocity_db
        fixed += offset_db
        # A released voice stays where its envelope was and falls from there.
        np.subtract(1.0, gate, out=self._step_db)
        self._step_db *= self._fall
        np.subtract(note, KEYTRACK_NOTE, out=self._scratch)
        self._scratch *= self._octaves
        np.exp2(self._scratch, out=rate)
        rate *= gate

    def advance(self) -> None:
        """One period on: compute ``level_db``.

        Real time: audio thread.
        """
        by_mode, level = self._by_mode, self.level_db
        np.copyto(self._frames, self._time, "unsafe")
        self._table.take(self._frames, 0, by_mode, "clip")
        if np.maximum.reduce(self._frames) > self._last_frame:
            np.subtract(self._frames, self._last_frame, out=self._beyond[:, 0])
            np.maximum(self._beyond, 0, out=self._beyond)
            by_mode += self._beyond * self._decay
            # A mode that died long ago counts as silent, not as minus infinity, when the blend comes back to another.
            np.maximum(by_mode, SILENCE_DB, out=by_mode)
        by_mode *= self._blend
        np.add.reduce(by_mode, axis=1, out=level)
        level += self._fixed_db
        self._release_db += self._step_db
        level += self._release_db
        np.maximum(level, self._carry_db, out=level)
        np.maximum(level, SILENCE_DB, out=level)
        np.minimum(level, 0.0, out=level)
        self._carry_db += CARRY_DB_PER_S / FRAME_RATE_HZ
        self._time += self._rate


def _tables(modes: Sequence[Mode]) -> tuple[Float64Array, Float64Array]:
    """Every mode's envelope at each frame, (F, M), and its decay in dB per frame, (M,)."""
    longest_s = min(max(mode.envelope.time_s[-1] for mode in modes), MAX_ENVELOPE_S)
    time_s = np.arange(int(np.ceil(longest_s * FRAME_RATE_HZ)) + 1) / FRAME_RATE_HZ
    columns = []
    for mode in modes:
        envelope = mode.envelope
        level_db = np.interp(time_s, envelope.time_s, envelope.level_db)
        level_db += np.maximum(time_s - envelope.time_s[-1], 0.0) * envelope.decay_db_per_s
        level_db[0] = max(level_db[0], ONSET_FLOOR_DB)
        columns.append(np.maximum(level_db, SILENCE_DB))
    return np.stack(columns, axis=1), np.array([mode.envelope.decay_db_per_s for mode in modes]) / FRAME_RATE_HZ
