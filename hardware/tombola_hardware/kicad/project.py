"""Write a whole project: a root sheet with a box for each sheet, and KiCad's settings."""

from __future__ import annotations

import json
from pathlib import Path

from tombola_hardware.board import DATE, Design
from tombola_hardware.kicad.blocks import arrows, from_above
from tombola_hardware.kicad.schematic import VERSION, Writer, identifier
from tombola_hardware.kicad.sexpr import Node, dump, quote, unquote
from tombola_hardware.model import NC
from tombola_hardware.sheet import Sheet


def write(design: Design, folder: Path) -> Path:
    """All files of a project; returns the root sheet.

    Raises:
        BadDrawing: What is drawn contradicts what is declared.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = design.board.name
    across = shared(design.sheets)
    title = {
        "name": f"Tombola, {'module' if name == 'tombola' else 'desktop'}",
        "revision": design.board.revision,
        "date": DATE,
    }
    root = unquote(identifier(name, "root"))
    for sheet in design.sheets:
        path = f"/{root}/{unquote(identifier(name, 'sheet', sheet.name))}"
        (folder / f"{sheet.name}.kicad_sch").write_text(Writer(sheet, name, path, across, title).text(), "utf-8")
    target = folder / f"{name}.kicad_sch"
    target.write_text(_root(design, title), "utf-8")
    (folder / f"{name}.kicad_pro").write_text(json.dumps(_settings(name), indent=1) + "\n", "utf-8")
    uri = "${KIPRJMOD}/../../../footprints/tombola.pretty"
    own = f'(fp_lib_table (version 7) (lib (name "tombola") (type "KiCad") (uri "{uri}") (options "") (descr "")))\n'
    (folder / "fp-lib-table").write_text(own, "utf-8")
    return target


def shared(sheets: tuple[Sheet, ...]) -> set[str]:
    """Nets that are on more than one sheet."""
    where: dict[str, set[str]] = {}
    for sheet in sheets:
        for part in sheet.parts.values():
            for net in part.connections().values():
                where.setdefault(net, set()).add(sheet.name)
    return {net for net, on in where.items() if len(on) > 1 and net != NC}


def _root(design: Design, title: dict[str, str]) -> str:
    name = design.board.name
    boxes: list[Node] = []
    for index, sheet in enumerate(design.sheets):
        boxes += from_above(name, sheet, index + 2)
    boxes += arrows(name, design.sheets)
    head = "Tombola: a neural synthesizer" + (" for Eurorack, 20 HP" if name == "tombola" else " for the table")
    boxes.append(
        [
            "text",
            quote(head),
            ["exclude_from_sim", "no"],
            ["at", "17", "31", "0"],
            ["effects", ["font", ["size", "5", "5"]], ["justify", "left", "bottom"]],
            ["uuid", identifier(name, "head")],
        ]
    )
    block: Node = [
        "title_block",
        ["title", quote("Overview")],
        ["date", quote(title["date"])],
        ["rev", quote(title["revision"])],
        ["company", quote(title["name"])],
        ["comment", "1", quote("CERN-OHL-P-2.0 · simulated, not yet built")],
    ]
    return (
        dump(
            [
                "kicad_sch",
                ["version", VERSION],
                ["generator", quote("tombola_hardware")],
                ["generator_version", quote("9.0")],
                ["uuid", identifier(name, "root")],
                ["paper", quote("A4")],
                block,
                ["lib_symbols"],
                *boxes,
                ["sheet_instances", ["path", quote("/"), ["page", quote("1")]]],
                ["embedded_fonts", "no"],
            ]
        )
        + "\n"
    )


def _settings(name: str) -> dict[str, object]:
    return {
        "meta": {"filename": f"{name}.kicad_pro", "version": 3},
        "schematic": {"drawing": {"default_line_thickness": 6.0}, "legacy_lib_dir": "", "legacy_lib_list": []},
        "sheets": [],
        "text_variables": {},
    }
