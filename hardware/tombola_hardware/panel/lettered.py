"""The picture of the panel with a letter on each control, for the player's manual."""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_uppercase
from typing import Final

from tombola_hardware.instrument import DRUM_MM, PANEL, Control, Display, Knob, Lamp
from tombola_hardware.panel.layout import SMALL_KNOBS
from tombola_hardware.panel.svg import MARGIN_MM, picture

BADGE: Final = "#b3123a"
BADGE_MM: Final = 2.7
ROW_MM: Final = 5.0
"""Controls whose heights differ by less stand in one row."""


def lettering() -> dict[str, tuple[Control, ...]]:
    """Each letter, and what it stands on: the display, the large knobs, the lamps, then the rest row by row."""
    large = tuple(c for c in PANEL if isinstance(c, Knob) and c.name not in SMALL_KNOBS)
    lamps = tuple(c for c in PANEL if isinstance(c, Lamp))
    display = tuple(c for c in PANEL if isinstance(c, Display))
    rest = sorted(
        (c for c in PANEL if c not in (*large, *lamps, *display)), key=lambda c: (round(c.y_mm / ROW_MM), c.x_mm)
    )
    groups: Iterable[tuple[Control, ...]] = (display, large, lamps, *((control,) for control in rest))
    return dict(zip(ascii_uppercase, groups, strict=True))


def lettered() -> str:
    """The picture as SVG, with the letters."""
    badges = []
    for letter, controls in lettering().items():
        lamps = all(isinstance(control, Lamp) for control in controls)
        places = [DRUM_MM] if lamps else [(control.x_mm, control.y_mm) for control in controls]
        for x_mm, y_mm in places:
            x, y = x_mm + MARGIN_MM, y_mm + MARGIN_MM
            badges.append(
                f'<circle cx="{x:g}" cy="{y:g}" r="{BADGE_MM:g}" fill="{BADGE}" stroke="#fff" stroke-width="0.4"/>'
                f'<text x="{x:g}" y="{y + 1.25:g}" fill="#fff" text-anchor="middle" font-family="sans-serif" '
                f'font-weight="bold" font-size="3.6">{letter}</text>'
            )
    body = picture().replace("<title>Tombola</title>", "<title>Tombola: the panel with letters</title>")
    return body.removesuffix("</svg>\n") + "\n".join([*badges, "</svg>"]) + "\n"
