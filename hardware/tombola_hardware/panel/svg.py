"""The panel as SVG: to print, to look at, and with dimensions."""

from __future__ import annotations

from typing import Final

from tombola_hardware.instrument import KNOBS, PANEL, Control, Encoder, Knob, Lamp
from tombola_hardware.panel.layout import (
    BOARD_MM,
    HEIGHT_MM,
    SCREWS,
    WIDTH_MM,
    Hole,
    Ink,
    holes,
    ink,
    is_output,
    openings,
    reach,
)

GROUND, PRINT, FAINT = "#15171a", "#f4f4f0", "#c8a55a"
"""Black mask, white silk screen, gilded copper: what a fabricator of circuit boards gives."""
MARGIN_MM: Final = 5.0
"""Around the picture."""
LIT: Final = ("#7be07b", "#f2b53c", "#e0574f")


def _head(width: float, height: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" viewBox="0 0 {width:g} {height:g}">\n'
        f"<title>{title}</title>\n"
    )


def _line(mark: Ink, colour: str) -> str:
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in mark.points)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{mark.width:g}" stroke-linecap="round" stroke-linejoin="round"/>'


def _print() -> list[str]:
    return [_line(mark, FAINT if mark.faint else PRINT) for mark in sorted(ink(), key=lambda mark: not mark.faint)]


def front() -> str:
    """For print, and for a panel on a screen: every control is a group with its name, kind and place."""
    lines = [
        _head(WIDTH_MM, HEIGHT_MM, "Tombola, front panel"),
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" fill="{GROUND}"/>',
    ]
    lines += _print()
    cuts = {hole.name: hole for hole in holes()}
    for opening in openings():
        lines.append(
            f'<g id="{opening.name}" data-kind="{_kind(opening.name)}" data-x-mm="{opening.x:g}" data-y-mm="{opening.y:g}">'
            + _rect(opening.x, opening.y, opening.width, opening.height, opening.corner, "#000")
            + "</g>"
        )
    for control in PANEL:
        if control.name in cuts:
            lines.append(
                f'<g id="{control.name}" data-kind="{type(control).__name__}" data-output="{str(is_output(control)).lower()}" '
                f'data-x-mm="{control.x_mm:g}" data-y-mm="{control.y_mm:g}" data-reach-mm="{reach(control):g}">'
                + _disc(cuts[control.name], "#000")
                + "</g>"
            )
    lines += [_disc(Hole(f"SCREW_{index + 1}", x, y, 3.2), "#000") for index, (x, y) in enumerate(SCREWS)]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _kind(name: str) -> str:
    return next(type(control).__name__ for control in PANEL if control.name == name)


def _disc(hole: Hole, colour: str) -> str:
    return f'<circle cx="{hole.x:g}" cy="{hole.y:g}" r="{hole.diameter / 2:g}" fill="{colour}"/>'


