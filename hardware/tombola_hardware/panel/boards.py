"""The panel as a board of its own, and the control board behind it."""

from __future__ import annotations

from typing import Final

from tombola_hardware.errors import BadBoard
from tombola_hardware.instrument import (
    AUDIO_OUTPUTS,
    BUTTONS,
    CV_INPUTS,
    CV_OUTPUTS,
    DISPLAY,
    ENCODER,
    GATE_INPUTS,
    GATE_OUTPUTS,
    KNOBS,
    LAMPS,
    MIDI_JACKS,
    USB_PORT,
    Control,
)
from tombola_hardware.kicad.pcb import Spot, board, net_numbers, pour
from tombola_hardware.kicad.schematic import identifier
from tombola_hardware.kicad.sexpr import Node, quote
from tombola_hardware.kicad.shapes import line, rounded
from tombola_hardware.mechanics import (
    DISPLAY_HOLES_MM,
    HOLES_MM,
    NOTCH_MM,
    PI_HOLES_MM,
    PI_MM,
    PI_PIN_1_MM,
    POWER_MM,
    STANDOFF_MM,
)
from tombola_hardware.model import Board, Part
from tombola_hardware.panel.layout import BOARD_MM, HEIGHT_MM, MODULE_MM, WIDTH_MM, Hole, holes, ink, openings
from tombola_hardware.panel.placing import Placer, box_of, disc, mated, overlap, pin_of, spot_of
from tombola_hardware.routing.grid import Grid, Pad, pads
from tombola_hardware.routing.laid import COPPER
from tombola_hardware.routing.pair import crossings, usb
from tombola_hardware.routing.routes import drawn, load
from tombola_hardware.routing.stitches import stitched
from tombola_hardware.routing.widths import widened

SHAFT_MM: Final = {
    "J": (0.0, 6.48),
    "RV": (7.5, 2.5),
    "SW1": (7.5, 2.5),
    "SW": (3.25, 2.25),
    "D": (2.54, 0.0),
    "J7": (0.0, 0.0),
    "J81": (0.0, 3.81),
    "J82": (0.0, 0.0),
}
"""Where in its footprint the middle is of what comes through the panel.

Source: KiCad's footprints, circles on F.Fab.
"""
TURNED: Final = {"KNOB_2": 180, "KNOB_3": 90, "KNOB_4": 90, "ENC": 180, "MIDI_IN": 270, "MIDI_OUT": 270, "OLED": 90}
"""Footprints that are turned to leave room for their neighbours."""
INSIDE_MM: Final = (BOARD_MM[0] + 0.5, BOARD_MM[1] + 0.5, BOARD_MM[2] - 0.5, BOARD_MM[3] - 0.5)
SUPPLIES: Final = ("+5V", "+12V", "-12V", "P12_IN", "P12_FUSED", "P12_SOFT", "M12_IN", "M12_FUSED", "P5_QUIET")
"""Nets of the main board whose tracks are as wide as they can be."""
GUARD_MM: Final = (91.1, 106.4)
"""Of U81, right above the USB socket …"""
CABLE_MM: Final = (97.5, 109.49)
"""… and of pin 1 of J83, right of both."""
POWER_PATH_MM: Final = {
    "F11": (22.5, 26.5, 0),
    "D11": (30.0, 26.5, 180),
    "Q11": (36.0, 26.0, 0),
    "U11": (47.0, 28.0, 0),
}
"""Where 0.8 A go, one beside the other from the header on: x, y, angle."""
POWER_POURS_MM: Final = (
    ("P12_IN", (18.8, 18.4, 21.7, 28.0)),
    ("P12_FUSED", (23.3, 24.6, 29.6, 28.4)),
    ("+12V", (30.6, 24.6, 35.8, 28.4)),
    ("P12_SOFT", (36.3, 22.2, 45.6, 26.9)),
    ("+5V", (50.7, 22.2, 58.4, 30.0)),
)
"""Copper in front for them: net; left, upper, right, lower edge."""
STITCH_MM: Final = 5.0
"""How far apart the vias are that join the grounds of all layers."""
MASK_MM: Final = 0.1
"""How much wider the mask is opened than the copper that shows."""


def on_panel() -> dict[str, Control]:
    """Reference of each part that comes through the panel, to its control."""
    found: dict[str, Control] = {"SW1": ENCODER, "J81": DISPLAY, "J82": USB_PORT}
    for prefix, first, controls in (
        ("J3", 1, CV_INPUTS),
        ("J4", 1, GATE_INPUTS),
        ("J5", 1, CV_OUTPUTS),
        ("J5", 5, GATE_OUTPUTS),
        ("J6", 1, AUDIO_OUTPUTS),
        ("J7", 1, MIDI_JACKS),
        ("RV", 1, KNOBS),
        ("SW", 2, BUTTONS),
        ("D8", 1, LAMPS),
    ):
        found |= {f"{prefix}{first + index}": control for index, control in enumerate(controls)}
    return found


