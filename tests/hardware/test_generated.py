"""What is committed is what the description generates."""

from __future__ import annotations

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

    project.write(designs[name], tmp_path)
    for path in tmp_path.iterdir():
        assert (GENERATED / "schematic" / name / path.name).read_text("utf-8") == path.read_text("utf-8"), (
            f"{path.name} {STALE}"
        )
    assert (GENERATED / "schematic" / name / f"{name}.pdf").stat().st_size > 100_000


def test_panel_is_current(board):
    from tombola_hardware.panel import boards, dxf, svg

    for name, text in (
        ("front.svg", svg.front()),
        ("picture.svg", svg.picture()),
        ("drawing.svg", svg.drawing()),
        ("panel.dxf", dxf.drawing()),
        ("panel.kicad_pcb", boards.panel()),
        ("control.kicad_pcb", boards.control(board)[0]),
    ):
        assert (GENERATED / "panel" / name).read_text("utf-8") == text, f"{name} {STALE}"
    assert (Path(__file__).parents[2] / "docs/pictures/panel.svg").read_text("utf-8") == svg.picture()


def test_figures_that_documents_quote_are_those_simulated(board, ngspice):
    import json

    from tombola_hardware.report import figures

    committed = json.loads((GENERATED / "simulation" / "figures.json").read_text("utf-8"))
    now = figures(board)
    assert set(committed) == set(now)
    for name, value in committed.items():
        assert now[name] == pytest.approx(value, rel=0.02, abs=0.02), name
