"""One mechanical model: how high every part is, how the boards stand, where they are screwed, and whether it all fits.

Nothing here was measured. Heights stand above the board that carries the part and are from the makers' drawings as
remembered; x and y are counted from the panel's upper left corner, seen from the front.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PANEL_MM: Final = 11.0
"""From the control board to the panel's back: where the shoulders of pots and jacks, with their washers, hold it."""
PANEL_THICK_MM, BOARD_THICK_MM = 2.0, 1.6
GAP_MM: Final = 11.0
"""Between control and main board, and between main board and Raspberry Pi: a header of 2.5 and a socket of 8.5 mm."""
LEGS_MM: Final = 2.5
"""How far legs through a board stand out behind it, cut."""
AIR_MM: Final = 0.2
"""Left between two things that do not move."""

DISPLAY_SPACER_MM: Final = 8.0
DISPLAY_BOARD_MM, DISPLAY_GLASS_MM = 1.2, 1.5
"""Of a module of 1.3 inch; it stands on four spacers M2 and its own pins of 11 mm, not in a socket of 8.5 mm."""
BUTTON_MM: Final = 17.0
"""From the board to the stem's tip."""
STICKS_OUT_MM: Final = (2.0, 6.0)
"""How far a button stands out of the panel for a finger."""
USB_MOUTH_MM: Final = 6.5
"""Height of the vertical USB-C receptacle's mouth."""
PLUG_BODY_MM: Final = (12.35, 6.5)
"""Largest body of a USB-C plug; it stops at the mouth. Source: USB Type-C, figure 3-21."""

HOLES_MM: Final = ((46.5, 13.2), (96.2, 14.4), (18.29, 104.4), (83.01, 106.4))
"""Standoffs M2.5 between control and main board, from the panel's upper left corner."""
STANDOFF_MM: Final = 2.75
"""Half of what a standoff M2.5 of 5 mm across its flats takes, with air."""
DISPLAY_HOLES_MM: Final = (30.4, 28.5)
"""Between the holes of a display module of 1.3 inch, M2; sellers differ."""

PI_MM: Final = (7.0, 45.0)
"""Where the upper left corner of the Raspberry Pi is, its header along the upper edge, seen from the front."""
PI_SIZE_MM: Final = (85.0, 56.0)
PI_HOLES_MM: Final = ((3.5, 3.5), (61.5, 3.5), (3.5, 52.5), (61.5, 52.5))
PI_PIN_1_MM: Final = (8.37, 4.77)
"""Pin 1; pin 2 is 2.54 mm above it, pin 3 as far to the right. Source: Raspberry Pi 4, mechanical drawing."""
PI_PARTS: Final = (
    # Towards the main board: left, upper, right, lower edge on the Pi, height. From memory of its drawing.
    ("Ethernet", 65.0, 36.9, 88.0, 54.7, 13.5),
    ("USB 3", 70.0, 19.4, 88.0, 34.6, 16.0),
    ("USB 2", 70.0, 1.4, 88.0, 16.6, 16.0),
    ("audio jack", 50.5, 43.0, 57.5, 58.5, 6.0),
    ("HDMI", 22.5, 49.0, 44.0, 57.5, 3.5),
    ("USB-C", 6.7, 50.0, 15.7, 57.5, 3.2),
    ("processor with a plate of 5 mm over it", 3.0, 8.0, 64.0, 48.0, 7.4),
)
PI_BELOW_MM: Final = 2.8
"""Card holder and solder on the Pi's far side."""
PI_PLUG_MM: Final = 12.0
"""A right-angled USB-C plug at the Pi's lower edge, and its cable."""
NOTCH_MM: Final = (71.0, 45.0, 99.9, 101.0)
"""Cut out of the main board: left, upper, right, lower edge. The Pi's USB and Ethernet are higher than the gap."""
POWER_PLUG_MM: Final = 16.0
"""A box header with its plug and strain relief, behind the main board."""
POWER_MM: Final = (30.0, 22.0)
"""Where the power header is."""
RAILS_MM: Final = (10.0, 118.5)
"""What must lie between the rails of a case."""
TALLEST_ON_MAIN_MM: Final = 7.7
"""The electrolytic capacitor."""


