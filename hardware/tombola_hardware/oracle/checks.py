"""All of the second opinion: a sentence for each thing on a board that is not as the golden tables want it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tombola_hardware import ratings
from tombola_hardware.errors import BadBoard
from tombola_hardware.model import Board
from tombola_hardware.oracle import domains, electrical, functions, golden, passives
from tombola_hardware.oracle.network import Element, Network, elements


def faults(board: Board) -> list[str]:
    """Everything that is wrong with a board, the most telling first."""
    return list(walk(board))


def walk(board: Board) -> Iterator[str]:
    """The same, one by one: who only wants to know whether there is a fault stops at the first."""
    try:
        told = list(board.faults())
    except BadBoard as error:
        yield str(error)
        return
    if told:
        yield from told
        return
    parts = list(elements(board))
    yield from electrical.faults(board)
    yield from ratings.faults(board)
    yield from _passives(board, parts)
    yield from _chips(board)
    yield from domains.faults(board)
    yield from functions.faults(board.name, Network(parts))


def _chips(board: Board) -> Iterator[str]:
    """Golden pins; and parts that no row names."""
    known = {part.reference: part for part in board.parts}
    rows = golden.chips(board.name)
    for chip in rows:
        if chip.reference not in known:
            yield f"{chip.reference} ({chip.what}) is missing; {chip.source}"
            continue
        connected = known[chip.reference].connections()
        for number, net in chip.pins.items():
            found = connected.get(number, "no pin")
            if found != net.replace(golden.OPEN, "", 1 if net == golden.OPEN else 0):
                yield (
                    f"pin {number} of {chip.reference} ({chip.what}) is on {found or 'nothing'} instead of "
                    f"{'nothing' if net == golden.OPEN else net}; see {chip.source}"
                )
        if set(connected) != set(chip.pins):
            yield f"{chip.reference} ({chip.what}) has other pins than {chip.source} says"
    named = {chip.reference for chip in rows}
    for reference, part in known.items():
        if reference not in named and not _is_free(reference):
            yield f"{reference} ({part.kind.value}) has no row in oracle/golden.py; give it one"


def _is_free(reference: str) -> bool:
    """Two-legged parts have their own rows, connectors between the boards and test points their own checks."""
    return (
        reference[:2] == "TP"
        or (reference[0] in "RCFL" and reference[:2] != "RV")
        or (reference.startswith("J1") and len(reference) == 4)
    )


def _passives(board: Board, parts: list[Element]) -> Iterator[str]:
    """Each resistor and capacitor fills one row of the table, and each row is filled."""
    wanted: dict[tuple[str, frozenset[str]], list[passives.Row]] = defaultdict(list)
    for row in passives.rows(board.name):
        wanted[row.letter, row.nets].append(row)
    there: dict[tuple[str, frozenset[str]], list[Element]] = defaultdict(list)
    for part in parts:
        if part.reference[0] in "RC":
            there[part.letter, frozenset(part.nets)].append(part)
    for key in [*wanted, *(key for key in there if key not in wanted)]:
        idle, unfilled = _matched(there[key], wanted[key])
        for row in unfilled:
            got = f"{idle[0].reference} has {idle[0].value:.3g}" if idle else "there is none"
            yield (
                f"between {' and '.join(sorted(row.nets))} stands no {row.letter} of {row.low:.3g} … {row.high:.3g}: "
                f"{row.why}; {got}"
            )
        for part in idle[len(unfilled) :]:
            where = " and ".join(part.nets)
            yield f"{part.reference} ({part.value:.3g}) stands between {where}, where no circuit wants it"
    yield from _strength(board)


def _matched(parts: list[Element], rows: list[passives.Row]) -> tuple[list[Element], list[passives.Row]]:
    """What is left when as many as possible are paired: parts without a row, rows without a part."""
    of_row: dict[int, int] = {}

    def place(index: int, seen: set[int]) -> bool:
        for slot, row in enumerate(rows):
            if slot in seen or not row.low <= parts[index].value <= row.high:
                continue
            seen.add(slot)
            if slot not in of_row or place(of_row[slot], seen):
                of_row[slot] = index
                return True
        return False

    idle = [part for index, part in enumerate(parts) if not place(index, set())]
    return idle, [row for slot, row in enumerate(rows) if slot not in of_row]


def _strength(board: Board) -> Iterator[str]:
    strong = {row.nets: row for row in passives.rows(board.name) if row.strong_watts}
    for part in board.parts:
        nets = frozenset(part.connections().values())
        row = strong.get(nets) if part.reference[0] == "R" else None
        if row and (part.kind.rating.watts or 0.0) < row.strong_watts:
            yield (
                f"{part.reference} bears {part.kind.rating.watts:g} W but wants {row.strong_watts:g}: {row.why}; "
                "take a stronger one"
            )
