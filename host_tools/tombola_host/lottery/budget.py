"""How large a trimmed network may be, counted in parameters, multiply-adds or any other cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tombola_host.generators.units import Groups, Mask, Weights, shapes_left

Count = Callable[[Mapping[str, tuple[int, ...]]], float]
"""Cost of a network whose learned parameters have these shapes: parameter → shape."""


def parameters(shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Number of learned values."""
    return sum(math.prod(shape) for shape in shapes.values())


def multiply_adds(uses: Mapping[str, float]) -> Count:
    """Multiply-adds per second: each parameter's size times its uses per second; 0 for parameters not in ``uses``."""

    def count(shapes: Mapping[str, tuple[int, ...]]) -> float:
        return sum(math.prod(shape) * uses.get(name, 0.0) for name, shape in shapes.items())

    return count


@dataclass(frozen=True, slots=True)
class Budget:
    """The largest allowed cost.

    >>> Budget(most=1000).holds({"weight": (30, 30)}), Budget(most=800).holds({"weight": (30, 30)})
    (True, False)

    Args:
        most: The limit, in the unit of ``count``.
        count: The cost function.
    """

    most: float
    count: Count = parameters

    def holds(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether a network of these shapes is within the budget."""
        return self.count(shapes) <= self.most


def cost_left(groups: Groups, weights: Weights, mask: Mask, count: Count = parameters) -> float:
    """The cost of the network trimmed to a mask."""
    return count(shapes_left(groups, weights, mask))
