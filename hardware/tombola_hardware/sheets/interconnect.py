"""The connectors between control board and main board: whatever nets are on both."""

from __future__ import annotations

from typing import Final

from tombola_hardware.kinds import header
from tombola_hardware.model import Part
from tombola_hardware.sheet import Sheet

ROWS_AT_MOST: Final = 14
SIGNALS_PER_GROUND: Final = 4


def crossing(parts: list[Part]) -> list[str]:
    """Nets with pins on both boards, ground left out, in order of their names."""
    boards: dict[str, set[str]] = {}
    for part in parts:
        for net in part.connections().values():
            boards.setdefault(net, set()).add(part.board)
    return sorted(net for net, on in boards.items() if len(on) > 1 and net not in {"", "GND"})


def pins(nets: list[str]) -> list[str]:
    """Net of each pin: a ground after every fourth signal, and two at the end."""
    found: list[str] = []
    for index, net in enumerate(nets):
        found.append(net)
        if index % SIGNALS_PER_GROUND == SIGNALS_PER_GROUND - 1:
            found.append("GND")
    found.append("GND")
    return [*found, *["GND"] * (len(found) % 2)]


def connectors(parts: list[Part]) -> Sheet:
    """As many pairs of connectors as are needed: a header on the control board, a socket on the main board."""
    sheet = Sheet(11, "interconnect", "Between control board and main board", "A4")
    wanted = pins(crossing(parts))
    count = -(-len(wanted) // (2 * ROWS_AT_MOST))
    size = -(-len(wanted) // (2 * count)) * 2
    for index in range(count):
        some = wanted[index * size : (index + 1) * size]
        rows = len(some) // 2
        nets = {str(pin + 1): net for pin, net in enumerate(some)}
        for board, column, socket in (("control", 0, False), ("main", 1, True)):
            x, y = 18 + 54 * index + 27 * column, 26
            reference = f"J1{index + 1}{column + 1}"
            sheet.add(reference, header(rows, 2, socket=socket, value=f"{board} board"), nets, (x, y), board=board)
    sheet.note("Pin for pin: what is on one board under a number is on the other under the same.", (14, 52))
    return sheet
