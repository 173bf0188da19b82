"""Identifies the board and compares its speed with the cost of a bundle.

A period of 128 samples lasts 2.67 ms. The instructions of a core per period are its clock × instructions per cycle ×
2.67 ms; this is a careful estimate. The instructions that a bundle needs are in its manifest (``Cost``); they were
counted and are exact. If one of the two is unknown, the load probe measures instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.manifest import Cost
from tombola_device.contract.refusals import ErrorCode, Refused, two_figures

AUDIO_SHARE: Final = 0.6
"""Share of a core for sound. The rest is for interrupts, cache misses and voices that begin together."""
PERIOD_S: Final = PERIOD_SAMPLES / SAMPLE_RATE_HZ
MODEL_FILE: Final = Path("/proc/device-tree/model")


@dataclass(frozen=True, slots=True)
class Board:
    """The speed of a board.

    Args:
        name: Short name for players.
        clock_hz: Clock of the cores, the lowest of all revisions; None: unknown.
        instructions_per_cycle: A careful estimate: 1 for out-of-order cores (they reach 1 to 2), 0.5 for others.
    """

    name: str
    clock_hz: float | None = None
    instructions_per_cycle: float = 1.0

    @property
    def instructions_per_period(self) -> float | None:
        """Instructions of one core per period; None: unknown."""
        return None if self.clock_hz is None else self.clock_hz * self.instructions_per_cycle * PERIOD_S

    @property
    def budget_instructions(self) -> float | None:
        """Instructions per period for sound; None: unknown."""
        whole = self.instructions_per_period
        return None if whole is None else AUDIO_SHARE * whole


UNKNOWN: Final = Board("unknown board")
BOARDS: Final = (
    ("Raspberry Pi 500", Board("Pi 500", 2.4e9)),
    ("Raspberry Pi 5", Board("Pi 5", 2.4e9)),
    ("Raspberry Pi Compute Module 5", Board("CM5", 2.4e9)),
    ("Raspberry Pi 400", Board("Pi 400", 1.8e9)),
    ("Raspberry Pi 4", Board("Pi 4", 1.5e9)),
    ("Raspberry Pi Compute Module 4S", Board("CM4S", 1.5e9)),
    ("Raspberry Pi Compute Module 4", Board("CM4", 1.5e9)),
    ("Raspberry Pi 3 Model B Plus", Board("Pi 3 B+", 1.4e9, 0.5)),
    ("Raspberry Pi 3", Board("Pi 3", 1.2e9, 0.5)),
    ("Raspberry Pi Zero 2", Board("Zero 2 W", 1.0e9, 0.5)),
)
"""Beginning of the model name, longer ones first. Source of the clocks: Raspberry Pi documentation, processors."""


def this_board(model_file: Path = MODEL_FILE) -> Board:
    """The board of this computer, by the model name in the device tree; UNKNOWN without one."""
    try:
        model = model_file.read_bytes()[:128].rstrip(b"\0").decode("utf-8", "replace")
    except OSError:
        return UNKNOWN
    return next((board for start, board in BOARDS if model.startswith(start)), Board(model.strip() or UNKNOWN.name))


def check_cost(cost: Cost, board: Board) -> bool:
    """Compare one voice's cost with the board. True: it fits; False: unknown, measure it.

    Raises:
        Refused: One voice needs more instructions than the board has for sound.

    >>> check_cost(Cost(15_000, 90_000, 26, 2, arm64_instructions_per_period=200_000), Board("Pi 4", 1.5e9))
    True
    >>> check_cost(Cost(15_000, 90_000, 26, 2, arm64_instructions_per_period=3_000_000), Board("Pi 4", 1.5e9))
    Traceback (most recent call last):
    tombola_device.contract.refusals.Refused: the bundle needs 3.0 M instructions per period but the device's board has
    2.4 M for sound; prune the bundle further
    """
    needed, budget = cost.arm64_instructions_per_period, board.budget_instructions
    if needed is None or budget is None:
        return False
    if needed > budget:
        raise Refused(ErrorCode.TOO_COSTLY, two_figures(needed / 1000, budget / 1000))
    return True
