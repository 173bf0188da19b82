"""The stack from the side, with every length, its tolerance, and what is left between things: as SVG."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from tombola_hardware.tolerances import CLEARANCES, STACK, Clearance, Length

SCALE: Final = 4.0
"""Of the drawing: 4 : 1."""
LEFT_MM, TOP_MM, HEIGHT_MM = 10.0, 12.0, 46.0
SOLID: Final = {
    "panel": "#3a3d42",
    "control board": "#2d6a4f",
    "main board": "#2d6a4f",
    "power header and plug": "#b9bdc4",
}
"""Colours of what is solid; the rest is air between boards, with posts in it."""
ROW_MM: Final = 8.0
FONT: Final = 'font-family="sans-serif" font-size="4"'
HALO: Final = 'paint-order="stroke" stroke="#fff" stroke-width="1.5"'


def stack() -> str:
    """The drawing; lengths in mm, not to scale where it says so."""
    edges = [LEFT_MM + SCALE * mm for mm in accumulate((length.mm for length in STACK), initial=0.0)]
    width, bottom = edges[-1] + LEFT_MM, TOP_MM + HEIGHT_MM
    height = bottom + ROW_MM * (len(STACK) + len(CLEARANCES)) + 20.0
    box = f"0 0 {width:g} {height:g}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" viewBox="{box}" {FONT}>',
        "<title>Tombola: the stack from the side, with tolerances</title>",
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        f'<text x="{LEFT_MM:g}" y="7">The stack from the side, 4 : 1, front on the left; lengths in mm</text>',
    ]
    for length, left, right in zip(STACK, edges, edges[1:], strict=False):
        lines += _layer(length, left, right)
    dimensions = [
        _dimension(length, left, right, bottom + ROW_MM * (row + 0.8))
        for row, (length, left, right) in enumerate(zip(STACK, edges, edges[1:], strict=False))
    ]
    lines += [arrow for arrow, _ in dimensions] + [text for _, text in dimensions]  # No line over a text.
    top = bottom + ROW_MM * (len(STACK) + 1) + 2.0
    lines.append(f'<text x="{LEFT_MM:g}" y="{top:g}" font-weight="bold">What is left between</text>')
    lines += [_left(clearance, top + ROW_MM * (row + 0.9)) for row, clearance in enumerate(CLEARANCES)]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _layer(length: Length, left: float, right: float) -> list[str]:
    fill = SOLID.get(length.what)
    if fill is None:  # Two posts.
        return [_box(left, TOP_MM + HEIGHT_MM * place, right, 5.0, "#c8a55a") for place in (0.12, 0.77)]
    low = HEIGHT_MM * 0.35 if length.what.startswith("power") else 0.0
    return [_box(left, TOP_MM + low, right, HEIGHT_MM - 2 * low, fill)]


def _box(left: float, top: float, right: float, height: float, fill: str) -> str:
    return f'<rect x="{left:g}" y="{top:g}" width="{right - left:g}" height="{height:g}" fill="{fill}"/>'


def _dimension(length: Length, left: float, right: float, y: float) -> tuple[str, str]:
    """The arrow, and what stands beside it."""
    text = f"{length.what} {length.mm:g} ± {length.tolerance_mm:g}"
    after = right < 110.0  # Beside the arrow, where there is room.
    x, anchor = (right + 2.0, "start") if after else (left - 2.0, "end")
    ends = f"M{left:g} {TOP_MM:g}V{y + 1:g}M{right:g} {TOP_MM:g}V{y + 1:g}"
    line = f'<path d="{ends}" stroke="#999" stroke-width="0.15"/>'
    arrow = f'<path d="M{left:g} {y:g}H{right:g}" stroke="#000" stroke-width="0.4"/>'
    return line + arrow, f'<text x="{x:g}" y="{y + 1.4:g}" text-anchor="{anchor}" {HALO}>{text}</text>'


def _left(clearance: Clearance, y: float) -> str:
    fill = "#000" if clearance.holds else "#b3123a"
    verdict = "" if clearance.holds else ": may touch"
    return (
        f'<text x="{LEFT_MM:g}" y="{y:g}" fill="{fill}">{clearance.what}: {clearance.nominal_mm:g} '
        f"± {clearance.worst_mm:g} (likely ± {clearance.likely_mm:g}){verdict}</text>"
    )
