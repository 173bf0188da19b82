"""Takes bundles from a serial port into the store.

The daemon always holds and reads the port, so that a host finds it whenever it is plugged in. Checking and probing a
bundle takes seconds and is done in a thread of its own; ``poll`` never waits longer than a short time-out.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import serial

from tombola_device import __version__
from tombola_device.contract.errors import BadBundle, StoreError, TombolaError
from tombola_device.contract.protocol import MAX_STATUS_BYTES, PROTOCOL_VERSION, ErrorCode
from tombola_device.contract.receiver import BeginAsked, ChunkCame, Event, FinishAsked, Receiver
from tombola_device.store import DiskFull, ProbeFailed, Store, WrongHash

READ_TIMEOUT_S: Final = 0.02
WRITE_TIMEOUT_S: Final = 0.2
REOPEN_S: Final = 0.25
_LOG = logging.getLogger(__name__)


class Port(Protocol):
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


def open_serial(path: str) -> Port:
    """Open a serial port or pty, for this process alone.

    Raises:
        OSError: It is not there, or somebody else has it.
    """
    # The rate is that of a real UART; USB and ptys ignore it.
    port: Port = serial.Serial(path, 115_200, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    return port


class Flashd:
    """Serves one serial port.

    Args:
        path: The port; it may come and go.
        store: Where bundles go.
        on_installed: Called from ``poll`` with the file of each bundle that became active.
        status: What is playing, for hosts that ask; JSON of at most about 3 KiB.
        open_port: Opens ``path``.
    """

    def __init__(
        self,
        path: str,
        store: Store,
        on_installed: Callable[[Path], None],
        status: Callable[[], Mapping[str, object]] = dict,
        open_port: Callable[[str], Port] = open_serial,
    ) -> None:
        self._path = path
        self._store = store
        self._on_installed = on_installed
        self._status = status
        self._open_port = open_port
        self._receiver = Receiver()
        self._port: Port | None = None
        self._reopen_s = 0.0
        self._worker = ThreadPoolExecutor(1, "install")
        self._install: Future[Path] | None = None
        self._install_session = 0
        self.last_error = ""
        """Why the last bundle was refused, in one sentence."""

    def run(self, stop: threading.Event) -> None:
        """Serve until ``stop`` is set."""
        while not stop.is_set():
            self.poll()
        self.close()

    def close(self) -> None:
        """Give the port back; an installation that is under way comes to its end."""
        self._hang_up()
        self._worker.shutdown(wait=True)

    def poll(self) -> None:
        """Take in what came, answer it, and return within about READ_TIMEOUT_S (WRITE_TIMEOUT_S if nobody reads)."""
        self._finish_install()
        try:
            port = self._opened()
            if port is None:
                time.sleep(READ_TIMEOUT_S)
                return
            for event in self._receiver.receive(port.read(max(port.in_waiting, 1))):
                if not self._handle(event):
                    break
            output = self._receiver.take_output()
            if output:
                port.write(output)
        except serial.SerialTimeoutException:
            _LOG.debug("nobody reads %s", self._path)
        except OSError as error:
            _LOG.log(logging.INFO if self._port else logging.DEBUG, "%s is not there: %s", self._path, error)
            self._hang_up()

    def _opened(self) -> Port | None:
        if self._port is None and time.monotonic() >= self._reopen_s:
            self._reopen_s = time.monotonic() + REOPEN_S
            self._port = self._open_port(self._path)
        return self._port

    def _hang_up(self) -> None:
        self._receiver.hang_up()
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError as error:
                _LOG.debug("closing %s: %s", self._path, error)

    def _handle(self, event: Event) -> bool:
        """Carry one event out; False if what came with it must be forgotten."""
        try:
            if isinstance(event, BeginAsked):
                self._begin(event)
            elif isinstance(event, ChunkCame):
                self._store.write(event.data)
            elif isinstance(event, FinishAsked):
                self._install_session = self._receiver.session
                self._install = self._worker.submit(self._store.finish)
            else:
                self._receiver.status(self._status_json())
        except TombolaError as error:
            self._refuse(error)
            return False
        return True

    def _begin(self, event: BeginAsked) -> None:
        if self._install is not None:
            self._receiver.busy()
            return
        held = self._store.begin(event.sha256, event.size_bytes, restart=event.restart)
        self._receiver.begun(held.offset, held.crc32, active=held.active)

    def _finish_install(self) -> None:
        if self._install is None or not self._install.done():
            return
        install, self._install = self._install, None
        same_session = self._receiver.session == self._install_session
        error = install.exception()
        if error is None:
            self.last_error = ""
            self._on_installed(install.result())
            if same_session:
                self._receiver.installed()
        elif same_session:
            self._refuse(error)

    def _refuse(self, error: BaseException) -> None:
        self.last_error = str(error)
        _LOG.warning("refused: %s", error)
        code = _code(error)
        try:
            value = self._store.free_bytes() if code is ErrorCode.DISK_FULL else 0
        except StoreError:
            value = 0
        self._receiver.failed(code, value)

    def _status_json(self) -> bytes:
        slots = self._store.slots
        own: dict[str, object] = {
            "device": "tombola",
            "version": __version__,
            "protocol": PROTOCOL_VERSION,
            "free_bytes": self._store.free_bytes(),
            "slots": {
                "active": slots.active,
                "previous": slots.previous,
                "confirmed": slots.confirmed,
                "rejected": slots.rejected,
            },
            "installing": self._install is not None,
            "last_error": self.last_error[:512],
        }
        whole = json.dumps({**own, "playing": dict(self._status())}).encode()
        return whole if len(whole) <= MAX_STATUS_BYTES else json.dumps(own).encode()


def _code(error: BaseException) -> ErrorCode:
    """The number that the host turns into a sentence."""
    codes: list[tuple[type[BaseException], ErrorCode]] = [
        (DiskFull, ErrorCode.DISK_FULL),
        (WrongHash, ErrorCode.BAD_HASH),
        (ProbeFailed, ErrorCode.PROBE_FAILED),
        (BadBundle, ErrorCode.BAD_BUNDLE),
        (StoreError, ErrorCode.WRITE_FAILED),
    ]
    return next((code for kind, code in codes if isinstance(error, kind)), ErrorCode.PROBE_FAILED)
