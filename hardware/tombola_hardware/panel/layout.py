"""The panel as shapes: what is cut, and what is printed. Everything that draws the panel walks through these.

Mechanics: Doepfer, A-100 construction details (height, widths, holes); makers' drawings of the parts (holes).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np

from tombola_hardware.errors import BadBoard
from tombola_hardware.instrument import (
    DRUM_MM,
    HP,
    PANEL,
    AudioOutput,
    Button,
    Control,
    CvInput,
    CvOutput,
    Display,
    Encoder,
    GateInput,
    GateOutput,
    Knob,
    Lamp,
    MidiJack,
    UsbPort,
)
from tombola_hardware.panel.strokes import LETTERS, Stroke, strokes

HEIGHT_MM: Final = 128.5
WIDTH_MM: Final = round(HP * 5.08 - 0.3, 2)
SCREW_MM: Final = 3.2
SCREWS: Final = tuple((round(x, 2), y) for y in (3.0, HEIGHT_MM - 3.0) for x in (7.5, 7.5 + (HP - 3) * 5.08))
BOARD_MM: Final = (1.4, 10.0, WIDTH_MM - 1.4, 118.5)
"""Left, upper, right and lower edge of the boards: clear of the rails."""
HOLE_MM: Final = {
    CvInput: 6.2,
    GateInput: 6.2,
    MidiJack: 6.2,
    CvOutput: 6.2,
    GateOutput: 6.2,
    AudioOutput: 6.2,
    Knob: 7.2,
    Encoder: 7.2,
    Button: 4.2,
    Lamp: 3.2,
}
REACH_MM: Final = {
    CvInput: 4.0,
    GateInput: 4.0,
    MidiJack: 4.0,
    CvOutput: 4.0,
    GateOutput: 4.0,
    AudioOutput: 4.0,
    Knob: 6.5,
    Encoder: 5.5,
    Button: 3.0,
    Lamp: 1.6,
}
"""Radius of what stands out: nut, cap, lens."""
WINDOW_MM: Final = (31.0, 17.0)
MODULE_MM: Final = (35.4, 33.5)
"""Of a display of 1.3 inch: the window, and its board behind the panel."""
USB_MM: Final = (13.2, 7.4)
"""What a plug's body of at most 12.35 × 6.5 mm passes. Source: USB Type-C, figure 3-21, from memory."""
SMALL_KNOBS: Final = ("KNOB_6", "KNOB_7", "KNOB_8")
SMALL_REACH_MM: Final = 5.5
SCALE_MM: Final = 9.0
"""Around a large knob: its cap, its ticks, and some air."""
CAP_HEIGHT_MM: Final = 2.2
SMALL_CAP_MM: Final = 1.5
CLEAR_MM: Final = 0.35
"""Between what is printed for one thing and for another, and between print and hole."""
FINGER_MM: Final = 1.5
"""Between two caps at least; knobs around the drum have 10 mm."""
JACK_PITCH_MM: Final = 14.6


@dataclass(frozen=True, slots=True)
class Hole:
    """A round hole, in mm."""

    name: str
    x: float
    y: float
    diameter: float


@dataclass(frozen=True, slots=True)
class Opening:
    """A rectangle with round corners, around its middle, in mm."""

    name: str
    x: float
    y: float
    width: float
    height: float
    corner: float


@dataclass(frozen=True, slots=True)
class Ink:
    """A printed line, in mm; ``faint``: ornament and what SHIFT does, gold instead of white."""

    points: Stroke
    width: float = 0.3
    faint: bool = False


def is_output(control: Control) -> bool:
    """Whether something comes out of a jack."""
    return isinstance(control, CvOutput | GateOutput | AudioOutput) or (
        isinstance(control, MidiJack) and control.direction == "out"
    )


def reach(control: Control) -> float:
    """Radius of what stands out of the panel at a control, in mm."""
    if isinstance(control, Display):
        return max(WINDOW_MM) / 2
    if isinstance(control, UsbPort):
        return USB_MM[0] / 2
    return SMALL_REACH_MM if control.name in SMALL_KNOBS else REACH_MM[type(control)]


def holes() -> list[Hole]:
    """All round ones, screws first."""
    found = [Hole(f"SCREW_{index + 1}", x, y, SCREW_MM) for index, (x, y) in enumerate(SCREWS)]
    return found + [Hole(c.name, c.x_mm, c.y_mm, HOLE_MM[type(c)]) for c in PANEL if type(c) in HOLE_MM]


def openings() -> list[Opening]:
    """The display's window and the USB port."""
    found = []
    for control in PANEL:
        if isinstance(control, Display):
            found.append(Opening(control.name, control.x_mm, control.y_mm, *WINDOW_MM, 1.0))
        elif isinstance(control, UsbPort):
            found.append(Opening(control.name, control.x_mm, control.y_mm, *USB_MM, 1.9))
    return found


