"""Where the player stands between the modes: weights, a morph through them, and what control voltages add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import MAX_MODES, Float32Array
from tombola_device.contract.errors import ShapeError


class Blending:
    """A point in the simplex of M modes.

    The weights are what hand and MIDI set; the offsets are what control voltages add, and take away again.

    Args:
        modes: M, 1 … MAX_MODES.

    Raises:
        ShapeError: More than there can be.
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
        """Where the player stands; another array after each change, never written. Shape (M,), ≥ 0, sum 1."""
        return self._blend

    @property
    def hand(self) -> Float32Array:
        """The same without what control voltages add. Shape (M,)."""
        return self._hand

    @property
    def hand_place(self) -> float:
        """Where that is on the way through the modes, 0 … 1."""
        return _place(self._hand)

    @property
    def place(self) -> float:
        """Where that is on the way through the modes, 0 … 1: the centre of the weights."""
        return _place(self._blend)

    def set(self, weights: Sequence[float] | Float32Array) -> None:
        """Weights of the modes, each ≥ 0, made to sum to 1; all zero changes nothing. Shape (M,).

        Raises:
            ShapeError: Not M finite weights.
        """
        given = np.asarray(weights, np.float32)
        if given.shape != (self.modes,) or not np.isfinite(given).all():
            raise ShapeError(f"a blend of shape {given.shape} was given; it takes {self.modes} finite weights")
        self._weights = np.maximum(given, 0.0)
        self._settle()

    def set_weight(self, mode: int, weight: float) -> None:
        """Weight of one mode, 0 … 1, beside what the others have."""
        if 0 <= mode < self.modes:
            self._weights = self._weights.copy()
            self._weights[mode] = min(max(float(weight), 0.0), 1.0)
            self._settle()

    def morph(self, position: float) -> None:
        """Walk through the modes in order: 0 is the first, 1 the last, between two both sound."""
        self._weights = _on_the_way(position, self.modes)
        self._settle()

    def add(self, mode: int, offset: float) -> None:
        """What a control voltage adds to the weight of one mode, -1 … 1."""
        if 0 <= mode < self.modes and self._offsets[mode] != np.float32(offset):
            self._offsets[mode] = min(max(float(offset), -1.0), 1.0)
            self._settle()

    def add_morph(self, offset: float) -> None:
        """What a control voltage adds to the place on the way through the modes, -1 … 1."""
        if offset != self._morph_offset:
            self._morph_offset = min(max(float(offset), -1.0), 1.0)
            self._settle()

    def set_modes(self, modes: int) -> None:
        """Another bundle: the weights are carried over as far as they go.

        Raises:
            ShapeError: More than there can be.
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
        raise ShapeError(f"{modes} modes; 1 to {MAX_MODES} are possible")


def _normal(weights: Float32Array) -> Float32Array:
    shares: Float32Array = (weights / weights.sum()).astype(np.float32)
    return shares


def _place(blend: Float32Array) -> float:
    return float(np.dot(blend, np.arange(len(blend))) / max(len(blend) - 1, 1))


def _on_the_way(position: float, modes: int) -> Float32Array:
    place = min(max(float(position), 0.0), 1.0) * (modes - 1)
    weights: Float32Array = np.maximum(1.0 - np.abs(np.arange(modes) - place), 0.0).astype(np.float32)
    return weights
