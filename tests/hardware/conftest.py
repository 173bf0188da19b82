"""The board is drawn with KiCad's symbols, so nothing here runs without its libraries."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session", autouse=True)
def kicad_libraries():
    pytest.importorskip("ezdxf", reason="ezdxf is not installed; make env")
    from tombola_hardware.errors import ToolMissing
    from tombola_hardware.kicad.library import share

    try:
        return share()
    except ToolMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def kicad(kicad_libraries):
    if shutil.which("kicad-cli") is None:
        pytest.skip("kicad-cli was not found; install KiCad 9")


@pytest.fixture(scope="session")
def ngspice(kicad_libraries):
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice was not found; install it")


@pytest.fixture(scope="session")
def designs(kicad_libraries):
    from tombola_hardware.board import desktop, module

    return {"tombola": module(), "tombola-desktop": desktop()}


@pytest.fixture(scope="session")
def board(designs):
    return designs["tombola"].board


@pytest.fixture(scope="session")
def control_board(board):
    from tombola_hardware.panel import boards

    return boards.control(board)


@pytest.fixture(scope="session")
def poured(kicad, control_board, main_board, tmp_path_factory):
    """Both boards with their pours filled, by name."""
    from tombola_hardware.errors import ToolMissing
    from tombola_hardware.kicad import cli_boards
    from tombola_hardware.kicad.library import OWN

    base = tmp_path_factory.mktemp("boards")
    (base / "footprints").symlink_to(OWN.parent)
    folder = base / "generated" / "panel"
    folder.mkdir(parents=True)
    for name, (text, _) in (("control", control_board), ("main", main_board)):
        (folder / f"{name}.kicad_pcb").write_text(text, "utf-8")
        cli_boards.write_settings(folder / f"{name}.kicad_pcb")
        try:
            cli_boards.filled(folder / f"{name}.kicad_pcb", folder / f"{name}_poured.kicad_pcb")
        except ToolMissing as missing:
            pytest.skip(str(missing))
    return {name: folder / f"{name}_poured.kicad_pcb" for name in ("control", "main")}


@pytest.fixture(scope="session")
def main_board(board):
    from tombola_hardware.panel import boards

    return boards.main(board)
