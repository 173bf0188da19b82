"""Makes pushes of a button's edges: a short push, a long push, two buttons together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tombola_device.hal.panel.port import BUTTONS, Edge

LONG_S: Final = 0.8
PAIR_S: Final = 3.0
BOUNCE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Push:
    """A push of a button. ``name``: one of BUTTONS, or ``SHIFT+SAVE`` when both were held for PAIR_S."""

    name: str
    long: bool = False


class Buttons:
    """Times the buttons.

    >>> buttons = Buttons()
    >>> buttons.edge(Edge("SAVE", True, 1.0)), buttons.edge(Edge("SAVE", False, 1.2))
    ([], [Push(name='SAVE', long=False)])
    """

    def __init__(self) -> None:
        self._contacts: dict[str, bool] = {}
        """What each contact did last. It counts as soon as the contact has rested for BOUNCE_S."""
        self._down_s: dict[str, float] = {}
        self._changed_s: dict[str, float] = {}
        self._spent: set[str] = set()

    @property
    def shift(self) -> bool:
        """Whether SHIFT is held."""
        return "SHIFT" in self._down_s

    def edge(self, edge: Edge) -> list[Push]:
        """Take a button's edge; a short push is reported when the button goes up."""
        if edge.name not in BUTTONS:
            return []
        self._contacts[edge.name] = edge.high
        return self._follow(edge.name, edge.time_s)

    def tick(self, now_s: float) -> list[Push]:
        """Take the time; a long push is reported while the button is still down."""
        if late := [push for name in self._contacts for push in self._follow(name, now_s)]:
            return late  # Of a button that was tapped faster than it bounces.
        if {"SHIFT", "SAVE"} <= self._down_s.keys():
            since_s = max(self._down_s["SHIFT"], self._down_s["SAVE"])
            pair_spent = {"SHIFT", "SAVE"} <= self._spent
            if now_s - since_s >= PAIR_S and not pair_spent:
                self._spent |= {"SHIFT", "SAVE"}
                return [Push("SHIFT+SAVE", long=True)]
            return []
        long = [
            name
            for name, began_s in self._down_s.items()
            if name not in self._spent and name != "SHIFT" and now_s - began_s >= LONG_S
        ]
        self._spent |= set(long)
        return [Push(name, long=True) for name in long]

    def _follow(self, name: str, time_s: float) -> list[Push]:
        """Let a button follow its contact, unless it may still bounce."""
        high = self._contacts[name]
        if high == (name in self._down_s) or abs(time_s - self._changed_s.get(name, -1.0)) < BOUNCE_S:
            return []
        self._changed_s[name] = time_s
        if high:
            self._down_s[name] = time_s
            return []
        del self._down_s[name]
        if name in self._spent:
            self._spent.discard(name)
            return []
        return [Push(name)]
