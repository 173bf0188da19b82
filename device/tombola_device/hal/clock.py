"""Time as a card would give it, for back ends that have none of their own."""

from __future__ import annotations

import time

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ

LATEST_S = 0.25
"""After a longer stall the clock starts anew, instead of rushing to make up for it."""


AHEAD_SAMPLES = 4 * PERIOD_SAMPLES
"""How far the caller may run ahead: what a card's buffer holds."""


class Pacer:
    """Lets one period pass per call.

    Args:
        ahead_s: How far the caller may run ahead: what a card's buffer holds.
    """

    def __init__(self, ahead_s: float = AHEAD_SAMPLES / SAMPLE_RATE_HZ) -> None:
        self._ahead_s = ahead_s
        self._start_s = time.monotonic()
        self._samples = 0

    @property
    def lead_s(self) -> float:
        """How far what was handed over is ahead of the time that has passed."""
        return self._samples / SAMPLE_RATE_HZ - (time.monotonic() - self._start_s)

    def count(self) -> None:
        """One period was handed over."""
        self._samples += PERIOD_SAMPLES

    def wait(self) -> bool:
        """Return when there is room for the next period; False if the caller came too late."""
        lead_s = self.lead_s
        if lead_s > self._ahead_s:
            time.sleep(lead_s - self._ahead_s)
        elif lead_s < -LATEST_S:
            self._start_s, self._samples = time.monotonic(), 0
            return False
        return True
