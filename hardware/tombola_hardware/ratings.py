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
PI_WATTS: Final = {"Raspberry Pi 4, idle": 2.7, "Raspberry Pi 4, four cores busy": 6.4}
"""Source: measured figures of its documentation."""
PI_5_WATTS: Final = 11.6
"""A Raspberry Pi 5 with four cores busy, from reports; it is not supported."""
LOADS_AMPS: Final = {
    "OLED": 0.03,
    "lamps, all on, through the Pi's 3.3 V": 0.06,
    "analogue 3.3 V and the audio DAC": 0.06,
    "gate, MIDI and rest": 0.03,
}
"""On 5 V beside the Raspberry Pi, from the datasheets of the kinds."""
AMPLIFIERS_AMPS: Final = 0.010
"""On each of ±12 V: four amplifiers OPA1678 of 2.5 mA (SBOS855)."""
CV_LOADS_AMPS: Final = 0.016
"""Two CV outputs at 8 V into 1 kΩ each."""
LOWEST_12_VOLTS: Final = 11.0
BUCK_SHARE: Final = 0.88
"""Of what the buck takes that comes out, at worst. Source: RECOM RPM-3.0, from memory."""
FUSE_SHARE: Final = 0.70
"""Of its hold current that a fuse still carries at 60 °C. Source: Littelfuse 1812L, derating curve, from memory."""


def five_volt_amps(pi_watts: float) -> float:
    """Current on 5.1 V."""
    return pi_watts / 5.1 + sum(LOADS_AMPS.values())


def plus_12_amps(pi_watts: float) -> float:
    """Current from a case's +12 V at its lowest."""
    bucked = five_volt_amps(pi_watts) * 5.1 / (LOWEST_12_VOLTS * BUCK_SHARE)
    return bucked + AMPLIFIERS_AMPS + CV_LOADS_AMPS


def minus_12_amps() -> float:
    """Current from a case's −12 V, both CV outputs at −2 V into 1 kΩ."""
    return AMPLIFIERS_AMPS + 0.004


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
    """What lasts through fuses, diodes and the buck, a fuse warm."""
    busy = max(PI_WATTS.values())
    limits = {
        "U11": five_volt_amps(busy),
        "F11": plus_12_amps(busy) / FUSE_SHARE,
        "F12": minus_12_amps() / FUSE_SHARE,
        "D11": plus_12_amps(busy),
        "Q11": plus_12_amps(busy),
        "F13": five_volt_amps(busy) / FUSE_SHARE,
    }
    known = {part.reference: part for part in board.parts}
    for reference, amps in limits.items():
        part = known.get(reference)
        if part is not None and part.kind.rating.amps is not None and amps > part.kind.rating.amps:
            yield (
                f"{reference} ({part.kind.value}) carries {amps:.2f} A but bears {part.kind.rating.amps:g} A; "
                "take a stronger one"
            )
