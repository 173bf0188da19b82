"""The host's end of the line: a state machine from received bytes and the time to bytes to send.

    Sender     hello ──Welcome──► begin ──Ready──► sending ──all acknowledged──► finishing ──Installed──► done

It does no I/O and reads no clock. The caller passes received bytes to ``receive``, calls ``poll`` every few
milliseconds and writes the returned bytes to the line. ``now`` is in seconds and never decreases. After an error on the
line the sender opens a new session and continues with the first byte that the device lacks. It raises FlashError when
BARREN_SESSIONS sessions in a row transfer nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from typing import Final

from tombola_device.contract import protocol as p
from tombola_device.contract.asking import NO_ANSWER, REQUEST_TRIES, Requests, hello
from tombola_device.contract.errors import FlashError
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.signing import public_key, sign_bundle

CHUNK_BYTES: Final = 2048
"""With this length framing costs 1.2 %, and one chunk takes 0.18 s at 115200 baud."""
QUEUE_S: Final = 0.5
"""The sender adds chunks to the line until the round trip of one takes this long. The line is then full, and the sender
still notices a loss soon."""
REORDERED_CHUNKS: Final = 3
"""A chunk counts as lost when a chunk sent this many places later is acknowledged, as in TCP."""
MIN_TIMEOUT_S, FIRST_TIMEOUT_S, MAX_TIMEOUT_S = 0.2, 3.0, 10.0
"""First time-out 3 s: at 9600 baud one chunk and its acknowledgement take 2.2 s."""
GROWTH_CHUNKS: Final = 2
"""Chunks added to the line per quick acknowledgement: their number triples with each round trip."""
CHUNK_TRIES: Final = 8
FINISH_EVERY_S: Final = 0.25
BARREN_SESSIONS: Final = 8
VERIFY_S, VERIFY_S_PER_MIB = 30.0, 2.0
"""Time for the check on a Raspberry Pi, and more per MiB of the bundle; longer than the probe's own limit."""


class SenderPhase(Enum):
    """The step of the transfer; its value is shown to the user."""

    HELLO = "looking for the device"
    BEGIN = "asking what the device holds"
    SENDING = "sending"
    FINISHING = "waiting for the device to check and install"
    DONE = "done"


@dataclass(slots=True)
class _Flight:
    """A sent chunk without acknowledgement."""

    serial: int
    sent_s: float
    tries: int


