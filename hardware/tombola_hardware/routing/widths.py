"""Make the tracks of supplies as wide as their neighbours let them be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from tombola_hardware.routing.copper import EVERY_LAYER, Copper, around
from tombola_hardware.routing.grid import CLEAR_MM, Box, Pad
from tombola_hardware.routing.laid import COPPER, TRACK_MM, Laid, Track

MOST_MM: Final = 1.0
SAFE_MM: Final = 0.01
Widths: TypeAlias = dict[tuple[str, Track], float]


def widened(
    nets: Mapping[str, Laid], wide: Iterable[str], pads: Iterable[Pad], edge: Box, cut: Iterable[Box] = ()
) -> Widths:
    """Width of each track of some nets, in mm.

    Args:
        nets: What is laid.
        wide: Nets that carry current.
        pads: And holes.
        edge: Of the board.
        cut: Rectangles that are cut out.
    """
    copper = Copper(nets, pads, edge, cut)
    found: Widths = {}
    for net in sorted(set(wide) & set(nets)):
        for track in nets[net].tracks:
            on_layer = (copper.layers == COPPER.index(track[0])) | (copper.layers == EVERY_LAYER)
            room = copper.apart(around(track, 0.0), (copper.owners != net) & on_layer) - CLEAR_MM - SAFE_MM
            width = min(max(round(2 * room - 0.005, 2), TRACK_MM), MOST_MM)
            found[net, track] = width
            copper.boxes[copper.index_of[net, track]] = around(track, width / 2)
    return found