def circle(x: float, y: float, radius: float, *, start: float = 0, end: float = 360) -> Stroke:
    """Points on a circle, 0° to the right, clockwise."""
    steps = max(8, round(abs(end - start) / 3))
    angles = [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return tuple((round(x + radius * math.cos(angle), 3), round(y + radius * math.sin(angle), 3)) for angle in angles)


def legend_place(control: Control) -> tuple[float, float]:
    """Middle of what a control's legend says, on the panel."""
    x, y = control.x_mm, control.y_mm
    if isinstance(control, Knob) and control.name not in SMALL_KNOBS:
        # Around the drum: outside, in the direction of the knob.
        length = math.hypot(x - DRUM_MM[0], y - DRUM_MM[1])
        return x + (x - DRUM_MM[0]) / length * 10.0, y + (y - DRUM_MM[1]) / length * 10.0
    if isinstance(control, Lamp):
        return x, y + (-3.1 if y < DRUM_MM[1] else 3.1)
    above = {Encoder: 8.0, Knob: 8.3, Button: 5.2}.get(type(control), 6.8)
    return x, y - above


def ink() -> list[Ink]:
    """All that is printed."""
    found = [Ink(stroke, 0.55) for stroke in strokes("TOMBOLA", WIDTH_MM / 2, 6.2, 3.4)]
    for control in PANEL:
        x_mm, y_mm = legend_place(control)
        if control.legend:
            # What SHIFT does is gold, as that button's own name is.
            size = SMALL_CAP_MM if isinstance(control, Lamp) else CAP_HEIGHT_MM
            gold = control.name == "SHIFT"
            found += [Ink(stroke, 0.3, faint=gold) for stroke in strokes(control.legend, x_mm, y_mm, size)]
        if control.shifted:
            found += [Ink(s, 0.25, faint=True) for s in strokes(control.shifted, x_mm, y_mm - 2.8, SMALL_CAP_MM)]
        if is_output(control):
            # What comes out wears a ring.
            found.append(Ink(circle(control.x_mm, control.y_mm, 4.9), 0.7))
    # What the ring means; and what this is.
    found += [Ink(circle(80.4, 122.6, 1.5), 0.5), *(Ink(stroke, 0.25) for stroke in strokes("OUT", 85.2, 122.6, 1.8))]
    found += [Ink(stroke, 0.25, faint=True) for stroke in strokes("NEURAL SYNTHESIZER", WIDTH_MM / 2, 122.6, 1.8)]
    return found + _drum() + _rules()


def _drum() -> list[Ink]:
    """The drum: its rim, and from every mode to every other the lines on which they meet."""
    x, y = DRUM_MM
    knobs = [c for c in PANEL if isinstance(c, Knob) and c.name not in SMALL_KNOBS]
    rim = circle(x, y, 13.2)
    found = [Ink(run, 0.35, faint=True) for run in _apart(rim, [(knob.x_mm, knob.y_mm, SCALE_MM) for knob in knobs])]
    for first, second in combinations(range(len(knobs)), 2):
        for offset in (-0.9, -0.3, 0.3, 0.9):
            found += _bridge(knobs[first], knobs[second], offset)
    for knob in knobs:
        found += [Ink(part, 0.35) for part in scale(knob)]
    return found + [
        Ink(part, 0.35) for c in PANEL if isinstance(c, Knob) and c.name in SMALL_KNOBS for part in scale(c)
    ]


def _bridge(one: Knob, other: Knob, offset: float) -> list[Ink]:
    """A curve that bends towards the middle of the drum and leaves caps, lamps and rim free."""
    (x, y), steps = DRUM_MM, 60
    apart = math.hypot(one.x_mm - other.x_mm, one.y_mm - other.y_mm)
    # Neighbours keep to the rim, those opposite go through the middle.
    pull = 0.25 if apart < 30 else 0.62
    bend_x, bend_y = (one.x_mm + other.x_mm) / 2, (one.y_mm + other.y_mm) / 2
    bend_x, bend_y = bend_x + (x - bend_x) * pull, bend_y + (y - bend_y) * pull
    normal_x, normal_y = (one.y_mm - other.y_mm) / apart * offset, (other.x_mm - one.x_mm) / apart * offset
    points = []
    for step in range(steps + 1):
        t = step / steps
        points.append(
            (
                (1 - t) ** 2 * one.x_mm + 2 * t * (1 - t) * bend_x + t * t * other.x_mm + normal_x,
                (1 - t) ** 2 * one.y_mm + 2 * t * (1 - t) * bend_y + t * t * other.y_mm + normal_y,
            )
        )
    lamps = [(c.x_mm, c.y_mm, 2.3) for c in PANEL if isinstance(c, Lamp)]
    names = [(*legend_place(c), 1.5) for c in PANEL if isinstance(c, Lamp) and c.legend]
    caps = [(c.x_mm, c.y_mm, SCALE_MM) for c in PANEL if isinstance(c, Knob) and c.name not in SMALL_KNOBS]
    return [Ink(run, 0.2, faint=True) for run in _apart(points, [*lamps, *names, *caps])]


def _apart(points: Iterable[tuple[float, float]], discs: list[tuple[float, float, float]]) -> list[Stroke]:
    """What of a line lies outside discs (x, y, radius)."""
    runs: list[list[tuple[float, float]]] = [[]]
    for px, py in points:
        if any(math.hypot(px - cx, py - cy) < radius for cx, cy, radius in discs):
            runs.append([])
        else:
            runs[-1].append((round(px, 3), round(py, 3)))
    return [tuple(run) for run in runs if len(run) > 1]


def scale(knob: Knob) -> list[Stroke]:
    """Eleven ticks from 7 to 5 o'clock."""
    radius = reach(knob) + 0.7
    found = []
    for step in range(11):
        if step == 5 and knob.name in SMALL_KNOBS:
            continue  # its legend is there
        angle = math.radians(120 + 30 * step)
        length = 1.0 if step in {0, 5, 10} else 0.45
        found.append(
            tuple(
                (round(knob.x_mm + r * math.cos(angle), 3), round(knob.y_mm + r * math.sin(angle), 3))
                for r in (radius, radius + length)
            )
        )
    return found


def _rules() -> list[Ink]:
    """Thin lines between inputs and outputs."""
    return [Ink(((4.0, y), (WIDTH_MM - 4.0, y)), 0.2, faint=True) for y in (88.2, 103.0)]


def distance(one: Ink, other: Ink) -> float:
    """Of two printed lines, edge to edge, in mm; they are sampled every 0.1 mm."""
    here, there = np.array(_sampled(one)), np.array(_sampled(other))
    nearest = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1)).min()
    return float(nearest) - (one.width + other.width) / 2


