"""What any face is, with hardware or without."""

from __future__ import annotations

from typing import Protocol

from tombola_device.surface.actions import Action
from tombola_device.surface.view import View


class Face(Protocol):
    """Something that a player looks at and touches.

    >>> from tombola_device.surface.actions import Panic
    >>> class Clock:
    ...     text, touched = "", False
    ...     def poll(self, view, now_s):
    ...         self.text = f"{view.bundle} at {now_s} s"
    ...         return [Panic()] if view.fault else []
    ...     def close(self): pass
    >>> face: Face = Clock()
    >>> face.poll(View(fault="the sound is not a number"), now_s=3.0)
    [Panic()]
    """

    @property
    def touched(self) -> bool:
        """Whether it was touched since the last ``poll``, which then comes in the same tick. Asked in every tick."""

    def poll(self, view: View, now_s: float) -> list[Action]:
        """Show the view, and give the actions since the last call, in order. Does not wait.

        Args:
            view: The instrument now.
            now_s: By ``time.monotonic``.
        """

    def close(self) -> None:
        """Go dark, and give the hardware or the port back."""
