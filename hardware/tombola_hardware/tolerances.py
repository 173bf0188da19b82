"""What is left between things when every part of the stack is as thick as it may be: worst case, and likely.

A clearance is a sum of lengths with signs. Its worst case adds all tolerances; the likely one adds their squares, which
one stack in three exceeds if the tolerances are standard deviations and far fewer if they are limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tombola_hardware.mechanics import (
    BOARD_THICK_MM,
    BUTTON_MM,
    DISPLAY_BOARD_MM,
    DISPLAY_GLASS_MM,
    DISPLAY_SPACER_MM,
    GAP_MM,
    LEGS_MM,
    PANEL_MM,
    PANEL_THICK_MM,
    PI_PARTS,
    POWER_PLUG_MM,
)

SPACER_MM: Final = 0.1
"""Turned standoffs, spacers, and the shoulders of pots and jacks with a washer."""
BOARD_SHARE: Final = 0.1
"""Of a board's thickness. Source: fabricators' stock rules."""
PART_MM: Final = 0.3
"""Heights of sockets and plugs; from memory, like all heights here."""
GLASS_MM: Final = 0.1


@dataclass(frozen=True, slots=True)
class Length:
    """One length of a stack: what it is, mm, and its tolerance to both sides."""

    what: str
    mm: float
    tolerance_mm: float


@dataclass(frozen=True, slots=True)
class Clearance:
    """What is left between two things.

    Args:
        what: Between what.
        adds: Lengths that make it larger.
        takes: Lengths that make it smaller.
        least_mm: What must be left; below 0.0 they touch.
    """

    what: str
    adds: tuple[Length, ...]
    takes: tuple[Length, ...]
    least_mm: float = 0.0

    @property
    def nominal_mm(self) -> float:
        """With every length as drawn."""
        return round(sum(length.mm for length in self.adds) - sum(length.mm for length in self.takes), 2)

    @property
    def worst_mm(self) -> float:
        """By how much it can differ if all lengths are at their limits."""
        return round(sum(length.tolerance_mm for length in (*self.adds, *self.takes)), 2)

    @property
    def likely_mm(self) -> float:
        """The root of the sum of the squares."""
        return round(math.hypot(*(length.tolerance_mm for length in (*self.adds, *self.takes))), 2)

    @property
    def holds(self) -> bool:
        """Whether what must be left is left in the worst case too."""
        return self.nominal_mm - self.worst_mm >= self.least_mm


def _board(what: str, mm: float) -> Length:
    return Length(what, mm, round(BOARD_SHARE * mm, 2))


PANEL: Final = _board("panel", PANEL_THICK_MM)
SHOULDERS: Final = Length("shoulders of pots and jacks", PANEL_MM, SPACER_MM)
CONTROL: Final = _board("control board", BOARD_THICK_MM)
UPPER: Final = Length("standoffs", GAP_MM, SPACER_MM)
MAIN: Final = _board("main board", BOARD_THICK_MM)
PLUG: Final = Length("power header and plug", POWER_PLUG_MM, PART_MM)
STACK: Final = (PANEL, SHOULDERS, CONTROL, UPPER, MAIN, PLUG)
"""From the front to the back."""
_PI_USB_MM: Final = max(height for _, _, _, _, _, height in PI_PARTS)
CLEARANCES: Final = (
    Clearance(
        "the display's glass and the panel",
        (SHOULDERS,),
        (
            Length("spacers of the display", DISPLAY_SPACER_MM, SPACER_MM),
            _board("display board", DISPLAY_BOARD_MM),
            Length("glass", DISPLAY_GLASS_MM, GLASS_MM),
        ),
    ),
    Clearance("a button's tip and the panel's front", (Length("button", BUTTON_MM, PART_MM),), (SHOULDERS, PANEL), 2.0),
    Clearance(
        "the Raspberry Pi's USB sockets and the control board's legs",
        (UPPER, MAIN, Length("standoffs of the Pi", GAP_MM, SPACER_MM)),
        (Length("USB socket", _PI_USB_MM, PART_MM), Length("legs", LEGS_MM, PART_MM)),
    ),
    Clearance("the power plug and 45 mm behind the panel", (Length("case", 45.0, 0.0),), STACK[1:]),
)