@dataclass(frozen=True, slots=True)
class Heat:
    """An estimate of what gets how warm, in °C."""

    case_air: float
    boards: float
    processor: float


def depth_mm() -> float:
    """Behind the panel, to whatever stands out furthest."""
    main_back = PANEL_MM + BOARD_THICK_MM + GAP_MM + BOARD_THICK_MM
    return round(max(main_back + POWER_PLUG_MM, main_back + GAP_MM + BOARD_THICK_MM + PI_BELOW_MM), 1)


def heat(pi_watts: float, case_air: float = 35.0) -> Heat:
    """What is to be expected in a case.

    7 W/m²K of still air between the modules on both sides of two boards of 98 × 108 mm; 0.9 W of our own circuits and a
    tenth of the Pi's for the buck; a processor that makes 60 % of the Pi's heat and loses it with 5 K/W through a plate
    over the whole Pi (with a small heat sink of 15 × 15 mm and 14 K/W it would slow down at half load). All estimates.
    """
    boards = case_air + (0.9 + 1.1 * pi_watts) / (7.0 * 4 * 0.098 * 0.108)
    return Heat(case_air, round(boards, 1), round(boards + 5.0 * 0.6 * pi_watts, 1))


def faults() -> Iterator[str]:
    """A sentence for each thing that does not fit."""
    display = DISPLAY_SPACER_MM + DISPLAY_BOARD_MM + DISPLAY_GLASS_MM
    if display > PANEL_MM - AIR_MM:
        yield f"the display stands {display:.1f} mm high under a panel at {PANEL_MM:g} mm; take lower spacers"
    if not display >= PANEL_MM - 3.0:
        yield f"the display's glass lies {PANEL_MM - display:.1f} mm behind the panel; take higher spacers"
    out = BUTTON_MM - PANEL_MM - PANEL_THICK_MM
    if not STICKS_OUT_MM[0] <= out <= STICKS_OUT_MM[1]:
        yield f"buttons stand {out:g} mm out of the panel but want {STICKS_OUT_MM[0]:g} … {STICKS_OUT_MM[1]:g}"
    from tombola_hardware.panel.layout import USB_MM

    if USB_MOUTH_MM < PANEL_MM + PANEL_THICK_MM and not all(
        hole >= body + 2 * AIR_MM for hole, body in zip(USB_MM, PLUG_BODY_MM, strict=True)
    ):
        yield (
            f"the USB opening of {USB_MM[0]:g} × {USB_MM[1]:g} mm stops the plug's body "
            f"{PANEL_MM + PANEL_THICK_MM - USB_MOUTH_MM:g} mm before the mouth; widen it for {PLUG_BODY_MM}"
        )
    if TALLEST_ON_MAIN_MM + LEGS_MM > GAP_MM - AIR_MM:
        yield f"what stands on the main board touches the legs behind the control board; the gap is {GAP_MM:g} mm"
    yield from _pi_faults()


def _pi_faults() -> Iterator[str]:
    left, upper, right, lower = NOTCH_MM
    for what, x0, y0, x1, y1, high in PI_PARTS:
        inside = left <= PI_MM[0] + x0 and upper <= PI_MM[1] + y0 and PI_MM[0] + x1 <= right and PI_MM[1] + y1 <= lower
        if high > GAP_MM - LEGS_MM and not inside:
            yield f"the Raspberry Pi's {what} is {high:g} mm high in a gap of {GAP_MM:g}; cut it out of the main board"
        if inside and high > GAP_MM + BOARD_THICK_MM + GAP_MM - LEGS_MM:
            yield f"the Raspberry Pi's {what} reaches through the cut-out to the legs of the control board"
    if PI_MM[1] + PI_SIZE_MM[1] + PI_PLUG_MM > RAILS_MM[1]:
        yield "the plug at the Raspberry Pi's lower edge hits the rail; move the Pi up"
    if PI_MM[1] < RAILS_MM[0]:
        yield "the Raspberry Pi hits the upper rail; move it down"
