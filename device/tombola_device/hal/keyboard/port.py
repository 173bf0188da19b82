"""The interface of the computer's keyboard.

Back ends: ``posix`` (a terminal), ``windows`` (its console) and the fake here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Stroke(Enum):
    """What happened to a key. Most terminals know only DOWN, and send it again while the key is held."""

    DOWN = "down"
    AGAIN = "again"
    UP = "up"


@dataclass(frozen=True, slots=True)
class KeyPress:
    """One event of one key.

    Args:
        key: The character on it, in lower case, or ``left right up down tab space enter backspace ctrl-c``.
        stroke: What happened to it.
        shift: Whether SHIFT was held.
        place: The key that a US keyboard has in its place; empty: not known.
    """

    key: str
    stroke: Stroke = Stroke.DOWN
    shift: bool = False
    place: str = ""


class Keyboard(Protocol):
    """A keyboard that is read key by key.

    >>> class Cat:
    ...     releases = False
    ...     def poll(self): return [KeyPress("q")]
    ...     def close(self): pass
    >>> keyboard: Keyboard = Cat()
    >>> keyboard.poll()[0].key
    'q'
    """

    @property
    def releases(self) -> bool:
        """Whether it says when a key goes up."""

    def poll(self) -> list[KeyPress]:
        """The events since the last call, in order. Does not wait."""

    def close(self) -> None:
        """Give the terminal back as it was. May be called twice."""


class FakeKeyboard:
    """A keyboard that a test plays with ``press``, ``hold`` and ``lift``.

    Args:
        releases: Whether it says when a key goes up.

    >>> keyboard = FakeKeyboard()
    >>> keyboard.press("z"), keyboard.lift("z")
    (None, None)
    >>> [press.stroke.value for press in keyboard.poll()]
    ['down']
    """

    def __init__(self, *, releases: bool = False) -> None:
        self.releases, self.closed = releases, False
        self._events: list[KeyPress] = []

    def press(self, *keys: str, shift: bool = False) -> None:
        """Press keys, one after the other."""
        self._events += [KeyPress(key, Stroke.DOWN, shift) for key in keys]

    def hold(self, key: str) -> None:
        """Let a held key repeat by itself, as the terminal shows it."""
        self._events.append(KeyPress(key, Stroke.AGAIN if self.releases else Stroke.DOWN))

    def lift(self, key: str) -> None:
        """Let a key go up."""
        if self.releases:
            self._events.append(KeyPress(key, Stroke.UP))

    def poll(self) -> list[KeyPress]:
        """See Keyboard."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """See Keyboard."""
        self.closed = True
