"""Serves the serial port over which bundles come.

The daemon always holds and reads the port, so that a host finds it whenever it is plugged in; ``poll`` never waits
longer than a short time-out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import serial

from tombola_device.flash.reception import Reception
from tombola_device.slots.board import UNKNOWN, Board
from tombola_device.slots.owner import Owner
from tombola_device.slots.store import Store

READ_TIMEOUT_S: Final = 0.02
WRITE_TIMEOUT_S: Final = 0.2
REOPEN_S: Final = 0.25
_LOG = logging.getLogger(__name__)


class SerialPort(Protocol):
    """What is used of a serial port. Every method may raise OSError, of which SerialException is one."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; fewer or none when READ_TIMEOUT_S is over."""

    def write(self, data: bytes, /) -> int | None:
        """Write all, or raise SerialTimeoutException."""

    def close(self) -> None:
        """Give the port back."""


def open_serial(path: str) -> SerialPort:
    """Open a serial port or pty, for this process alone.

    Raises:
        OSError: It is not there, or somebody else has it.
    """
    # The rate is that of a real UART; USB and ptys ignore it.
    port: SerialPort = serial.Serial(
        path, 115_200, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
    )
    return port


class Flashd:
    """Serves one serial port.

    Args:
        path: The port; it may come and go.
        store: Where bundles go.
        on_installed: Called from ``poll`` with the file of each bundle that became active.
        status: What is playing, for hosts that ask; JSON of at most about 3 KiB.
        open_port: Opens ``path``.
        owner: Whose bundles are taken; without one, anybody's, and nobody can pair.
        board: What bundles have to fit.
    """

    def __init__(
        self,
        path: str,
        store: Store,
        on_installed: Callable[[Path], None],
        status: Callable[[], Mapping[str, object]] = dict,
        open_port: Callable[[str], SerialPort] = open_serial,
        owner: Owner | None = None,
        board: Board = UNKNOWN,
    ) -> None:
        self._path = path
        self._open_port = open_port
        self._reception = Reception(store, owner, on_installed, status, ThreadPoolExecutor(1, "install"), board)
        self._port: SerialPort | None = None
        self._reopen_s = 0.0

    @property
    def progress(self) -> float:
        """How much of the bundle that is coming is here, 0 … 1."""
        return self._reception.progress

    @property
    def doing(self) -> str:
        """See ``Reception.doing``."""
        return self._reception.doing

    @property
    def last_error(self) -> str:
        """Why the last bundle or key was refused, in one sentence."""
        return self._reception.last_error

    def run(self, stop: threading.Event) -> None:
        """Serve until ``stop`` is set."""
        while not stop.is_set():
            self.poll()
        self.close()

    def close(self) -> None:
        """Give the port back; an installation that is under way comes to its end."""
        self._hang_up()
        self._reception.close()

    def poll(self) -> None:
        """Take in what came, answer it, and return within about READ_TIMEOUT_S (WRITE_TIMEOUT_S if nobody reads)."""
        try:
            port = self._opened()
            if port is None:
                self._reception.poll()
                time.sleep(READ_TIMEOUT_S)
                return
            self._reception.receive(port.read(max(port.in_waiting, 1)))
            output = self._reception.poll()
            if output:
                port.write(output)
        except serial.SerialTimeoutException:
            _LOG.debug("nobody reads %s", self._path)
        except OSError as error:
            _LOG.log(logging.INFO if self._port else logging.DEBUG, "%s is not there: %s", self._path, error)
            self._hang_up()

    def _opened(self) -> SerialPort | None:
        if self._port is None and time.monotonic() >= self._reopen_s:
            self._reopen_s = time.monotonic() + REOPEN_S
            self._port = self._open_port(self._path)
        return self._port

    def _hang_up(self) -> None:
        self._reception.hang_up()
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError as error:
                _LOG.debug("closing %s: %s", self._path, error)
