"""What a network needs per second of sound, and which boards have that.

These are counts, not measurements: they leave out calls, caches and activations' own arithmetic. Where a bundle exists,
``tombola bench --arm64`` counts instructions, and that decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FLOAT_BYTES = 4
ONE_MULTIPLY_ADD = 2.0
"""Floating-point operations."""


@dataclass(frozen=True, slots=True)
class Board:
    """A computer, as far as a network asks for it.

    Args:
        flops: Floating-point operations per second, of one core.
        disk_bytes: Flash or card.
        memory_bytes: RAM.
        source: Where the figures are from.
    """

    name: str
    flops: float
    disk_bytes: float
    memory_bytes: float
    source: str


_PAPER = "Esling et al. 2020, table 1"
_SHEET = "datasheet: one multiply-add a cycle of one core"
CARD_BYTES = 8e9
BOARDS = (
    Board("ATmega1280", 160e3, 128e3, 8e3, _PAPER),
    Board("ATmega2560", 320e3, 256e3, 16e3, _PAPER),
    Board("RPi 1B", 41e6, CARD_BYTES, 512e6, _PAPER),
    Board("RPi 2B", 53e6, CARD_BYTES, 1e9, _PAPER),
    Board("RP2350", 150e6 * ONE_MULTIPLY_ADD, 4e6, 520e3, _SHEET),
    Board("Daisy Seed", 480e6 * ONE_MULTIPLY_ADD, 8e6, 64e6, _SHEET),
    Board("RPi Zero 2 W", 1.0e9 * ONE_MULTIPLY_ADD, CARD_BYTES, 512e6, _SHEET),
    Board("RPi 3", 1.2e9 * ONE_MULTIPLY_ADD, CARD_BYTES, 1e9, _SHEET),
    Board("RPi 4", 1.5e9 * ONE_MULTIPLY_ADD, CARD_BYTES, 1e9, _SHEET),
    Board("RPi 5", 2.4e9 * ONE_MULTIPLY_ADD, CARD_BYTES, 2e9, _SHEET),
)


@dataclass(frozen=True, slots=True)
class Complexity:
    """What a network needs.

    Args:
        flops: Floating-point operations for a second of sound.
        disk_bytes: Of its weights.
        traffic_bytes: Weights read for a second of sound.
    """

    flops: float
    disk_bytes: float
    traffic_bytes: float

    def fits(self, board: Board) -> bool:
        """Whether a board has the operations, the disk and the memory for it."""
        return (
            self.flops <= board.flops and self.disk_bytes <= board.disk_bytes and self.disk_bytes <= board.memory_bytes
        )


def complexity(
    shapes: Mapping[str, tuple[int, ...]], uses_per_s: Mapping[str, float], bytes_a_weight: int = FLOAT_BYTES
) -> Complexity:
    """Count a network.

    Args:
        shapes: Learned parameter → shape, as ``units.shapes_left`` gives for a ticket.
        uses_per_s: Parameter → how often it is used in a second of sound.
        bytes_a_weight: 4 for floats, 1 for int8.
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    used = sum(size * uses_per_s.get(name, 0.0) for name, size in sizes.items())
    return Complexity(ONE_MULTIPLY_ADD * used, float(bytes_a_weight * sum(sizes.values())), bytes_a_weight * used)


def playing(needs: Complexity) -> tuple[str, ...]:
    """Names of the boards that have what a network needs."""
    return tuple(board.name for board in BOARDS if needs.fits(board))
