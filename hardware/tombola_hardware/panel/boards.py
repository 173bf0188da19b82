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
from tombola_hardware.kicad.pcb import Spot, board, courtyard, line, rounded, through_pads
from tombola_hardware.kicad.schematic import identifier
from tombola_hardware.kicad.sexpr import Node, quote
from tombola_hardware.model import Board, Part
from tombola_hardware.panel.layout import BOARD_MM, HEIGHT_MM, MODULE_MM, WIDTH_MM, Hole, holes, ink, openings

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
TURNED: Final = {"KNOB_2": 180, "KNOB_3": 90, "KNOB_4": 90, "MIDI_IN": 90, "MIDI_OUT": 90, "OLED": 90}
"""Footprints that are turned to leave room for their neighbours."""
CLEAR_MM: Final = 0.3
GRID_MM: Final = 0.5


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
    """The front panel as a board: holes, windows, and the legend in the silk screen."""
    drawings = rounded("panel", (0.0, 0.0, WIDTH_MM, HEIGHT_MM), 0.0)
    for opening in openings():
        half_w, half_h = opening.width / 2, opening.height / 2
        box = (opening.x - half_w, opening.y - half_h, opening.x + half_w, opening.y + half_h)
        drawings += rounded(f"panel {opening.name}", box, opening.corner)
    for hole in holes():
        drawings.append(_hole(hole))
    for index, mark in enumerate(ink()):
        drawings += line(f"ink {index}", mark.points, mark.width, "F.SilkS")
    return board("panel", "Tombola, front panel", [], drawings, thickness_mm=2.0)


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
    """The control board, placed and not routed: what comes through the panel in front, all else on the back.

    Raises:
        BadBoard: A part has no place, or two want the same.
    """
    through = on_panel()
    parts = {part.reference: part for part in circuit.parts if part.board == "control"}
    spots = [_in_front(part, through[reference]) for reference, part in parts.items() if reference in through]
    _check_courtyards(spots)
    taken = [_box(spot, x, y, radius) for spot in spots for x, y, radius in through_pads(spot.footprint)]
    behind = [part for reference, part in parts.items() if reference not in through]
    behind.sort(key=lambda part: (-_area(part), part.reference))
    front = [_courtyard(spot) for spot in spots]
    for part in behind:
        spot = _behind(part, taken, front)
        spots.append(spot)
        taken.append(_courtyard(spot))
    drawings = rounded("control", BOARD_MM, 1.0)
    return board("control", "Tombola, control board: placed, not routed", spots, drawings), spots


def _nets(part: Part) -> dict[str, str]:
    return {pad: net for pad, net in part.connections().items() if net}


def _in_front(part: Part, place: Control) -> Spot:
    reference = part.reference
    angle = TURNED.get(place.name, 0)
    at_x, at_y = place.x_mm, place.y_mm
    if place is DISPLAY:
        # The module's pins are along its upper edge, its window in its middle.
        at_y -= MODULE_MM[1] / 2 - 2.5
    start = Spot(reference, part.kind.value, part.kind.footprint, _nets(part), 0.0, 0.0, angle)
    off_x, off_y = shaft(start)
    return Spot(
        reference,
        part.kind.value,
        part.kind.footprint,
        _nets(part),
        round(at_x - off_x, 4),
        round(at_y - off_y, 4),
        angle,
    )


def shaft(spot: Spot) -> tuple[float, float]:
    """Where a spot's shaft, bushing or lens is on the board."""
    reference = spot.reference
    key = next(key for key in (reference, reference[:2], reference.rstrip("0123456789")) if key in SHAFT_MM)
    return spot.local(*SHAFT_MM[key])


Box = tuple[float, float, float, float]


def _box(spot: Spot, x: float, y: float, radius: float) -> Box:
    at_x, at_y = spot.local(x, y)
    reach = radius + CLEAR_MM
    return at_x - reach, at_y - reach, at_x + reach, at_y + reach


def _courtyard(spot: Spot) -> Box:
    left, upper, right, lower = courtyard(spot.footprint)
    corners = [spot.local(x, y) for x in (left, right) for y in (upper, lower)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _check_courtyards(spots: list[Spot]) -> None:
    for index, one in enumerate(spots):
        left, upper, right, lower = _courtyard(one)
        if left < BOARD_MM[0] or upper < BOARD_MM[1] or right > BOARD_MM[2] or lower > BOARD_MM[3]:
            raise BadBoard(
                f"{one.reference} ({one.value}) reaches over the edge of the control board; move it in instrument.py"
            )
        for other in spots[:index]:
            if _overlap(_courtyard(one), _courtyard(other)):
                raise BadBoard(
                    f"{one.reference} and {other.reference} overlap on the control board; move one in instrument.py"
                )


def _area(part: Part) -> float:
    left, upper, right, lower = courtyard(part.kind.footprint)
    return (right - left) * (lower - upper)


def _behind(part: Part, taken: list[Box], front: list[Box]) -> Spot:
    """The first free place on the back; parts with pins keep clear of the bodies in front too."""
    goes_through = bool(through_pads(part.kind.footprint))
    left, upper, right, lower = BOARD_MM
    for angle in (0, 90):
        for row in range(round((lower - upper) / GRID_MM)):
            for column in range(round((right - left) / GRID_MM)):
                spot = Spot(
                    part.reference,
                    part.kind.value,
                    part.kind.footprint,
                    _nets(part),
                    round(left + column * GRID_MM, 3),
                    round(upper + row * GRID_MM, 3),
                    angle,
                    back=True,
                )
                box = _courtyard(spot)
                if box[0] < left + 0.5 or box[1] < upper + 0.5 or box[2] > right - 0.5 or box[3] > lower - 0.5:
                    continue
                if any(_overlap(box, other) for other in taken) or (
                    goes_through and any(_overlap(box, other) for other in front)
                ):
                    continue
                return spot
    raise BadBoard(
        f"{part.reference} ({part.kind.value}) finds no place on the control board; move something or "
        f"take a smaller part"
    )
