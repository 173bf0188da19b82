"""The blend of the modes: weights set by hand or MIDI, a morph through them, and offsets of control voltages."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from tombola_device.contract.controls import MAX_MODES, Float32Array
from tombola_device.contract.errors import ShapeError


class BlendMode(Enum):
    """Whether keys share one blend.

    TOGETHER  all keys follow the current blend
    HELD      each key keeps the blend of its note-on, so the keys of one chord can sound different
    TURNS     each note-on plays the next single mode in turn
    """

    TOGETHER = "together"
    HELD = "held"
    TURNS = "turns"


class Blending:
    """The blend of M modes: one weight per mode, each ≥ 0, sum 1.

    Hand and MIDI set the weights. Control voltages add offsets and can remove them again.

    Args:
        modes: M, 1 … MAX_MODES.

    Raises:
        ShapeError: ``modes`` is out of range.

    >>> blending = Blending(3)
    >>> blending.morph(0.25)
    >>> blending.blend
    array([0.5, 0.5, 0. ], dtype=float32)
    >>> blending.add(2, 1.0)
    >>> blending.blend
    array([0.25, 0.25, 0.5 ], dtype=float32)
    """

    def __init__(self, modes: int) -> None:
        _check(modes)
        self._weights: Float32Array = np.eye(1, modes, dtype=np.float32)[0]
        self._offsets: Float32Array = np.zeros(modes, np.float32)
        self._morph_offset = 0.0
        self._hand: Float32Array = self._weights.copy()
        self._blend: Float32Array = self._weights.copy()

    @property
    def modes(self) -> int:
        """M."""
        return len(self._weights)

    @property
    def blend(self) -> Float32Array:
        """The blend, offsets included. Each change makes a new array. Shape (M,), ≥ 0, sum 1."""
        return self._blend

    @property
    def hand(self) -> Float32Array:
        """The blend without offsets of control voltages. Shape (M,)."""
        return self._hand

    @property
    def hand_place(self) -> float:
        """Position of ``hand`` between the first mode (0) and the last (1)."""
        return _place(self._hand)

    @property
    def place(self) -> float:
        """Position of ``blend`` between the first mode (0) and the last (1): the mean of its weights."""
        return _place(self._blend)

    def set(self, weights: Sequence[float] | Float32Array) -> None:
        """Set all weights; they are normalised to sum 1. All zeros: no change.

        Args:
            weights: Each ≥ 0. Shape (M,).

        Raises:
            ShapeError: ``weights`` are not M finite numbers.
        """
        given = np.asarray(weights, np.float32)
        if given.shape != (self.modes,) or not np.isfinite(given).all():
            raise ShapeError(f"the blend has shape {given.shape}; give {self.modes} finite weights")
        self._weights = np.maximum(given, 0.0)
        self._settle()

    def set_weight(self, mode: int, weight: float) -> None:
        """Set the weight of one mode, 0 … 1, before normalisation; the other weights stay."""
        if 0 <= mode < self.modes:
            self._weights = self._weights.copy()
            self._weights[mode] = min(max(float(weight), 0.0), 1.0)
            self._settle()

    def morph(self, position: float) -> None:
        """Set the position between the first mode (0) and the last (1); between two modes both sound."""
        self._weights = _on_the_way(position, self.modes)
        self._settle()

    def add(self, mode: int, offset: float) -> None:
        """Set the offset of a control voltage to the weight of one mode, -1 … 1."""
        if 0 <= mode < self.modes and self._offsets[mode] != np.float32(offset):
            self._offsets[mode] = min(max(float(offset), -1.0), 1.0)
            self._settle()

    def add_morph(self, offset: float) -> None:
        """Set the offset of a control voltage to the position between the modes, -1 … 1."""
        if offset != self._morph_offset:
            self._morph_offset = min(max(float(offset), -1.0), 1.0)
            self._settle()

    def set_modes(self, modes: int) -> None:
        """Change the number of modes for another bundle; keep the weights of the modes that both have.

        Raises:
            ShapeError: ``modes`` is out of range.
        """
        _check(modes)
        kept = np.zeros(modes, np.float32)
        shared = min(modes, self.modes)
        kept[:shared] = self._weights[:shared]
        self._weights = kept if kept.sum() > 0 else np.eye(1, modes, dtype=np.float32)[0]
        self._offsets = np.zeros(modes, np.float32)
        self._hand = np.eye(1, modes, dtype=np.float32)[0]
        self._settle()

    def _settle(self) -> None:
        if self._weights.any():
            self._hand = _normal(self._weights)
        blend = self._hand
        if self._offsets.any():
            moved = np.maximum(blend + self._offsets, 0.0).astype(np.float32)
            blend = _normal(moved) if moved.any() else blend
        if self._morph_offset:
            blend = _on_the_way(_place(blend) + self._morph_offset, self.modes)
        self._blend = blend


def _check(modes: int) -> None:
    if not 1 <= modes <= MAX_MODES:
        raise ShapeError(f"{modes} modes are impossible; give 1 to {MAX_MODES}")


def _normal(weights: Float32Array) -> Float32Array:
    shares: Float32Array = (weights / weights.sum()).astype(np.float32)
    return shares


def _place(blend: Float32Array) -> float:
    return float(np.dot(blend, np.arange(len(blend))) / max(len(blend) - 1, 1))


def _on_the_way(position: float, modes: int) -> Float32Array:
    place = min(max(float(position), 0.0), 1.0) * (modes - 1)
    weights: Float32Array = np.maximum(1.0 - np.abs(np.arange(modes) - place), 0.0).astype(np.float32)
    return weights
