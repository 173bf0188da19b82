"""Smoothed controls: blend, timbre and loudness follow their targets; notes follow their glides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS, Controls, Float32Array, Float64Array
from tombola_device.contract.graph import TIMBRE
from tombola_device.contract.manifest import Mode
from tombola_device.engine.glide import Glide

GLIDE_S = 0.02
"""Time constant with which blend, timbre and loudness follow their targets, so that a step of a MIDI controller does
not click. The smoothing is done here and not in the player, because only the engine knows when each period is
played."""
SETTLING_PERIODS = 100
"""After this many periods (13 time constants) less than 1e-5 of the way is left, and the value jumps to its target."""
GLIDE_SHARE = 1.0 - math.exp(-1.0 / (GLIDE_S * FRAME_RATE_HZ))
"""The fraction of the remaining way that one period covers."""

_NOTE, _VELOCITY, _TIMBRE = (SCALAR_COLUMNS.index(name) for name in ("note", "velocity", "timbre_x"))
_AXES = len(TIMBRE)


class GlidingControls:
    """Writes the smoothed controls of V voices into a graph's input.

    Args:
        modes: The modes that the graph renders.
        columns: The graph's input ``controls``. Shape (V, 7 + M).
    """

    def __init__(self, modes: Sequence[Mode], columns: Float32Array) -> None:
        voices, count = len(columns), len(modes)
        self.moving = False
        """Whether ``follow`` has anything to move."""
        self._points = [timbre_points(modes, axis) for axis in TIMBRE]
        # Columns: timbre X, timbre Y, blend 1 … M (in the order of the graph's controls), loudness offset.
        width = _AXES + count + 1
        self._target = np.zeros((voices, width), np.float32)
        self._glided = np.zeros((voices, width), np.float32)
        self._step = np.zeros((voices, width), np.float32)
        self._unsettled = 0
        self._position = b""
        self._latents = np.zeros((voices, count, _AXES), np.float32)
        self._glide_to = Glide(voices)
        # Views are made once: in the audio loop, slicing costs half as much as the numpy call that uses the slice.
        target, glided = self._target, self._glided
        self._note, self._velocity = columns[:, _NOTE], columns[:, _VELOCITY]
        self._moving = columns[:, _TIMBRE:]
        self._target_timbre_rows, self._target_offset = target[:, None, :_AXES], target[:, -1]
        self._target_blend = target[:, _AXES : _AXES + count]
        self._blend_rows = self._target_blend[:, None, :]
        self._glided_columns, self._glided_levels = glided[:, :-1], glided[:, _AXES:]
        self._share = np.float32(GLIDE_SHARE)

    def take(self, controls: Controls, blend: Float32Array, sounding: list[bool]) -> None:
        """Read a new frame: set the targets.

        Args:
            controls: The frame.
            blend: The frame's weights of the graph's modes. Shape (V, M).
            sounding: The voices that glide to their note; the others jump.

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
        """Jump a silent voice to its targets: no click can be heard."""
        self._glided[voice] = self._target[voice]
        self._glide_to.settle(voice)

    def follow(self) -> tuple[list[float], list[list[float]]]:
        """Advance by one period towards the targets; the last step lands exactly on them.

        Returns:
            The note of each voice; for each voice, the weights of the modes, then the level offset in dB.

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
    """Latents at positions 0 … 1; 0.5 is the default. (M, 3), (V,) → (V, M)."""
    low, middle, high = points.T
    side = 2.0 * position[:, None] - 1.0
    latents: Float64Array = middle + np.where(side < 0, low - middle, high - middle) * np.abs(side)
    return latents


def position_of(points: Sequence[float], latent: float) -> float:
    """The position 0 … 1 that gives a latent, or comes nearest to it: the inverse of ``between``.

    Args:
        points: Lowest, default and highest latent.

    >>> position_of((-1.0, 0.5, 1.0), 0.75), position_of((-1.0, 0.5, 1.0), 7.0), position_of((0.0, 0.0, 0.0), 1.0)
    (0.75, 1.0, 0.5)
    """
    low, middle, high = points
    end, sign = (high, 1.0) if latent > middle else (low, -1.0)
    share = (latent - middle) / (end - middle) if end != middle else 0.0
    return 0.5 + 0.5 * sign * min(share, 1.0)