def panel() -> str:
    """The front panel as a board: holes, windows, white print in the silk screen, gold as bare copper."""
    drawings = rounded("panel", (0.0, 0.0, WIDTH_MM, HEIGHT_MM), 0.0)
    for opening in openings():
        half_w, half_h = opening.width / 2, opening.height / 2
        box = (opening.x - half_w, opening.y - half_h, opening.x + half_w, opening.y + half_h)
        drawings += rounded(f"panel {opening.name}", box, opening.corner)
    for hole in holes():
        drawings.append(_hole(hole))
    for index, mark in enumerate(ink()):
        if mark.faint:
            drawings += line(f"gold {index}", mark.points, mark.width, "F.Cu")
            drawings += line(f"bare {index}", mark.points, mark.width + MASK_MM, "F.Mask")
        else:
            drawings += line(f"ink {index}", mark.points, mark.width, "F.SilkS")
    return board("panel", "Tombola, front panel", [], drawings, thickness_mm=2.0, mask="Black")


def _hole(hole: Hole) -> list[Node]:
    """A hole without copper, as a footprint: so it is drilled."""
    size = f"{hole.diameter:g}"
    pad: list[Node] = [
        "pad",
        '""',
        "np_thru_hole",
        "circle",
        ["at", "0", "0"],
        ["size", size, size],
        ["drill", size],
        ["layers", '"*.Cu"', '"*.Mask"'],
        ["uuid", identifier("panel pad", hole.name)],
    ]
    return [
        "footprint",
        quote(f"Hole_{size}mm"),
        ["layer", quote("F.Cu")],
        ["uuid", identifier("panel hole", hole.name)],
        ["at", f"{hole.x:g}", f"{hole.y:g}"],
        ["attr", "board_only", "exclude_from_pos_files", "exclude_from_bom"],
        pad,
    ]


def control(circuit: Board) -> tuple[str, list[Spot]]:
    """The control board: what comes through the panel in front, all else on the back; tracks as ``routes/`` has them.

    Raises:
        BadBoard: A part has no place, or two want the same.
    """
    through = on_panel()
    parts = {part.reference: part for part in circuit.parts if part.board == "control"}
    front = [_in_front(part, through[reference]) for reference, part in parts.items() if reference in through]
    _check_courtyards(front)
    screws = [Hole(f"STANDOFF_{index + 1}", x, y, 2.7) for index, (x, y) in enumerate(HOLES_MM)]
    taken = [disc(hole.x, hole.y, STANDOFF_MM) for hole in screws]
    display = display_holes()
    # The guard stands in front, between socket and header, so that the pair of USB goes straight through it.
    guard, cable = (
        spot_of(parts["U81"], *GUARD_MM, 90),
        spot_of(parts["J83"], *CABLE_MM, 0, back=True),
    )
    front += [guard, cable]
    vias = [disc(x, y, 0.6) for x, y in crossings(next(spot for spot in front if spot.reference == "J82"))]
    placer = Placer(BOARD_MM, [*taken, *vias, *(disc(hole.x, hole.y, 2.2) for hole in display)], front)
    for spot in front:
        for box in taken:
            if overlap(box_of(spot), box):
                raise BadBoard(f"{spot.reference} stands where a standoff is screwed; move one of them")
    placer.fill([part for reference, part in parts.items() if reference not in placer.spots], back=True)
    drawings = rounded("control", BOARD_MM, 1.0) + [_hole(hole) for hole in (*screws, *display)]
    spots = list(placer.spots.values())
    numbers = net_numbers(spots)
    solid = [
        *pads(spots),
        *(Pad("", (0, 1, 2, 3), hole.x, hole.y, 0.0, 0.0, hole.diameter / 2) for hole in (*screws, *display)),
    ]
    laid = load("control")
    drawings += list(
        drawn("control", stitched(laid, "GND", INSIDE_MM, STITCH_MM, solid, BOARD_MM) if laid else {}, numbers)
    )
    drawings.append(pour("control", "GND", numbers["GND"], INSIDE_MM, COPPER))
    return board("control", "Tombola, control board", spots, drawings), spots


def control_grid(circuit: Board) -> Grid:
    """The control board as its router sees it."""
    holes = [(x, y, 1.35) for x, y in HOLES_MM] + [(hole.x, hole.y, 1.1) for hole in display_holes()]
    spots = control(circuit)[1]
    return Grid(BOARD_MM, [], holes, spots, usb({spot.reference: spot for spot in spots}))


def display_holes() -> list[Hole]:
    """Of the spacers that hold the display."""
    return [
        Hole(
            f"DISPLAY_{index + 1}",
            DISPLAY.x_mm + x * DISPLAY_HOLES_MM[0] / 2,
            DISPLAY.y_mm + y * DISPLAY_HOLES_MM[1] / 2,
            2.2,
        )
        for index, (x, y) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1)))
    ]


