"""Solve what a circuit's resistors, capacitors and amplifiers do, without SPICE: some thousand times a second.

Modified nodal analysis around one net: from there through the parts, as far as the nets whose voltage is given.
Amplifiers are ideal, fuses and beads are wires, everything else is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.model import NC, Board, Part

Matrix: TypeAlias = NDArray[np.complex128]
LEAK_SIEMENS: Final = 1e-12
"""From every node to ground, so that one which hangs in the air has a voltage."""
WIRE_OHM: Final = 0.1
_SCALE: Final = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6}


def number(value: str) -> float:
    """``4.7k`` in ohm, ``100n`` in farad."""
    head = value.split(maxsplit=1)[0]
    return float(head[:-1]) * _SCALE[head[-1]] if head[-1] in _SCALE else float(head)


@dataclass(frozen=True, slots=True)
class Element:
    """A resistor or capacitor (two nets), or an amplifier (plus, minus, out)."""

    letter: str
    nets: tuple[str, ...]
    value: float = 0.0
    reference: str = ""


def elements(board: Board) -> Iterator[Element]:
    """What of a board can be solved."""
    for part in board.parts:
        yield from _of_part(part)


def _of_part(part: Part) -> Iterator[Element]:
    letter, nets = part.reference[0], part.connections()
    if part.reference.startswith(("RV", "TP")):
        return
    if letter in "RC":
        yield Element(letter, (nets["1"], nets["2"]), number(part.kind.value), part.reference)
    elif letter in "FL":
        yield Element("R", (nets["1"], nets["2"]), WIRE_OHM, part.reference)
    elif part.kind.spice and part.kind.spice[0].letter == "X":
        for unit in part.kind.spice:
            if unit.suffix:
                plus, minus, _, _, out = (part.net(pin) for pin in unit.pins)
                yield Element("X", (plus, minus, out), 0.0, part.reference)


class Network:
    """The elements of a board, by the nets that they touch."""

    def __init__(self, parts: Iterable[Element]) -> None:
        self._at: dict[str, list[Element]] = {}
        for part in parts:
            for net in set(part.nets) - {NC}:
                self._at.setdefault(net, []).append(part)

    def volts(self, probe: str, given: Mapping[str, complex], hertz: float = 0.0) -> complex:
        """Voltage at a net.

        Args:
            probe: Which net.
            given: Nets whose voltage is known; ground is 0.
            hertz: Of a sine; 0: what it comes to in the end.
        """
        known = {"GND": 0.0, **given}
        if probe in known:
            return complex(known[probe])
        nodes, parts = self._around(probe, known)
        amplifiers = [part for part in parts if part.letter == "X"]
        size = len(nodes) + len(amplifiers)
        matrix, right = np.zeros((size, size), complex), np.zeros(size, complex)
        matrix[range(len(nodes)), range(len(nodes))] = LEAK_SIEMENS
        for part in parts:
            if part.letter == "X":
                _amplifier(part, len(nodes) + amplifiers.index(part), nodes, known, matrix, right)
            else:
                _passive(part, hertz, nodes, known, matrix, right)
        try:
            return complex(np.linalg.solve(matrix, right)[nodes[probe]])
        except np.linalg.LinAlgError:
            return complex("nan")

    def _around(self, probe: str, known: Mapping[str, complex]) -> tuple[dict[str, int], list[Element]]:
        nodes, todo, parts = {probe: 0}, [probe], []
        while todo:
            for part in self._at.get(todo.pop(), []):
                if part in parts:
                    continue
                parts.append(part)
                for net in part.nets:
                    if net and net not in known and net not in nodes:
                        nodes[net] = len(nodes)
                        todo.append(net)
        return nodes, parts


def _amplifier(
    part: Element, row: int, nodes: dict[str, int], known: Mapping[str, complex], matrix: Matrix, right: Matrix
) -> None:
    """Its output gives what brings both inputs to one voltage."""
    plus, minus, out = part.nets
    for net, sign in ((plus, 1.0), (minus, -1.0)):
        if net in nodes:
            matrix[row, nodes[net]] += sign
        else:
            right[row] -= sign * known.get(net, 0.0)
    if out in nodes:
        matrix[nodes[out], row] += 1.0
    else:
        matrix[row, row] += 1.0


def _passive(
    part: Element, hertz: float, nodes: dict[str, int], known: Mapping[str, complex], matrix: Matrix, right: Matrix
) -> None:
    one, other = part.nets
    siemens = 1 / part.value if part.letter == "R" else 2j * np.pi * hertz * part.value
    for here, there in ((one, other), (other, one)):
        if here in nodes:
            matrix[nodes[here], nodes[here]] += siemens
            if there in nodes:
                matrix[nodes[here], nodes[there]] -= siemens
            else:
                right[nodes[here]] += siemens * known.get(there, 0.0)
