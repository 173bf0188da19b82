"""The drawn sheets: KiCad reads from them the nets that are declared, and finds no errors."""

from __future__ import annotations

import pytest

VARIANTS = ("tombola", "tombola-desktop")


@pytest.fixture(scope="module")
def projects(kicad, designs, tmp_path_factory):
    from tombola_hardware.kicad import project

    # As deep as hardware/generated/schematic/NAME, so that our own footprints are found.
    base = tmp_path_factory.mktemp("hardware")
    from tombola_hardware.kicad.library import OWN

    (base / "footprints").symlink_to(OWN.parent)
    return {name: project.write(design, base / "generated" / "schematic" / name) for name, design in designs.items()}


@pytest.mark.parametrize("name", VARIANTS)
def test_nets_of_the_drawing_are_those_declared(projects, designs, name):
    from tombola_hardware.kicad import cli

    drawn = cli.netlist(projects[name])
    declared = designs[name].board.nets()
    assert set(drawn.values()) == set(declared.values())
    # Nets that cross sheets keep their names.
    by_pins = {pins: net for net, pins in drawn.items()}
    for net in ("+5V", "GND", "VREF", "SDA", "AUDIO_MUTE", "V_OCT_JACK"):
        assert by_pins[declared[net]] == net


@pytest.mark.parametrize("name", VARIANTS)
def test_electrical_rules_find_no_error_and_only_warnings_with_a_reason(projects, name):
    from tombola_hardware.kicad import cli
    from tombola_hardware.rules import not_allowed

    assert not_allowed(cli.electrical_rules(projects[name])) == []


def test_a_wire_that_joins_two_nets_is_named(designs):
    from tombola_hardware.errors import BadDrawing
    from tombola_hardware.kicad.wiring import Wiring
    from tombola_hardware.kinds import resistor
    from tombola_hardware.sheet import Sheet

    sheet = Sheet(1, "wrong", "Wrong")
    sheet.add("R1", resistor("1k"), {"1": "A", "2": "B"}, (10, 10))
    sheet.add("R2", resistor("1k"), {"1": "B", "2": "C"}, (20, 10))
    sheet.wire("R1.1", "R2.1")
    with pytest.raises(BadDrawing, match="R2 is on B, but what is drawn joins it to A"):
        Wiring(sheet)


def test_a_drawing_error_shows_in_the_netlist(kicad, designs, tmp_path):
    """The comparison can fail: one wire less, and KiCad reads other nets."""
    from tombola_hardware.kicad import cli, project

    design = designs["tombola"]
    root = project.write(design, tmp_path / "generated" / "schematic" / "tombola")
    sheet = root.with_name("gates.kicad_sch")
    text = sheet.read_text("utf-8")
    start = text.index("(wire")
    end = text.index("(wire", start + 1)
    sheet.write_text(text[:start] + text[end:], "utf-8")
    assert set(cli.netlist(root).values()) != set(design.board.nets().values())


def test_the_same_description_is_the_same_bytes(designs, tmp_path):
    from tombola_hardware.board import module
    from tombola_hardware.kicad import project

    first, second = tmp_path / "a", tmp_path / "b"
    project.write(designs["tombola"], first)
    project.write(module(), second)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", VARIANTS)
def test_every_sheet_is_rendered(projects, designs, name, tmp_path):
    from tombola_hardware.kicad import cli

    pdf = tmp_path / "all.pdf"
    cli.run("sch", "export", "pdf", "-o", pdf, projects[name])
    cli.run("sch", "export", "svg", "-o", tmp_path / "svg", projects[name])
    pages = len(designs[name].sheets) + 1
    assert pdf.read_bytes().count(b"/Type /Page\n") == pages
    drawings = list((tmp_path / "svg").glob("*.svg"))
    assert len(drawings) == pages
    assert min(drawing.stat().st_size for drawing in drawings) > 20_000


@pytest.mark.slow
def test_make_hardware_gives_the_same_bytes_twice(kicad, tmp_path):
    from tombola_hardware.build import build

    for folder in (tmp_path / "a", tmp_path / "b"):
        build(folder, lambda _: None)
    files = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*") if path.is_file()}
    assert len(files) > 60
    for file in sorted(files):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
