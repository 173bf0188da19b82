"""A performance from files: when it begins, and when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tombola_device.contract.controls import SILENCE_DB
from tombola_device.hal.midi.port import MidiIn
from tombola_device.play.offline import BlendAutomation
from tombola_device.surface.inputs import Inputs

TAIL_S: Final = 10.0
"""How long a performance may ring before ``exit_when_done`` ends it."""
SETTLE_S: Final = 0.2
"""What was played last reaches the status within a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What is to be played from files.

    Args:
        midi: Notes; none by default.
        automation: A blend that moves by itself; none by default.
        seconds: When to end; never by default.
        after_flash: Begin when the first bundle that is flashed plays, not at the start.
        exit_when_done: End when the last note has died away.
    """

    midi: MidiIn | None = None
    automation: BlendAutomation | None = None
    seconds: float | None = None
    after_flash: bool = False
    exit_when_done: bool = False


class Performing:
    """Plays one performance.

    Args:
        performance: What is to be played.
        clock: Seconds.
    """

    def __init__(self, performance: Performance, clock: Callable[[], float] = time.monotonic) -> None:
        self._performance, self._clock = performance, clock
        self._begin_s: float | None = None
        self._done_s: float | None = None

    def bundle_plays(self, inputs: Inputs, *, flashed: bool) -> None:
        """Begin, if this bundle is the one that was waited for."""
        if self._begin_s is None and (flashed or not self._performance.after_flash):
            self._begin_s = self._clock()
            inputs.perform(self._performance.midi, self._performance.automation)

    def over(self, level_db: float, *, performing: bool) -> bool:
        """Whether the performance is over.

        Args:
            level_db: Of the loudest voice.
            performing: Whether notes or the blend's movement are still to come.
        """
        if self._begin_s is None:
            return False
        now_s = self._clock()
        if self._performance.seconds is not None and now_s - self._begin_s >= self._performance.seconds:
            return True
        if not self._performance.exit_when_done or performing:
            return False
        if self._done_s is None:
            self._done_s = now_s
        quiet = level_db <= SILENCE_DB and now_s - self._done_s > SETTLE_S
        return quiet or now_s - self._done_s > TAIL_S
