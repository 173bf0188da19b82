"""Detents of an encoder that gives half a cycle a detent, as Alps EC11E does: 30 detents, 15 cycles a turn.

gpiozero's RotaryEncoder counts whole cycles, so every other detent would do nothing.

Source: Alps EC11 series, 30 detents and 15 pulses: at a detent both contacts are open, at the next one both are closed.
"""

from __future__ import annotations

from typing import Final

_QUARTER: Final = {(False, False): 0, (True, False): 1, (True, True): 2, (False, True): 3}
"""Contacts A and B closed → quarter of the cycle, turned to the right."""


class Detents:
    """Counts detents from the edges of both contacts; a bounce goes one quarter there and back, and counts nothing.

    >>> detents = Detents()
    >>> detents.contact_a(closed=True), detents.contact_b(closed=True), detents.take()
    (None, None, 1)
    """

    def __init__(self) -> None:
        self._a = self._b = False
        self._quarters = self._rested = 0
        self._seen = self._clicks = 0

    def contact_a(self, *, closed: bool) -> None:
        """Take an edge of contact A."""
        self._a = closed
        self._moved()

    def contact_b(self, *, closed: bool) -> None:
        """Take an edge of contact B."""
        self._b = closed
        self._moved()

    def take(self) -> int:
        """Detents since the last call; right > 0."""
        # Edges arrive in gpiozero's thread, so it only ever counts up and down and this only remembers.
        clicks = self._clicks
        taken, self._seen = clicks - self._seen, clicks
        return taken

    def _moved(self) -> None:
        # One contact changes at a time, so the step is -1, 0 or 1.
        step = (_QUARTER[self._a, self._b] - self._quarters + 1) % 4 - 1
        self._quarters += step
        if self._a == self._b and abs(self._quarters - self._rested) == 2:
            self._clicks += (self._quarters - self._rested) // 2
            self._rested = self._quarters
