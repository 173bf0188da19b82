"""Reads again what could not be read at the start, while the instrument plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from tombola_device.disk.errands import Errands
from tombola_device.disk.sealed import LOST_S

Found = TypeVar("Found")
AGAIN_S: Final = 2.0
TRIES: Final = 1 + round(LOST_S / AGAIN_S)
FEW_TRIES: Final = 4
"""For what is damaged: a disk that gives garbage seldom does so for long."""


class Again(Generic[Found]):
    """One thing that is stored: as soon as it can be read it holds; after some readings it is given up.

    Args:
        name: What it is, in the plural: the notices name it.
        read: Gives what is stored, and a sentence if that could not be read. It may wait.
        take: Uses it.
        errands: Reads it.
        fault: What the first reading said; empty: all is well, and nothing is read again.
        tries: Readings, one every AGAIN_S.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], tuple[Found, str]],
        take: Callable[[Found], object],
        errands: Errands,
        fault: str,
        tries: int = TRIES,
    ) -> None:
        self._name, self._read, self._take, self._errands = name, read, take, errands
        self._tries, self._again_s = tries if fault else 0, 0.0

    @property
    def waits(self) -> bool:
        """Whether it may still be read."""
        return self._tries > 0

    def tick(self, now_s: float) -> None:
        """Read it again if it is time. Does not wait."""
        if self._tries and now_s >= self._again_s:
            self._again_s = now_s + AGAIN_S
            self._errands.send(self._read, self._was_read)

    def stop(self) -> None:
        """Read it no more: something else holds."""
        self._tries = 0

    def _was_read(self, outcome: tuple[Found, str]) -> str:
        found, fault = outcome
        if not self._tries:
            return ""
        if fault:
            self._tries -= 1
            return "" if self._tries else f"the stored {self._name} cannot be read and are given up; set them again"
        self._tries = 0
        self._take(found)
        return f"the {self._name} could be read now and hold"
