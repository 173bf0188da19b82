"""What a criterion is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from tombola_host.generators.units import UnitGroup, Weights

Scores = dict[str, Tensor]
"""Group name → score per unit, higher is kept. Shape (U,)."""


class Criterion(Protocol):
    """Scores the units of a trained network."""

    def __call__(self, groups: tuple[UnitGroup, ...], weights: Weights) -> Scores:
        """One score per unit of every group; comparable between groups."""
