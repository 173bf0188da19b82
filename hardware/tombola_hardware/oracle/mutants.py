"""Deliberate faults: does the second opinion see them?

Each is a whole board with one thing wrong, so it goes through the same checks as the board itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

from tombola_hardware.model import NC, Board, Part
from tombola_hardware.oracle.checks import walk
from tombola_hardware.oracle.network import number

NEIGHBOURS: Final = 2
"""How far apart two pins of a part of more than eight pins are swapped; of smaller ones, all pairs are."""
SYMMETRIC: Final = ("Switch:SW_Push",)
"""Symbols whose two pins may change places."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Args:
        name: What was done.
        board: The board with it.
    """

    name: str
    board: Board


def first_fault(mutant: Mutant) -> str | None:
    """The first sentence that the checks say of it; none: it survives."""
    return next(walk(mutant.board), None)


def _with(board: Board, name: str, change: Callable[[Part], Part]) -> Mutant:
    return Mutant(name, dataclasses.replace(board, parts=tuple(change(part) for part in board.parts)))


def _valued(part: Part, value: str) -> Part:
    spice = tuple(dataclasses.replace(line, model=value) for line in part.kind.spice)
    return dataclasses.replace(part, kind=dataclasses.replace(part.kind, value=value, spice=spice))


def _wired(part: Part, nets: dict[str, str]) -> Part:
    return dataclasses.replace(part, nets={**part.connections(), **nets})


def value(board: Board, references: str, worth: str) -> Mutant:
    """Parts (by their references, apart by spaces) with another value."""
    chosen = references.split()
    return _with(
        board, f"{references}: {worth}", lambda part: _valued(part, worth) if part.reference in chosen else part
    )


def rewired(board: Board, reference: str, nets: dict[str, str]) -> Mutant:
    """A part with pins on other nets."""
    said = ", ".join(f"{pin} to {net or 'nothing'}" for pin, net in nets.items())
    return _with(
        board, f"{reference}: {said}", lambda part: _wired(part, nets) if part.reference == reference else part
    )


def swapped(board: Board, reference: str, one: str, other: str) -> Mutant:
    """Two pins of a part change their nets."""
    nets = board.part(reference).connections()
    mutant = rewired(board, reference, {one: nets[other], other: nets[one]})
    return Mutant(f"{reference}: pins {one} and {other} swapped", mutant.board)


def named(board: Board) -> list[Mutant]:
    """The 17 faults that a review found to pass all tests of revision A at once."""
    lamps = " ".join(f"R10{lamp}{die}" for lamp in range(1, 9) for die in (1, 2))
    pots = [f"RV{number}" for number in range(1, 9)]

    def turned(part: Part) -> Part:
        nets = part.connections()
        return _wired(part, {"1": nets["3"], "3": nets["1"]}) if part.reference in pots else part

    def on_five(part: Part) -> Part:
        return _wired(part, {"16": "+5V"}) if part.kind.value == "MCP3208-B" else part

    return [
        value(board, lamps, "10"),
        value(board, "R71", "22k"),
        value(board, "R74", "1"),
        value(board, "R811 R812", "51k"),
        value(board, "R60", "1M"),
        value(board, "C15", "100p"),
        value(board, "R13", "10k"),
        swapped(board, "J21", "19", "21"),
        swapped(board, "J21", "38", "40"),
        swapped(board, "J21", "29", "31"),
        rewired(board, "U21", {"1": "+3.3V"}),
        rewired(board, "U51", {"4": "+3.3VA"}),
        _with(board, "all pots backwards", turned),
        rewired(board, "R72", {"1": "+5V"}),
        _with(board, "MCP3208 on 5 V", on_five),
        value(board, "R814", "150k"),
        rewired(board, "U11", {"C1": "GND"}),
    ]


def _scaled(board: Board) -> Iterator[Mutant]:
    for part in board.parts:
        if part.reference[0] in "RC" and not part.reference.startswith("RV"):
            for factor in (10.0, 0.1):
                yield value(board, part.reference, f"{number(part.kind.value) * factor:g}")


def _pins(board: Board) -> Iterator[Mutant]:
    for part in board.parts:
        nets = part.connections()
        pins = list(nets)
        two_alike = part.reference[0] in "RCFL" and part.reference != "C18" and not part.reference.startswith("RV")
        if len(pins) < 2 or two_alike or part.kind.symbol in SYMMETRIC:
            continue
        for (first, one), (second, other) in combinations(enumerate(pins), 2):
            near = len(pins) <= 8 or second - first <= NEIGHBOURS
            if near and nets[one] != nets[other]:
                yield swapped(board, part.reference, one, other)


def _crossed(board: Board) -> Iterator[Mutant]:
    """The second pins of two resistors, or of two capacitors, that stand one after the other."""
    for letter in "RC":
        small = [part for part in board.parts if part.reference[0] == letter and not part.reference.startswith("RV")]
        for one, other in pairwise(small):
            nets = one.connections(), other.connections()
            if nets[0]["2"] != nets[1]["2"] and NC not in (nets[0]["2"], nets[1]["2"]):
                crossed = {one.reference: nets[1]["2"], other.reference: nets[0]["2"]}
                yield _with(
                    board,
                    f"pin 2 of {one.reference} and of {other.reference} swapped",
                    lambda part, crossed=crossed: (  # type: ignore[misc]
                        _wired(part, {"2": crossed[part.reference]}) if part.reference in crossed else part
                    ),
                )


def generated(board: Board) -> list[Mutant]:
    """Every value times and by ten, every swap of pins, every two neighbours crossed."""
    return [*_scaled(board), *_pins(board), *_crossed(board)]


def survivors(board: Board) -> tuple[int, list[str]]:
    """How many faults were tried, and the names of those that nobody saw."""
    tried = generated(board)
    return len(tried), [mutant.name for mutant in tried if first_fault(mutant) is None]


def share(tried: int, survived: int) -> float:
    """Caught of those that were tried, rounded down to a tenth of a per cent."""
    return math.floor(1000 * (tried - survived) / tried) / 1000
