"""The drawn sheets are legible: no text over lines, decoupling beside its chip, blocks that tell what flows."""

from __future__ import annotations

import dataclasses
import math

import pytest

VARIANTS = ("tombola", "tombola-desktop")
NEAR_STEPS = 16.5
"""On paper, 42 mm."""


def lettering(design, sheet):
    from tombola_hardware.kicad.project import shared
    from tombola_hardware.kicad.schematic import Writer

    writer = Writer(sheet, "p", "/a/b", shared(design.sheets), {"date": "", "revision": "", "name": ""})
    writer.text()
    return writer.lettering


@pytest.mark.parametrize("name", VARIANTS)
def test_no_text_lies_over_a_line_a_symbol_or_another_text(designs, name):
    for sheet in designs[name].sheets:
        found = lettering(designs[name], sheet)
        assert list(found.faults()) == []
        assert len(found.marks) > 3 * len(sheet.parts)


def test_a_label_over_a_wire_and_a_note_in_the_title_block_are_told(designs):
    from tombola_hardware.sheet import Sheet

    design = designs["tombola"]
    midi = next(sheet for sheet in design.sheets if sheet.name == "midi")
    notes = [
        *midi.notes,
        ("a remark over a resistor", (21.0, 20.2), 1.8),
        ("a remark in the corner", (90.0, 70.0), 1.8),
    ]
    wrong = Sheet(
        midi.number, midi.name, midi.title, midi.paper, midi.parts, midi.placed, midi.wires, notes, midi.flags
    )
    told = list(lettering(design, wrong).faults())
    assert any("the note 'a remark over a resi' lies over" in fault for fault in told)
    assert any("the note 'a remark in the corn' lies over the title block" in fault for fault in told)


def test_rectangle_of_a_text_is_what_kicad_draws():
    """Measured in KiCad 9's PDF: TPS3808G01 is 10.7 mm wide at 1.27 mm, MMBT3906 9.1 mm, 100k 3.8 mm."""
    from tombola_hardware.kicad.lettering import written
    from tombola_hardware.sheet import STEP_MM

    for text, wide_mm in (("TPS3808G01", 10.7), ("MMBT3906", 9.1), ("100k", 3.8)):
        left, _, right, _ = written(text, (0.0, 0.0), 1.27)
        assert wide_mm <= (right - left) * STEP_MM * 1.12
        assert (right - left) * STEP_MM <= wide_mm * 1.25


@pytest.mark.parametrize("name", VARIANTS)
def test_decoupling_is_drawn_beside_its_chip(designs, name):
    from tombola_hardware.panel.placing import NEAR

    seen = 0
    for sheet in designs[name].sheets:
        places = {
            (placed.part.reference, number): tip
            for placed in sheet.placed
            for number, (tip, _) in placed.pins().items()
        }
        for reference, (whose, pin) in NEAR.items():
            if reference[0] == "C" and whose[0] == "U" and (reference, "1") in places and (whose, pin) in places:
                if "GND" not in sheet.parts[reference].connections().values():
                    continue
                assert math.dist(places[reference, "1"], places[whose, pin]) <= NEAR_STEPS, (sheet.name, reference)
                seen += 1
    assert seen >= 25


@pytest.mark.parametrize("name", VARIANTS)
def test_first_page_has_a_block_for_each_sheet_and_arrows_for_nets_that_there_are(designs, name):
    from tombola_hardware.kicad import blocks

    nets = {
        sheet.name: {net for part in sheet.parts.values() for net in part.connections().values()} - {"", "GND"}
        for sheet in designs[name].sheets
    }
    assert set(nets) <= set(blocks.PLACES_MM)
    supplies = {"+3.3V", "+3.3VA", "+5V", "+12V", "-12V", "VREF", "P5_QUIET"}
    for one, other, what, corners in blocks.FLOWS:
        if {one, other} <= set(nets):
            assert (nets[one] & nets[other]) - supplies, (one, other)
            for sheet, (x, y) in ((one, corners[0]), (other, corners[-1])):
                left, upper = blocks.PLACES_MM[sheet]
                wide, high = blocks.BLOCK_MM
                on_edge = x in (left, left + wide) or y in (upper, upper + high)
                assert on_edge, (what, sheet)
                assert left <= x <= left + wide
                assert upper <= y <= upper + high


def test_blocks_do_not_overlap():
    from tombola_hardware.kicad.blocks import BLOCK_MM, PLACES_MM
    from tombola_hardware.kicad.lettering import TITLE_MM, over

    boxes = [(x, y, x + BLOCK_MM[0], y + BLOCK_MM[1]) for x, y in PLACES_MM.values()]
    boxes.append((*TITLE_MM["A4"], 287.0, 200.0))
    assert not any(over(one, other) for index, one in enumerate(boxes) for other in boxes[:index])


def test_a_symbol_with_a_circle_is_as_wide_as_it(designs):
    from tombola_hardware.kicad.library import symbol

    left, bottom, right, top = symbol("Transistor_BJT:MMBT3904").boxes[0]
    assert right - left > 5.0
    assert top - bottom > 5.0
    assert dataclasses.is_dataclass(symbol("Device:R"))
