"""Controls on their way: blend, timbre and loudness follow their target, notes their glide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS, Controls, Float32Array, Float64Array
from tombola_device.contract.graph import TIMBRE
from tombola_device.contract.manifest import Mode
from tombola_device.engine.glide import Glide

GLIDE_S = 0.02
"""Blend, timbre and loudness follow their target with this time constant: a step of a MIDI controller does not zip.
It lies here and not in the player because only the engine knows the period that it is played in."""
SETTLING_PERIODS = 100
"""After 13 time constants what is left is below 1e-5 of the way: then the target is taken exactly."""
GLIDE_SHARE = 1.0 - math.exp(-1.0 / (GLIDE_S * FRAME_RATE_HZ))
"""Of the way that is left, what is gone in a period."""

_NOTE, _VELOCITY, _TIMBRE = (SCALAR_COLUMNS.index(name) for name in ("note", "velocity", "timbre_x"))
_AXES = len(TIMBRE)


class GlidingControls:
    """What of V voices' controls does not change with the sound itself, written into a graph's input.

    Args:
        modes: Those that the graph renders.
        columns: The graph's input ``controls``. Shape (V, 7 + M).
    """

    def __init__(self, modes: Sequence[Mode], columns: Float32Array) -> None:
        voices, count = len(columns), len(modes)
        self.moving = False
        """Whether ``follow`` has something to do."""
        self._points = [timbre_points(modes, axis) for axis in TIMBRE]
        # Columns: timbre X, Y, blend 1 … M (as they stand in the graph's controls), loudness offset.
        width = _AXES + count + 1
        self._target = np.zeros((voices, width), np.float32)
        self._glided = np.zeros((voices, width), np.float32)
        self._step = np.zeros((voices, width), np.float32)
        self._unsettled = 0
        self._position = b""
        self._latents = np.zeros((voices, count, _AXES), np.float32)
        self._glide_to = Glide(voices)
        # Views are made once: in the audio loop a slice costs half as much as the call that it is made for.
        target, glided = self._target, self._glided
        self._note, self._velocity = columns[:, _NOTE], columns[:, _VELOCITY]
        self._moving = columns[:, _TIMBRE:]
        self._target_timbre_rows, self._target_offset = target[:, None, :_AXES], target[:, -1]
        self._target_blend = target[:, _AXES : _AXES + count]
        self._blend_rows = self._target_blend[:, None, :]
        self._glided_columns, self._glided_levels = glided[:, :-1], glided[:, _AXES:]
        self._share = np.float32(GLIDE_SHARE)

    def take(self, controls: Controls, blend: Float32Array, sounding: list[bool]) -> None:
        """A new frame: where all goes.

        Args:
            controls: The frame.
            blend: Its weights of the graph's modes. Shape (V, M).
            sounding: The voices that glide to their note; the others are there at once.

        Real time: audio thread.
        """
        np.copyto(self._velocity, controls.velocity)
        np.copyto(self._target_blend, blend)
        position = controls.timbre.tobytes()
        if position != self._position:
            self._position = position
            for axis, points in enumerate(self._points):
                self._latents[:, :, axis] = between(points, controls.timbre[:, axis])
        np.matmul(self._blend_rows, self._latents, out=self._target_timbre_rows)
        np.copyto(self._target_offset, controls.loudness_db)
        self._unsettled, self.moving = SETTLING_PERIODS, True
        self._glide_to.take(controls, sounding)

    def settle(self, voice: int) -> None:
        """Nothing is heard of the voice that could zip: it begins where it should be."""
        self._glided[voice] = self._target[voice]

    def follow(self) -> tuple[list[float], list[list[float]]]:
        """Move a step towards the target, and at the end exactly onto it: one period on.

        Returns:
            Note of each voice; weight of each mode and then what is added to the level, dB, of each voice.

        Real time: audio thread.
        """
        self._unsettled = max(self._unsettled - 1, 0)
        if self._unsettled:
            np.subtract(self._target, self._glided, out=self._step)
            self._step *= self._share
            self._glided += self._step
        else:
            np.copyto(self._glided, self._target)
        self._glide_to.advance(self._note)
        np.copyto(self._moving, self._glided_columns)
        self.moving = self._unsettled > 0 or self._glide_to.moving
        return self._note.tolist(), self._glided_levels.tolist()


def timbre_points(modes: Sequence[Mode], axis: str) -> Float64Array:
    """Lowest, default and highest latent of each mode. Shape (M, 3)."""
    return np.array([mode.controls.get(axis, (0.0, 0.0, 0.0)) for mode in modes], np.float64)


def between(points: Float64Array, position: Float32Array) -> Float64Array:
    """Latents at 0 … 1, with the default at 0.5. (M, 3), (V,) → (V, M)."""
    low, middle, high = points.T
    side = 2.0 * position[:, None] - 1.0
    latents: Float64Array = middle + np.where(side < 0, low - middle, high - middle) * np.abs(side)
    return latents
