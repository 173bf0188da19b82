"""The rest of the instrument, as the control surface sees it: slots and owners."""

from __future__ import annotations

from typing import Protocol


class House(Protocol):
    """The rest of the instrument, as far as a player can ask for it.

    Each answer is a notice for the player; an empty one: it comes later.

    >>> class Closed:
    ...     def revert(self): return "there is only one bundle"
    ...     def allow_once(self, bundle): return "no bundle can be added here"
    ...     def enrol(self): return "no owner can be added here"
    ...     def accept_key(self, fingerprint): return "no owner can be added here"
    ...     def turn_down_key(self): return "no key asks"
    ...     def open_page(self, *, opened): return "no computer can show this panel"
    >>> house: House = Closed()
    >>> house.revert()
    'there is only one bundle'
    """

    def revert(self) -> str:
        """Go back to the bundle before."""

    def allow_once(self, bundle: str) -> str:
        """Let a bundle that asked come in, though no owner signed it."""

    def enrol(self) -> str:
        """Open the window for an owner's key."""

    def accept_key(self, fingerprint: str) -> str:
        """Enrol the key that asks, if it is this one."""

    def turn_down_key(self) -> str:
        """Refuse the key that asks."""

    def open_page(self, *, opened: bool) -> str:
        """Let a computer on the serial line show this panel, or no longer."""
