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
from tombola_hardware.kicad.own import fingerprint
from tombola_hardware.kicad.pcb import Spot
from tombola_hardware.panel import boards, dxf, interactive, layout, lettered, stack, svg

PIN_MAP_OF_FIRMWARE: Final = Path(__file__).parents[2] / "device" / "tombola_device" / "hal" / "panel" / "pin_map.json"
PICTURES: Final = Path(__file__).parents[2] / "docs" / "pictures"
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
    """Put the firmware's pin map and the pictures of README and manual where they belong."""
    shutil.copy(folder / "tombola-pin_map.json", PIN_MAP_OF_FIRMWARE)
    shutil.copy(folder / "panel" / "picture.svg", PICTURES / "panel.svg")
    shutil.copy(folder / "panel" / "lettered.svg", PICTURES / "panel_lettered.svg")


def _schematic(design: Design, folder: Path, say: Say) -> None:
    root = project.write(design, folder)
    say(f"{design.board.name}: {len(design.sheets) + 1} sheets")
    pdf = folder / f"{design.board.name}.pdf"
    cli.run("sch", "export", "pdf", "--no-background-color", "--exclude-pdf-property-popups", "-o", pdf, root)
    pdf.write_bytes(re.sub(rb"/(CreationDate|ModDate) ?\(D:[^)]*\)", _same_length, pdf.read_bytes()))

    cli.run("sch", "export", "svg", "--no-background-color", "--exclude-drawing-sheet", "-o", folder, root)
    for drawing in folder.glob("*.svg"):
        text = re.sub(r"<(title|desc)>.*?</\1>", "", drawing.read_text("utf-8"), flags=re.DOTALL)
        drawing.write_text(text, "utf-8")


def _same_length(match: re.Match[bytes]) -> bytes:
    """A date of no day, as long as the one that was there, so that the offsets in the file stay true."""
    return re.sub(rb"\d", b"0", match[0])


def boards_of(design: Design) -> dict[str, tuple[str, list[Spot]]]:
    """Name of each board of the module to its file and what is placed on it."""
    return {
        "panel": (boards.panel(), []),
        "control": boards.control(design.board),
        "main": boards.main(design.board),
    }


def _panel(design: Design, folder: Path, say: Say) -> None:
    solids = folder / "step"
    solids.mkdir(parents=True)
    made = boards_of(design)
    for name, text in (("front.svg", svg.front()), ("picture.svg", svg.picture()), ("drawing.svg", svg.drawing()),
                       ("lettered.svg", lettered.lettered()), ("stack.svg", stack.stack()),
                       ("panel.dxf", dxf.drawing())):  # fmt: skip
        (folder / name).write_text(text, "utf-8")
    for name, (text, spots) in made.items():
        path = folder / f"{name}.kicad_pcb"
        path.write_text(text, "utf-8")
        cli_boards.write_settings(path)
        with tempfile.TemporaryDirectory() as scratch:
            poured = Path(scratch) / path.name
            cli_boards.filled(path, poured)
            layers = cli_boards.EVERY_LAYER if spots else cli_boards.PANEL_LAYERS
            cli_boards.gerbers(poured, Path(scratch) / "gerber", layers)
            cli_boards.packed(Path(scratch) / "gerber", folder / f"{name}_gerber.zip")
            cli_boards.solid(poured, solids / f"{name}.step")
            for side in ("top", "bottom") if spots else ("top",):
                cli_boards.rendered(poured, folder / f"{name}_{side}.png", side)
            if spots:
                cli_boards.positions(poured, folder / f"{name}_positions.csv")
        if spots:
            (folder / f"{name}_bom.html").write_text(interactive.page(design.board, name, spots), "utf-8")
    cli_boards.packed(solids, folder / "step.zip")
    shutil.rmtree(solids)
    prints = {name: fingerprint(text) for name, (text, _) in made.items()}
    (folder / "made_of.json").write_text(json.dumps(prints, indent=1) + "\n", "utf-8")
    say(f"panel: {layout.WIDTH_MM:g} × {layout.HEIGHT_MM:g} mm, {len(layout.holes())} holes; both boards routed")
