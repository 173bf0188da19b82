"""Lines on a board: outlines, print, rounded rectangles."""

from __future__ import annotations

import math
from itertools import pairwise

from tombola_hardware.kicad.schematic import identifier
from tombola_hardware.kicad.sexpr import Node, quote


def line(name: str, points: tuple[tuple[float, float], ...], width: float, layer: str) -> list[Node]:
    """Drawn lines from point to point."""
    found: list[Node] = []
    for index, (start, end) in enumerate(pairwise(points)):
        if start != end:
            found.append(
                [
                    "gr_line",
                    ["start", f"{start[0]:g}", f"{start[1]:g}"],
                    ["end", f"{end[0]:g}", f"{end[1]:g}"],
                    ["stroke", ["width", f"{width:g}"], ["type", "solid"]],
                    ["layer", quote(layer)],
                    ["uuid", identifier(name, "line", index, *start, *end, width, layer)],
                ]
            )
    return found


def rounded(name: str, box: tuple[float, float, float, float], corner: float, layer: str = "Edge.Cuts") -> list[Node]:
    """A rectangle (left, upper, right, lower) with round corners."""
    x0, y0, x1, y1 = box
    r, k = corner, corner * (1 - math.sqrt(0.5))
    found = []
    for points in (
        ((x0 + r, y0), (x1 - r, y0)),
        ((x1, y0 + r), (x1, y1 - r)),
        ((x1 - r, y1), (x0 + r, y1)),
        ((x0, y1 - r), (x0, y0 + r)),
    ):
        found += line(name, points, 0.1, layer)
    if r:
        for arc in (
            ((x0, y0 + r), (x0 + k, y0 + k), (x0 + r, y0)),
            ((x1 - r, y0), (x1 - k, y0 + k), (x1, y0 + r)),
            ((x1, y1 - r), (x1 - k, y1 - k), (x1 - r, y1)),
            ((x0 + r, y1), (x0 + k, y1 - k), (x0, y1 - r)),
        ):
            found.append(
                [
                    "gr_arc",
                    *[
                        [word, f"{x:.4f}", f"{y:.4f}"]
                        for word, (x, y) in zip(("start", "mid", "end"), arc, strict=True)
                    ],
                    ["stroke", ["width", "0.1"], ["type", "solid"]],
                    ["layer", quote(layer)],
                    ["uuid", identifier(name, "arc", *arc)],
                ]
            )
    return found
