"""Everything that is on a board as rectangles: so that what is added later keeps away from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.routing.grid import CLEAR_MM, EDGE_CLEAR_MM, Box, Pad
from tombola_hardware.routing.laid import COPPER, TRACK_MM, VIA_MM, Laid, Track

EVERY_LAYER: Final = -1
NOBODY: Final = " "
FAR_MM: Final = 1e3


class Copper:
    """Rectangles of copper, edges and holes.

    Args:
        nets: What is laid.
        pads: And holes.
        edge: Of the board.
        cut: Rectangles that are cut out.
    """

    def __init__(self, nets: Mapping[str, Laid], pads: Iterable[Pad], edge: Box, cut: Iterable[Box] = ()) -> None:
        self._boxes: list[Box] = []
        self._owners: list[str] = []
        self._layers: list[int] = []
        self.index_of: dict[tuple[str, Track], int] = {}
        for net, found in nets.items():
            for track in found.tracks:
                self.index_of[net, track] = len(self._boxes)
                self._add(around(track, TRACK_MM / 2), net, COPPER.index(track[0]))
            for x, y in found.vias:
                self._add(square(x, y, VIA_MM / 2), net, EVERY_LAYER)
        for pad in pads:
            half_w, half_h = max(pad.half_w, pad.hole + 0.05), max(pad.half_h, pad.hole + 0.05)
            box = (pad.x_mm - half_w, pad.y_mm - half_h, pad.x_mm + half_w, pad.y_mm + half_h)
            for layer in (EVERY_LAYER,) if len(pad.layers) > 1 else pad.layers:
                self._add(box, pad.net or NOBODY, layer)
        more = EDGE_CLEAR_MM - CLEAR_MM
        left, upper, right, lower = edge
        for box in (
            (-FAR_MM, -FAR_MM, FAR_MM, upper),
            (-FAR_MM, lower, FAR_MM, FAR_MM),
            (-FAR_MM, -FAR_MM, left, FAR_MM),
            (right, -FAR_MM, FAR_MM, FAR_MM),
            *cut,
        ):
            self._add((box[0] - more, box[1] - more, box[2] + more, box[3] + more), NOBODY, EVERY_LAYER)
        self.boxes = np.array(self._boxes)
        self.owners, self.layers = np.array(self._owners), np.array(self._layers)

    def _add(self, box: Box, owner: str, layer: int) -> None:
        self._boxes.append(box)
        self._owners.append(owner)
        self._layers.append(layer)

    def apart(self, box: Box, others: NDArray[np.bool_]) -> float:
        """How far a rectangle is from the nearest of some others, in mm."""
        left, upper, right, lower = self.boxes[others].T
        x = np.maximum(np.maximum(left - box[2], box[0] - right), 0.0)
        y = np.maximum(np.maximum(upper - box[3], box[1] - lower), 0.0)
        return float(np.hypot(x, y).min(initial=FAR_MM))


def around(track: Track, half_mm: float) -> Box:
    """The rectangle that a track with some half width is in."""
    _, x0, y0, x1, y1 = track
    return min(x0, x1) - half_mm, min(y0, y1) - half_mm, max(x0, x1) + half_mm, max(y0, y1) + half_mm


def square(x: float, y: float, half_mm: float) -> Box:
    """The square around a point."""
    return x - half_mm, y - half_mm, x + half_mm, y + half_mm
