"""Time as a card would give it, for back ends that have none of their own."""

from __future__ import annotations

import time

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ

LATEST_S = 0.25
"""After a longer stall the clock starts anew, instead of rushing to make up for it."""


BUFFER_SAMPLES = 4 * PERIOD_SAMPLES
"""How far the caller may run ahead: what a card's buffer holds."""


class Pacer:
    """Lets one period pass per call.

    Args:
        buffer_samples: How far the caller may run ahead: what a card's buffer holds.
    """

    def __init__(self, buffer_samples: int = BUFFER_SAMPLES) -> None:
        self._most_s = (buffer_samples - PERIOD_SAMPLES) / SAMPLE_RATE_HZ
        self._start_s = time.monotonic()
        self._samples = 0

    @property
    def lead_s(self) -> float:
        """How far what was handed over is ahead of the time that has passed."""
        return self._samples / SAMPLE_RATE_HZ - (time.monotonic() - self._start_s)

    def wait(self) -> int:
        """Return when there is room for a period, with the number of samples that will be heard before it."""
        lead_s = self.lead_s
        if lead_s > self._most_s:
            time.sleep(lead_s - self._most_s)
        return max(round(self.lead_s * SAMPLE_RATE_HZ), 0)

    def count(self) -> bool:
        """One period was handed over; False if it came too late."""
        late = self.lead_s < -LATEST_S
        if late:
            self._start_s, self._samples = time.monotonic(), 0
        self._samples += PERIOD_SAMPLES
        return not late
