"""Where text stands on a sheet, as rectangles: names go where nothing else is, and what lies over a line is told.

All in grid steps, y down. A character of KiCad's stroke font is 0.9 of its height wide, capitals and digits counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

from tombola_hardware.sheet import STEP_MM, Xy

Box: TypeAlias = tuple[float, float, float, float]
WIDE: Final = 0.9
SAFE: Final = 0.02
AIR: Final = 0.15
TITLE_MM: Final = {"A4": (177.0, 166.0), "A3": (300.0, 253.0)}
"""Upper left corner of the title block, by paper."""
PAPER_MM: Final = {"A4": (287.0, 200.0), "A3": (410.0, 287.0)}
"""Lower right corner of the frame."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something drawn.

    Args:
        what: For people: ``the name C15``.
        box: Left, top, right, bottom.
        text: Whether it is to be read.
        of: To what it belongs: marks of one owner may touch.
    """

    what: str
    box: Box
    text: bool
    of: str = ""


def written(text: str, at: Xy, size_mm: float, justify: str = "", *, upright: bool = False) -> Box:
    """The rectangle of a text, ``justify`` left, right or neither; upright: it reads from below."""
    wide, high = WIDE * size_mm / STEP_MM * len(text), size_mm / STEP_MM
    start = {"left": 0.0, "right": -wide}.get(justify, -wide / 2)
    if upright:
        return at[0] - high / 2, at[1] - start - wide, at[0] + high / 2, at[1] - start
    return at[0] + start, at[1] - high / 2, at[0] + start + wide, at[1] + high / 2


def over(one: Box, other: Box) -> bool:
    """Whether two rectangles touch."""
    return (
        one[0] < other[2] - SAFE and other[0] < one[2] - SAFE and one[1] < other[3] - SAFE and other[1] < one[3] - SAFE
    )


def _wider(box: Box) -> Box:
    return box[0] - AIR, box[1] - AIR, box[2] + AIR, box[3] + AIR


class Lettering:
    """What is drawn on a sheet.

    Args:
        sheet: Its name.
        paper: ``A4`` or ``A3``.
    """

    def __init__(self, sheet: str, paper: str) -> None:
        self.sheet = sheet
        left, top = (value / STEP_MM for value in TITLE_MM[paper])
        right, bottom = (value / STEP_MM for value in PAPER_MM[paper])
        self.marks = [Mark("the title block", (left, top, right, bottom), text=False)]
        self._frame = (right, bottom)

    def line(self, start: Xy, end: Xy, of: str = "") -> None:
        """A wire or a pin."""
        box = (min(start[0], end[0]) - 0.05, min(start[1], end[1]) - 0.05,
               max(start[0], end[0]) + 0.05, max(start[1], end[1]) + 0.05)  # fmt: skip
        self.marks.append(Mark("a wire", box, text=False, of=of))

    def body(self, what: str, box: Box) -> None:
        """A symbol's drawing."""
        self.marks.append(Mark(f"the symbol of {what}", box, text=False, of=what))

    def text(self, what: str, box: Box, of: str = "") -> None:
        """Something to be read."""
        self.marks.append(Mark(what, box, text=True, of=of))

    def free(self, choices: Iterable[tuple[Box, ...]]) -> int:
        """Index of the first choice whose rectangles touch least, with a little air around."""
        hits = [sum(over(_wider(box), mark.box) for box in boxes for mark in self.marks) for boxes in choices]
        return hits.index(min(hits))

    def faults(self) -> Iterator[str]:
        """A sentence for each text over a line, a symbol, another text or the frame."""
        for one, other in combinations(self.marks, 2):
            if (one.text or other.text) and not (one.of and one.of == other.of) and over(one.box, other.box):
                first, second = (one, other) if one.text else (other, one)
                yield f"on the sheet {self.sheet} {first.what} lies over {second.what}; move one of them"
        for mark in self.marks:
            if mark.box[2] > self._frame[0] or mark.box[3] > self._frame[1] or min(mark.box[:2]) < 10 / STEP_MM:
                yield f"on the sheet {self.sheet} {mark.what} lies outside the frame; move it inwards"