def _rect(x: float, y: float, width: float, height: float, corner: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="{corner:g}" fill="{fill}"{more}/>'


def picture() -> str:
    """As it looks when it is built and plays: caps, nuts, lit lamps."""
    lines = [
        _head(WIDTH_MM + 2 * MARGIN_MM, HEIGHT_MM + 2 * MARGIN_MM, "Tombola"),
        _DEFINITIONS,
        f'<g transform="translate({MARGIN_MM} {MARGIN_MM})">',
        f'<rect x="0.6" y="1" width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" rx="0.4" fill="#000" opacity="0.25"/>',
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" rx="0.4" fill="url(#ground)"/>',
    ]
    lines += _print()
    for opening in openings():
        fill = "#05070a" if opening.name == "OLED" else "#000"
        lines.append(
            _rect(
                opening.x,
                opening.y,
                opening.width,
                opening.height,
                opening.corner,
                fill,
                ' stroke="#3a3d42" stroke-width="0.3"',
            )
        )
    lines += _screen()
    lines += [
        f'<circle cx="{x:g}" cy="{y:g}" r="2.7" fill="url(#metal)"/><path d="M{x - 1.5:g} {y:g}h3M{x:g} {y - 1.5:g}v3" '
        'stroke="#333" stroke-width="0.6"/>'
        for x, y in SCREWS
    ]
    for control in PANEL:
        lines += _body(control)
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


_DEFINITIONS: Final = """<defs>
<linearGradient id="ground" x2="0" y2="1"><stop offset="0" stop-color="#1d2024"/><stop offset="1" stop-color="#111316"/></linearGradient>
<radialGradient id="metal" cx="0.4" cy="0.35"><stop offset="0" stop-color="#f4f4f2"/><stop offset="1" stop-color="#84868a"/></radialGradient>
<radialGradient id="cap" cx="0.4" cy="0.35"><stop offset="0" stop-color="#46494e"/><stop offset="0.75" stop-color="#25272a"/><stop offset="1" stop-color="#0c0d0e"/></radialGradient>
<radialGradient id="cream" cx="0.4" cy="0.35"><stop offset="0" stop-color="#fffaf0"/><stop offset="0.8" stop-color="#e6dcc4"/><stop offset="1" stop-color="#b7ab8d"/></radialGradient>
</defs>"""
TURNS: Final = (110.0, 20.0, -60.0, -120.0, -10.0, 30.0, -40.0, 70.0)
"""Of the pointers in the picture, from twelve o'clock."""


def _body(control: Control) -> list[str]:
    x, y, size = control.x_mm, control.y_mm, reach(control)
    if isinstance(control, Knob):
        fill = "url(#cream)" if size > 6 else "url(#cap)"
        mark = "#15171a" if size > 6 else "#f2ead8"
        turn = TURNS[KNOBS.index(control)]
        return [
            f'<circle cx="{x + 0.4:g}" cy="{y + 0.7:g}" r="{size:g}" fill="#000" opacity="0.5"/><circle cx="{x:g}" cy="{y:g}" r="{size:g}" fill="{fill}"/>'
            f'<circle cx="{x:g}" cy="{y:g}" r="{size * 0.68:g}" fill="none" stroke="#000" stroke-opacity="0.15" stroke-width="0.3"/>'
            f'<path d="M{x:g} {y - size + 0.5:g}v{size * 0.5:g}" stroke="{mark}" stroke-width="0.8" stroke-linecap="round" transform="rotate({turn:g} {x:g} {y:g})"/>'
        ]
    if isinstance(control, Encoder):
        teeth = "".join(
            f'<path d="M{x:g} {y - size:g}v1" stroke="#666" stroke-width="0.25" transform="rotate({12 * step} {x:g} {y:g})"/>'
            for step in range(30)
        )
        return [
            f'<circle cx="{x + 0.4:g}" cy="{y + 0.7:g}" r="{size:g}" fill="#000" opacity="0.5"/><circle cx="{x:g}" cy="{y:g}" r="{size:g}" fill="url(#cap)"/>{teeth}'
        ]
    if isinstance(control, Lamp):
        number = int(control.name.rsplit("_", 1)[1])
        strength = (0.95, 0.75, 0.25, 0.12, 0.5, 0.08, 0.08, 0.08)[number - 1]
        return [
            f'<circle cx="{x:g}" cy="{y:g}" r="1.6" fill="#2b2f2b"/>'
            f'<circle cx="{x:g}" cy="{y:g}" r="2.6" fill="{LIT[0]}" opacity="{strength * 0.3:g}"/>'
            f'<circle cx="{x:g}" cy="{y:g}" r="1.5" fill="{LIT[0]}" opacity="{strength:g}"/>'
        ]
    if size == 3.0:
        return [f'<circle cx="{x:g}" cy="{y:g}" r="{size:g}" fill="url(#cream)"/>']
    if size == 4.0:
        return [
            f'<circle cx="{x:g}" cy="{y:g}" r="{size:g}" fill="url(#metal)"/><circle cx="{x:g}" cy="{y:g}" r="2.9" fill="#77797c"/>'
            f'<circle cx="{x:g}" cy="{y:g}" r="1.8" fill="#08090a"/>'
        ]
    return []


def _screen() -> list[str]:
    """What the display's first page shows: bars of the blend."""
    opening = next(opening for opening in openings() if opening.name == "OLED")
    left, base = opening.x - 12, opening.y + 5.5
    bars = (0.95, 0.75, 0.25, 0.12, 0.5)
    return [
        f'<rect x="{left + 5 * index:g}" y="{base - 11 * value:g}" width="3.4" height="{11 * value:g}" fill="#bfe6ff"/>'
        for index, value in enumerate(bars)
    ]


def drawing() -> str:
    """With dimensions, for whoever drills it."""
    margin = 22.0
    rows = sorted({hole.y for hole in holes()})
    columns = sorted({hole.x for hole in holes()})
    lines = [
        _head(WIDTH_MM + 2 * margin, HEIGHT_MM + 2 * margin, "Tombola, mechanical drawing"),
        f'<rect width="{WIDTH_MM + 2 * margin:g}" height="{HEIGHT_MM + 2 * margin:g}" fill="#fff"/>',
        f'<g transform="translate({margin} {margin})" fill="none" stroke="#000" stroke-width="0.15" font-family="sans-serif" font-size="1.9">',
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}"/>',
        f'<rect x="{BOARD_MM[0]:g}" y="{BOARD_MM[1]:g}" width="{BOARD_MM[2] - BOARD_MM[0]:g}" height="{BOARD_MM[3] - BOARD_MM[1]:g}" stroke-dasharray="1 1"/>',
    ]
    for hole in holes():
        lines.append(f'<circle cx="{hole.x:g}" cy="{hole.y:g}" r="{hole.diameter / 2:g}"/>')
        lines.append(
            f'<text x="{hole.x:g}" y="{hole.y + hole.diameter / 2 + 2:g}" fill="#000" stroke="none" text-anchor="middle" font-size="1.4">⌀{hole.diameter:g}</text>'
        )
    lines += [_rect(o.x, o.y, o.width, o.height, o.corner, "none") for o in openings()]
    last = -9.0
    for y in rows:
        place = max(y, last + 2.0)
        last = place
        lines.append(f'<path d="M{WIDTH_MM:g} {y:g}H{WIDTH_MM + 4:g}L{WIDTH_MM + 7:g} {place:g}" stroke-width="0.08"/>')
        lines.append(f'<text x="{WIDTH_MM + 8:g}" y="{place + 0.7:g}" fill="#000" stroke="none">{y:g}</text>')
    last = -9.0
    for x in columns:
        place = max(x, last + 2.4)
        last = place
        lines.append(f'<path d="M{x:g} 0V-3L{place:g} -6" stroke-width="0.08"/>')
        lines.append(
            f'<text transform="translate({place + 0.7:g} -7) rotate(-90)" fill="#000" stroke="none">{x:g}</text>'
        )
    lines.append(
        f'<text x="{WIDTH_MM / 2:g}" y="{HEIGHT_MM + 8:g}" fill="#000" stroke="none" text-anchor="middle">'
        f"{WIDTH_MM:g} × {HEIGHT_MM:g} mm, 2 mm thick; dashed: boards; all from the upper left corner</text>"
    )
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"
