"""Portamento: a sounding voice moves to its new note in a straight line of semitones; the glide time is constant."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, Controls, Float32Array


class Glide:
    """The notes of V voices while they glide.

    Args:
        voices: V.
    """

    def __init__(self, voices: int) -> None:
        self.moving = False
        """Whether any voice is gliding."""
        self._now = np.zeros(voices, np.float32)
        self._target = np.zeros(voices, np.float32)
        self._bend = np.zeros(voices, np.float32)
        self._step = np.zeros(voices, np.float32)
        self._left = [0] * voices
        self._notes = b""

    def take(self, controls: Controls, sounding: list[bool]) -> None:
        """Read a new frame. A voice that is silent, or does not glide, jumps to its note.

        Real time: audio thread.
        """
        np.copyto(self._bend, controls.bend_semitones)
        notes = controls.note.tobytes()
        if notes == self._notes:
            return
        self._notes = notes
        for voice, (note, before, glide_s) in enumerate(
            zip(controls.note.tolist(), self._target.tolist(), controls.glide_s.tolist(), strict=True)
        ):
            if note == before:
                continue
            frames = round(glide_s * FRAME_RATE_HZ) if sounding[voice] else 0
            self._left[voice] = frames
            if frames:
                self._step[voice] = (note - self._now[voice]) / frames
            else:
                self._now[voice], self._step[voice] = note, 0.0
        np.copyto(self._target, controls.note)
        self.moving = any(self._left)

    def settle(self, voice: int) -> None:
        """Jump a silent voice to its note: the glide that it ended in is over."""
        self._now[voice], self._step[voice], self._left[voice] = self._target[voice], 0.0, 0

    def advance(self, note: Float32Array) -> None:
        """Advance by one period, and write the pitch of each voice, bend included, into ``note``. Shape (V,).

        Real time: audio thread.
        """
        if self.moving:
            self._now += self._step
            for voice, left in enumerate(self._left):
                if left == 1:  # The last step lands exactly on the target: rounding errors have added up.
                    self._now[voice], self._step[voice] = self._target[voice], 0.0
                self._left[voice] = max(left - 1, 0)
            self.moving = any(self._left)
        np.add(self._now, self._bend, out=note)
