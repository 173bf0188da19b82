"""Make the tracks of supplies as wide as their neighbours let them be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import numpy as np

from tombola_hardware.routing.grid import CLEAR_MM, COPPER, EDGE_CLEAR_MM, TRACK_MM, VIA_MM, Box, Pad
from tombola_hardware.routing.routes import Laid, Track

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
    boxes: list[Box] = []
    owners: list[str] = []
    layers: list[int] = []
    index_of: dict[tuple[str, Track], int] = {}
    for net, found in nets.items():
        for track in found.tracks:
            layer, x0, y0, x1, y1 = track
            index_of[net, track] = len(boxes)
            half = TRACK_MM / 2
            boxes.append((min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half))
            owners.append(net)
            layers.append(COPPER.index(layer))
        for x, y in found.vias:
            boxes.append((x - VIA_MM / 2, y - VIA_MM / 2, x + VIA_MM / 2, y + VIA_MM / 2))
            owners.append(net)
            layers.append(-1)
    for pad in pads:
        half_w, half_h = max(pad.half_w, pad.hole + 0.05), max(pad.half_h, pad.hole + 0.05)
        for layer_index in (-1,) if len(pad.layers) > 1 else pad.layers:
            boxes.append((pad.x_mm - half_w, pad.y_mm - half_h, pad.x_mm + half_w, pad.y_mm + half_h))
            owners.append(pad.net or " ")
            layers.append(layer_index)
    more = EDGE_CLEAR_MM - CLEAR_MM
    left, upper, right, lower = edge
    far = 1e3
    for box in (
        (-far, -far, far, upper),
        (-far, lower, far, far),
        (-far, -far, left, far),
        (right, -far, far, far),
        *cut,
    ):
        boxes.append((box[0] - more, box[1] - more, box[2] + more, box[3] + more))
        owners.append(" ")
        layers.append(-1)
    all_boxes, all_owners, all_layers = np.array(boxes), np.array(owners), np.array(layers)
    found_widths: Widths = {}
    for net in sorted(set(wide) & set(nets)):
        for track in nets[net].tracks:
            layer, x0, y0, x1, y1 = track
            others = (all_owners != net) & ((all_layers == COPPER.index(layer)) | (all_layers == -1))
            lx, ux, rx, dx = all_boxes[others].T
            apart_x = np.maximum(np.maximum(lx - max(x0, x1), min(x0, x1) - rx), 0.0)
            apart_y = np.maximum(np.maximum(ux - max(y0, y1), min(y0, y1) - dx), 0.0)
            room = float(np.hypot(apart_x, apart_y).min()) - CLEAR_MM - SAFE_MM
            width = min(max(round(2 * room - 0.005, 2), TRACK_MM), MOST_MM)
            found_widths[net, track] = width
            half = width / 2
            all_boxes[index_of[net, track]] = (
                min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half)  # fmt: skip
    return found_widths
