"""The knobs of a bundle that bear a word: where each stands, where it leads, and what voltages add to it. Pure.

A knob sets blend, timbre and life when it is turned, as a scene does when it is recalled; a hand that moves one of
these afterwards has it. A voltage adds what lies on the path between the knob's place and the place beyond it, so
0 V adds nothing, and hands go on working.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from tombola_device.contract.words import Word

Setting: TypeAlias = tuple[float, ...]
"""Weights of the modes in sum 1, timbre X, timbre Y and life. Shape (M + 3,)."""
SAME = 1e-3
"""Settings that differ by less are one: scenes keep weights in single precision."""


class Words:
    """The knobs of one bundle.

    Args:
        words: What its manifest says of them.

    >>> from tombola_device.contract.words import Stop
    >>> words = Words([Word("scary", [Stop([1.0, 0.0], 0.5, 0.5, 1.0), Stop([0.0, 1.0], 0.5, 1.0, 2.0)])])
    >>> words.at(0, 0.25)
    (0.75, 0.25, 0.5, 0.625, 1.25)
    >>> words.add(0, 0.5), words.added
    (True, (-0.5, 0.5, 0.0, 0.25, 0.5))
    """

    def __init__(self, words: Sequence[Word] = ()) -> None:
        self.given = tuple(words)
        self.names = tuple(word.name for word in words)
        self._paths = tuple(
            tuple(
                (*(weight / sum(stop.blend) for weight in stop.blend), stop.timbre_x, stop.timbre_y, stop.life)
                for stop in word.path
            )
            for word in words
        )
        self._places = [0.0] * len(words)
        self._offsets = [0.0] * len(words)
        self._last = -1
        self.added: Setting = ()
        """What voltages add to each part of a setting; (): nothing."""

    def at(self, word: int, place: float) -> Setting:
        """The setting at a place of a knob, 0 … 1, between two stops in proportion."""
        path, place = self._paths[word], min(max(place, 0.0), 1.0)
        step = min(int(place * (len(path) - 1)), len(path) - 2)
        share = place * (len(path) - 1) - step
        return tuple((1 - share) * here + share * there for here, there in zip(path[step], path[step + 1], strict=True))

    def turn(self, word: int, place: float) -> Setting:
        """Turn a knob to a place, 0 … 1; gives the setting that must hold from now on, () if there is no such knob."""
        if not 0 <= word < len(self.names):
            return ()
        self._last, self._places[word] = word, min(max(place, 0.0), 1.0)
        self._add_up()
        return self.at(word, place)

    def add(self, word: int, offset: float) -> bool:
        """Set the offset of a control voltage to a knob, -1 … 1; True if ``added`` has changed."""
        if not 0 <= word < len(self.names) or self._offsets[word] == offset:
            return False
        self._offsets[word] = min(max(offset, -1.0), 1.0)
        self._add_up()
        return True

    def places(self, now: Setting) -> tuple[float | None, ...]:
        """Where each knob stands; None for a knob that is not what set ``now``."""
        holds = self._last >= 0 and len(now) == len(self._paths[self._last][0])
        holds = holds and all(
            abs(a - b) < SAME for a, b in zip(self.at(self._last, self._places[self._last]), now, strict=True)
        )
        return tuple(place if holds and word == self._last else None for word, place in enumerate(self._places))

    def _add_up(self) -> None:
        self.added = ()
        for word, (place, offset) in enumerate(zip(self._places, self._offsets, strict=True)):
            if offset:
                here, there = self.at(word, place), self.at(word, place + offset)
                before = self.added or (0.0,) * len(here)
                self.added = tuple(a + b - c for a, b, c in zip(before, there, here, strict=True))
