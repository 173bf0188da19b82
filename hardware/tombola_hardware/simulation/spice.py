"""Run a deck in ngspice, and read back what it printed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.errors import ToolMissing
from tombola_hardware.model import Board, spice_node
from tombola_hardware.simulation.models import LIBRARY


def elements(
    board: Board, references: Iterable[str], units: Mapping[str, str] | None = None, suffix: str = ""
) -> list[str]:
    """Lines of a deck for some parts, as the board declares them.

    Args:
        board: Whose.
        references: Which parts.
        units: Letter of the one unit that is meant, for parts that are several.
        suffix: Put behind the names of all nodes but ground and rails, so that one deck holds a circuit many times.
    """
    lines = []
    for reference in references:
        part = board.part(reference)
        wanted = (units or {}).get(reference)
        for element in part.kind.spice:
            if wanted and element.suffix != wanted:
                continue
            nodes = [_suffixed(spice_node(part.net(pin), f"{reference}_{pin}"), suffix) for pin in element.pins]
            name = reference if reference.startswith(element.letter) else element.letter + reference
            lines.append(" ".join([name + element.suffix + suffix, *nodes, element.model]))
    return lines


def _suffixed(node: str, suffix: str) -> str:
    return node if node == "0" or node.startswith(("p3", "p5", "p12v", "m12v")) else node + suffix


def run(lines: Iterable[str], analysis: str, outputs: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Run one analysis.

    Args:
        lines: Elements and sources.
        analysis: ``dc Vin -5 5 0.1``, ``ac dec 20 1 1meg``, ``tran 1u 1m``.
        outputs: Expressions, real: ``v(out)``, ``db(v(out))``, ``i(Vin)``.

    Returns:
        Each expression to its values (points,), and ``x`` to what was swept.

    Raises:
        ToolMissing: ngspice is not installed, or does not come to a result.
    """
    program = shutil.which("ngspice")
    if program is None:
        raise ToolMissing("ngspice was not found; install it (Debian: apt-get install ngspice)")
    wanted = list(outputs)
    with tempfile.TemporaryDirectory() as folder:
        deck, result = Path(folder) / "deck.cir", Path(folder) / "result.txt"
        lets = [f"let out{index} = {expression}" for index, expression in enumerate(wanted)]
        names = " ".join(f"out{index}" for index in range(len(wanted)))
        control = [
            ".control",
            "set wr_singlescale",
            "set numdgt=12",
            analysis,
            *lets,
            f"wrdata {result} {names}",
            "quit",
            ".endc",
        ]
        deck.write_text(
            "\n".join(["* tombola", LIBRARY, *lines, ".options reltol=1e-6", *control, ".end"]) + "\n", "utf-8"
        )
        done = subprocess.run([program, "-b", deck], capture_output=True, text=True, check=False, timeout=300)
        if not result.exists():
            words = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line]
            raise ToolMissing(f"ngspice found no solution: {words[0].strip() if words else 'it said nothing'}")
        table = np.loadtxt(result, ndmin=2)
    return {"x": table[:, 0], **{expression: table[:, 1 + index] for index, expression in enumerate(wanted)}}
