"""Calls to hardware that the control loop makes: one that fails in a way that nobody expects must not end the music.

What an interface names under *Raises* is handled where it is called. All else is a fault of a driver or of a library;
the loop has other inputs to serve a millisecond later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)


class Edge:
    """One piece of hardware.

    Args:
        what: What cannot be used if a call fails, for the log.

    >>> edge = Edge("the fader")
    >>> edge.call(lambda: 1 / 0, otherwise=0.5), edge.fault
    (0.5, 'the fader cannot be used (division by zero); check it')
    >>> edge.call(lambda: 0.7, otherwise=0.5), edge.fault
    (0.7, '')
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self.fault = ""
        """Why the last call has failed, in one sentence; empty: it has not."""

    def call(self, function: Callable[[], Result], otherwise: Result) -> Result:
        """Call a function; give ``otherwise`` if it raises. The first of several failures in a row is logged."""
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            fault = f"{self._what} cannot be used ({str(error) or type(error).__name__}); check it"
            if fault != self.fault:
                _LOG.warning("%s", fault)
            self.fault = fault
            return otherwise
        self.fault = ""
        return result
