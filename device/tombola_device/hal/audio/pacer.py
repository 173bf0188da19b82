"""Paces sinks without a clock of their own, as a card would."""

from __future__ import annotations

import time

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ

LATEST_S = 0.25
"""After a longer stall the clock restarts, so that the caller does not render all missed periods at once."""


BUFFER_SAMPLES = 4 * PERIOD_SAMPLES
"""Samples that the caller may be ahead: the length of a card's buffer."""


class Pacer:
    """Makes each period take its real time.

    Args:
        buffer_samples: Samples that the caller may be ahead.
    """

    def __init__(self, buffer_samples: int = BUFFER_SAMPLES) -> None:
        self._most_s = (buffer_samples - PERIOD_SAMPLES) / SAMPLE_RATE_HZ
        self._start_s = time.monotonic()
        self._samples = 0

    @property
    def lead_s(self) -> float:
        """Time by which the written samples are ahead of the clock."""
        return self._samples / SAMPLE_RATE_HZ - (time.monotonic() - self._start_s)

    def wait(self) -> int:
        """Wait for room for a period; return the number of samples that play before it."""
        lead_s = self.lead_s
        if lead_s > self._most_s:
            time.sleep(lead_s - self._most_s)
        return max(round(self.lead_s * SAMPLE_RATE_HZ), 0)

    def count(self) -> bool:
        """Count one written period; return False if it was too late."""
        late = self.lead_s < -LATEST_S
        if late:
            self._start_s, self._samples = time.monotonic(), 0
        self._samples += PERIOD_SAMPLES
        return not late