class Sender:
    """Sends one bundle.

    Args:
        data: The encoded bundle.
        session: Number of the first session, 0 … 2**32 - 1, different from other recent sessions. Each further session
            has the next number.
        chunk_bytes: Longest chunk to offer; the device may choose a shorter one.
        seed: Seed of the signer's private key, 32 bytes; None: the bundle is not signed here.
        signed: Key and signature of an owner, 96 bytes, made before; empty: none.

    >>> sender = Sender(b"bundle", session=7)
    >>> p.FrameReader().feed(sender.poll(now=0.0))
    [(7, Hello(lowest_version=1, highest_version=2, chunk_bytes=2048, window_chunks=255))]
    >>> sender.receive(p.encode_frame(7, p.Welcome(2, 2048, 64)), now=0.1)
    >>> sender.phase.value
    'asking what the device holds'
    """

    def __init__(
        self,
        data: bytes,
        session: int,
        chunk_bytes: int = CHUNK_BYTES,
        seed: bytes | None = None,
        signed: bytes = b"",
    ) -> None:
        self._data = data
        self._sha256 = hashlib.sha256(data).digest()
        self._signed = public_key(seed) + sign_bundle(seed, self._sha256) if seed is not None else signed
        self._session = session
        self._offer_bytes = max(p.MIN_CHUNK_BYTES, min(chunk_bytes, p.MAX_CHUNK_BYTES))
        self._restart = 0
        self._barren = 0
        self._best = -1
        self.resumed_from: int | None = None
        """Bytes that the device held before this transfer; None until the device answers."""
        self.already_active = False
        self.sessions = 0
        self.resent_chunks = 0
        self.held_bytes = 0
        """Bytes that the device holds now."""
        self._open()

    def _open(self) -> None:
        self._reader = p.FrameReader()
        self._requests = Requests()
        self._requests.ask(hello(self._offer_bytes))
        self.phase = SenderPhase.HELLO
        self.sessions += 1
        self._wait_until_s: float | None = None
        self._chunk_bytes = self._window = 1
        self._start = self._chunks = self._base = self._next = self._serial = 0
        # In sending order, so that the time-out check can stop at the first young chunk. With a window of 255 chunks a
        # check of all chunks took 7 of 10 instructions of the transfer on a fast line.
        self._flights: dict[int, _Flight] = {}
        self._lost: set[int] = set()
        self._allowance = 1
        self._eased = 0
        self._timeout_s = FIRST_TIMEOUT_S
        self._round_trip_s: float | None = None
        self._jitter_s = 0.0

    def reconnect(self) -> None:
        """Begin a new session after the line was cut and returned."""
        self._session = (self._session + 1) & 0xFFFFFFFF
        self._open()

    def receive(self, data: bytes, now: float) -> None:
        """Take received bytes, in pieces of any length.

        Raises:
            FlashError: The device refused, or BARREN_SESSIONS sessions transferred nothing.
        """
        for session, message in self._reader.feed(data):
            if session == self._session:
                self._handle(message, now)

    def poll(self, now: float) -> bytes:
        """Bytes to write to the line at time ``now``, s.

        Raises:
            FlashError: No device answers, the line loses too many chunks, or the check on the device takes too long.
        """
        output = b""
        message = self._requests.due(now)
        if message is not None:
            self._check_patience(now)
            output = p.encode_frame(self._session, self._requests.message or message)
        if self.phase is SenderPhase.SENDING:
            output += self._due_chunks(now)
        return output

    def _check_patience(self, now: float) -> None:
        if self._wait_until_s is not None and now > self._wait_until_s:
            raise FlashError("the device takes too long to check the bundle; ask for its status, then flash again")
        if self._requests.tries <= REQUEST_TRIES:
            return
        if self.phase is SenderPhase.HELLO:
            raise FlashError(NO_ANSWER)
        self._renew()
        self._requests.due(now)

    def _renew(self, *, smaller: bool = False) -> None:
        """Open the next session, with ``smaller`` chunks if long frames get lost; give up after BARREN_SESSIONS."""
        self._barren = 0 if self.held_bytes > self._best else self._barren + 1
        self._best = max(self._best, self.held_bytes)
        if self._barren >= BARREN_SESSIONS:
            raise FlashError(
                f"the transfer stops at {self.held_bytes} of {len(self._data)} bytes; "
                "check the cable and flash again: the transfer continues there"
            )
        if smaller:
            self._offer_bytes = max(p.MIN_CHUNK_BYTES, self._offer_bytes // 2)
        self.reconnect()

    def _handle(self, message: p.Message, now: float) -> None:
        if isinstance(message, p.Error):
            if message.code != ErrorCode.NO_SESSION:
                raise Refused(message.code, message.value)
            self._renew()
        elif isinstance(message, p.Welcome) and self.phase is SenderPhase.HELLO:
            self._welcome(message)
        elif isinstance(message, p.Ready) and self.phase is SenderPhase.BEGIN:
            self._ready(message)
        elif isinstance(message, p.Ack) and self.phase in (SenderPhase.SENDING, SenderPhase.FINISHING):
            self._acknowledged(message, now)
        elif isinstance(message, p.Installed) and self.phase is SenderPhase.FINISHING:
            self._done()
        elif isinstance(message, p.Wait):
            self._requests.tries = 0
            if self._wait_until_s is None:
                self._wait_until_s = now + VERIFY_S + VERIFY_S_PER_MIB * len(self._data) / 2**20

    def _done(self) -> None:
        self.phase = SenderPhase.DONE
        self._requests.answered()

    def _welcome(self, welcome: p.Welcome) -> None:
        if not p.MIN_CHUNK_BYTES <= welcome.chunk_bytes <= self._offer_bytes or not welcome.window_chunks:
            raise FlashError("the device chose a chunk length that was not offered; update the older side")
        self._chunk_bytes = welcome.chunk_bytes
        if not p.LOWEST_VERSION <= welcome.version <= p.PROTOCOL_VERSION:
            raise FlashError(
                f"the device chose version {welcome.version} of the protocol, which was not offered; update the device"
            )
        # An older device knows no signatures.
        signed = self._signed if welcome.version >= p.SIGNED_VERSION else b""
        self._window = min(welcome.window_chunks, p.WINDOW_CHUNKS)
        self.phase = SenderPhase.BEGIN
        self._requests.ask(p.Begin(len(self._data), self._restart, self._sha256 + signed))

    def _ready(self, ready: p.Ready) -> None:
        if ready.active:
            self.held_bytes = len(self._data)
            # Only in the first session: later, "active" means that this transfer was installed while the line was cut.
            if self.resumed_from is None:
                self.already_active, self.resumed_from = True, len(self._data)
            self._done()
            return
        if ready.offset > len(self._data) or zlib.crc32(self._data[: ready.offset]) != ready.crc32:
            # The bytes on the device are not the beginning of this bundle, for example after a power cut.
            self._restart = 1
            self._renew()
            return
        self._restart = 0
        self._start = ready.offset
        self._chunks = -(-(len(self._data) - ready.offset) // self._chunk_bytes)
        self.held_bytes = ready.offset
        if self.resumed_from is None:
            self.resumed_from = ready.offset
        self._requests.answered()
        self._wait_until_s = None
        self.phase = SenderPhase.SENDING
        self._finish_if_all_held()

    def _finish_if_all_held(self) -> None:
        if self.phase is SenderPhase.SENDING and self._base == self._chunks:
            self.phase = SenderPhase.FINISHING
            self._requests.ask(p.Finish(), FINISH_EVERY_S)

    def _acknowledged(self, ack: p.Ack, now: float) -> None:
        first, misplaced = divmod(ack.offset - self._start, self._chunk_bytes)
        if ack.offset == len(self._data):
            first, misplaced = self._chunks, 0
        if misplaced or not self._base <= first <= self._next:
            return  # An old acknowledgement; a newer one arrived first.
        newest, held = -1, int.from_bytes(ack.tail, "little")
        arrived = [*range(self._base, first), *(first + bit + 1 for bit in range(held.bit_length()) if held >> bit & 1)]
        for index in arrived:
            flight = self._flights.pop(index, None)
            if flight is None:
                continue
            self._lost.discard(index)
            newest = max(newest, flight.serial)
            if flight.tries == 1:  # For a chunk sent twice, it is unknown which copy was acknowledged.
                self._measure(now - flight.sent_s)
                self._steer(flight, now)
        for index, flight in self._flights.items():
            if flight.serial > newest - REORDERED_CHUNKS:
                break
            self._lost.add(index)
        self._base = first
        self.held_bytes = min(self._start + first * self._chunk_bytes, len(self._data))
        self._finish_if_all_held()

    def _measure(self, round_trip_s: float) -> None:
        """Adapt the time-out to one measured round trip. Source: RFC 6298 (mean and deviation)."""
        if self._round_trip_s is None:
            self._round_trip_s, self._jitter_s = round_trip_s, round_trip_s / 2
        self._jitter_s += 0.25 * (abs(round_trip_s - self._round_trip_s) - self._jitter_s)
        self._round_trip_s += 0.125 * (round_trip_s - self._round_trip_s)
        timeout_s = self._round_trip_s + 4 * self._jitter_s
        self._timeout_s = min(max(timeout_s, MIN_TIMEOUT_S, 2 * round_trip_s), MAX_TIMEOUT_S)

    def _steer(self, flight: _Flight, now: float) -> None:
        """Allow more chunks on the line after a quick acknowledgement, fewer after a slow one.

        All chunks in flight report the same queue, so they reduce the allowance once. When each chunk reduced it, a
        fast line with a long round trip ran empty and reached two thirds of its rate.
        """
        if now - flight.sent_s < QUEUE_S:
            self._allowance = min(self._allowance + GROWTH_CHUNKS, self._window)
        elif flight.serial > self._eased:
            self._allowance = max(self._allowance - 1 - self._allowance // 8, 2)
            self._eased = self._serial

    def _due_chunks(self, now: float) -> bytes:
        overdue = []
        for index, flight in self._flights.items():
            if now - flight.sent_s <= self._timeout_s:
                break
            if index not in self._lost:
                overdue.append(index)
        if overdue:
            self._timeout_s = min(2 * self._timeout_s, MAX_TIMEOUT_S)
            self._allowance = max(self._allowance // 2, 1)
            self._lost.update(overdue)
        room = max(self._allowance - len(self._flights) + len(self._lost), 0)
        fresh = range(self._next, min(self._chunks, self._base + self._window))
        output = b""
        for index in islice(chain(sorted(self._lost), fresh), room):
            if index in self._lost and self._flights[index].tries >= CHUNK_TRIES:
                self._renew(smaller=True)
                return b""
            output += self._chunk(index, now)
        return output

    def _chunk(self, index: int, now: float) -> bytes:
        earlier = self._flights.pop(index, None)
        self._lost.discard(index)
        self._serial += 1
        self._flights[index] = _Flight(self._serial, now, earlier.tries + 1 if earlier else 1)
        self.resent_chunks += earlier is not None
        self._next = max(self._next, index + 1)
        offset = self._start + index * self._chunk_bytes
        return p.encode_frame(self._session, p.Data(offset, self._data[offset : offset + self._chunk_bytes]))
