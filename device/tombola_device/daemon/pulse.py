"""Finds an audio process that renders no more, with or without systemd."""

from __future__ import annotations

from typing import Final

STILL_S: Final = 1.0
"""The status comes every 21 ms; a card that is plugged in again may hold up the audio thread for a quarter second."""
LONGEST_TICK_S: Final = 0.02
"""Of a longer time between two ticks no more counts: when the whole machine stands still, so does the audio process."""


class Pulse:
    """Watches the number of rendered periods.

    >>> pulse = Pulse()
    >>> still = [pulse.stands_still(periods=8, now_s=tick * LONGEST_TICK_S) for tick in range(52)]
    >>> still.index(True)
    50
    """

    def __init__(self) -> None:
        self._periods = -1
        self._now_s = self._still_s = 0.0

    def stands_still(self, periods: int, now_s: float) -> bool:
        """Whether no period has been rendered for STILL_S since it was last said.

        Args:
            periods: Rendered so far.
            now_s: By ``time.monotonic``.
        """
        passed_s, self._now_s = min(max(now_s - self._now_s, 0.0), LONGEST_TICK_S), now_s
        self._still_s = self._still_s + passed_s if periods == self._periods else 0.0
        self._periods = periods
        if self._still_s <= STILL_S - LONGEST_TICK_S / 2:
            return False
        self._still_s = 0.0
        return True
