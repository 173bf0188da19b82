"""The device's end of the line: a state machine from received bytes to requests and answers.

    no session ──Hello──► open ──Begin──► asked ──begun()──► receiving ──Finish──► verifying ──installed()──► done
    any ──failed()──► refused

It does no I/O and never waits. The caller passes received bytes, carries out the requests in order, reports the result
(``begun``, ``installed``, ``failed`` …) and writes ``take_output()`` to the line. A host may repeat a request: the
receiver then repeats its answer, and the caller gets no second request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from tombola_device.contract import protocol as p
from tombola_device.contract.bundle import HASH_BYTES, MAX_BUNDLE_BYTES
from tombola_device.contract.refusals import ErrorCode
from tombola_device.contract.signing import KEY_BYTES, SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class BeginAsked:
    """The host announces a bundle. Answer with ``begun``, ``busy`` or ``failed``.

    Args:
        sha256: SHA-256 of the bundle, hexadecimal.
        size_bytes: Length of the bundle.
        restart: Whether to discard the part of this bundle that the device holds.
        key: The signer's public key as the host claims it, unchecked; empty for an unsigned bundle.
        signature: The signature, unchecked; empty for an unsigned bundle.
    """

    sha256: str
    size_bytes: int
    restart: bool
    key: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class ChunkArrived:
    """The next bytes of the bundle: append them, or answer with ``failed``. In order, each byte once."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class FinishAsked:
    """All bytes have arrived: verify and install. Answer, now or later, with ``installed`` or ``failed``."""

    sha256: str


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """The host asks for the status. Answer with ``status``."""


@dataclass(frozen=True, slots=True)
class PairAsked:
    """The host asks to become an owner. Answer with ``paired`` or ``failed``. All fields are unchecked."""

    key: bytes
    signature: bytes
    label: str


@dataclass(frozen=True, slots=True)
class LookAsked:
    """The host asks for the panel's view, and says what was touched. Answer with ``seen`` or ``failed``."""

    number: int
    code: int
    touched: bytes


HostRequest: TypeAlias = BeginAsked | ChunkArrived | FinishAsked | StatusAsked | PairAsked | LookAsked


class _ReceiverState(Enum):
    CLOSED = "closed"
    OPEN = "open"
    ASKED = "asked"
    RECEIVING = "receiving"
    VERIFYING = "verifying"
    DONE = "done"
    REFUSED = "refused"


