"""Where reference and value of a symbol stand on a sheet."""

from __future__ import annotations

from typing import Final

from tombola_hardware.kicad.lettering import Lettering, written
from tombola_hardware.sheet import Placed, Xy

TEXT_MM: Final = 1.27


def named(lettering: Lettering, placed: Placed) -> tuple[Xy, Xy, str]:
    """Where reference and value stand, and how they are justified: the first place where they touch nothing."""
    left, top, right, bottom = box_of(placed)
    middle, centre = (top + bottom) / 2, (left + right) / 2
    texts = placed.part.reference, placed.part.kind.value
    wide = max(written(text, (0, 0), TEXT_MM)[2] for text in texts)
    level = not placed.angle % 180
    beside = (right + 0.4, "left") if level else (right + 0.4 + wide, "")
    before = (left - 0.4, "right") if level else (left - 0.4 - wide, "")
    stacked = [((x, y - 0.6), (x, y + 0.6), justify) for x, justify in (beside, before) for y in (middle, top, bottom)]
    apart = [((centre, top - 0.7), (centre, bottom + 0.7), "")]
    sides = ((centre, ""), (left, "left" if level else ""), (right + wide, ""), (left - wide, ""))
    heaped = [
        ((x, y - 0.6), (x, y + 0.6), justify)
        for x, justify in sides
        for y in (top - 1.4, bottom + 1.4, top - 2.4, bottom + 2.4)
    ]
    two = placed.part.kind.symbol.startswith("Device:") and all(out[1] for _, out in list(placed.pins().values())[:1])
    choices = [*stacked, *apart, *heaped] if two else [*apart, *stacked, *heaped]
    boxes = [
        tuple(written(text, at, TEXT_MM, justify) for text, at in zip(texts, places, strict=True))
        for *places, justify in choices
    ]
    best = lettering.free(boxes)
    for text, box in zip(texts, boxes[best], strict=True):
        lettering.text(f"the name {text} of {placed.part.reference}", box)
    return choices[best]


def box_of(placed: Placed) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is drawn, in steps."""
    boxes = placed.symbol.boxes
    corners = []
    for unit in (0, placed.unit):
        if unit in boxes:
            left, bottom, right, top = boxes[unit]
            corners += [placed.turned(left, bottom), placed.turned(right, top)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