def _sampled(mark: Ink) -> list[tuple[float, float]]:
    found = [mark.points[0]]
    for (ax, ay), (bx, by) in pairwise(mark.points):
        steps = max(1, math.ceil(math.hypot(bx - ax, by - ay) / 0.1))
        found += [(ax + (bx - ax) * step / steps, ay + (by - ay) * step / steps) for step in range(1, steps + 1)]
    return found


def _print_faults() -> list[str]:
    """Print that a hole takes away."""
    found = []
    marks = [(mark, _sampled(mark)) for mark in ink()]
    for hole in holes():
        room = hole.diameter / 2 + CLEAR_MM
        if any(math.hypot(x - hole.x, y - hole.y) < room + mark.width / 2 for mark, points in marks for x, y in points):
            found.append(f"print runs into the hole of {hole.name}; move one of them in instrument.py or layout.py")
    for opening in openings():
        reach_x, reach_y = opening.width / 2 + CLEAR_MM, opening.height / 2 + CLEAR_MM
        if any(abs(x - opening.x) < reach_x and abs(y - opening.y) < reach_y for _, points in marks for x, y in points):
            found.append(f"print runs into the opening of {opening.name}; move one of them")
    return found


def faults() -> list[str]:
    """A sentence for whatever does not fit."""
    found = _print_faults()
    for control in PANEL:
        size = reach(control)
        if not (
            size <= control.x_mm <= WIDTH_MM - size
            and BOARD_MM[1] <= control.y_mm - 1
            and control.y_mm + 1 <= BOARD_MM[3]
        ):
            found.append(
                f"{control.name} at {control.x_mm:g}, {control.y_mm:g} mm is off the panel; move it inside in "
                f"instrument.py"
            )
        for letter in control.legend + control.shifted:
            if letter not in LETTERS:
                found.append(
                    f"the legend of {control.name} has a {letter!r}, which panel/strokes.py cannot draw; add it there"
                )
    for first, second in combinations(PANEL, 2):
        if isinstance(first, Display) or isinstance(second, Display):
            continue
        gap = math.hypot(first.x_mm - second.x_mm, first.y_mm - second.y_mm) - reach(first) - reach(second)
        wanted = FINGER_MM if isinstance(first, Knob | Encoder) and isinstance(second, Knob | Encoder) else 0.0
        if gap < wanted:
            found.append(
                f"{first.name} and {second.name} are {gap:.1f} mm apart but need {wanted:g}; move one in instrument.py"
            )
    rows = sorted({c.y_mm for c in PANEL if type(c) in HOLE_MM and HOLE_MM[type(c)] == 6.2})
    for upper, lower in pairwise(rows):
        if lower - upper < JACK_PITCH_MM:
            found.append(
                f"rows of jacks at {upper:g} and {lower:g} mm are nearer than {JACK_PITCH_MM} mm; move one in "
                f"instrument.py"
            )
    return found


def check() -> None:
    """See that all fits.

    Raises:
        BadBoard: The first thing that does not.
    """
    for fault in faults():
        raise BadBoard(fault)
