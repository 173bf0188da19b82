"""The panel and the board behind it: mechanics of Eurorack, and every drawing of them the same."""

from __future__ import annotations

import dataclasses
import math
import warnings
import xml.etree.ElementTree as ET
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

GENERATED = Path(__file__).parents[2] / "hardware" / "generated"


@pytest.fixture(scope="module")
def layout(kicad_libraries):
    from tombola_hardware.panel import layout

    return layout


@pytest.fixture(scope="module")
def control(control_board):
    return control_board


@pytest.fixture(scope="module")
def spots(control, main_board):
    return {spot.reference: spot for _, found in (control, main_board) for spot in found}


def test_panel_is_20_hp_of_eurorack(layout):
    assert (layout.WIDTH_MM, layout.HEIGHT_MM) == (101.3, 128.5)
    assert layout.SCREWS == ((7.5, 3.0), (93.86, 3.0), (7.5, 125.5), (93.86, 125.5))


def test_everything_fits(layout):
    assert layout.faults() == []


@pytest.mark.parametrize(
    ("name", "x_mm", "y_mm", "said"),
    [
        ("CV_X", 22.0, 82.2, "CV_X and CV_Y are"),
        ("CV_X", -5.0, 82.2, "is off the panel"),
        ("CV_X", 26.38, 70.0, "nearer than 14.6"),
    ],
)
def test_what_does_not_fit_is_one_sentence(layout, monkeypatch, name, x_mm, y_mm, said):
    moved = tuple(dataclasses.replace(c, x_mm=x_mm, y_mm=y_mm) if c.name == name else c for c in layout.PANEL)
    monkeypatch.setattr(layout, "PANEL", moved)
    faults = layout.faults()
    assert any(said in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


def test_boards_stay_clear_of_the_rails(layout):
    _, upper, _, lower = layout.BOARD_MM
    assert upper >= 10.0
    assert lower <= 118.5


def test_rows_of_jacks_are_14_6_mm_apart_at_least(layout):
    rows = sorted({hole.y for hole in layout.holes() if hole.diameter == 6.2})
    assert len(rows) == 3
    assert min(b - a for a, b in pairwise(rows)) >= 14.6


def test_lamps_of_the_first_five_modes_are_nearest_to_their_knobs(layout):
    places = {c.name: (c.x_mm, c.y_mm) for c in layout.PANEL}
    for mode in range(1, 6):
        distances = {lamp: math.dist(places[f"KNOB_{mode}"], places[f"LAMP_{lamp}"]) for lamp in range(1, 9)}
        assert min(distances, key=distances.get) == mode
        assert distances[mode] < 12


def test_every_control_is_an_element_of_the_svg_where_it_is(layout):
    from tombola_hardware.panel import svg

    root = ET.fromstring(svg.front())
    groups = {group.get("id"): group for group in root.iter("{http://www.w3.org/2000/svg}g")}
    for control in layout.PANEL:
        assert float(groups[control.name].get("data-x-mm")) == control.x_mm
        assert float(groups[control.name].get("data-y-mm")) == control.y_mm
    assert ET.fromstring(svg.picture()) is not None
    assert ET.fromstring(svg.drawing()) is not None


def test_dxf_has_the_same_holes(layout, tmp_path):
    import ezdxf
    from tombola_hardware.panel import dxf

    fresh = tmp_path / "panel.dxf"
    fresh.write_text(dxf.drawing())
    for path in (fresh, GENERATED / "panel" / "panel.dxf"):
        circles = ezdxf.readfile(path).modelspace().query("CIRCLE")
        found = sorted(
            (round(c.dxf.center.x, 2), round(128.5 - c.dxf.center.y, 2), round(2 * c.dxf.radius, 2)) for c in circles
        )
        assert found == sorted((round(h.x, 2), round(h.y, 2), h.diameter) for h in layout.holes())
    assert dxf.drawing() == dxf.drawing()


def test_gerbers_have_the_same_holes_and_outline(layout, kicad, tmp_path):
    gerbonara = pytest.importorskip("gerbonara", reason="gerbonara is not installed; make env")
    from tombola_hardware.kicad import cli_boards
    from tombola_hardware.panel import boards

    path = tmp_path / "panel.kicad_pcb"
    path.write_text(boards.panel(), "utf-8")
    cli_boards.gerbers(path, tmp_path / "gerber")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # KiCad says G90 after the header
        stack = gerbonara.LayerStack.open(tmp_path / "gerber")
        drilled = sorted(
            (round(hit.x, 2), round(-hit.y, 2), round(hit.tool.diameter, 2))
            for layer in stack.drill_layers
            for hit in layer.objects
        )
    assert drilled == sorted((round(h.x, 2), round(h.y, 2), h.diameter) for h in layout.holes())
    (left, low), (right, high) = stack.outline.bounding_box(gerbonara.utils.MM)
    assert (right - left, high - low) == pytest.approx((101.3, 128.5), abs=0.2)
    assert not any("CreationDate" in file.read_text() for file in (tmp_path / "gerber").iterdir())


def test_shafts_come_through_the_holes(layout, control):
    from tombola_hardware.panel import boards

    _, spots = control
    places = boards.on_panel()
    seen = 0
    for spot in spots:
        if spot.reference in places and spot.reference != "J81":
            place = places[spot.reference]
            assert boards.shaft(spot) == pytest.approx((place.x_mm, place.y_mm), abs=0.01), spot.reference
            seen += 1
    assert seen == len(layout.PANEL) - 1


def test_all_of_the_control_board_is_on_it(board, control):
    _, spots = control
    assert {spot.reference for spot in spots} == {part.reference for part in board.parts if part.board == "control"}
    assert all(spot.nets for spot in spots)


def test_design_rules_find_no_violation_on_the_panel(kicad, tmp_path):
    from tombola_hardware.kicad import cli_boards
    from tombola_hardware.panel import boards
    from tombola_hardware.rules import not_allowed

    path = tmp_path / "panel.kicad_pcb"
    path.write_text(boards.panel(), "utf-8")
    cli_boards.write_settings(path)
    findings, unrouted = cli_boards.design_rules(path)
    assert not_allowed(findings) == []
    assert unrouted == 0


@pytest.mark.parametrize("which", ["control", "main"])
def test_design_rules_find_no_violation_and_nothing_unconnected_on_the_boards(poured, which):
    """With their pours filled, as they are made."""
    from tombola_hardware.kicad import cli_boards
    from tombola_hardware.rules import not_allowed

    assert "filled_polygon" in poured[which].read_text("utf-8")
    findings, unrouted = cli_boards.design_rules(poured[which])
    assert not_allowed(findings) == []
    assert unrouted == 0


def test_overlapping_bodies_are_refused(board, monkeypatch):
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.panel import boards

    monkeypatch.setitem(boards.TURNED, "KNOB_3", 0)
    monkeypatch.setitem(boards.TURNED, "KNOB_2", 0)
    with pytest.raises(BadBoard, match="overlap on the control board"):
        boards.control(board)


FARTHEST_MM = {"U": 25.0, "C": 10.5, "L": 16.0, "R": 15.0}
"""Chips stand beside each other."""


def test_each_part_stands_at_the_pin_that_it_serves(spots):
    """The guard was 111 mm from its USB port, resistors and capacitors wherever there was room."""
    from tombola_hardware.panel.placing import NEAR, pin_of

    for reference, (whose, pin) in NEAR.items():
        if reference in spots:
            place = pin_of(spots[whose], pin)
            nearest = min(math.dist(pin_of(spots[reference], number), place) for number in spots[reference].nets)
            assert nearest < (16.0 if reference.startswith("R10") else FARTHEST_MM.get(reference[0], 12.0)), reference
    near = {**NEAR, "U81": ("J82", "A6"), "J83": ("U81", "4")}
    for reference, limit in (("U81", 5.0), ("J83", 7.0), ("R811", 5.0), ("R812", 5.0), ("C81", 5.0), ("C911", 5.0),
                             ("C921", 6.0), ("C924", 6.0), ("C925", 6.0), ("U93", 12.0), ("C95", 6.0)):  # fmt: skip
        whose, pin = near[reference]
        place = pin_of(spots[whose], pin)
        assert min(math.dist(pin_of(spots[reference], n), place) for n in spots[reference].nets) < limit, reference


def test_connectors_between_the_boards_meet_pin_for_pin(spots):
    from tombola_hardware.panel.placing import pin_of

    for pair in ("J11", "J12"):
        header, socket = spots[pair + "1"], spots[pair + "2"]
        assert (header.back, socket.back) == (True, False)
        for number, net in header.nets.items():
            assert pin_of(socket, number) == pytest.approx(pin_of(header, number), abs=0.01)
            assert socket.nets[number] == net


def test_a_socket_on_the_wrong_side_is_refused(spots, board):
    """Header and socket are mirror images: on the wrong side odd pins would meet even ones."""
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.panel.placing import mated, pin_of

    header = spots["J111"]
    with pytest.raises(BadBoard, match="J112 does not meet its other half pin for pin"):
        mated(board.part("J112"), {number: pin_of(header, number) for number in header.nets}, back=True)


def test_boards_are_screwed_together_at_the_same_places(control, main_board):
    from tombola_hardware.mechanics import HOLES_MM, PI_HOLES_MM

    for text, more in ((control[0], 4), (main_board[0], len(PI_HOLES_MM))):
        assert text.count("Hole_2.7mm") + text.count("Hole_2.2mm") == len(HOLES_MM) + more
        for x, y in HOLES_MM:
            assert f"(at {x:g} {y:g})" in text


def test_everything_fits_between_panel_and_raspberry_pi():
    from tombola_hardware import mechanics

    assert list(mechanics.faults()) == []
    assert mechanics.depth_mm() < 42.0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        # What revision A had: each is refused now.
        ("DISPLAY_SPACER_MM", 11.0, "the display stands 13.7 mm high under a panel at 11 mm"),
        ("BUTTON_MM", 13.0, "buttons stand 0 mm out of the panel"),
        ("NOTCH_MM", (0.0, 0.0, 0.0, 0.0), "USB 3 is 16 mm high in a gap of 11; cut it out"),
        ("PI_MM", (7.0, 60.0), "the plug at the Raspberry Pi's lower edge hits the rail"),
        ("TALLEST_ON_MAIN_MM", 10.0, "touches the legs behind the control board"),
    ],
)
def test_what_does_not_fit_in_depth_is_one_sentence(monkeypatch, name, value, said):
    from tombola_hardware import mechanics

    monkeypatch.setattr(mechanics, name, value)
    assert any(said in fault for fault in mechanics.faults())


