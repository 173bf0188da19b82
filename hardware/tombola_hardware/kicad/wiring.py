"""The wires of a sheet as KiCad wants them: split where they meet, grouped by what they connect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tombola_hardware.errors import BadDrawing
from tombola_hardware.sheet import Placed, Sheet, Xy


class Wiring:
    """The wires of a sheet, split and grouped.

    Raises:
        BadDrawing: A wire joins two nets, or none.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.pins: dict[Xy, list[tuple[Placed, str, str, Xy]]] = defaultdict(list)
        for placed in sheet.placed:
            nets = placed.part.connections()
            for number, (tip, out) in placed.pins().items():
                self.pins[tip].append((placed, number, nets[number], out))
        self.segments = sorted(set(self._split()))
        self.ends: dict[Xy, int] = defaultdict(int)
        for start, end in self.segments:
            self.ends[start] += 1
            self.ends[end] += 1
        self._group: dict[Xy, Xy] = {}
        for start, end in self.segments:
            self._group[self._root(start)] = self._root(end)
        self.nets = self._nets()

    def _split(self) -> Iterator[tuple[Xy, Xy]]:
        flags = {self.sheet.pin(flag) if isinstance(flag, str) else flag for flag in self.sheet.flags}
        points = {point for wire in self.sheet.wires for point in wire} | set(self.pins) | flags
        for (x0, y0), (x1, y1) in self.sheet.wires:
            inside = sorted(
                (x, y)
                for x, y in points
                if (x0 == x1 == x and min(y0, y1) <= y <= max(y0, y1))
                or (y0 == y1 == y and min(x0, x1) <= x <= max(x0, x1))
            )
            yield from pairwise(inside)

    def _root(self, point: Xy) -> Xy:
        while (parent := self._group.get(point, point)) != point:
            point = parent
        return point

    def group(self, point: Xy) -> Xy:
        """The same for all points that wires connect."""
        return self._root(point)

    def _nets(self) -> dict[Xy, str]:
        found: dict[Xy, str] = {}
        for point, pins in self.pins.items():
            for placed, number, net, _ in pins:
                other = found.setdefault(self.group(point), net)
                if other != net:
                    raise BadDrawing(
                        f"on the sheet {self.sheet.name} pin {number} of {placed.part.reference} is on "
                        f"{net or 'no net'}, "
                        f"but what is drawn joins it to {other or 'a pin left open'}; draw it apart"
                    )
        for start, _ in self.segments:
            if self.group(start) not in found:
                raise BadDrawing(f"a wire at {start} on the sheet {self.sheet.name} touches no pin; end it at one")
        return found

    def junctions(self) -> list[Xy]:
        """Where three or more meet."""
        return sorted(
            point
            for point, count in self.ends.items()
            if count + len({out for *_, out in self.pins.get(point, [])}) > 2
        )

    def free_ends(self) -> list[tuple[Xy, Xy]]:
        """Ends of wires that nothing is at, with the direction in which they point."""
        found = []
        for start, end in self.segments:
            for tip, other in ((start, end), (end, start)):
                if self.ends[tip] == 1 and tip not in self.pins:
                    found.append((tip, _direction(other, tip)))
        return sorted(found)


def _direction(start: Xy, end: Xy) -> tuple[int, int]:
    return (end[0] > start[0]) - (end[0] < start[0]), (end[1] > start[1]) - (end[1] < start[1])
