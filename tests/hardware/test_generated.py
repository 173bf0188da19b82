"""What is committed is what the description generates."""

from __future__ import annotations

from pathlib import Path

import pytest

GENERATED = Path(__file__).parents[2] / "hardware" / "generated"
STALE = "is not what the description gives; run make hardware and commit"


def own(text: str) -> str:
    """A drawing without KiCad's symbols and footprints in it: another version draws those a little otherwise."""
    from tombola_hardware.kicad.sexpr import dump, parse

    def without(node):
        if isinstance(node, str) or not node:
            return node
        if node[0] == "lib_symbols":
            return ["lib_symbols"]
        if node[0] == "footprint":
            nets = [inner for entry in node[2:] if entry[0] == "pad" for inner in entry if inner[0] == "net"]
            return ["footprint", node[1], *[entry for entry in node[2:] if entry[0] in {"layer", "uuid", "at"}], *nets]
        return [without(inner) for inner in node]

    return dump(without(parse(text)))


@pytest.mark.parametrize("name", ["tombola", "tombola-desktop"])
def test_lists_are_current(designs, name):
    from tombola_hardware.build import texts

    for file, text in texts(designs[name]):
        assert (GENERATED / file).read_text("utf-8") == text, f"{file} {STALE}"


@pytest.mark.parametrize("name", ["tombola", "tombola-desktop"])
def test_sheets_are_current(designs, name, tmp_path):
    from tombola_hardware.kicad import project

    project.write(designs[name], tmp_path)
    for path in tmp_path.iterdir():
        committed, now = (
            (folder / path.name).read_text("utf-8") for folder in (GENERATED / "schematic" / name, tmp_path)
        )
        if path.suffix == ".kicad_sch":
            committed, now = own(committed), own(now)
        assert committed == now, f"{path.name} {STALE}"
    assert (GENERATED / "schematic" / name / f"{name}.pdf").stat().st_size > 100_000


def test_panel_is_current(board, main_board):
    from tombola_hardware.panel import boards, svg

    for name, text in (
        ("front.svg", svg.front()),
        ("picture.svg", svg.picture()),
        ("drawing.svg", svg.drawing()),
        ("panel.kicad_pcb", boards.panel()),
    ):
        assert (GENERATED / "panel" / name).read_text("utf-8") == text, f"{name} {STALE}"
    committed = (GENERATED / "panel" / "control.kicad_pcb").read_text("utf-8")
    assert own(committed) == own(boards.control(board)[0]), f"control.kicad_pcb {STALE}"
    committed = (GENERATED / "panel" / "main.kicad_pcb").read_text("utf-8")
    assert own(committed) == own(main_board[0]), f"main.kicad_pcb {STALE}"
    assert (Path(__file__).parents[2] / "docs/pictures/panel.svg").read_text("utf-8") == svg.picture()


def test_figures_that_documents_quote_are_those_simulated(board, ngspice):
    import json

    from tombola_hardware.report import figures

    committed = json.loads((GENERATED / "simulation" / "figures.json").read_text("utf-8"))
    now = figures(board)
    assert set(committed) == set(now)
    for name, value in committed.items():
        assert now[name] == pytest.approx(value, rel=0.02, abs=0.02), name