def test_a_usb_opening_for_the_shell_alone_is_refused(layout, monkeypatch):
    from tombola_hardware import mechanics

    monkeypatch.setattr(layout, "USB_MM", (9.6, 3.9))
    assert any("stops the plug's body 6.5 mm before the mouth" in fault for fault in mechanics.faults())


def test_heat_is_estimated_for_idle_and_full_load():
    from tombola_hardware import mechanics

    idle, busy = mechanics.heat(2.7), mechanics.heat(6.4)
    assert idle.case_air == 35.0
    assert 40 < idle.boards < busy.boards < 70
    # A Raspberry Pi slows down at 80 °C: at rest far from it, with four busy cores beyond.
    assert idle.processor < 75
    assert busy.processor > 80


def test_ticks_keep_clear_of_every_other_line(layout):
    from tombola_hardware.instrument import KNOBS

    ticks = [layout.Ink(points, 0.35) for knob in KNOBS for points in layout.scale(knob)]
    places = {tick.points for tick in ticks}
    others = [mark for mark in layout.ink() if mark.points not in places]
    assert len(ticks) == 8 * 11 - 3
    assert min(layout.distance(tick, mark) for tick in ticks for mark in others) > 0.25


def test_white_print_never_crosses_bare_copper(layout):
    white = [mark for mark in layout.ink() if not mark.faint]
    gold = [mark for mark in layout.ink() if mark.faint]
    assert min(layout.distance(one, other) for one in white for other in gold) > 0.1


