"""What is laid of a net, and the sizes of what is laid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

TRACK_MM: Final = 0.2
VIA_MM: Final = 0.6
VIA_DRILL_MM: Final = 0.3
COPPER: Final = ("F.Cu", "In1.Cu", "In2.Cu", "B.Cu")
Track: TypeAlias = tuple[str, float, float, float, float]
"""Layer, then x and y of either end, in mm."""


@dataclass(frozen=True, slots=True)
class Laid:
    """One net.

    Args:
        tracks: Layer, then x and y of either end, in mm.
        vias: x and y, in mm.
    """

    tracks: tuple[Track, ...]
    vias: tuple[tuple[float, float], ...]
