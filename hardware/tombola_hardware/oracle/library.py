"""A third opinion on pins: KiCad's symbols, which others typed from the same datasheets."""

from __future__ import annotations

import re
from typing import Final

from tombola_hardware.kicad.library import Pin, symbol
from tombola_hardware.model import Board
from tombola_hardware.oracle import golden

SAME: Final = {"+VIN": "VIN", "+VOUT": "VOUT", "GND": "VSS"}
"""KiCad's name of a pin, and ours."""


def agrees(pin: Pin, name: str) -> bool:
    """Whether KiCad calls a pin as we do; of an amplifier it names unit and sign, or that it is the output."""
    theirs = re.sub(r"[~{}/ ]", "", pin.name).upper()
    ours = re.sub(r"[~{}/ ]", "", name).upper()
    if theirs == ours or SAME.get(theirs) == ours:
        return True
    unit = "ABCD"[pin.unit - 1 : pin.unit]
    if theirs in {"+", "-"}:
        return ours == theirs + unit
    return not theirs and pin.kind == "output" and ours in {f"OUT{unit}", "Y"}


def confirmed(board: Board) -> int:
    """How many of the module's golden pins that are from memory KiCad's symbols name the same."""
    known = {part.reference: part.kind for part in board.parts}
    found = 0
    for chip in golden.chips(board.name):
        if chip.from_memory:
            kind = known[chip.reference]
            pins = {pin.number: pin for pin in symbol(kind.symbol).pins}
            found += sum(agrees(pins[number], name) for number, name in kind.pins.items())
    return found
