"""Whether parts bear what their nets give them: volts between pins, watts in resistors, amps of the supplies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from tombola_hardware.model import NC, Board, Part
from tombola_hardware.oracle.domains import LIMITED_AMPS, apart
from tombola_hardware.oracle.network import number

MARGIN: Final = 1.25
"""How much more a part must bear than it gets."""
LOADS_AMPS: Final = {
    "Raspberry Pi 4, four cores busy": 1.30,
    "OLED": 0.03,
    "lamps, all on": 0.05,
    "analogue 3.3 V with the audio DAC": 0.06,
    "USB-C and rest": 0.05,
}
"""On 5 V. Sources: Raspberry Pi 4 at 6.4 W (measured figures of its documentation), datasheets of the kinds."""


def faults(board: Board) -> list[str]:
    """A sentence for each part that is overtaxed."""
    return [*_volts(board), *_watts(board), *_amps(board)]


def _volts(board: Board) -> Iterator[str]:
    for part in board.parts:
        if part.kind.rating.volts is None or part.reference[0] not in "RCD" or part.reference.startswith("RV"):
            continue
        worst = _worst_volts(part)
        margin = MARGIN if part.reference.startswith("C") else 1.0
        if worst * margin > part.kind.rating.volts:
            yield (
                f"{part.reference} ({part.kind.value}) gets {worst:.1f} V but bears {part.kind.rating.volts:g} V; "
                "take one that bears more"
            )


def _worst_volts(part: Part) -> float:
    nets = set(part.connections().values()) - {NC}
    return max((apart(one, other) for one, other in combinations(sorted(nets), 2)), default=0.0)


def _watts(board: Board) -> Iterator[str]:
    """Heat of each resistor, whatever its ends connect to."""
    for part in board.parts:
        if part.kind.rating.watts is None or not part.reference.startswith("R") or part.reference.startswith("RV"):
            continue
        resistance = number(part.kind.value)
        amps = min(
            [_worst_volts(part) / resistance, *(LIMITED_AMPS.get(net, 99.0) for net in part.connections().values())]
        )
        watts = amps**2 * resistance
        if watts * MARGIN > part.kind.rating.watts:
            yield (
                f"{part.reference} ({part.kind.value}) heats with {watts:.2f} W but bears {part.kind.rating.watts:g}; "
                "take a larger one"
            )


def _amps(board: Board) -> Iterator[str]:
    five = sum(LOADS_AMPS.values())
    limits = {"U11": five, "F11": five * 5.1 / (11.0 * 0.88), "D11": five * 5.1 / (11.0 * 0.88), "F13": five}
    known = {part.reference: part for part in board.parts}
    for reference, amps in limits.items():
        part = known.get(reference)
        if part is not None and part.kind.rating.amps is not None and amps > part.kind.rating.amps:
            yield (
                f"{reference} ({part.kind.value}) carries {amps:.2f} A but bears {part.kind.rating.amps:g} A; "
                "take a stronger one"
            )
