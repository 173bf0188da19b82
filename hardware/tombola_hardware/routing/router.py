"""Negotiated congestion: all nets are routed, those that are too near to others again and again, dearer each time.

Source: L. McMurchie and C. Ebeling, PathFinder: a negotiation-based performance-driven router for FPGAs, 1995.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.routing.grid import Grid
from tombola_hardware.routing.laid import COPPER
from tombola_hardware.routing.search import HEAP, cheapest

SEARCH: Final[Callable[..., NDArray[np.int64]]] = cheapest
VIA_COST: Final = 14.0
ROUNDS: Final = 60
TRIES: Final = 6
HOLES_APART: Final = 2.75
"""Cells of 0.2 mm between two vias of one net at least: 0.25 mm between their drills."""


def _disc(reach: float) -> list[tuple[int, int]]:
    """Offsets nearer than some cells."""
    most = int(reach) + 1
    return [
        (y, x) for y in range(-most, most + 1) for x in range(-most, most + 1) if (x * x + y * y) ** 0.5 < reach - 1e-6
    ]


# In cells of 0.2 mm: how near is too near.
TRACK_TRACK, TRACK_VIA, VIA_VIA = _disc(1.75), _disc(2.75), _disc(3.75)


@dataclass(slots=True)
class Route:
    """What is laid for a net.

    Args:
        nodes: Flat indices of all nodes on its tracks.
        ways: Each a run of nodes, from one pad to another.
        vias: Row and column of each.
    """

    nodes: set[int] = field(default_factory=set)
    ways: list[list[int]] = field(default_factory=list)
    vias: set[tuple[int, int]] = field(default_factory=set)


class Router:
    """Routes a grid.

    Args:
        grid: What.
        say: Hears how it goes.
    """

    def __init__(self, grid: Grid, say: Callable[[str], None]) -> None:
        self.grid, self.say = grid, say
        shape = grid.track.shape
        total = int(np.prod(shape))
        self.busy = np.zeros(shape, np.int32)
        self.busy_via = np.zeros(shape[1:], np.int32)
        self.history = np.zeros(shape, np.float32)
        self.routes: dict[int, Route] = {}
        self._seen, self._goal = np.zeros(total, np.int32), np.zeros(total, np.int32)
        self._done = np.zeros(total, np.int32)
        self._cost, self._came = np.zeros(total, np.float64), np.zeros(total, np.int64)
        self._keys, self._nodes = np.zeros(HEAP, np.float64), np.zeros(HEAP, np.int64)
        self._turn = 0
        self.open: list[str] = []

    def run(self) -> bool:
        """Route until nothing is too near; True when all is laid."""
        given = {self.grid.nets.index(net) for net in self.grid.given}
        order = sorted(
            (net for net, pads in self.grid.terminals.items() if len(pads) > 1 and net not in given), key=self._size
        )
        pressure, was = 0.5, order[:0]
        for turn in range(ROUNDS):
            names = self.grid.nets
            again = order if turn == 0 else [net for net in order if names[net] in self.open or self._clashes(net)]
            if not again:
                return True
            if turn and len(again) == len(self.open) and again == was:
                return False  # Nothing is in their way but pads: it will not get better.
            was = again
            for net in again:
                if names[net] in self.open:
                    self.open.remove(names[net])
                self._mark(net, -1)
                self.routes[net] = self._route(net, pressure)
                self._mark(net, 1)
            clashing = [net for net in order if self._clashes(net)]
            some = [names[net] for net in clashing[:3]]
            self.say(f"round {turn + 1}: {len(clashing)} nets too near {some}, {len(self.open)} open {self.open[:4]}")
            for net in clashing:
                for node in self._clashes(net):
                    self.history.reshape(-1)[node] += 0.6
            pressure = min(pressure * 1.35, 60.0)
        return False

    def _size(self, net: int) -> tuple[int, int]:
        nodes = np.concatenate(self.grid.terminals[net])
        rest = nodes % (self.grid.rows * self.grid.columns)
        rows, columns = rest // self.grid.columns, rest % self.grid.columns
        return int(np.ptp(rows) + np.ptp(columns)), net

    def _clashes(self, net: int) -> list[int]:
        """Nodes of a net that others are too near to."""
        route = self.routes[net]
        own, own_via = self._shadow(net), self._via_shadow(net)
        found = [node for node in route.nodes if self.busy.reshape(-1)[node] > (node in own)]
        for row, column in route.vias:
            if self.busy_via[row, column] > ((row, column) in own_via):
                plane = self.grid.rows * self.grid.columns
                found += [layer * plane + row * self.grid.columns + column for layer in range(len(COPPER))]
        return found

    def _shadow(self, net: int) -> set[int]:
        """Nodes where a track of another net would be too near."""
        route, rows, columns = self.routes[net], self.grid.rows, self.grid.columns
        found: set[int] = set()
        for node in route.nodes:
            layer, rest = divmod(node, rows * columns)
            row, column = divmod(rest, columns)
            for dy, dx in TRACK_TRACK:
                if 0 <= row + dy < rows and 0 <= column + dx < columns:
                    found.add((layer * rows + row + dy) * columns + column + dx)
        for row, column in route.vias:
            for dy, dx in TRACK_VIA:
                if 0 <= row + dy < rows and 0 <= column + dx < columns:
                    found |= {(layer * rows + row + dy) * columns + column + dx for layer in range(len(COPPER))}
        return found

    def _via_shadow(self, net: int) -> set[tuple[int, int]]:
        """Places where a via of another net would be too near."""
        route, rows, columns = self.routes[net], self.grid.rows, self.grid.columns
        found: set[tuple[int, int]] = set()
        for node in route.nodes:
            row, column = divmod(node % (rows * columns), columns)
            found |= {(row + dy, column + dx) for dy, dx in TRACK_VIA}
        for row, column in route.vias:
            found |= {(row + dy, column + dx) for dy, dx in VIA_VIA}
        return {(row, column) for row, column in found if 0 <= row < rows and 0 <= column < columns}

    def _mark(self, net: int, sign: int) -> None:
        if net not in self.routes:
            return
        shadow = np.fromiter(self._shadow(net), np.int64)
        if len(shadow):
            self.busy.reshape(-1)[shadow] += sign
        places = self._via_shadow(net)
        if places:
            rows, columns = np.array(sorted(places)).T
            self.busy_via[rows, columns] += sign

    def _route(self, net: int, pressure: float) -> Route:
        """A tree over all pads of a net: from what is laid to the nearest pad, until none is left."""
        pads = list(self.grid.terminals[net])
        route = Route()
        usable = [self._usable(net, pad) for pad in pads]
        tree: list[NDArray[np.int64]] = [usable[0]]
        waiting = set(range(1, len(pads)))
        plane = self.grid.rows * self.grid.columns
        blocked: dict[tuple[int, int], int] = {}

        def notes() -> tuple[object, ...]:
            return self._seen, self._done, self._cost, self._came, self._turn, self._keys, self._nodes

        while waiting:
            self._again(usable, waiting)
            goals = np.concatenate([usable[index] for index in waiting]) % plane
            goal_rows, goal_columns = goals // self.grid.columns, goals % self.grid.columns
            crowds = (self.busy, self.busy_via, self.history, pressure, VIA_COST)
            box = (goal_rows.min(), goal_rows.max(), goal_columns.min(), goal_columns.max())
            grid_planes = (self.grid.track, self.grid.via)
            sources = np.concatenate(tree)
            for _ in range(TRIES):
                way = SEARCH(net, sources, self._goal, *grid_planes, *crowds, *notes(), *box)
                vias = self._vias(way)
                near = next((one for one, other in combinations(vias, 2) if math.dist(one, other) < HOLES_APART), None)
                if near is None:
                    break
                self._block(net, near, blocked)
                self._again(usable, waiting)
            if not len(way):
                self.open.append(self.grid.nets[net])
                break
            reached = next(index for index in sorted(waiting) if way[0] in usable[index])
            waiting.discard(reached)
            tree += [way, usable[reached]]
            route.ways.append([int(node) for node in way])
            route.nodes |= set(route.ways[-1])
            route.vias |= set(vias)
            for place in vias:
                self._block(net, place, blocked)
        for (row, column), owner in blocked.items():
            self.grid.via[row, column] = owner
        return route

    def _again(self, usable: list[NDArray[np.int64]], waiting: set[int]) -> None:
        """A new search, for what waits."""
        self._turn += 1
        for index in waiting:
            self._goal[usable[index]] = self._turn

    def _vias(self, way: NDArray[np.int64]) -> list[tuple[int, int]]:
        plane = self.grid.rows * self.grid.columns
        return [
            divmod(int(one) % plane, self.grid.columns)
            for one, other in pairwise(way)
            if one // plane != other // plane
        ]

    def _block(self, net: int, place: tuple[int, int], blocked: dict[tuple[int, int], int]) -> None:
        """No other via of a net so near to one of its own that the drill would break through."""
        for dy, dx in TRACK_VIA:
            row, column = place[0] + dy, place[1] + dx
            inside = 0 <= row < self.grid.rows and 0 <= column < self.grid.columns
            if (dy or dx) and inside and self.grid.via[row, column] in (-1, net):
                blocked.setdefault((row, column), int(self.grid.via[row, column]))
                self.grid.via[row, column] = -2

    def _usable(self, net: int, pad: NDArray[np.int64]) -> NDArray[np.int64]:
        owners = self.grid.track.reshape(-1)[pad]
        kept = pad[(owners == net) | (owners == -1)]
        return kept if len(kept) else pad[:1]