def pi_pins() -> dict[str, tuple[float, float]]:
    """Where the pins of the Raspberry Pi's header are, seen from the front."""
    left, upper = PI_MM[0] + PI_PIN_1_MM[0], PI_MM[1] + PI_PIN_1_MM[1]
    return {str(pin): (left + 2.54 * ((pin - 1) // 2), upper - 2.54 * ((pin + 1) % 2)) for pin in range(1, 41)}


def main(circuit: Board) -> tuple[str, list[Spot]]:
    """The main board, with a cut-out for what is high on the Raspberry Pi; tracks as ``routes/`` has them.

    Raises:
        BadBoard: A part has no place, or a connector does not meet its other half.
    """
    parts = {part.reference: part for part in circuit.parts if part.board == "main"}
    there = {spot.reference: spot for spot in control(circuit)[1]}
    fixed = [mated(parts["J21"], pi_pins(), back=True)]
    for reference in ("J11", "J12"):
        if reference in parts:
            fixed.append(spot_of(parts[reference], *POWER_MM, 90, back=True))
    fixed += [spot_of(parts[reference], *place) for reference, place in POWER_PATH_MM.items() if reference in parts]
    for reference, spot in there.items():
        if reference.startswith("J1"):
            socket = parts[reference[:-1] + "2"]
            fixed.append(mated(socket, {pad: pin_of(spot, pad) for pad in spot.nets}, back=False))
    screws = main_holes()
    placer = Placer(BOARD_MM, [*(disc(hole.x, hole.y, STANDOFF_MM) for hole in screws), NOTCH_MM], fixed)
    placer.fill([part for reference, part in parts.items() if reference not in placer.spots], back=False)
    spots = list(placer.spots.values())
    left, upper, right, lower = BOARD_MM
    cut_left, cut_upper, _, cut_lower = NOTCH_MM
    outline = ((left, upper), (right, upper), (right, cut_upper), (cut_left, cut_upper), (cut_left, cut_lower),
               (right, cut_lower), (right, lower), (left, lower), (left, upper))  # fmt: skip
    drawings = line("main", outline, 0.1, "Edge.Cuts") + [_hole(hole) for hole in screws]
    numbers, laid = net_numbers(spots), load("main") if circuit.name == "tombola" else {}
    if laid:
        solid = [*pads(spots), *(Pad("", (0, 1, 2, 3), hole.x, hole.y, 0.0, 0.0, hole.diameter / 2) for hole in screws)]
        widths = widened(laid, SUPPLIES, solid, BOARD_MM, [NOTCH_MM])
        laid = stitched(laid, "+5V", dict(POWER_POURS_MM)["+5V"], 1.0, solid, BOARD_MM, [NOTCH_MM])
        laid = stitched(laid, "GND", INSIDE_MM, STITCH_MM, solid, BOARD_MM, [NOTCH_MM])
        drawings += list(drawn("main", laid, numbers, widths))
        for net, box in POWER_POURS_MM:
            drawings.append(pour("main", net, numbers[net], box, ("F.Cu",), 2, solid=True))
    drawings.append(pour("main", "GND", numbers["GND"], INSIDE_MM, COPPER))
    drawings.append(pour("main", "+5V", numbers["+5V"], INSIDE_MM, ("In2.Cu",), 1))
    return board("main", "Tombola, main board", spots, drawings), spots


def main_holes() -> list[Hole]:
    """Of the standoffs to the control board and to the Raspberry Pi."""
    found = [Hole(f"STANDOFF_{index + 1}", x, y, 2.7) for index, (x, y) in enumerate(HOLES_MM)]
    return found + [
        Hole(f"PI_{index + 1}", PI_MM[0] + x, PI_MM[1] + y, 2.7) for index, (x, y) in enumerate(PI_HOLES_MM)
    ]


def main_grid(circuit: Board) -> Grid:
    """The main board as its router sees it."""
    holes = [(hole.x, hole.y, 1.35) for hole in main_holes()]
    return Grid(BOARD_MM, [NOTCH_MM], holes, main(circuit)[1], poured=POWER_POURS_MM)


def _in_front(part: Part, place: Control) -> Spot:
    angle = TURNED.get(place.name, 0)
    at_x, at_y = place.x_mm, place.y_mm
    if place is DISPLAY:
        # The module's pins are along its upper edge, its window in its middle.
        at_y -= MODULE_MM[1] / 2 - 2.5
    off_x, off_y = shaft(spot_of(part, 0.0, 0.0, angle))
    return spot_of(part, at_x - off_x, at_y - off_y, angle)


def shaft(spot: Spot) -> tuple[float, float]:
    """Where a spot's shaft, bushing or lens is on the board."""
    reference = spot.reference
    key = next(key for key in (reference, reference[:2], reference.rstrip("0123456789")) if key in SHAFT_MM)
    return spot.local(*SHAFT_MM[key])


def _check_courtyards(spots: list[Spot]) -> None:
    for index, one in enumerate(spots):
        left, upper, right, lower = box_of(one)
        if left < BOARD_MM[0] or upper < BOARD_MM[1] or right > BOARD_MM[2] or lower > BOARD_MM[3]:
            raise BadBoard(
                f"{one.reference} ({one.value}) reaches over the edge of the control board; move it in instrument.py"
            )
        for other in spots[:index]:
            if overlap(box_of(one), box_of(other)):
                raise BadBoard(
                    f"{one.reference} and {other.reference} overlap on the control board; move one in instrument.py"
                )
