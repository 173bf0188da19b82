"""What is committed is what the description generates."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

GENERATED = Path(__file__).parents[2] / "hardware" / "generated"
STALE = "is not what the description gives; run make hardware and commit"


@pytest.mark.parametrize("name", ["tombola", "tombola-desktop"])
def test_lists_are_current(designs, name):
    from tombola_hardware.build import texts

    for file, text in texts(designs[name]):
        assert (GENERATED / file).read_text("utf-8") == text, f"{file} {STALE}"


@pytest.mark.parametrize("name", ["tombola", "tombola-desktop"])
def test_sheets_are_current(designs, name, tmp_path):
    from tombola_hardware.kicad import project
    from tombola_hardware.kicad.own import own

    project.write(designs[name], tmp_path)
    for path in tmp_path.iterdir():
        committed, now = (
            (folder / path.name).read_text("utf-8") for folder in (GENERATED / "schematic" / name, tmp_path)
        )
        if path.suffix == ".kicad_sch":
            committed, now = own(committed), own(now)
        assert committed == now, f"{path.name} {STALE}"
    assert (GENERATED / "schematic" / name / f"{name}.pdf").stat().st_size > 100_000


def test_panel_is_current(board, control_board, main_board):
    from tombola_hardware.kicad.own import own
    from tombola_hardware.panel import boards, interactive, lettered, stack, svg

    for name, text in (
        ("front.svg", svg.front()),
        ("picture.svg", svg.picture()),
        ("lettered.svg", lettered.lettered()),
        ("stack.svg", stack.stack()),
        ("drawing.svg", svg.drawing()),
        ("panel.kicad_pcb", boards.panel()),
    ):
        assert (GENERATED / "panel" / name).read_text("utf-8") == text, f"{name} {STALE}"
    committed = (GENERATED / "panel" / "control.kicad_pcb").read_text("utf-8")
    assert own(committed) == own(control_board[0]), f"control.kicad_pcb {STALE}"
    committed = (GENERATED / "panel" / "main.kicad_pcb").read_text("utf-8")
    assert own(committed) == own(main_board[0]), f"main.kicad_pcb {STALE}"
    for name, (_, spots) in (("control", control_board), ("main", main_board)):
        page = (GENERATED / "panel" / f"{name}_bom.html").read_text("utf-8")
        assert page == interactive.page(board, name, spots), f"{name}_bom.html {STALE}"
    assert (Path(__file__).parents[2] / "docs/pictures/panel.svg").read_text("utf-8") == svg.picture()


def test_gerbers_renders_and_solids_were_made_of_these_boards(control_board, main_board):
    """KiCad makes them, each version a little otherwise: so not their bytes are compared but what they were made of."""
    from tombola_hardware.kicad.own import fingerprint
    from tombola_hardware.panel import boards

    folder = GENERATED / "panel"
    made_of = json.loads((folder / "made_of.json").read_text("utf-8"))
    texts = {"panel": boards.panel(), "control": control_board[0], "main": main_board[0]}
    assert made_of == {name: fingerprint(text) for name, text in texts.items()}, f"what is made of a board {STALE}"
    for name in texts:
        with zipfile.ZipFile(folder / f"{name}_gerber.zip") as archive:
            files = set(archive.namelist())
        layers = {"F_Cu", "B_Cu", "F_Mask", "B_Mask", "F_Silkscreen", "Edge_Cuts"}
        if name != "panel":
            layers |= {"In1_Cu", "In2_Cu", "F_Paste", "B_Paste", "B_Silkscreen"}
        assert files == {f"{name}-{layer}.gbr" for layer in layers} | {f"{name}.drl"}
        for side in ("top", "bottom") if name != "panel" else ("top",):
            assert (folder / f"{name}_{side}.png").read_bytes()[:4] == b"\x89PNG"
    with zipfile.ZipFile(folder / "step.zip") as archive:
        assert sorted(archive.namelist()) == ["control.step", "main.step", "panel.step"]
        assert archive.read("main.step").startswith(b"ISO-10303-21")


def test_a_moved_part_or_track_is_another_fingerprint(main_board):
    from tombola_hardware.kicad.own import fingerprint

    text = main_board[0]
    assert fingerprint(text) == fingerprint(text)
    track = text.index("(segment")
    assert fingerprint(text) != fingerprint(text[:track] + text[track:].replace("(start ", "(start 1", 1))


def test_page_to_solder_by_has_each_part_once_and_fetches_nothing(board, control_board, main_board):
    from tombola_hardware.panel import interactive

    for name, (_, spots) in (("control", control_board), ("main", main_board)):
        page = interactive.page(board, name, spots)
        listed = [reference for found in re.findall(r'data-parts="([^"]+)"', page) for reference in found.split()]
        assert sorted(listed) == sorted(part.reference for part in board.parts if part.board == name)
        assert sorted(re.findall(r'class="part" id="([^"]+)"', page)) == sorted(listed)
        assert "http" not in page
        assert len(page) < 300_000


def test_figures_that_documents_quote_are_those_simulated(board, ngspice):
    from tombola_hardware.report import figures

    committed = json.loads((GENERATED / "simulation" / "figures.json").read_text("utf-8"))
    now = figures(board)
    assert set(committed) == set(now)
    for name, value in committed.items():
        assert now[name] == pytest.approx(value, rel=0.02, abs=0.02), name
