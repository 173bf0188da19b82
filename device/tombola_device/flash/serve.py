"""Serves the serial port over which bundles arrive.

The daemon keeps the port open and reads it all the time, so that a host may be plugged in at any time. ``poll`` never
waits longer than a short time-out.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import serial

from tombola_device.engine.board import UNKNOWN, Board
from tombola_device.flash.reception import Reception, RemotePanel
from tombola_device.flash.turn import Turn
from tombola_device.slots.owner import Owner
from tombola_device.slots.store import Store

READ_TIMEOUT_S: Final = 0.02
WRITE_TIMEOUT_S: Final = 0.2
REOPEN_S: Final = 0.25
_LOG = logging.getLogger(__name__)


class SerialPort(Protocol):
    """The part of ``serial.Serial`` in use. Every method may raise OSError (SerialException is one).

    >>> class Loopback:
    ...     def __init__(self): self.bytes = b""
    ...     @property
    ...     def in_waiting(self): return len(self.bytes)
    ...     def read(self, size, /):
    ...         data, self.bytes = self.bytes[:size], self.bytes[size:]
    ...         return data
    ...     def write(self, data, /): self.bytes += data
    ...     def close(self): pass
    >>> port: SerialPort = Loopback()
    >>> port.write(b"abc")
    >>> port.read(2), port.in_waiting
    (b'ab', 1)
    """

    @property
    def in_waiting(self) -> int:
        """Number of bytes that ``read`` can return without waiting."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; fewer or none after READ_TIMEOUT_S."""

    def write(self, data: bytes, /) -> int | None:
        """Write all bytes, or raise SerialTimeoutException."""

    def close(self) -> None:
        """Close the port."""


def open_serial(path: str) -> SerialPort:
    """Open a serial port or pty for this process only.

    Raises:
        OSError: The port is missing, or another process uses it.
    """
    # Only a real UART uses the rate; USB and ptys ignore it.
    port: SerialPort = serial.Serial(
        path, 115_200, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
    )
    return port


class Flashd:
    """Serves one serial port.

    Args:
        path: The port; it may be unplugged and plugged in at any time.
        store: Stores bundles.
        on_installed: Called from ``poll`` with the file of each bundle that became active.
        status: Returns the state of the instrument for hosts that ask; at most about 3 KiB as JSON.
        open_port: Opens ``path``.
        owner: Decides which bundles are accepted; None: accept all, and refuse pairing.
        board: The board that bundles must fit.
        turn: Shared with the other lines of the same store.
        panel: Shows itself to the host; None: it is always closed.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - those after the fourth are named
        self,
        path: str,
        store: Store,
        on_installed: Callable[[Path], None],
        status: Callable[[], Mapping[str, object]] = dict,
        open_port: Callable[[str], SerialPort] = open_serial,
        owner: Owner | None = None,
        board: Board = UNKNOWN,
        turn: Turn | None = None,
        panel: RemotePanel | None = None,
    ) -> None:
        self._path = path
        self._open_port = open_port
        worker = ThreadPoolExecutor(1, "install")
        self._reception = Reception(store, owner, on_installed, status, worker, board, turn, panel)
        self._port: SerialPort | None = None
        self._reopen_s = 0.0
        self._known = False
        """Whether the port has been there, or the user was told that it is not."""

    @property
    def progress(self) -> float:
        """Share of the incoming bundle that has arrived, 0 … 1."""
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
        """Close the port, and wait for the end of a running installation."""
        self._hang_up()
        self._reception.close()

    def poll(self) -> None:
        """Read and answer once. Takes about READ_TIMEOUT_S, or WRITE_TIMEOUT_S if the host does not read."""
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
            _LOG.debug("the host does not read %s", self._path)
        except OSError as error:
            self._miss(error)
            self._hang_up()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next bundle must find the line served
            _LOG.warning("the port %s is opened again after an error: %s: %s", self._path, type(error).__name__, error)
            self._hang_up()
            self._reopen_s = time.monotonic() + REOPEN_S

    def _opened(self) -> SerialPort | None:
        if self._port is None and time.monotonic() >= self._reopen_s:
            self._reopen_s = time.monotonic() + REOPEN_S
            self._port = self._open_port(self._path)
            self._known = True
        return self._port

    def _miss(self, error: OSError) -> None:
        """Say why the port is not there: loudly if it never was, because its name may be wrong."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        if not self._known:
            self._known = True
            _LOG.warning("the port %s cannot be opened (%s); check serial, or plug it in", self._path, reason)
        else:
            _LOG.log(logging.INFO if self._port else logging.DEBUG, "the port %s is missing: %s", self._path, reason)

    def _hang_up(self) -> None:
        self._reception.hang_up()
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except Exception as error:  # noqa: BLE001 - a port that cannot even be closed is left
                _LOG.debug("closing %s: %s", self._path, error)
