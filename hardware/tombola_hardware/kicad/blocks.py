"""The first page: sheets as blocks where the signal passes them, and arrows for what flows between."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tombola_hardware.kicad.schematic import identifier
from tombola_hardware.kicad.sexpr import Node, quote, unquote
from tombola_hardware.sheet import Sheet, Xy

BLOCK_MM: Final = (50.0, 23.0)
PLACES_MM: Final[dict[str, Xy]] = {
    "power": (17.0, 42.0),
    "panel_controls": (87.0, 42.0),
    "lamps": (157.0, 42.0),
    "interconnect": (227.0, 42.0),
    "analogue_inputs": (17.0, 84.0),
    "converters": (87.0, 84.0),
    "raspberry_pi": (157.0, 84.0),
    "audio": (227.0, 84.0),
    "test_points": (17.0, 126.0),
    "gates": (87.0, 126.0),
    "cv_outputs": (227.0, 126.0),
    "midi": (87.0, 164.0),
}
"""Upper left corner of each sheet's block."""
FLOWS: Final[tuple[tuple[str, str, str, tuple[Xy, ...]], ...]] = (
    # From, to, what, the corners of the arrow.
    ("analogue_inputs", "converters", "6 voltages", ((67.0, 95.0), (87.0, 95.0))),
    ("panel_controls", "converters", "8 knobs", ((116.0, 65.0), (116.0, 84.0))),
    ("converters", "raspberry_pi", "SPI", ((137.0, 95.0), (157.0, 95.0))),
    ("panel_controls", "raspberry_pi", "encoder, buttons", ((128.0, 65.0), (128.0, 75.0), (187.0, 75.0),
                                                            (187.0, 84.0))),
    ("raspberry_pi", "lamps", "I²C", ((200.0, 84.0), (200.0, 65.0))),
    ("raspberry_pi", "audio", "I²S, mute", ((207.0, 95.0), (227.0, 95.0))),
    ("gates", "raspberry_pi", "gate, trig, clock", ((137.0, 134.0), (166.0, 134.0), (166.0, 107.0))),
    ("raspberry_pi", "gates", "gate out", ((174.0, 107.0), (174.0, 144.0), (137.0, 144.0))),
    ("midi", "raspberry_pi", "MIDI in, out", ((137.0, 171.0), (162.0, 171.0), (162.0, 153.0), (182.0, 153.0),
                                              (182.0, 107.0))),
    ("raspberry_pi", "cv_outputs", "I²C", ((196.0, 107.0), (196.0, 133.0), (227.0, 133.0))),
)  # fmt: skip
ARROW_MM: Final = 1.4
"""Power, the connectors between the boards and test points have no arrows: they touch nearly everything."""


def arrows(project: str, sheets: tuple[Sheet, ...]) -> Iterator[Node]:
    """What flows between the sheets that there are."""
    there = {sheet.name for sheet in sheets}
    for one, other, what, corners in FLOWS:
        if {one, other} <= there:
            yield _line(project, corners, "arrow", one, other, what)
            yield _line(project, _head(*corners[-2:]), "head", one, other, what)
            at, upright = _beside(corners)
            yield _text(project, what, at, 1.5, one, other, upright=upright)
    for name, what in (("power", "to all: ±12 V, 5 V, 3.3 V"),):
        x, y = PLACES_MM[name]
        yield _text(project, what, (x + 2, y + BLOCK_MM[1] - 2), 1.3, name, what)


def _beside(corners: tuple[Xy, ...]) -> tuple[Xy, bool]:
    """Where the longest run's text stands, and whether it reads from below."""
    (x0, y0), (x1, y1) = max(pairwise(corners), key=lambda run: abs(run[0][0] - run[1][0]) + abs(run[0][1] - run[1][1]))
    upright = x0 == x1
    return ((x0 - 0.8, (y0 + y1) / 2 + 0.6 * len("gates")) if upright else (min(x0, x1) + 4.0, y0 - 0.8)), upright


def _head(start: Xy, end: Xy) -> tuple[Xy, ...]:
    along = ((end[0] > start[0]) - (end[0] < start[0]), (end[1] > start[1]) - (end[1] < start[1]))
    back = (end[0] - 2 * ARROW_MM * along[0], end[1] - 2 * ARROW_MM * along[1])
    return (
        (back[0] - ARROW_MM * along[1], back[1] - ARROW_MM * along[0]),
        end,
        (back[0] + ARROW_MM * along[1], back[1] + ARROW_MM * along[0]),
    )


def _line(project: str, corners: tuple[Xy, ...], *names: str) -> Node:
    points: list[Node] = [["xy", f"{x:g}", f"{y:g}"] for x, y in corners]
    return [
        "polyline",
        ["pts", *points],
        ["stroke", ["width", "0.35"], ["type", "solid"], ["color", "120", "80", "20", "1"]],
        ["uuid", identifier(project, *names)],
    ]


def _text(project: str, text: str, at: Xy, size: float, *names: str, upright: bool = False) -> Node:
    return [
        "text",
        quote(text),
        ["exclude_from_sim", "no"],
        ["at", f"{at[0]:g}", f"{at[1]:g}", "90" if upright else "0"],
        ["effects", ["font", ["size", f"{size:g}", f"{size:g}"]], ["justify", "left", "bottom"]],
        ["uuid", identifier(project, "block text", text, *names)],
    ]


def from_above(project: str, sheet: Sheet, page: int) -> list[Node]:
    """A sheet as it is seen from above."""
    x, y = PLACES_MM[sheet.name]
    effects: list[Node] = ["effects", ["font", ["size", "1.8", "1.8"]], ["justify", "left", "bottom"]]
    hidden: list[Node] = ["effects", ["font", ["size", "1.27", "1.27"]], ["justify", "left", "top"], ["hide", "yes"]]
    box: Node = [
        "sheet",
        ["at", f"{x:g}", f"{y:g}"],
        ["size", f"{BLOCK_MM[0]:g}", f"{BLOCK_MM[1]:g}"],
        ["exclude_from_sim", "no"],
        ["in_bom", "yes"],
        ["on_board", "yes"],
        ["dnp", "no"],
        ["stroke", ["width", "0.15"], ["type", "solid"]],
        ["fill", ["color", "255", "250", "235", "1"]],
        ["uuid", identifier(project, "sheet", sheet.name)],
        ["property", quote("Sheetname"), quote(sheet.name.replace("_", " ")), ["at", f"{x:g}", f"{y - 1:g}", "0"],
         effects],
        ["property", quote("Sheetfile"), quote(f"{sheet.name}.kicad_sch"),
         ["at", f"{x:g}", f"{y + BLOCK_MM[1]:g}", "0"], hidden],
        ["instances", ["project", quote(project),
                       ["path", quote("/" + unquote(identifier(project, "root"))), ["page", quote(str(page))]]]],
    ]  # fmt: skip
    title = "\n".join(textwrap.wrap(sheet.title, 32))
    text: Node = [
        "text",
        quote(f"{title}\n{len(sheet.parts)} parts"),
        ["exclude_from_sim", "no"],
        ["at", f"{x + 2:g}", f"{y + 3:g}", "0"],
        ["effects", ["font", ["size", "1.3", "1.3"]], ["justify", "left", "top"]],
        ["uuid", identifier(project, "title", sheet.name)],
    ]
    return [box, text]
