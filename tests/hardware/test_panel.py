"""The panel and the board behind it: mechanics of Eurorack, and every drawing of them the same."""

from __future__ import annotations

import dataclasses
import math
import warnings
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

GENERATED = Path(__file__).parents[2] / "hardware" / "generated"


@pytest.fixture(scope="module")
def layout(kicad_libraries):
    from tombola_hardware.panel import layout

    return layout


@pytest.fixture(scope="module")
def control(board):
    from tombola_hardware.panel import boards

    return boards.control(board)


def test_panel_is_20_hp_of_eurorack(layout):
    assert (layout.WIDTH_MM, layout.HEIGHT_MM) == (101.3, 128.5)
    assert layout.SCREWS == ((7.5, 3.0), (93.86, 3.0), (7.5, 125.5), (93.86, 125.5))


def test_everything_fits(layout):
    assert layout.faults() == []


@pytest.mark.parametrize(
    ("name", "x_mm", "y_mm", "said"),
    [
        ("CV_X", 11.0, 82.2, "V_OCT and CV_X are"),
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


@pytest.mark.parametrize("which", ["panel", "control"])
def test_design_rules_find_no_violation(kicad, control, tmp_path, which):
    from tombola_hardware.kicad import cli_boards
    from tombola_hardware.kicad.library import OWN
    from tombola_hardware.panel import boards
    from tombola_hardware.rules import not_allowed

    (tmp_path / "footprints").symlink_to(OWN.parent)
    path = tmp_path / "generated" / "panel" / f"{which}.kicad_pcb"
    path.parent.mkdir(parents=True)
    path.write_text(boards.panel() if which == "panel" else control[0], "utf-8")
    cli_boards.write_settings(path)
    findings, unrouted = cli_boards.design_rules(path)
    assert not_allowed(findings) == []
    # Placed and not routed: that is said everywhere, and it is so.
    assert (unrouted > 0) == (which == "control")


def test_overlapping_bodies_are_refused(board, monkeypatch):
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.panel import boards

    monkeypatch.setitem(boards.TURNED, "KNOB_3", 0)
    monkeypatch.setitem(boards.TURNED, "KNOB_2", 0)
    with pytest.raises(BadBoard, match="overlap on the control board"):
        boards.control(board)
