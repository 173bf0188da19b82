"""The monotonic clock at the share TOMBOLA_TEST_SPEED of its speed, in processes with this folder in PYTHONPATH.

For cards that are slowed by as much: what compares a time stamp with what lies in the card's buffer is then right.
"""

import os
import time


class SlowClock:
    """Called as ``time.monotonic``; no function, since pyserial keeps it in a class: a function would be a method."""

    def __init__(self, speed: float) -> None:
        self._speed, self._monotonic = speed, time.monotonic

    def __call__(self) -> float:
        """Seconds."""
        return self._speed * self._monotonic()


time.monotonic = SlowClock(float(os.environ["TOMBOLA_TEST_SPEED"]))
