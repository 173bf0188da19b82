"""Run kicad-cli, with settings of its own so that nobody's are touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tombola_hardware.errors import ToolMissing
from tombola_hardware.kicad.library import share
from tombola_hardware.kicad.sexpr import children, read, the, unquote


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule check says.

    Args:
        severity: ``error`` or ``warning``.
        rule: Its name in KiCad.
        where: Sheet or board, and what is meant.
        text: KiCad's sentence.
    """

    severity: str
    rule: str
    where: str
    text: str


@contextmanager
def _environment() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="kicad") as home:
        folder = Path(home) / "9.0"
        folder.mkdir()
        for table in ("sym-lib-table", "fp-lib-table"):
            shutil.copy(share() / "template" / table, folder / table)
        yield {
            **os.environ,
            "KICAD_CONFIG_HOME": home,
            "HOME": home,
            "KICAD9_SYMBOL_DIR": str(share() / "symbols"),
            "KICAD9_FOOTPRINT_DIR": str(share() / "footprints"),
            "LC_ALL": "C.UTF-8",
        }


def run(*arguments: object) -> None:
    """Run it.

    Raises:
        ToolMissing: It is not installed, or failed.
    """
    program = shutil.which("kicad-cli")
    if program is None:
        raise ToolMissing(
            "kicad-cli was not found; install KiCad 9 (Debian 12: apt-get install -t bookworm-backports kicad)"
        )
    with _environment() as environment:
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment
        )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise ToolMissing(
            f"kicad-cli {' '.join(map(str, arguments[:3]))} failed: {words[-1] if words else 'it said nothing'}"
        )


def electrical_rules(root: Path) -> list[Finding]:
    """All that KiCad's check of a schematic finds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "erc.json"
        run("sch", "erc", "--format", "json", "--severity-all", "-o", report, root)
        sheets = json.loads(report.read_text("utf-8"))["sheets"]
    return [
        Finding(
            found["severity"],
            found["type"],
            sheet["path"] + " " + "; ".join(item["description"] for item in found["items"]),
            found["description"],
        )
        for sheet in sheets
        for found in sheet["violations"]
    ]


def netlist(root: Path) -> dict[str, frozenset[tuple[str, str]]]:
    """Nets of the drawing, as KiCad reads it: name to (reference, pin); pins left open are not in it."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "netlist.net"
        run("sch", "export", "netlist", "--format", "kicadsexpr", "-o", target, root)
        tree = read(target)
    found = {}
    for net in children(the(tree, "nets"), "net"):
        name = unquote(the(net, "name")[1])
        nodes = [(unquote(the(node, "ref")[1]), unquote(the(node, "pin")[1])) for node in children(net, "node")]
        if not name.startswith("unconnected-"):
            found[name] = frozenset(nodes)
    return found
