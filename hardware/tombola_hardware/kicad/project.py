"""Write a whole project: a root sheet with a box for each sheet, and KiCad's settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tombola_hardware.board import DATE, Design
from tombola_hardware.kicad.schematic import VERSION, Writer, identifier
from tombola_hardware.kicad.sexpr import Node, dump, quote, unquote
from tombola_hardware.model import NC
from tombola_hardware.sheet import Sheet

BOX_MM: Final = (60.0, 24.0)


def write(design: Design, folder: Path) -> Path:
    """All files of a project; returns the root sheet.

    Raises:
        BadDrawing: What is drawn contradicts what is declared.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = design.board.name
    shared = _shared(design.sheets)
    title = {
        "name": f"Tombola, {'module' if name == 'tombola' else 'desktop'}",
        "revision": design.board.revision,
        "date": DATE,
    }
    root = unquote(identifier(name, "root"))
    for sheet in design.sheets:
        path = f"/{root}/{unquote(identifier(name, 'sheet', sheet.name))}"
        (folder / f"{sheet.name}.kicad_sch").write_text(Writer(sheet, name, path, shared, title).text(), "utf-8")
    target = folder / f"{name}.kicad_sch"
    target.write_text(_root(design, title), "utf-8")
    (folder / f"{name}.kicad_pro").write_text(json.dumps(_settings(name), indent=1) + "\n", "utf-8")
    uri = "${KIPRJMOD}/../../../footprints/tombola.pretty"
    own = f'(fp_lib_table (version 7) (lib (name "tombola") (type "KiCad") (uri "{uri}") (options "") (descr "")))\n'
    (folder / "fp-lib-table").write_text(own, "utf-8")
    return target


def _shared(sheets: tuple[Sheet, ...]) -> set[str]:
    where: dict[str, set[str]] = {}
    for sheet in sheets:
        for part in sheet.parts.values():
            for net in part.connections().values():
                where.setdefault(net, set()).add(sheet.name)
    return {net for net, on in where.items() if len(on) > 1 and net != NC}


def _box(name: str, sheet: Sheet, page: int, at: tuple[int, int]) -> list[Node]:
    """A sheet as it is seen from above."""
    x, y = at

    effects: list[Node] = ["effects", ["font", ["size", "1.8", "1.8"]], ["justify", "left", "bottom"]]
    below: list[Node] = ["effects", ["font", ["size", "1.27", "1.27"]], ["justify", "left", "top"]]
    box: Node = [
        "sheet",
        ["at", str(x), str(y)],
        ["size", str(BOX_MM[0]), str(BOX_MM[1])],
        ["exclude_from_sim", "no"],
        ["in_bom", "yes"],
        ["on_board", "yes"],
        ["dnp", "no"],
        ["stroke", ["width", "0.15"], ["type", "solid"]],
        ["fill", ["color", "255", "250", "235", "1"]],
        ["uuid", identifier(name, "sheet", sheet.name)],
        [
            "property",
            quote("Sheetname"),
            quote(sheet.name.replace("_", " ")),
            ["at", str(x), str(y - 1), "0"],
            effects,
        ],
        [
            "property",
            quote("Sheetfile"),
            quote(f"{sheet.name}.kicad_sch"),
            ["at", str(x), str(y + BOX_MM[1] + 1), "0"],
            below,
        ],
        [
            "instances",
            [
                "project",
                quote(name),
                ["path", quote("/" + unquote(identifier(name, "root"))), ["page", quote(str(page))]],
            ],
        ],
    ]
    text: Node = [
        "text",
        quote(f"{sheet.title}\n{len(sheet.parts)} parts"),
        ["exclude_from_sim", "no"],
        ["at", str(x + 2), str(y + 5), "0"],
        ["effects", ["font", ["size", "1.3", "1.3"]], ["justify", "left", "top"]],
        ["uuid", identifier(name, "title", sheet.name)],
    ]
    return [box, text]


def _root(design: Design, title: dict[str, str]) -> str:
    name = design.board.name
    boxes: list[Node] = []
    for index, sheet in enumerate(design.sheets):
        boxes += _box(name, sheet, index + 2, (18 + 68 * (index % 4), 48 + 40 * (index // 4)))
    head = "Tombola: a neural synthesizer" + (" for Eurorack, 20 HP" if name == "tombola" else " for the table")
    boxes.append(
        [
            "text",
            quote(head),
            ["exclude_from_sim", "no"],
            ["at", "18", "32", "0"],
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
