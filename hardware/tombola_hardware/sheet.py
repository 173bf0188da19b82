"""A sheet of the schematic: parts with their nets, where they are drawn, and the wires between them.

Places are in grid steps of 2.54 mm from the upper left corner, y down. A point is a pair of numbers or a pin,
``R11.2``. A wire that ends
in nothing gets, there, the symbol or label of the net that it belongs to; so does every pin that no wire touches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

from tombola_hardware.errors import BadDrawing
from tombola_hardware.kicad.library import Symbol, symbol
from tombola_hardware.model import Kind, Part

STEP_MM: Final = 2.54
RAILS: Final = ("+12V", "-12V", "+5V", "+3.3V", "+3.3VA", "GND")
"""Nets that are drawn as KiCad's power symbols of that name."""
Xy: TypeAlias = tuple[float, float]
Point: TypeAlias = Xy | str


@dataclass(frozen=True, slots=True)
class Placed:
    """One unit of a part, drawn.

    Args:
        part: Whose.
        unit: Which, from 1.
        at: Where its origin is.
        angle: Counter-clockwise, in degrees.
        mirror: "", "x" (upside down) or "y" (left to right), after turning.
    """

    part: Part
    unit: int
    at: Xy
    angle: int
    mirror: str

    @property
    def symbol(self) -> Symbol:
        """What is drawn."""
        return symbol(self.part.kind.symbol)

    def turned(self, x_mm: float, y_mm: float) -> Xy:
        """A point of the symbol (mm, y up) on the sheet (steps, y down)."""
        x, y = x_mm / STEP_MM, -y_mm / STEP_MM
        for _ in range(self.angle // 90):
            x, y = y, -x
        if self.mirror == "x":
            y = -y
        if self.mirror == "y":
            x = -x
        return round(self.at[0] + x, 3), round(self.at[1] + y, 3)

    def pins(self) -> dict[str, tuple[Xy, Xy]]:
        """Number of each pin of this unit: where a wire meets it, and the direction away from the body."""
        found: dict[str, tuple[Xy, Xy]] = {}
        for pin in self.symbol.pins:
            if pin.unit in {0, self.unit}:
                out = {0: (-1, 0), 90: (0, -1), 180: (1, 0), 270: (0, 1)}[pin.angle]
                tip = self.turned(pin.x_mm, pin.y_mm)
                beyond = self.turned(pin.x_mm + out[0] * STEP_MM, pin.y_mm + out[1] * STEP_MM)
                found[pin.number] = tip, (round(beyond[0] - tip[0]), round(beyond[1] - tip[1]))
        return found


@dataclass(slots=True)
class Sheet:
    """One sheet.

    Args:
        number: Its page; parts on it have references that begin with it.
        name: Of its file.
        title: Of its title block.
        paper: ``A4`` or ``A3``, landscape.
    """

    number: int
    name: str
    title: str
    paper: str = "A3"
    parts: dict[str, Part] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    wires: list[tuple[Xy, Xy]] = field(default_factory=list)
    notes: list[tuple[str, Xy, float]] = field(default_factory=list)
    flags: list[Point] = field(default_factory=list)

    def add(
        self,
        reference: str,
        kind: Kind,
        nets: Mapping[str, str],
        at: Xy,
        *,
        angle: int = 0,
        mirror: str = "",
        board: str = "main",
    ) -> None:
        """A part, and its first unit on the sheet."""
        if reference in self.parts:
            raise BadDrawing(f"{reference} is twice on the sheet {self.name}; number them apart")
        self.parts[reference] = Part(reference, kind, nets, board)
        self.place(reference, at, angle=angle, mirror=mirror)

    def place(self, reference: str, at: Xy, *, unit: int = 1, angle: int = 0, mirror: str = "") -> None:
        """A further unit of a part."""
        self.placed.append(Placed(self.parts[reference], unit, at, angle, mirror))

    def pin(self, name: str) -> Xy:
        """Where a pin is, by ``REFERENCE.NUMBER``."""
        reference, _, number = name.partition(".")
        for placed in self.placed:
            if placed.part.reference == reference and number in (pins := placed.pins()):
                return pins[number][0]
        raise BadDrawing(f"{name} is not drawn on the sheet {self.name}; place it before it is wired")

    def wire(self, *points: Point) -> None:
        """Wires from point to point; where two are not in line it goes sideways first."""
        places = [self.pin(point) if isinstance(point, str) else point for point in points]
        for (x0, y0), (x1, y1) in pairwise(places):
            for start, end in (((x0, y0), (x1, y0)), ((x1, y0), (x1, y1))):
                if start != end:
                    self.wires.append((start, end))

    def note(self, text: str, at: Xy, size_mm: float = 1.8) -> None:
        """Text for people."""
        self.notes.append((text, at, size_mm))

    def flag(self, at: Point) -> None:
        """Says to the rule check that power comes in here."""
        self.flags.append(at)
