"""Boards through kicad-cli: design rules, and what a fabricator wants."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from tombola_hardware.errors import ToolMissing
from tombola_hardware.kicad.cli import Finding, run

RULES: Final = {
    # A fabricator's usual limits for two layers.
    "min_clearance": 0.15,
    "min_copper_edge_clearance": 0.2,
    "min_hole_clearance": 0.2,
    "min_hole_to_hole": 0.25,
    "min_through_hole_diameter": 0.3,
    "min_track_width": 0.15,
    "min_silk_clearance": 0.0,
    "min_resolved_spokes": 1,
}
NET_CLASS: Final = {
    "name": "Default",
    "priority": 2147483647,
    "clearance": 0.15,
    "track_width": 0.2,
    "via_diameter": 0.6,
    "via_drill": 0.3,
    "microvia_diameter": 0.3,
    "microvia_drill": 0.1,
    "diff_pair_width": 0.2,
    "diff_pair_gap": 0.15,
    "diff_pair_via_gap": 0.25,
    "bus_width": 12,
    "wire_width": 6,
    "line_style": 0,
    "pcb_color": "rgba(0, 0, 0, 0.000)",
    "schematic_color": "rgba(0, 0, 0, 0.000)",
}
_DATE: Final = re.compile(
    r"^.*(TF\.CreationDate|Created by KiCad|; DRILL file \{|; #@! TF\.CreationDate).*\n", re.MULTILINE
)


def write_settings(board: Path) -> None:
    """KiCad's project beside a board: the rules that it is checked against, and where our own footprints are."""
    settings = {
        "meta": {"filename": f"{board.stem}.kicad_pro", "version": 3},
        "board": {"design_settings": {"rules": RULES}},
        "net_settings": {"classes": [NET_CLASS], "meta": {"version": 4}},
    }
    board.with_suffix(".kicad_pro").write_text(json.dumps(settings, indent=1) + "\n", "utf-8")
    uri = "${KIPRJMOD}/../../footprints/tombola.pretty"
    own = f'(lib (name "tombola") (type "KiCad") (uri "{uri}") (options "") (descr ""))'
    (board.parent / "fp-lib-table").write_text(f"(fp_lib_table (version 7) {own})\n", "utf-8")


def design_rules(board: Path) -> tuple[list[Finding], int]:
    """What KiCad's check of a board finds, and how many connections are not routed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "drc.json"
        run("pcb", "drc", "--format", "json", "--severity-all", "-o", report, board)
        found = json.loads(report.read_text("utf-8"))
    findings = [
        Finding(
            entry["severity"],
            entry["type"],
            "; ".join(item["description"] for item in entry["items"]),
            entry["description"],
        )
        for entry in found["violations"]
    ]
    return findings, len(found["unconnected_items"])


_FILL: Final = """
import sys, pcbnew
board = pcbnew.LoadBoard(sys.argv[1])
pcbnew.ZONE_FILLER(board).Fill(board.Zones())
board.Save(sys.argv[2])
"""


def filled(board: Path, target: Path) -> None:
    """A copy of a board with its pours filled, by KiCad's own Python, which has no command for it.

    Raises:
        ToolMissing: The system's Python has no pcbnew, or it failed.
    """
    shutil.copy(board.with_suffix(".kicad_pro"), target.with_suffix(".kicad_pro"))
    done = subprocess.run(["/usr/bin/python3", "-c", _FILL, board, target], capture_output=True, text=True, check=False)
    if done.returncode or not target.exists():
        raise ToolMissing(
            "pours cannot be filled: /usr/bin/python3 has no pcbnew; install KiCad 9 from your distribution"
        )


PANEL_LAYERS: Final = "F.Cu,B.Cu,F.Mask,B.Mask,F.SilkS,Edge.Cuts"
EVERY_LAYER: Final = "F.Cu,In1.Cu,In2.Cu,B.Cu,F.Paste,B.Paste,F.Mask,B.Mask,F.SilkS,B.SilkS,Edge.Cuts"


def positions(board: Path, target: Path) -> None:
    """Where a machine puts parts, both sides, in mm."""
    run("pcb", "export", "pos", "--format", "csv", "--units", "mm", "--side", "both", "-o", target, board)


def gerbers(board: Path, folder: Path, layers: str = PANEL_LAYERS) -> None:
    """Gerber and drill files, without their dates."""
    folder.mkdir(parents=True, exist_ok=True)
    run("pcb", "export", "gerbers", "--no-protel-ext", "--precision", "5", "-l", layers, "-o", f"{folder}/", board)
    run("pcb", "export", "drill", "--format", "excellon", "-o", f"{folder}/", board)
    for job in folder.glob("*.gbrjob"):
        job.unlink()  # says nothing but when
    for path in sorted(folder.iterdir()):
        path.write_text(_DATE.sub("", path.read_text("utf-8")), "utf-8")


NO_DAY: Final = (1980, 1, 1, 0, 0, 0)
RENDER_PIXELS: Final = 900


def packed(folder: Path, target: Path) -> None:
    """A folder's files as the one archive that a fabricator takes: the same bytes each time."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name, NO_DAY), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def solid(board: Path, target: Path) -> None:
    """A board's body with its holes as STEP, without the day."""
    run("pcb", "export", "step", "--force", "-o", target, board)
    text = re.sub(r"'\d{4}-\d\d-\d\dT[\d:]+'", "'1980-01-01T00:00:00'", target.read_text("utf-8"))
    target.write_text(text.replace(str(board.parent), ""), "utf-8")


def rendered(board: Path, target: Path, side: str) -> None:
    """A picture of a board's ``top`` or ``bottom``; parts are not in it, KiCad's models are too large to ask for."""
    size = str(RENDER_PIXELS)
    run("pcb", "render", "--side", side, "-w", size, "--height", size, "--background", "opaque", "-o", target, board)
