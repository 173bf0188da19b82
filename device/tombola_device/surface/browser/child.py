"""The server's process: started, ended, and started again if it dies. Everything that must outlive it is opened here.

The listening socket belongs to the control process, so that a server that is started again has the same port, and
pages that connect meanwhile wait in its queue.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from tombola_device.audio.ring import create_memory, map_memory
from tombola_device.surface.browser.link import Link, LinkLost

AGAIN_S: Final = (0.1, 0.5, 2.0, 10.0)
"""Time until a server that has died is started again: longer each time, and short again after CALM_S."""
CALM_S: Final = 60.0
STOP_S: Final = 2.0
LOOK_S: Final = 0.05
"""The link is looked at so often even if the bell was not rung: then it may have been cut."""
BELL_BYTES: Final = 8
NOTHING: Final[tuple[Any, ...]] = ()
_LOG = logging.getLogger(__name__)


class ServerStart(msgspec.Struct, frozen=True):
    """The argument of the server's process.

    Args:
        listener: Descriptor of the listening socket.
        link: Descriptor of the socket to the control process.
        flash: Descriptor of the socket that takes the place of a serial line.
        bell: Descriptor of the shared memory with the bell; see Bell.
        tap: Descriptor of the shared memory with the sound; -1: none.
        keys: File of token and cookies.
        slots: Folder of the bundles.
        factory: File of the factory bundle; empty: none.
        hands_here: Whether the page may do what else only hands at the panel may.
        flashes: Whether bundles can be dropped on the page.
    """

    listener: int
    link: int
    flash: int
    bell: int
    tap: int
    keys: str
    slots: str
    factory: str
    hands_here: bool
    flashes: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs, whichever process it is.

    Args:
        listener: Listens on the server's port.
        tap: Descriptor of the shared memory with the sound; -1: none.
        keys: File of token and cookies.
        slots: Folder of the bundles.
        factory: File of the factory bundle; None: there is none.
        hands_here: See ServerStart.
        flashes: See ServerStart.
    """

    listener: socket.socket
    tap: int
    keys: Path
    slots: Path
    factory: Path | None
    hands_here: bool
    flashes: bool = True


class Bell:
    """Tells the control loop that something has come, without a system call: that costs it 15 µs in each tick (x86).

    Args:
        memory: BELL_BYTES, shared by both processes.

    >>> memory = memoryview(bytearray(BELL_BYTES))
    >>> ours, theirs = Bell(memory), Bell(memory)
    >>> theirs.ring()
    >>> ours.rang(), ours.rang()
    (True, False)
    """

    def __init__(self, memory: memoryview) -> None:
        self._count = memory[:BELL_BYTES].cast("Q")
        self._heard = self._count[0]

    def ring(self) -> None:
        """Say that something was sent. Only one process rings."""
        self._count[0] = (self._count[0] + 1) & 0xFFFF_FFFF

    def rang(self) -> bool:
        """Whether it was rung since the last call."""
        count = self._count[0]
        if count == self._heard:
            return False
        self._heard = count
        return True


class ServerProcess:
    """The server, as the control process sees it. Nothing here waits.

    Args:
        place: Where it runs.
        clock: Seconds.
    """

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._clock = place, clock
        self._link: Link | None = None
        self._flash: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._starting: threading.Thread | None = None
        self._closed = False
        self._bell_memory = create_memory(BELL_BYTES)
        self._bell = Bell(map_memory(self._bell_memory, BELL_BYTES))
        self._looked_s = clock()
        self._deaths, self._begun_s, self._again_s = 0, clock(), clock()
        self._start()

    @property
    def pid(self) -> int:
        """Process number; 0: none runs."""
        return self._process.pid if self._process is not None else 0

    @property
    def idle(self) -> bool:
        """Whether a server runs and has been sent everything."""
        try:
            return self._link is not None and self._link.idle
        except LinkLost:
            return False

    def send(self, message: object) -> None:
        """Send a message; one that no server takes is lost."""
        if self._link is not None:
            with contextlib.suppress(LinkLost):  # Noticed by ``receive``.
                self._link.send(message)

    def receive(self) -> Sequence[Any] | None:
        """What the server says; None, once, if it has died. Another one is started when it is time."""
        rang, now_s = self._bell.rang(), self._clock()
        if not rang and now_s - self._looked_s < LOOK_S:
            return NOTHING
        self._looked_s = now_s
        link = self._link
        if link is None:
            if not self._closed and self._starting is None and now_s >= self._again_s:
                self._start()
            return NOTHING
        try:
            return link.receive()
        except LinkLost:
            self._lost()
            return None

    def take_flash(self) -> socket.socket | None:
        """The line over which this server flashes, once; None: there is no other than before."""
        flash, self._flash = self._flash, None
        return flash

    def close(self) -> None:
        """End the server, and close its port."""
        self._closed = True
        if self._starting is not None:
            self._starting.join()
        if self._link is not None:
            self._link.close()
        if self._flash is not None:
            self._flash.close()
        if self._process is not None:
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._place.listener.close()
        if self._bell_memory >= 0:
            os.close(self._bell_memory)
            self._bell_memory = -1

    def _lost(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
        now_s = self._clock()
        self._deaths = 0 if now_s - self._begun_s > CALM_S else self._deaths
        self._again_s = now_s + AGAIN_S[min(self._deaths, len(AGAIN_S) - 1)]
        self._deaths += 1
        _LOG.warning("the server of the page has ended by itself and is started again")

    def _start(self) -> None:
        """Start a server in a thread: making a process takes milliseconds."""
        self._begun_s = self._clock()
        self._starting = threading.Thread(target=self._run, name="browser", daemon=True)
        self._starting.start()

    def _run(self) -> None:
        try:
            self._spawn()
        except OSError as error:
            _LOG.warning("the server of the page cannot be started (%s); free memory", error.strerror)
            self._again_s = self._clock() + AGAIN_S[-1]
        finally:
            self._starting = None

    def _spawn(self) -> None:
        place, old = self._place, self._process
        if old is not None:
            old.kill()  # Its link may be lost while it still runs.
            old.wait()
        link, their_link = socket.socketpair()
        flash, their_flash = socket.socketpair()
        with their_link, their_flash:
            start = ServerStart(
                place.listener.fileno(),
                their_link.fileno(),
                their_flash.fileno(),
                self._bell_memory,
                place.tap,
                str(place.keys),
                str(place.slots),
                str(place.factory or ""),
                place.hands_here,
                place.flashes,
            )
            handles = [start.listener, start.link, start.flash, start.bell, *([place.tap] if place.tap >= 0 else [])]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tombola_device.surface.browser.process", msgspec.json.encode(start).decode()],
                stdin=subprocess.DEVNULL,
                pass_fds=handles,
                env=os.environ | {"ORT_DISABLE_TELEMETRY": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._flash, self._link = flash, Link(link)
