"""An alphabet of single strokes, so that print, milling and silk screen show the same letters without any font."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

Stroke: TypeAlias = tuple[tuple[float, float], ...]


def _arc(x: float, y: float, radius_x: float, radius_y: float, start: float, end: float) -> Stroke:
    """Points on an ellipse, in degrees, 0 to the right and 90 downwards."""
    steps = max(4, round(abs(end - start) / 15))
    angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return tuple(
        (round(x + radius_x * math.cos(angle), 3), round(y + radius_y * math.sin(angle), 3)) for angle in angles
    )


def _line(*points: float) -> Stroke:
    return tuple(zip(points[0::2], points[1::2], strict=True))


_O: Final = (*_arc(2, 2, 2, 2, 180, 360), *_arc(2, 4, 2, 2, 0, 180), (0.0, 2.0))
LETTERS: Final[dict[str, tuple[float, tuple[Stroke, ...]]]] = {
    # Letter: width, strokes; six high, y down.
    "A": (4, (_line(0, 6, 2, 0, 4, 6), _line(0.7, 4, 3.3, 4))),
    "B": (3.6, (_line(0, 0, 0, 6), (*_line(0, 0, 2, 0), *_arc(2, 1.4, 1.4, 1.4, -90, 90), *_line(0, 2.8)),
                (*_line(0, 2.8, 2, 2.8), *_arc(2, 4.4, 1.6, 1.6, -90, 90), *_line(0, 6)))),
    "C": (4, ((*_arc(2, 2, 2, 2, -20, -180), *_arc(2, 4, 2, 2, 180, 20)),)),
    "D": (4, (_line(0, 0, 0, 6), (*_line(0, 0, 1, 0), *_arc(1, 3, 3, 3, -90, 90), *_line(0, 6)))),
    "E": (3.2, (_line(3.2, 0, 0, 0, 0, 6, 3.2, 6), _line(0, 3, 2.6, 3))),
    "F": (3.2, (_line(3.2, 0, 0, 0, 0, 6), _line(0, 3, 2.6, 3))),
    "G": (4, ((*_arc(2, 2, 2, 2, -20, -180), *_arc(2, 4, 2, 2, 180, 0), *_line(4, 3.4, 2.4, 3.4)),)),
    "H": (3.8, (_line(0, 0, 0, 6), _line(3.8, 0, 3.8, 6), _line(0, 3, 3.8, 3))),
    "I": (0, (_line(0, 0, 0, 6),)),
    "K": (3.6, (_line(0, 0, 0, 6), _line(3.6, 0, 0, 3.6), _line(1.3, 2.4, 3.6, 6))),
    "L": (3, (_line(0, 0, 0, 6, 3, 6),)),
    "M": (4.6, (_line(0, 6, 0, 0, 2.3, 4, 4.6, 0, 4.6, 6),)),
    "N": (3.8, (_line(0, 6, 0, 0, 3.8, 6, 3.8, 0),)),
    "O": (4, (_O,)),
    "P": (3.6, (_line(0, 6, 0, 0), (*_line(0, 0, 2, 0), *_arc(2, 1.6, 1.6, 1.6, -90, 90), *_line(0, 3.2)))),
    "R": (3.6, (_line(0, 6, 0, 0), (*_line(0, 0, 2, 0), *_arc(2, 1.6, 1.6, 1.6, -90, 90), *_line(0, 3.2)),
                _line(1.8, 3.2, 3.6, 6))),
    "S": (3.6, ((*_arc(1.8, 1.6, 1.7, 1.6, -30, -180), *_arc(1.8, 1.6, 1.7, 1.4, 180, 90),
                 *_arc(1.8, 4.4, 1.8, 1.4, -90, 0), *_arc(1.8, 4.4, 1.8, 1.6, 0, 150)),)),
    "T": (4, (_line(0, 0, 4, 0), _line(2, 0, 2, 6))),
    "U": (3.8, ((*_line(0, 0), *_arc(1.9, 4.1, 1.9, 1.9, 180, 0), *_line(3.8, 0)),)),
    "V": (4, (_line(0, 0, 2, 6, 4, 0),)),
    "X": (3.8, (_line(0, 0, 3.8, 6), _line(3.8, 0, 0, 6))),
    "Y": (4, (_line(0, 0, 2, 3, 4, 0), _line(2, 3, 2, 6))),
    "Z": (3.6, (_line(0, 0, 3.6, 0, 0, 6, 3.6, 6),)),
    "1": (1.6, (_line(0, 1.4, 1.6, 0, 1.6, 6),)),
    "2": (3.6, ((*_arc(1.8, 1.8, 1.8, 1.8, 190, 385), *_line(0, 6, 3.6, 6)),)),
    "3": (3.6, ((*_arc(1.7, 1.5, 1.6, 1.5, 200, 450), *_arc(1.7, 4.4, 1.9, 1.6, -90, 160)),)),
    "4": (3.8, (_line(2.9, 6, 2.9, 0, 0, 4.2, 3.8, 4.2),)),
    "5": (3.6, ((*_line(3.2, 0, 0.4, 0, 0.2, 2.7), *_arc(1.7, 4, 1.9, 2, -120, 150)),)),
    "6": (3.6, ((*_line(2.8, 0, 0.3, 3.2), *_arc(1.8, 4.2, 1.8, 1.8, 210, 570)),)),
    "7": (3.6, (_line(0, 0, 3.6, 0, 1.2, 6),)),
    "8": (3.6, ((*_arc(1.8, 1.5, 1.5, 1.5, 90, 450), *_arc(1.8, 4.5, 1.8, 1.5, -90, 270)),)),
    "/": (2.4, (_line(0, 6.6, 2.4, -0.6),)),
    "-": (2, (_line(0, 3, 2, 3),)),
    " ": (1.6, ()),
}  # fmt: skip
GAP: Final = 1.7


def width(text: str, height: float) -> float:
    """Of a text of a given cap height, in the unit of the height."""
    return (sum(LETTERS[letter][0] for letter in text) + GAP * (len(text) - 1)) * height / 6


def strokes(text: str, x: float, y: float, height: float) -> list[Stroke]:
    """A text around a middle.

    Raises:
        KeyError: A letter is not in the alphabet.
    """
    scale = height / 6
    left = x - width(text, height) / 2
    found = []
    for letter in text:
        advance, lines = LETTERS[letter]
        found += [
            tuple((round(left + px * scale, 3), round(y + (py - 3) * scale, 3)) for px, py in line) for line in lines
        ]
        left += (advance + GAP) * scale
    return found