def test_knobs_of_timbre_and_level_stand_over_their_jacks(layout):
    places = {c.name: c for c in layout.PANEL}
    for knob, jack in (("KNOB_6", "CV_X"), ("KNOB_7", "CV_Y"), ("KNOB_8", "CV_1")):
        assert places[knob].x_mm == places[jack].x_mm
        assert 14 < places[jack].y_mm - places[knob].y_mm < 15
    columns = sorted({c.x_mm for c in layout.PANEL if type(c) in layout.HOLE_MM and layout.HOLE_MM[type(c)] == 6.2})
    assert columns == [10.2, 26.38, 42.56, 58.74, 74.92, 91.1]


def test_nothing_but_a_mode_is_called_by_a_numeral(layout):
    for control in layout.PANEL:
        if any(letter.isdigit() for letter in control.legend):
            assert control.name in {f"KNOB_{mode}" for mode in range(1, 6)} | {"LAMP_6", "LAMP_7", "LAMP_8"}


def test_what_shift_does_is_printed_in_the_colour_of_its_button(layout):
    shifted = {c.name: c.shifted for c in layout.PANEL if c.shifted}
    assert shifted == {"KNOB_6": "GLIDE", "KNOB_7": "TUNE", "KNOB_8": "MORPH", "ENC": "PAGE", "SAVE": "PAIR"}


