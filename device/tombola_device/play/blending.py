"""The blend of the modes: weights set by hand or MIDI, a morph through them, and offsets of control voltages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

from tombola_device.contract.controls import MAX_MODES, Float32Array
from tombola_device.contract.errors import ShapeError

Weights: TypeAlias = tuple[float, ...]
"""A blend: one weight per mode, each ≥ 0, sum 1. Shape (M,)."""


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

    Weights are plain numbers: for so few of them an array costs ten times the time, and they may change in each
    millisecond.

    >>> blending = Blending(3)
    >>> blending.morph(0.25)
    >>> blending.blend
    (0.5, 0.5, 0.0)
    >>> blending.add(2, 1.0)
    >>> blending.blend
    (0.25, 0.25, 0.5)
    """

    def __init__(self, modes: int) -> None:
        _check(modes)
        self._weights = self._begun = self._hand = self._blend = alone(0, modes)
        self._offsets = [0.0] * modes
        self._morph_offset = 0.0
        self._lean: Weights = ()

    @property
    def modes(self) -> int:
        """M."""
        return len(self._weights)

    @property
    def blend(self) -> Weights:
        """The blend, offsets included."""
        return self._blend

    @property
    def weights(self) -> Weights:
        """The weights as they were set, before normalisation, each 0 … 1: where the knobs stand."""
        return self._weights

    @property
    def hand(self) -> Weights:
        """The blend without offsets of control voltages."""
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
        given = tuple(map(float, weights))
        if len(given) != self.modes or not all(map(math.isfinite, given)):
            raise ShapeError(f"the blend is {given}; give {self.modes} finite weights")
        self._weights = tuple(max(weight, 0.0) for weight in given)
        self._settle()

    def set_weight(self, mode: int, weight: float) -> None:
        """Set the weight of one mode, 0 … 1, before normalisation; the other weights stay."""
        if 0 <= mode < self.modes:
            before, after = self._weights[:mode], self._weights[mode + 1 :]
            self._weights = (*before, min(max(float(weight), 0.0), 1.0), *after)
            self._settle()

    def morph(self, position: float) -> None:
        """Set the position between the first mode (0) and the last (1); between two modes both sound."""
        self._weights = _on_the_way(position, self.modes)
        self._settle()

    def add(self, mode: int, offset: float) -> None:
        """Set the offset of a control voltage to the weight of one mode, -1 … 1."""
        if 0 <= mode < self.modes and self._offsets[mode] != offset:
            self._offsets[mode] = min(max(float(offset), -1.0), 1.0)
            self._settle()

    def add_morph(self, offset: float) -> None:
        """Set the offset of a control voltage to the position between the modes, -1 … 1."""
        if offset != self._morph_offset:
            self._morph_offset = min(max(float(offset), -1.0), 1.0)
            self._settle()

    def lean(self, offsets: Weights) -> None:
        """Set what voltages at the knobs of words add to the weights, in sum 0. Shape (M,); (): nothing."""
        if offsets != self._lean:
            self._lean = offsets
            self._settle()

    def set_modes(self, modes: int, begins: Sequence[float] = ()) -> None:
        """Change the number of modes for another bundle; keep the weights of the modes that both have.

        Args:
            modes: M.
            begins: The bundle's own blend, in the place of weights that nobody has moved so far. Shape (M,) or ().

        Raises:
            ShapeError: ``modes`` is out of range.
        """
        _check(modes)
        untouched = self._weights == self._begun
        kept = tuple(begins) if begins and untouched else (*self._weights, *(0.0,) * modes)[:modes]
        self._weights = self._begun = kept if any(kept) else alone(0, modes)
        self._offsets, self._lean = [0.0] * modes, ()
        self._hand = alone(0, modes)
        self._settle()

    def _settle(self) -> None:
        if any(self._weights):
            self._hand = _normal(self._weights)
        blend, offsets = self._hand, self._offsets
        if self._lean:
            offsets = [offset + lean for offset, lean in zip(offsets, self._lean, strict=True)]
        if any(offsets):
            moved = tuple(max(weight + offset, 0.0) for weight, offset in zip(blend, offsets, strict=True))
            blend = _normal(moved) if any(moved) else blend
        if self._morph_offset:
            blend = _on_the_way(_place(blend) + self._morph_offset, self.modes)
        self._blend = blend


def alone(mode: int, modes: int) -> Weights:
    """The blend in which one mode sounds alone."""
    return (*(0.0,) * mode, 1.0, *(0.0,) * (modes - mode - 1))


def _check(modes: int) -> None:
    if not 1 <= modes <= MAX_MODES:
        raise ShapeError(f"{modes} modes are impossible; give 1 to {MAX_MODES}")


def _normal(weights: Weights) -> Weights:
    whole = sum(weights)
    return tuple(weight / whole for weight in weights)


def _place(blend: Weights) -> float:
    return sum(mode * weight for mode, weight in enumerate(blend)) / max(len(blend) - 1, 1)


def _on_the_way(position: float, modes: int) -> Weights:
    place = min(max(float(position), 0.0), 1.0) * (modes - 1)
    return tuple(max(1.0 - abs(mode - place), 0.0) for mode in range(modes))
