"""The face that a test holds in its hands: ``press`` and ``turn`` ask, ``see`` looks."""

from __future__ import annotations

from collections import deque

from tombola_device.surface.actions import Action, MorphBy
from tombola_device.surface.view import View


class FakeFace:
    """A face without hardware. Its verbs may be called from another thread than ``poll``.

    >>> face = FakeFace()
    >>> face.turn(0.25)
    >>> face.poll(View(bundle="quartet"), now_s=0.0)
    [MorphBy(amount=0.25)]
    >>> face.see().bundle
    'quartet'
    """

    def __init__(self) -> None:
        self._asked: deque[Action] = deque()
        self._view = View()
        self.closed = False

    def press(self, action: Action) -> None:
        """Ask for an action."""
        self._asked.append(action)

    def turn(self, amount: float) -> None:
        """Move the morph by a share of its way, -1 … 1."""
        self.press(MorphBy(amount))

    def see(self) -> View:
        """What is shown now."""
        return self._view

    @property
    def touched(self) -> bool:
        """See Face."""
        return bool(self._asked)

    def poll(self, view: View, now_s: float) -> list[Action]:  # noqa: ARG002 - it has no time-outs
        """See Face."""
        self._view = view
        return [self._asked.popleft() for _ in range(len(self._asked))]

    def close(self) -> None:
        """See Face."""
        self.closed = True
