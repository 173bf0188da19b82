"""Work that waits for a disk, done one piece after the other in a thread of its own.

    control loop ── send(work, done) ──► thread: work()
                 ◄── collect(): done(result), notices ──┘

The control loop wakes a thousand times a second, and a card may take a second to make one small file durable.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from tombola_device.contract.errors import StoreError, TombolaError

Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)


def nothing(_: object) -> str:
    """Say nothing about an errand that is done."""
    return ""


def said(error: TombolaError) -> str:
    """Log why an errand has failed, and give it as a notice."""
    _LOG.warning("%s", error)
    return str(error)


class Complaint:
    """Says why something that is tried again and again fails: once, until it has worked.

    >>> complaint = Complaint()
    >>> [complaint.failed(StoreError("the disk is full; free some space")) for _ in range(2)]
    ['the disk is full; free some space', '']
    """

    def __init__(self) -> None:
        self._last = ""

    def failed(self, error: TombolaError) -> str:
        """Log the failure, and give it as a notice; empty: that was done the time before."""
        before, self._last = self._last, str(error)
        return said(error) if self._last != before else ""

    def worked(self) -> None:
        """Say the next failure again."""
        self._last = ""


class Errands(Protocol):
    """Takes work that waits for a disk; ``ErrandThread``, or ``AtOnce`` where nothing may wait behind.

    >>> class Never:
    ...     def send(self, work, done=nothing, failed=said): pass
    ...     def collect(self): return []
    ...     def close(self): pass
    >>> for errands in (AtOnce(), Never()):
    ...     errands.send(lambda: 3, lambda files: f"{files} files kept")
    ...     errands.collect(), errands.collect()
    (['3 files kept'], [])
    ([], [])
    """

    def send(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], str] = nothing,
        failed: Callable[[TombolaError], str] = said,
    ) -> None:
        """Let some work be done after the work before.

        Args:
            work: May wait. Any other error than a TombolaError counts as a StoreError.
            done: Called from ``collect`` with the result; gives a notice for the player, or an empty one.
            failed: Called instead if ``work`` raised a TombolaError; it gives a notice too.
        """

    def collect(self) -> list[str]:
        """Call ``done`` or ``failed`` of the work that has ended, in order; return their notices. Does not wait."""

    def close(self) -> None:
        """Wait until all work is done. Take no more."""


class AtOnce:
    """Does each errand where it is sent."""

    def __init__(self) -> None:
        self._notices: list[str] = []

    def send(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], str] = nothing,
        failed: Callable[[TombolaError], str] = said,
    ) -> None:
        """See Errands."""
        future: Future[Result] = Future()
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - as a thread pool keeps it
            future.set_exception(error)
        self._notices.append(_outcome(future, done, failed))

    def collect(self) -> list[str]:
        """See Errands."""
        notices, self._notices = self._notices, []
        return [notice for notice in notices if notice]

    def close(self) -> None:
        """See Errands."""


class ErrandThread:
    """Does errands in a thread, which begins with the first one."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "disk")
        self._under_way: deque[tuple[Callable[[], bool], Callable[[], str]]] = deque()

    def send(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], str] = nothing,
        failed: Callable[[TombolaError], str] = said,
    ) -> None:
        """See Errands."""
        future = self._thread.submit(work)
        self._under_way.append((future.done, lambda: _outcome(future, done, failed)))

    def collect(self) -> list[str]:
        """See Errands."""
        notices = []
        while self._under_way and self._under_way[0][0]():
            notices.append(self._under_way.popleft()[1]())
        return [notice for notice in notices if notice]

    def close(self) -> None:
        """See Errands."""
        self._thread.shutdown()


def _outcome(future: Future[Result], done: Callable[[Result], str], failed: Callable[[TombolaError], str]) -> str:
    try:
        result = future.result()
    except TombolaError as error:
        return failed(error)
    except OSError as error:
        return failed(StoreError(f"the disk cannot be used ({error.strerror or error}); check it"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the control loop that asks must go on
        return failed(StoreError(f"nothing was stored, because of a fault of this program ({error!r:.120}); report it"))
    return done(result)
