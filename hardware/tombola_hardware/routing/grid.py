"""The grid on which a board is routed: where each net may run and where its pads are.

A node is a place where a track's middle may be. Tracks are 0.2 mm, apart 0.15 mm: two cells of 0.2 mm are enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.kicad.library import footprint_path
from tombola_hardware.kicad.pcb import Spot
from tombola_hardware.kicad.sexpr import child, children, read, the, unquote
from tombola_hardware.routing.laid import COPPER, TRACK_MM, VIA_MM, Laid

CELL_MM: Final = 0.2
CLEAR_MM: Final = 0.15
HOLE_CLEAR_MM: Final = 0.2
EDGE_CLEAR_MM: Final = 0.3
SAFE_MM: Final = 1e-4
FREE, NOBODY = -1, -2
Owners: TypeAlias = NDArray[np.int32]
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Pad:
    """Copper of a footprint on the board.

    Args:
        net: Its net; empty for none.
        layers: Indices into COPPER.
        x_mm: Of its middle …
        y_mm: … and down.
        half_w: Half of its width on the board …
        half_h: … and of its height.
        hole: Radius of a hole without copper; 0 for a pad.
    """

    net: str
    layers: tuple[int, ...]
    x_mm: float
    y_mm: float
    half_w: float
    half_h: float
    hole: float = 0.0


@cache
def _shapes(footprint: str) -> tuple[tuple[str, str, float, float, float, float, float, tuple[str, ...]], ...]:
    """Number, type, x, y, angle, width, height and layers of each pad."""
    found = []
    for pad in children(read(footprint_path(footprint)), "pad"):
        at = [float(unquote(value)) for value in the(pad, "at")[1:]]
        width, height = (float(unquote(value)) for value in the(pad, "size")[1:3])
        layers = tuple(unquote(layer) for layer in (child(pad, "layers") or ["layers"])[1:])
        angle = at[2] if len(at) > 2 else 0.0
        found.append((unquote(pad[1]), unquote(pad[2]), at[0], at[1], angle, width, height, layers))
    return tuple(found)


def pads(spots: Iterable[Spot]) -> Iterator[Pad]:
    """All pads of a board."""
    for spot in spots:
        for number, kind, x, y, angle, width, height, layers in _shapes(spot.footprint):
            at_x, at_y = spot.local(x, y)
            turn = round(angle + spot.angle) % 180
            most = max(width, height)
            if kind == "np_thru_hole":
                yield Pad("", (0, 1, 2, 3), at_x, at_y, 0.0, 0.0, most / 2)
                continue
            half_w, half_h = {0: (width / 2, height / 2), 90: (height / 2, width / 2)}.get(turn, (most / 2, most / 2))
            if kind == "thru_hole":
                on: tuple[int, ...] = (0, 1, 2, 3)
            elif "F.Cu" in layers or "B.Cu" in layers:
                on = (3,) if ("F.Cu" in layers) == spot.back else (0,)
            else:
                continue
            yield Pad(spot.nets.get(number, ""), on, at_x, at_y, half_w, half_h)


class Grid:
    """Who may be where.

    Args:
        edge: Left, upper, right, lower edge of the board.
        cut: Rectangles that are cut out.
        holes: Holes without copper: x, y, radius.
        spots: What is placed.
        given: What is laid already, by net: nobody routes it, and nobody comes near it.
        poured: Nets and rectangles of the front that are kept for their copper.
    """

    def __init__(
        self,
        edge: Box,
        cut: Iterable[Box],
        holes: Iterable[tuple[float, float, float]],
        spots: Iterable[Spot],
        given: Mapping[str, Laid] | None = None,
        poured: Iterable[tuple[str, Box]] = (),
    ) -> None:
        self.left, self.upper = edge[0], edge[1]
        self.columns = int((edge[2] - edge[0]) / CELL_MM) + 1
        self.rows = int((edge[3] - edge[1]) / CELL_MM) + 1
        shape = (len(COPPER), self.rows, self.columns)
        self.track: Owners = np.full(shape, FREE, np.int32)
        self.via: Owners = np.full(shape[1:], FREE, np.int32)
        self.nets: list[str] = []
        self.terminals: dict[int, list[NDArray[np.int64]]] = {}
        self.escapes: dict[int, tuple[float, float]] = {}
        fine: list[tuple[int, int, Pad]] = []
        for room, owners in ((TRACK_MM / 2, self.track), (VIA_MM / 2, self.via)):
            keep = round((EDGE_CLEAR_MM + room) / CELL_MM + 0.49)
            for border in (np.s_[..., :keep, :], np.s_[..., -keep:, :], np.s_[..., :keep], np.s_[..., -keep:]):
                owners[border] = NOBODY
            for left, upper, right, lower in cut:
                box = ((left + right) / 2, (upper + lower) / 2, (right - left) / 2, (lower - upper) / 2)
                for plane in owners if owners.ndim == 3 else [owners]:
                    self._claim(plane, *box, EDGE_CLEAR_MM + room, NOBODY)
        for x, y, radius in holes:
            self._hole(x, y, radius)
        for pad in pads(spots):
            self._pad(pad)
            if pad.net:
                owner = self.nets.index(pad.net)
                fine.append((owner, len(self.terminals[owner]) - 1, pad))
        self.given = dict(given or {})
        self._keep(poured)
        self._let_out(fine)

    def _let_out(self, fine: list[tuple[int, int, Pad]]) -> None:
        for owner, index, pad in fine:
            nodes = self.terminals[owner][index]
            if not np.isin(self.track.reshape(-1)[nodes], (FREE, owner)).any():
                self.terminals[owner][index] = self._escape(owner, pad)

    def place(self, row: int, column: int) -> tuple[float, float]:
        """Where a node is, in mm."""
        return round(self.left + column * CELL_MM, 4), round(self.upper + row * CELL_MM, 4)

    def _hole(self, x: float, y: float, radius: float) -> None:
        for layer in range(len(COPPER)):
            self._claim(self.track[layer], x, y, radius, radius, HOLE_CLEAR_MM + TRACK_MM / 2, NOBODY)
        self._claim(self.via, x, y, radius, radius, HOLE_CLEAR_MM + VIA_MM / 2, NOBODY)

    def _keep(self, poured: Iterable[tuple[str, Box]]) -> None:
        """What is given, and what is poured, belongs to its net."""
        for net, found in self.given.items():
            self._lay(self.nets.index(net), found)
        for net, (left, upper, right, lower) in poured:
            middle = ((left + right) / 2, (upper + lower) / 2, (right - left) / 2, (lower - upper) / 2)
            self._claim(self.track[0], *middle, 0.0, self.nets.index(net))

    def _lay(self, owner: int, laid: Laid) -> None:
        for layer, x0, y0, x1, y1 in laid.tracks:
            steps = max(round(math.hypot(x1 - x0, y1 - y0) / (CELL_MM / 2)), 1)
            for step in range(steps + 1):
                x, y = x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps
                half = TRACK_MM / 2
                self._claim(self.track[COPPER.index(layer)], x, y, half, half, CLEAR_MM + half, owner)
                self._claim(self.via, x, y, half, half, CLEAR_MM + VIA_MM / 2, owner)
        for x, y in laid.vias:
            for plane in self.track:
                self._claim(plane, x, y, VIA_MM / 2, VIA_MM / 2, CLEAR_MM + TRACK_MM / 2, owner)
            self._claim(self.via, x, y, VIA_MM / 2, VIA_MM / 2, CLEAR_MM + VIA_MM / 2, owner)

    def _pad(self, pad: Pad) -> None:
        if pad.hole:
            self._hole(pad.x_mm, pad.y_mm, pad.hole)
            return
        owner = NOBODY
        if pad.net:
            if pad.net not in self.nets:
                self.nets.append(pad.net)
            owner = self.nets.index(pad.net)
            self.terminals.setdefault(owner, []).append(self._inside(pad))
        for layer in pad.layers:
            room = CLEAR_MM + TRACK_MM / 2
            self._claim(self.track[layer], pad.x_mm, pad.y_mm, pad.half_w, pad.half_h, room, owner)
        self._claim(self.via, pad.x_mm, pad.y_mm, pad.half_w, pad.half_h, CLEAR_MM + VIA_MM / 2, owner)

    def _inside(self, pad: Pad) -> NDArray[np.int64]:
        """Nodes well on the pad's copper, as flat indices: none in a corner, which may be round."""
        half_w, half_h = pad.half_w - min(0.15, 0.4 * pad.half_w), pad.half_h - min(0.15, 0.4 * pad.half_h)
        rows, columns = self._range(pad.x_mm, pad.y_mm, max(half_w, CELL_MM / 2), max(half_h, CELL_MM / 2))
        places = [(row, column) for row in rows for column in columns]
        if len(pad.layers) > 1:
            x, y = pad.x_mm - self.left, pad.y_mm - self.upper
            places = [
                (row, column)
                for row, column in places
                if ((column * CELL_MM - x) / half_w) ** 2 + ((row * CELL_MM - y) / half_h) ** 2 <= 1
            ]
        found = [(layer * self.rows + row) * self.columns + column for layer in pad.layers for row, column in places]
        return np.array(found, np.int64)

    def _escape(self, owner: int, pad: Pad) -> NDArray[np.int64]:
        """The nearest node beyond either end of a pad that lies between others so close that no node is on it."""
        along_x = pad.half_w > pad.half_h
        found = []
        for layer in pad.layers:
            for sign in (-1, 1):
                steps = [(sign * step * 0.05, side * 0.05) for step in range(30) for side in (0, 1, -1, 2, -2)]
                for far, off in steps:
                    x = pad.x_mm + (sign * pad.half_w + far if along_x else off)
                    y = pad.y_mm + (off if along_x else sign * pad.half_h + far)
                    row, column = round((y - self.upper) / CELL_MM), round((x - self.left) / CELL_MM)
                    aside = (
                        self.upper + row * CELL_MM - pad.y_mm if along_x else self.left + column * CELL_MM - pad.x_mm
                    )
                    if abs(aside) < 0.11 and self.track[layer, row, column] in (FREE, owner):
                        node = (layer * self.rows + row) * self.columns + column
                        self.escapes[node] = (pad.x_mm, pad.y_mm)
                        found.append(node)
                        break
        return np.array(found, np.int64)

    def _range(self, x: float, y: float, half_w: float, half_h: float) -> tuple[range, range]:
        first_row = int(np.ceil((y - half_h - self.upper) / CELL_MM - 1e-6))
        last_row = int(np.floor((y + half_h - self.upper) / CELL_MM + 1e-6))
        first_column = int(np.ceil((x - half_w - self.left) / CELL_MM - 1e-6))
        last_column = int(np.floor((x + half_w - self.left) / CELL_MM + 1e-6))
        return (
            range(max(first_row, 0), min(last_row, self.rows - 1) + 1),
            range(max(first_column, 0), min(last_column, self.columns - 1) + 1),
        )

    def _claim(self, plane: Owners, x: float, y: float, half_w: float, half_h: float, room: float, owner: int) -> None:
        """Nodes nearer than ``room`` to a rectangle belong to its net; those of two nets to nobody."""
        rows, columns = self._range(x, y, half_w + room - SAFE_MM, half_h + room - SAFE_MM)
        if not rows or not columns:
            return
        window = plane[rows.start : rows.stop, columns.start : columns.stop]
        at_y = np.abs(self.upper + np.arange(rows.start, rows.stop) * CELL_MM - y)[:, None] - half_h
        at_x = np.abs(self.left + np.arange(columns.start, columns.stop) * CELL_MM - x)[None] - half_w
        near = np.hypot(np.maximum(at_x, 0), np.maximum(at_y, 0)) < room - SAFE_MM
        window[near & (window != FREE) & (window != owner)] = NOBODY
        window[near & (window == FREE)] = owner
