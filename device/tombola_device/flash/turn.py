"""Lets one line at a time bring a bundle: the store takes one after the other.

A line that has said nothing for STALE_S in the middle of a bundle gives way; when it goes on, it is refused, and its
host begins again where the store has got to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

STALE_S: Final = 5.0


class Turn:
    """Whose turn it is. Any thread may call it; what is done with ``lock`` held is done alone.

    >>> turn, now_s = Turn(lambda: now_s[0]), [0.0]
    >>> turn.take("serial"), turn.take("page"), turn.has("serial")
    (True, False, True)
    >>> now_s[0] = 6.0
    >>> turn.take("page"), turn.has("serial")
    (True, False)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.lock = threading.RLock()
        self._holder: object = None
        self._touched_s = 0.0

    def take(self, line: object) -> bool:
        """Give the turn to a line, unless another one has it."""
        with self.lock:
            if self._holder not in (None, line) and self._clock() - self._touched_s <= STALE_S:
                return False
            self._holder = line
            self._touched_s = self._clock()
            return True

    def has(self, line: object) -> bool:
        """Whether it is a line's turn; the line goes on to have it."""
        with self.lock:
            if self._holder != line:
                return False
            self._touched_s = self._clock()
            return True

    def end(self, line: object) -> None:
        """A line is done."""
        with self.lock:
            if self._holder == line:
                self._holder = None
