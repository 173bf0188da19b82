"""What to buy: a line a kind, board by board, with a total."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Final

from tombola_hardware.instrument import KNOBS, MIDI_JACKS
from tombola_hardware.model import Board
from tombola_hardware.panel.layout import SMALL_KNOBS

PRICES_OF: Final = "November 2026"
HEAD: Final = (
    # "number", "maker" and "quantity" are what distributors' upload pages ask for.
    "board",
    "references",
    "quantity",
    "value",
    "footprint",
    "maker",
    "number",
    "alternatives",
    "each USD",
    "total USD",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Args:
        board: ``main``, ``control`` or ``around`` for what no board holds.
        references: Of the parts.
        quantity: How many.
        value: What it is.
        footprint: Without its library.
        maker: Who makes it.
        number: The maker's.
        alternatives: What fits too.
        cost_usd: Of one, estimated for ten instruments.
    """

    board: str
    references: str
    quantity: int
    value: str
    footprint: str
    maker: str
    number: str
    alternatives: str
    cost_usd: float

    @property
    def total_usd(self) -> float:
        """Of all."""
        return self.quantity * self.cost_usd


def _around(*, eurorack: bool) -> list[Line]:
    """What is not soldered."""
    large = sum(knob.name not in SMALL_KNOBS for knob in KNOBS)
    items = [
        (1, "Raspberry Pi 4B 2 GB", "Raspberry Pi", "SC0193(9)", "4B of 1 GB or more; a 5 is not supported", 55.0),
        (1, "microSD 16 GB", "SanDisk", "SDSQUA4-016G", "any of class A1", 6.5),
        (1, "OLED 128×64, 1.3 inch, SH1106, I²C", "various", "SH1106 4-pin", "SSD1306 with a setting", 6.0),
        (4, "spacer M2 × 8, nylon, with screws, for the OLED", "various", "M2x8", "any of 8 mm", 0.15),
        (large, "knob for a T18 spline of 6 mm, 13 mm, light", "various", "1900H clone, T18", "any of ≤ 14 mm", 0.9),
        (len(KNOBS) - large, "knob for a T18 spline of 6 mm, 11 mm", "various", "T18 11 mm", "any of ≤ 11 mm", 0.8),
        (1, "knob for a D shaft of 6 mm, 11 mm, for the encoder", "various", "D 11 mm", "any of ≤ 11 mm", 0.8),
        (1, "main board, bare, 4 layers", "fabricator", "generated/panel/main_gerber", "", 6.0),
        (1, "control board, bare, 4 layers", "fabricator", "generated/panel/control_gerber", "", 5.0),
        (
            1,
            "stencil for solder paste, both boards",
            "fabricator",
            "paste layers of the Gerbers",
            "hot air and patience",
            2.0,
        ),
        (1, "front panel, FR4, black mask", "fabricator", "generated/panel", "2 mm aluminium from the DXF", 6.0),
        (8, "standoff M2.5 × 11 with screws: 4 between the boards, 4 for the Pi", "Harwin", "R25-1001102", "any", 0.3),
        (
            1,
            "plate of aluminium over the Pi, at most 5 mm, with pad",
            "various",
            "Pi 4 low-profile heat sink",
            "any",
            4.0,
        ),
        (len(MIDI_JACKS) * 3, "wire, 50 mm", "various", "AWG 26", "", 0.05),
        (1, "right-angled USB-C plug on wires, no VBUS", "various", "USB-C data cable, cut", "", 2.0),
    ]
    if eurorack:
        items += [
            (1, "ribbon cable 10 to 16 pins", "Doepfer", "bus cable", "any keyed", 1.5),
            (4, "screw M3 × 6 with nylon washer", "various", "M3x6", "", 0.05),
        ]
    else:
        items += [
            (1, "sloped case, printed", "own print", "see mechanical.md", "any box", 6.0),
            (1, "USB-C supply 5.1 V 3 A", "Raspberry Pi", "SC0218", "any of 3 A", 9.0),
        ]
    return [
        Line("around", "", count, value, "", maker, number, other, cost)
        for count, value, maker, number, other, cost in items
    ]


def lines(board: Board) -> list[Line]:
    """All of it, in order of board and reference."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    kinds = {}
    for part in board.parts:
        key = (part.board, part.kind.number, part.kind.value, part.kind.footprint)
        groups.setdefault(key, []).append(part.reference)
        kinds[key] = part.kind
    found = []
    for key, references in groups.items():
        kind = kinds[key]
        found.append(
            Line(
                key[0],
                " ".join(sorted(references, key=_order)),
                len(references),
                kind.value,
                kind.footprint.partition(":")[2],
                kind.maker,
                kind.number,
                "; ".join(kind.alternatives),
                kind.cost_usd,
            )
        )
    found.sort(key=lambda line: (line.board != "main", _order(line.references)))
    return found + _around(eurorack=board.name == "tombola")


def _order(reference: str) -> tuple[str, int]:
    match = re.match(r"([A-Z]+)(\d+)", reference)
    return (match[1], int(match[2])) if match else (reference, 0)


def totals(board: Board) -> dict[str, float]:
    """Cost by board, and ``all``, in US dollars."""
    found: dict[str, float] = {}
    for line in lines(board):
        found[line.board] = found.get(line.board, 0.0) + line.total_usd
    return {key: round(value, 2) for key, value in {**found, "all": sum(found.values())}.items()}


SINGLE_SHARE: Final = 1.35
"""What a part costs alone against ten times it, on the average; an estimate."""
LOTS_USD: Final = {"five main boards": 45.0, "five control boards": 40.0, "five panels": 35.0, "stencils": 30.0,
                   "four deliveries": 60.0}  # fmt: skip
"""What a fabricator and distributors want at least, whatever is needed; estimates."""


def for_one(board: Board) -> float:
    """Cost of a single instrument, in US dollars: parts bought singly, boards in the smallest lots."""
    made = {"fabricator"}
    parts = sum(line.total_usd for line in lines(board) if line.maker not in made)
    pi = next(line.total_usd for line in lines(board) if line.value.startswith("Raspberry Pi"))
    return round(pi + (parts - pi) * SINGLE_SHARE + sum(LOTS_USD.values()), -1)


def text(board: Board) -> str:
    """As CSV, totals last."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    for line in lines(board):
        writer.writerow(
            (
                line.board,
                line.references,
                line.quantity,
                line.value,
                line.footprint,
                line.maker,
                line.number,
                line.alternatives,
                f"{line.cost_usd:.2f}",
                f"{line.total_usd:.2f}",
            )
        )
    for name, total in totals(board).items():
        writer.writerow(
            (name, f"total; prices are estimates of {PRICES_OF}", "", "", "", "", "", "", "", f"{total:.2f}")
        )
    return stream.getvalue()
