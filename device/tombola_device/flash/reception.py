"""The device's side of a flash, without the port: checks, stores, installs and answers what arrives.

A worker checks and probes bundles, which takes seconds. Nothing here waits for it.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from tombola_device import __version__
from tombola_device.contract.bundle import HEADER_BYTES, MAGIC, MAX_MANIFEST_BYTES, peek_manifest
from tombola_device.contract.errors import BadBundle, StoreError
from tombola_device.contract.protocol import MAX_STATUS_BYTES, PROTOCOL_VERSION
from tombola_device.contract.receiver import (
    BeginAsked,
    ChunkArrived,
    FinishAsked,
    HostRequest,
    LookAsked,
    PairAsked,
    Receiver,
)
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.signing import fingerprint
from tombola_device.engine.board import UNKNOWN, Board, check_cost
from tombola_device.flash.turn import Turn
from tombola_device.slots.errors import DiskFull, ProbeFailed, WrongHash
from tombola_device.slots.owner import Owner
from tombola_device.slots.store import Store

_CODES: Final[tuple[tuple[type[BaseException], ErrorCode], ...]] = (
    (DiskFull, ErrorCode.DISK_FULL),
    (WrongHash, ErrorCode.BAD_HASH),
    (ProbeFailed, ErrorCode.PROBE_FAILED),
    (BadBundle, ErrorCode.BAD_BUNDLE),
    (StoreError, ErrorCode.WRITE_FAILED),
)
_LOG = logging.getLogger(__name__)


class Worker(Protocol):
    """Runs tasks one after the other in the background, as ``ThreadPoolExecutor(1)`` does.

    >>> class AtOnce:
    ...     def submit(self, task, /):
    ...         future = Future()
    ...         future.set_result(task())
    ...         return future
    ...     def shutdown(self): pass
    >>> worker: Worker = AtOnce()
    >>> worker.submit(lambda: Path("a.tombola")).result().name
    'a.tombola'
    """

    def submit(self, task: Callable[[], Path], /) -> Future[Path]:
        """Queue a task."""

    def shutdown(self) -> None:
        """Accept no more tasks; return when the last task has ended."""


class RemotePanel(Protocol):
    """The panel, as a computer at the other end of the line sees it.

    >>> class Shut:
    ...     def look(self, number, code, touched): raise Refused(ErrorCode.NOT_OPEN)
    >>> panel: RemotePanel = Shut()
    >>> panel.look(1, 482913, b"[]")
    Traceback (most recent call last):
    tombola_device.contract.refusals.Refused: the device's panel is closed to this computer; choose `page: open` on its
    settings page, and give the code that it shows
    """

    def look(self, number: int, code: int, touched: bytes) -> bytes:
        """The view as JSON; what was touched is done, once per ``number``.

        Raises:
            Refused: The panel is closed, or shows another code.
        """


class Reception:
    """Answers the requests of one line. Damaged bytes and cut lines do no harm.

    Args:
        store: Stores bundles.
        owner: Decides which bundles are accepted; None: accept all, and refuse pairing.
        on_installed: Called from ``poll`` with the file of each bundle that became active.
        status: Returns the state of the instrument for hosts that ask; at most about 3 KiB as JSON.
        worker: Checks and installs bundles.
        board: The board that bundles must fit. A bundle that is too costly is refused as soon as its manifest arrives.
        turn: Shared with the other lines of the same store.
        panel: Shows itself to the host, and takes what is touched there; None: it is always closed.
    """

    def __init__(
        self,
        store: Store,
        owner: Owner | None,
        on_installed: Callable[[Path], None],
        status: Callable[[], Mapping[str, object]],
        worker: Worker,
        board: Board = UNKNOWN,
        turn: Turn | None = None,
        panel: RemotePanel | None = None,
    ) -> None:
        self._store, self._panel = store, panel
        self._turn = turn or Turn()
        self._owner = owner
        self._on_installed = on_installed
        self._status = status
        self._worker = worker
        self._board = board
        self._start: bytes | None = None
        self._announced: BeginAsked | None = None
        self._receiver = Receiver()
        self._install: Future[Path] | None = None
        self._install_session = 0
        self._size_bytes = self._held_bytes = 0
        self.doing = ""
        """Shown to the player: receiving, unplugged, checking, installed, playing already, refused; empty at first."""
        self.last_error = ""
        """Why the last bundle was refused, in one sentence."""

    @property
    def progress(self) -> float:
        """Share of the incoming bundle that has arrived, 0 … 1."""
        return self._held_bytes / self._size_bytes if self._size_bytes else 0.0

    def receive(self, data: bytes) -> None:
        """Take received bytes, in pieces of any length."""
        for request in self._receiver.receive(data):
            if not self._handle(request):
                break

    def poll(self) -> bytes:
        """Report a finished installation; return the bytes to write to the line."""
        self._finish_install()
        return self._receiver.take_output()

    def hang_up(self) -> None:
        """The line was cut."""
        self._receiver.hang_up()
        if self.doing == "receiving":
            self.doing = "unplugged"

    def close(self) -> None:
        """Wait for the end of a running installation."""
        self._worker.shutdown()

    def _handle(self, request: HostRequest) -> bool:
        """Carry out one request; False if it was refused and the requests after it must be dropped."""
        try:
            if isinstance(request, BeginAsked):
                self._begin(request)
            elif isinstance(request, ChunkArrived):
                with self._turn.lock:
                    self._check_turn()
                    self._store.write(request.data)
                    self._held_bytes = request.offset + len(request.data)
                    self._check_fit(request.data)
            elif isinstance(request, FinishAsked):
                self._check_turn()
                self.doing = "checking"
                self._install_session = self._receiver.session
                self._install = self._worker.submit(self._store.finish)
            elif isinstance(request, PairAsked):
                self._pair(request)
            elif isinstance(request, LookAsked):
                self._look(request)
            else:
                self._receiver.status(self._status_json())
        except Exception as error:  # noqa: BLE001 - whatever it is, the host waits for an answer
            self._refuse(error)
            return False
        return True

    def _begin(self, request: BeginAsked) -> None:
        if self._install is not None:
            self._receiver.busy()
            return
        # Checked before the first byte is stored: the signature covers the hash that ``Store.finish`` checks.
        if self._owner is not None:
            self._owner.check(request.sha256, request.key, request.signature)
        if not self._turn.take(self):
            self._receiver.busy()
            return
        held = self._store.begin(request.sha256, request.size_bytes, restart=request.restart)
        self._size_bytes, self._held_bytes = request.size_bytes, held.offset
        # A resumed bundle passed this check before.
        self._start, self._announced = None if held.offset else b"", request
        self.doing = "playing already" if held.active else "receiving"
        if held.active:
            self._turn.end(self)
        self._receiver.begun(held.offset, held.crc32, active=held.active)

    def _check_turn(self) -> None:
        if not self._turn.has(self):
            raise StoreError("another bundle has begun to arrive on another line; flash again when it plays")

    def _check_fit(self, data: bytes) -> None:
        """Refuse a too costly bundle when its manifest has arrived; ``Store.finish`` verifies the manifest later."""
        if self._start is None or self._announced is None:
            return
        self._start += data
        manifest = peek_manifest(self._start)
        if manifest is None:
            if len(self._start) > HEADER_BYTES + MAX_MANIFEST_BYTES or not self._start.startswith(
                MAGIC[: len(self._start)]
            ):
                self._start = None
            return
        self._start = None
        try:
            check_cost(manifest.cost, self._board)
        except Refused:
            self._store.begin(self._announced.sha256, self._announced.size_bytes, restart=True)
            raise

    def _look(self, request: LookAsked) -> None:
        if self._panel is None:
            raise Refused(ErrorCode.NOT_OPEN)
        view = self._panel.look(request.number, request.code, request.touched)
        self._receiver.seen(request.number, zlib.compress(view))

    def _pair(self, request: PairAsked) -> None:
        if self._owner is None:
            raise Refused(ErrorCode.NOT_PAIRING)
        self._receiver.paired(self._owner.enrol(request.key, request.label, request.signature))
        _LOG.info("paired with %s %s", fingerprint(request.key), request.label)

    def _finish_install(self) -> None:
        if self._install is None:
            return
        if not self._install.done():
            self._turn.has(self)
            return
        install, self._install = self._install, None
        self._turn.end(self)
        same_session = self._receiver.session == self._install_session
        error = install.exception()
        if error is None:
            path = install.result()
            self.doing, self.last_error = "installed", ""
            if self._owner is not None:
                self._owner.installed(path.stem)
            self._on_installed(path)
            if same_session:
                self._receiver.installed()
        else:
            self._note(error)
            if same_session:
                self._answer(error)

    def _refuse(self, error: BaseException) -> None:
        self._turn.end(self)
        self._note(error)
        self._answer(error)

    def _note(self, error: BaseException) -> None:
        self.doing, self.last_error = "refused", str(error)
        _LOG.warning("refused: %s", error)

    def _answer(self, error: BaseException) -> None:
        if isinstance(error, Refused):
            self._receiver.failed(ErrorCode(error.code), error.value)
            return
        code = next((code for kind, code in _CODES if isinstance(error, kind)), ErrorCode.PROBE_FAILED)
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
            "owners": [key.fingerprint for key in self._owner.keys] if self._owner else [],
            "takes_unsigned": self._owner is None or self._owner.unsigned_allowed,
            "installing": self._install is not None,
            "last_error": self.last_error[:512],
        }
        whole = json.dumps({**own, "playing": dict(self._status())}).encode()
        return whole if len(whole) <= MAX_STATUS_BYTES else json.dumps(own).encode()
