"""Everything that is generated, into one folder: the same bytes each time."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tombola_hardware import bom, device_tree, mechanics, pin_map, report
from tombola_hardware.board import Design, desktop, module
from tombola_hardware.errors import BadBoard
from tombola_hardware.kicad import cli, cli_boards, project
from tombola_hardware.panel import boards, dxf, layout, svg

PIN_MAP_OF_FIRMWARE: Final = Path(__file__).parents[2] / "device" / "tombola_device" / "hal" / "panel" / "pin_map.json"
PICTURE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "panel.svg"
Say = Callable[[str], None]


def texts(design: Design) -> Iterator[tuple[str, str]]:
    """Files of a variant that need no tool but this package: name and text."""
    name = design.board.name
    yield f"{name}-bom.csv", bom.text(design.board)
    yield f"{name}-pin_map.json", pin_map.text(design)
    yield f"{name}.dts", device_tree.overlay(design.board)


def build(folder: Path, say: Say) -> None:
    """Generate all.

    Args:
        folder: Where; what is there is replaced.
        say: Hears what is done.

    Raises:
        HardwareError: The description is at fault, or a tool is missing; what was generated before stays.
    """
    layout.check()
    for fault in mechanics.faults():
        raise BadBoard(fault)
    designs = (module(), desktop())
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for design in designs:
        for name, text in texts(design):
            (fresh / name).write_text(text, "utf-8")
        say(f"{design.board.name}: {len(design.board.parts)} parts, {len(design.board.nets())} nets, "
            f"USD {bom.totals(design.board)['all']:.0f}")  # fmt: skip
        _schematic(design, fresh / "schematic" / design.board.name, say)
    _panel(designs[0], fresh / "panel", say)
    say("simulation")
    plots = fresh / "simulation"
    plots.mkdir()
    figures = report.figures(designs[0].board)
    (plots / "figures.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    report.draw(designs[0].board, plots)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def install(folder: Path) -> None:
    """Put the firmware's pin map and the README's picture where they belong."""
    shutil.copy(folder / "tombola-pin_map.json", PIN_MAP_OF_FIRMWARE)
    shutil.copy(folder / "panel" / "picture.svg", PICTURE)


def _schematic(design: Design, folder: Path, say: Say) -> None:
    root = project.write(design, folder)
    say(f"{design.board.name}: {len(design.sheets) + 1} sheets")
    pdf = folder / f"{design.board.name}.pdf"
    cli.run("sch", "export", "pdf", "--no-background-color", "-o", pdf, root)
    pdf.write_bytes(re.sub(rb"/(CreationDate|ModDate) ?\(D:[^)]*\)", _same_length, pdf.read_bytes()))

    cli.run("sch", "export", "svg", "--no-background-color", "--exclude-drawing-sheet", "-o", folder, root)
    for drawing in folder.glob("*.svg"):
        text = re.sub(r"<(title|desc)>.*?</\1>", "", drawing.read_text("utf-8"), flags=re.DOTALL)
        drawing.write_text(text, "utf-8")


def _same_length(match: re.Match[bytes]) -> bytes:
    """A date of no day, as long as the one that was there, so that the offsets in the file stay true."""
    return re.sub(rb"\d", b"0", match[0])


def _panel(design: Design, folder: Path, say: Say) -> None:
    folder.mkdir()
    for name, text in (("front.svg", svg.front()), ("picture.svg", svg.picture()), ("drawing.svg", svg.drawing()),
                       ("panel.dxf", dxf.drawing()), ("panel.kicad_pcb", boards.panel()),
                       ("control.kicad_pcb", boards.control(design.board)[0]),
                       ("main.kicad_pcb", boards.main(design.board)[0])):  # fmt: skip
        (folder / name).write_text(text, "utf-8")
    for name in ("panel", "control", "main"):
        cli_boards.write_settings(folder / f"{name}.kicad_pcb")
    cli_boards.gerbers(folder / "panel.kicad_pcb", folder / "gerber")
    for name in ("control", "main"):
        with tempfile.TemporaryDirectory() as scratch:
            poured = Path(scratch) / f"{name}.kicad_pcb"
            cli_boards.filled(folder / f"{name}.kicad_pcb", poured)
            cli_boards.gerbers(poured, folder / f"{name}_gerber", cli_boards.EVERY_LAYER)
            cli_boards.positions(poured, folder / f"{name}_positions.csv")
    say(f"panel: {layout.WIDTH_MM:g} × {layout.HEIGHT_MM:g} mm, {len(layout.holes())} holes; both boards routed")