class Receiver:
    """Receives bundles, one session at a time.

    Args:
        chunk_bytes: Longest accepted chunk, MIN_CHUNK_BYTES … MAX_CHUNK_BYTES.
        window_chunks: Largest number of unacknowledged chunks; the receiver keeps as many that arrive out of order.
        max_bundle_bytes: Largest accepted bundle.

    >>> receiver = Receiver()
    >>> receiver.receive(p.encode_frame(7, p.Hello(1, 2, 2048, 64)))
    []
    >>> receiver.receive(p.encode_frame(7, p.Ask()))
    [StatusAsked()]
    >>> receiver.status(b"{}")
    >>> p.FrameReader().feed(receiver.take_output())
    [(7, Welcome(version=2, chunk_bytes=2048, window_chunks=64)), (7, Status(tail=b'{}'))]
    """

    def __init__(
        self,
        chunk_bytes: int = p.MAX_CHUNK_BYTES,
        window_chunks: int = p.WINDOW_CHUNKS,
        max_bundle_bytes: int = MAX_BUNDLE_BYTES,
    ) -> None:
        self._most_chunk_bytes = chunk_bytes
        self._most_window_chunks = window_chunks
        self._max_bundle_bytes = max_bundle_bytes
        self._reader = p.FrameReader()
        self._output = bytearray()
        self._session = 0
        self._size = self._next = 0
        self._open(p.Welcome(p.PROTOCOL_VERSION, p.MIN_CHUNK_BYTES, 1))
        self._state = _ReceiverState.CLOSED

    @property
    def bad_frames(self) -> int:
        """Number of damaged frames since the start."""
        return self._reader.bad_frames

    @property
    def session(self) -> int:
        """Number of the open session. A late answer must not reach the next session."""
        return self._session

    def receive(self, data: bytes) -> list[HostRequest]:
        """Take received bytes, in pieces of any length; return the requests that the caller must carry out."""
        requests: list[HostRequest] = []
        for session, message in self._reader.feed(data):
            requests += self._handle(session, message)
        return requests

    def take_output(self) -> bytes:
        """Bytes to write to the line now; each byte is returned once."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def begun(self, offset: int, crc32: int, *, active: bool) -> None:
        """Answer BeginAsked: ``offset`` bytes with this CRC-32 are stored, or the bundle is already active."""
        if self._state is _ReceiverState.ASKED:
            self._next = self._size if active else offset
            self._ready = p.Ready(int(active), offset, crc32)
            self._state = _ReceiverState.DONE if active else _ReceiverState.RECEIVING
            self._send(self._ready)

    def busy(self) -> None:
        """Answer BeginAsked: not yet; the host asks again."""
        if self._state is _ReceiverState.ASKED:
            self._state = _ReceiverState.OPEN
            self._send(p.Wait())

    def installed(self) -> None:
        """Answer FinishAsked: the bundle is verified and active."""
        if self._state is _ReceiverState.VERIFYING:
            self._state = _ReceiverState.DONE
            self._send(p.Installed())

    def failed(self, code: ErrorCode, value: int = 0) -> None:
        """Refuse any request. All later requests of the session get the same answer."""
        self._output.clear()  # The output may contain an acknowledgement of bytes that could not be stored.
        self._error = p.Error(code, min(value, 0xFFFFFFFF))
        self._state = _ReceiverState.REFUSED
        self._send(self._error)

    def status(self, json: bytes) -> None:
        """Answer StatusAsked with a JSON object; a longer one than MAX_STATUS_BYTES is replaced by ``{}``."""
        self._send(p.Status(json if len(json) <= p.MAX_STATUS_BYTES else b"{}"))

    def seen(self, number: int, view: bytes) -> None:
        """Answer LookAsked: the view, compressed. One that is too long for a frame is left out; the host asks on."""
        if 0 < len(view) <= p.MAX_CHUNK_BYTES:
            self._send(p.Seen(number, view))

    def paired(self, owners: int) -> None:
        """Answer PairAsked: the key is enrolled; the device now has ``owners`` keys."""
        self._send(p.Paired(min(owners, 0xFF)))

    def hang_up(self) -> None:
        """The line was cut: drop the incomplete frame; acknowledged bytes stay."""
        self._reader.feed(p.DELIMITER)
        self._output.clear()

    def _send(self, message: p.Message) -> None:
        self._output += p.encode_frame(self._session, message)

    def _open(self, welcome: p.Welcome) -> None:
        self._state = _ReceiverState.OPEN
        self._welcome = welcome
        self._begin = p.Begin(0, 0, bytes(32))
        self._ready = p.Ready(0, 0, 0)
        self._error = p.Error(0, 0)
        self._size = self._next = 0
        self._early: dict[int, bytes] = {}

    def _handle(self, session: int, message: p.Message) -> list[HostRequest]:
        if isinstance(message, p.Hello):
            self._hello(session, message)
        elif self._state is _ReceiverState.CLOSED or session != self._session:
            self._output += p.encode_frame(session, p.Error(ErrorCode.NO_SESSION, 0))
        elif isinstance(message, p.Ask):
            return [StatusAsked()]
        elif self._state is _ReceiverState.REFUSED:
            self._send(self._error)
        elif isinstance(message, p.Look):
            return [LookAsked(message.number, message.code, message.tail)]
        elif isinstance(message, p.Pair) and self._welcome.version >= p.SIGNED_VERSION:
            return self._pair_asked(message)
        elif isinstance(message, p.Begin):
            return self._begin_asked(message)
        elif isinstance(message, p.Data):
            return self._chunk(message)
        elif isinstance(message, p.Finish):
            return self._finish()
        else:
            self._send(p.Error(ErrorCode.BAD_REQUEST, message.kind))
        return []

    def _hello(self, session: int, hello: p.Hello) -> None:
        if self._state is not _ReceiverState.CLOSED and session == self._session:
            self._send(self._welcome)
            return
        version = min(hello.highest_version, p.PROTOCOL_VERSION)
        if version < max(hello.lowest_version, p.LOWEST_VERSION):
            self._output += p.encode_frame(session, p.Error(ErrorCode.VERSION, p.PROTOCOL_VERSION))
            return
        self._session = session
        chunk_bytes = max(p.MIN_CHUNK_BYTES, min(hello.chunk_bytes, self._most_chunk_bytes))
        most_chunks = self._most_window_chunks if version >= p.SIGNED_VERSION else p.VERSION_1_WINDOW_CHUNKS
        window_chunks = max(1, min(hello.window_chunks, self._most_window_chunks, most_chunks))
        self._open(p.Welcome(version, chunk_bytes, window_chunks))
        self._send(self._welcome)

    def _begin_asked(self, begin: p.Begin) -> list[HostRequest]:
        if self._state is _ReceiverState.ASKED:
            return []
        if self._state is not _ReceiverState.OPEN:
            same = begin == self._begin
            self._send(self._ready if same else p.Error(ErrorCode.BAD_REQUEST, begin.kind))
            return []
        self._begin = begin
        if not 0 < begin.size_bytes <= self._max_bundle_bytes:
            self.failed(ErrorCode.TOO_LARGE, self._max_bundle_bytes)
            return []
        sha256, signed = begin.tail[:HASH_BYTES], begin.tail[HASH_BYTES:]
        if signed and self._welcome.version < p.SIGNED_VERSION:
            self.failed(ErrorCode.BAD_REQUEST, begin.kind)
            return []
        self._state = _ReceiverState.ASKED
        self._size = begin.size_bytes
        key, signature = signed[:KEY_BYTES], signed[KEY_BYTES:]
        return [BeginAsked(sha256.hex(), begin.size_bytes, bool(begin.restart), key, signature)]

    def _pair_asked(self, pair: p.Pair) -> list[HostRequest]:
        key, signature, label = (
            pair.tail[:KEY_BYTES],
            pair.tail[KEY_BYTES : KEY_BYTES + SIGNATURE_BYTES],
            pair.tail[KEY_BYTES + SIGNATURE_BYTES :],
        )
        try:
            return [PairAsked(key, signature, label.decode())]
        except UnicodeDecodeError:
            self.failed(ErrorCode.BAD_REQUEST, pair.kind)
            return []

    def _chunk(self, data: p.Data) -> list[HostRequest]:
        if self._state in (_ReceiverState.OPEN, _ReceiverState.ASKED):
            self._send(p.Error(ErrorCode.NO_SESSION, 0))
            return []
        requests: list[HostRequest] = []
        ahead, misplaced = divmod(data.offset - self._next, self._welcome.chunk_bytes)
        whole = len(data.tail) == min(self._welcome.chunk_bytes, self._size - data.offset)
        if (
            self._state is _ReceiverState.RECEIVING
            and whole
            and not misplaced
            and 0 <= ahead < self._welcome.window_chunks
        ):
            self._early[data.offset] = data.tail
            while (tail := self._early.pop(self._next, None)) is not None:
                requests.append(ChunkArrived(self._next, tail))
                self._next += len(tail)
        self._acknowledge()
        return requests

    def _acknowledge(self) -> None:
        chunk_bytes = self._welcome.chunk_bytes
        held = sum(1 << ((offset - self._next) // chunk_bytes - 1) for offset in self._early)
        fewest_bytes = 8 if self._welcome.version < p.SIGNED_VERSION else 0
        length = max(-(-held.bit_length() // 8), fewest_bytes)
        self._send(p.Ack(self._next, held.to_bytes(length, "little")))

    def _finish(self) -> list[HostRequest]:
        if self._state is _ReceiverState.RECEIVING and self._next == self._size:
            self._state = _ReceiverState.VERIFYING
            return [FinishAsked(self._begin.tail[:HASH_BYTES].hex())]
        if self._state is _ReceiverState.RECEIVING:
            self._acknowledge()
        elif self._state is _ReceiverState.VERIFYING:
            self._send(p.Wait())
        elif self._state is _ReceiverState.DONE:
            self._send(p.Installed())
        else:
            self._send(p.Error(ErrorCode.NO_SESSION, 0))
        return []
