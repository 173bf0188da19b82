"""The two instruments that are made of the sheets: the module for Eurorack, and the desktop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tombola_hardware.model import Board
from tombola_hardware.sheet import Sheet
from tombola_hardware.sheets import (
    audio,
    controls,
    converters,
    gates,
    header,
    inputs,
    interconnect,
    midi,
    outputs,
    power,
    test_points,
)

REVISION: Final = "B"
DATE: Final = "2026-11-25"
"""Of the revision; in the title blocks."""


@dataclass(frozen=True, slots=True)
class Design:
    """A circuit and its drawing.

    Args:
        board: The circuit.
        sheets: Its drawing, in the order of the pages.
        has_cv_outputs: Whether there are outputs for control voltages.
    """

    board: Board
    sheets: tuple[Sheet, ...]
    has_cv_outputs: bool


def module() -> Design:
    """20 HP of Eurorack."""
    signals = header.gpio()
    sheets = [
        power.eurorack(),
        header.pi(signals),
        inputs.analogue(),
        gates.gates(),
        outputs.voltages(),
        audio.module(),
        midi.midi(),
        controls.panel(),
        converters.adc(),
        controls.lamps(),
    ]
    return _design("tombola", sheets, signals)


def desktop() -> Design:
    """On a table: 5 V from USB-C, sound at line level, no ±12 V and so no outputs for control voltages."""
    signals = header.gpio(power_fail=False)
    sheets = [
        power.usb(),
        header.pi(signals),
        inputs.analogue(),
        gates.gates(),
        audio.desktop(),
        midi.midi(),
        controls.panel(),
        converters.adc(),
        controls.lamps(),
    ]
    return _design("tombola-desktop", sheets, signals)


def _design(name: str, sheets: list[Sheet], signals: dict[str, int]) -> Design:
    parts = [part for sheet in sheets for part in sheet.parts.values()]
    sheets += [interconnect.connectors(parts), test_points.probes(parts)]
    parts = [part for sheet in sheets for part in sheet.parts.values()]
    board = Board(name, REVISION, tuple(parts), signals)
    board.check()
    return Design(board, tuple(sheets), any(sheet.name == "cv_outputs" for sheet in sheets))
