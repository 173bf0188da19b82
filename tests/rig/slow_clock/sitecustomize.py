"""Slows the monotonic clock to the share TOMBOLA_TEST_SPEED, in processes with this folder in PYTHONPATH.

With a card of the same speed, comparisons of time stamps with the fill of the card's buffer stay correct.
"""

import os
import time


class SlowClock:
    """Replaces ``time.monotonic``. Not a function: pyserial stores it in a class, which makes functions methods."""

    def __init__(self, speed: float) -> None:
        self._speed, self._monotonic = speed, time.monotonic

    def __call__(self) -> float:
        """Seconds."""
        return self._speed * self._monotonic()


time.monotonic = SlowClock(float(os.environ["TOMBOLA_TEST_SPEED"]))
