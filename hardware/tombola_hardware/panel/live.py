"""The panel for a page in a browser: each control is a group that the page can move, light and name."""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from xml.sax.saxutils import quoteattr

from tombola_hardware.instrument import (
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
from tombola_hardware.panel.layout import HEIGHT_MM, WIDTH_MM, Ink, ink, is_output, openings, reach
from tombola_hardware.panel.svg import DEFINITIONS, FAINT, PRINT, body, rect, screws

HALO_MM = 1.4
"""Between what stands out and the ring that shows where the keyboard is."""
LEAST_TOUCH_MM = 6.4
"""Radius at least of what a finger may touch: 44 px across on a telephone 360 px wide."""
BEND_MM = 0.02
"""A printed line may stray so far when points are left out of it."""

ORDER: Final = (
    Display,
    Lamp,
    Encoder,
    Button,
    Knob,
    CvInput,
    GateInput,
    MidiJack,
    CvOutput,
    GateOutput,
    AudioOutput,
    UsbPort,
)
"""How the Tab key walks over the panel."""


def page() -> str:
    """Draw the panel without pointers' places, lit lamps or a picture on the display: these the page sets.

    A control's group has its name as ``id`` and its kind, legend, place and reach as data. In it lie, from below: what
    stands out (with the classes of ``svg.body``), the ring of the focus (``halo``), what can be touched (``touch``).
    """
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}">',
        DEFINITIONS,
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" rx="0.4" fill="url(#ground)"/>',
        *_print(),
        *screws(),
    ]
    lines += [_group(control) for control in sorted(PANEL, key=lambda control: ORDER.index(type(control)))]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _print() -> list[str]:
    """All that is printed, as one path for each colour and width."""
    paths: dict[tuple[bool, float], list[str]] = defaultdict(list)
    for mark in ink():
        paths[not mark.faint, mark.width].append(_path(mark))
    return [
        f'<path d="{"".join(parts)}" fill="none" stroke="{PRINT if white else FAINT}" stroke-width="{width:g}" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
        for (white, width), parts in sorted(paths.items())
    ]


def _path(mark: Ink) -> str:
    return "M" + "L".join(f"{round(x, 2):g} {round(y, 2):g}" for x, y in _thinned(mark.points))


def _thinned(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """A line without the points that lie on it within BEND_MM (Douglas and Peucker 1973)."""
    (ax, ay), (bx, by) = points[0], points[-1]
    length = max(((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, 1e-9)
    closed = length < BEND_MM
    strays = [
        ((x - ax) ** 2 + (y - ay) ** 2) ** 0.5 if closed else abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length
        for x, y in points
    ]
    far = max(range(len(points)), key=strays.__getitem__)
    if strays[far] <= BEND_MM:
        return [points[0], points[-1]]
    return _thinned(points[: far + 1])[:-1] + _thinned(points[far:])


def _group(control: Control) -> str:
    x, y, size = control.x_mm, control.y_mm, reach(control)
    data = {
        "kind": type(control).__name__,
        "output": str(is_output(control)).lower(),
        "legend": control.legend,
        "shifted": control.shifted,
        "x": f"{x:g}",
        "y": f"{y:g}",
        "reach": f"{size:g}",
    }
    shapes = body(control)
    for opening in openings():
        if opening.name == control.name:
            data |= {"width": f"{opening.width:g}", "height": f"{opening.height:g}"}
            sides = (opening.x, opening.y, opening.width, opening.height, opening.corner)
            shapes = [rect(*sides, "#05070a", ' stroke="#3a3d42" stroke-width="0.3"')]
    if not isinstance(control, Display):
        shapes.append(f'<circle class="halo" cx="{x:g}" cy="{y:g}" r="{size + HALO_MM:g}" fill="none"/>')
        touch = max(size, LEAST_TOUCH_MM)
        shapes.append(f'<circle class="touch" cx="{x:g}" cy="{y:g}" r="{touch:g}" fill="#000" fill-opacity="0"/>')
    named = " ".join(f"data-{key}={quoteattr(value)}" for key, value in data.items())
    return f'<g id="{control.name}" {named}>' + "".join(shapes) + "</g>"
