"""How much of a network may be left: counted in parameters, multiply-adds, or whatever a count can be had of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tombola_host.generators.units import Groups, Mask, Weights, shapes_left

Count = Callable[[Mapping[str, tuple[int, ...]]], float]
"""What a network of these learned shapes costs: parameter → shape."""


def parameters(shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Learned numbers."""
    return sum(math.prod(shape) for shape in shapes.values())


def multiply_adds(uses: Mapping[str, float]) -> Count:
    """Multiply-adds a second: each parameter times how often a second it is used, 0 where ``uses`` does not say."""

    def count(shapes: Mapping[str, tuple[int, ...]]) -> float:
        return sum(math.prod(shape) * uses.get(name, 0.0) for name, shape in shapes.items())

    return count


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be left.

    >>> Budget(most=1000).holds({"weight": (30, 30)}), Budget(most=800).holds({"weight": (30, 30)})
    (True, False)

    Args:
        most: In the count's unit.
        count: What is counted.
    """

    most: float
    count: Count = parameters

    def holds(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether a network of these shapes keeps within it."""
        return self.count(shapes) <= self.most


def cost_left(groups: Groups, weights: Weights, mask: Mask, count: Count = parameters) -> float:
    """What the network trimmed to a mask costs."""
    return count(shapes_left(groups, weights, mask))
