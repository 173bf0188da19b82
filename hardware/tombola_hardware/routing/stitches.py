"""More vias than a router lays: where pours of one net lie over each other, many small holes join them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from tombola_hardware.routing.copper import Copper, square
from tombola_hardware.routing.grid import CLEAR_MM, Box, Pad
from tombola_hardware.routing.laid import VIA_MM, Laid

DRILLS_APART_MM: Final = 0.35
"""Between a via's copper and what of its own net is drilled or soldered: no hole breaks, no solder flows off."""
SAFE_MM: Final = 0.02


def stitched(
    nets: Mapping[str, Laid],
    net: str,
    box: Box,
    pitch_mm: float,
    pads: Iterable[Pad],
    edge: Box,
    cut: Iterable[Box] = (),
) -> dict[str, Laid]:
    """What is laid, and vias of a net wherever there is room for one in a rectangle.

    Args:
        nets: What is laid.
        net: Whose pours are joined.
        box: Where: left, upper, right, lower.
        pitch_mm: How far apart at least.
        pads: And holes.
        edge: Of the board.
        cut: Rectangles that are cut out.
    """
    copper = Copper(nets, pads, edge, cut)
    own = copper.owners == net
    tracks = np.zeros(len(copper.owners), bool)
    tracks[list(copper.index_of.values())] = True
    half = VIA_MM / 2
    places = []
    for y in np.arange(box[1] + half, box[3] - half + 1e-6, pitch_mm):
        for x in np.arange(box[0] + half, box[2] - half + 1e-6, pitch_mm):
            here = square(float(x), float(y), half)
            clear = copper.apart(here, ~own) >= CLEAR_MM + SAFE_MM
            if clear and copper.apart(here, own & ~tracks) >= DRILLS_APART_MM:
                places.append((round(float(x), 2), round(float(y), 2)))
    was = nets.get(net, Laid((), ()))
    return {**nets, net: Laid(was.tracks, (*was.vias, *places))}