def test_print_in_a_hole_is_one_sentence(layout, monkeypatch):
    moved = tuple(dataclasses.replace(c, y_mm=88.2) if c.name == "CV_X" else c for c in layout.PANEL)
    monkeypatch.setattr(layout, "PANEL", moved)
    assert any("print runs into the hole of CV_X" in fault for fault in layout.faults())


def test_gerbers_of_the_panel_have_gold_as_bare_copper(layout):
    from tombola_hardware.panel import boards

    text = boards.panel()
    gold = [mark for mark in layout.ink() if mark.faint]
    drawn = sum(len(mark.points) - 1 for mark in gold)
    assert text.count('(layer "F.Cu")') >= drawn > 300
    assert text.count('(layer "F.Mask")') > 0.95 * drawn
    with zipfile.ZipFile(GENERATED / "panel" / "panel_gerber.zip") as archive:
        assert archive.getinfo("panel-F_Cu.gbr").file_size > 10_000


def test_clearances_of_the_stack_are_summed_by_hand_and_stand_in_the_document():
    from tombola_hardware import mechanics, tolerances

    glass, *others = tolerances.CLEARANCES
    assert glass.nominal_mm == pytest.approx(11 - 8 - 1.2 - 1.5)
    assert glass.worst_mm == pytest.approx(0.1 + 0.1 + 0.12 + 0.1)
    assert glass.likely_mm == pytest.approx(math.sqrt(3 * 0.1**2 + 0.12**2), abs=0.005)
    assert not glass.holds  # Known: the document says what to do.
    assert all(clearance.holds for clearance in others)
    assert sum(length.mm for length in tolerances.STACK[1:]) == pytest.approx(mechanics.depth_mm())
    document = (GENERATED.parent / "docs" / "mechanical.md").read_text()
    for clearance in tolerances.CLEARANCES:
        row = f"| {clearance.what} | {clearance.nominal_mm:g} | ± {clearance.worst_mm:g}"
        touches = "" if clearance.holds else ": **may touch**"
        assert f"{row}{touches} | ± {clearance.likely_mm:g} |" in document


def test_drawing_of_the_stack_has_every_length_with_its_tolerance_and_no_line_over_a_text():
    from tombola_hardware import tolerances
    from tombola_hardware.panel.stack import stack

    root = ET.fromstring(stack())
    kinds = [element.tag.rpartition("}")[2] for element in root]
    texts = ["".join(element.itertext()) for element in root if element.tag.endswith("text")]
    for length in tolerances.STACK:
        assert f"{length.what} {length.mm:g} ± {length.tolerance_mm:g}" in texts
    assert sum("may touch" in text for text in texts) == 1
    first = next(index for index, kind in enumerate(kinds) if kind == "text" and index > 2)
    assert "path" not in kinds[kinds.index("text", first) :]
