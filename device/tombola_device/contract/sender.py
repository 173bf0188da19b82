"""The host's end of the line: a state machine that is fed bytes and the time, and says what to send.

    Sender     hello ──Welcome──► begin ──Ready──► sending ──all acknowledged──► finishing ──Installed──► done

No I/O and no clock of their own: the caller hands over what came in with ``receive``, calls ``poll`` every few
milliseconds and writes what it returns to the line. ``now`` is in seconds and only ever grows. Any trouble opens a new
session that goes on where the device stands; when several in a row bring nothing, FlashError says so.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from typing import Final

from tombola_device.contract import protocol as p
from tombola_device.contract.asking import NOBODY, REQUEST_TRIES, Requests, hello
from tombola_device.contract.errors import FlashError
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.signing import public_key, sign_bundle

CHUNK_BYTES: Final = 2048
"""Framing then costs 1.2 %, and a chunk takes 0.18 s at 115200 baud."""
QUEUE_S: Final = 0.5
"""Chunks are let onto the line until one takes so long from sending to acknowledgement: enough to fill the line,
little enough to notice a loss soon."""
REORDERED_CHUNKS: Final = 3
"""A chunk is taken for lost when one that was sent so many later has come; as TCP does."""
MIN_TIMEOUT_S, FIRST_TIMEOUT_S, MAX_TIMEOUT_S = 0.2, 3.0, 10.0
"""3 s: one chunk and its acknowledgement at 9600 baud take 2.2 s."""
GROWTH_CHUNKS: Final = 2
"""More chunks under way for each that came back soon: three times as many each round trip fill a fast line soon."""
CHUNK_TRIES: Final = 8
FINISH_EVERY_S: Final = 0.25
BARREN_SESSIONS: Final = 8
VERIFY_S, VERIFY_S_PER_MIB = 30.0, 2.0
"""Hashing, loading and probing on a Raspberry Pi, longer than its probe may take; it grows with the bundle."""


class SenderPhase(Enum):
    """What the host is waiting for."""

    HELLO = "looking for the device"
    BEGIN = "asking what the device holds"
    SENDING = "sending"
    FINISHING = "waiting for the device to check and install"
    DONE = "done"


@dataclass(slots=True)
class _Flight:
    """A chunk that was sent and not acknowledged."""

    serial: int
    sent_s: float
    tries: int


class Sender:
    """Sends one bundle.

    Args:
        data: The encoded bundle.
        session: A number that no other recent session has, 0 … 2**32 - 1; each new session takes the next.
        chunk_bytes: Longest chunk to offer; the device may ask for less.
        seed: Private key of who flashes, 32 bytes; without one the bundle goes unsigned.
    """

    def __init__(self, data: bytes, session: int, chunk_bytes: int = CHUNK_BYTES, seed: bytes | None = None) -> None:
        self._data = data
        self._sha256 = hashlib.sha256(data).digest()
        self._signed = public_key(seed) + sign_bundle(seed, self._sha256) if seed is not None else b""
        self._session = session
        self._offer_bytes = max(p.MIN_CHUNK_BYTES, min(chunk_bytes, p.MAX_CHUNK_BYTES))
        self._restart = 0
        self._barren = 0
        self._best = -1
        self.resumed_from: int | None = None
        """Bytes that the device held before; None until it has said so."""
        self.already_active = False
        self.sessions = 0
        self.resent_chunks = 0
        self.held_bytes = 0
        """Bytes that the device holds."""
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
        # In the order in which they were sent, so that who looks for old ones need not look at all: with a window of
        # 255 chunks that took more of a fast line's time than all else (7 of 10 instructions).
        self._flights: dict[int, _Flight] = {}
        self._lost: set[int] = set()
        self._allowance = 1
        self._eased = 0
        self._timeout_s = FIRST_TIMEOUT_S
        self._round_trip_s: float | None = None
        self._jitter_s = 0.0

    def reconnect(self) -> None:
        """Begin a new session: the line was cut and is there again."""
        self._session = (self._session + 1) & 0xFFFFFFFF
        self._open()

    def receive(self, data: bytes, now: float) -> None:
        """Take in what the line brought, in pieces of any length.

        Raises:
            FlashError: The device refused, or several sessions brought nothing.
        """
        for session, message in self._reader.feed(data):
            if session == self._session:
                self._handle(message, now)

    def poll(self, now: float) -> bytes:
        """What is to be written to the line at time ``now``, s.

        Raises:
            FlashError: Nobody answers, the line loses too much, or the device does not come to an end.
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
            raise FlashError("the device does not come to an end checking the bundle; ask for its status, flash again")
        if self._requests.tries <= REQUEST_TRIES:
            return
        if self.phase is SenderPhase.HELLO:
            raise FlashError(NOBODY)
        self._renew()
        self._requests.due(now)

    def _renew(self, *, smaller: bool = False) -> None:
        """Open the next session unless the last ones brought nothing; ``smaller``: long frames do not get through."""
        self._barren = 0 if self.held_bytes > self._best else self._barren + 1
        self._best = max(self._best, self.held_bytes)
        if self._barren >= BARREN_SESSIONS:
            raise FlashError(
                f"the transfer does not get beyond {self.held_bytes} of {len(self._data)} bytes; "
                "check the cable and flash again, it goes on from there"
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
            raise FlashError("the device asks for chunks of a length that was not offered; update the older side")
        self._chunk_bytes = welcome.chunk_bytes
        if not p.LOWEST_VERSION <= welcome.version <= p.PROTOCOL_VERSION:
            raise FlashError(
                f"the device chose version {welcome.version} of the protocol, which was not offered; update it"
            )
        # A device that is too old for signatures asks for none.
        signed = self._signed if welcome.version >= p.SIGNED_VERSION else b""
        self._window = min(welcome.window_chunks, p.WINDOW_CHUNKS)
        self.phase = SenderPhase.BEGIN
        self._requests.ask(p.Begin(len(self._data), self._restart, self._sha256 + signed))

    def _ready(self, ready: p.Ready) -> None:
        if ready.active:
            self.held_bytes = len(self._data)
            if (
                self.resumed_from is None
            ):  # Later it would be what was sent here: the line was cut while it was checked.
                self.already_active, self.resumed_from = True, len(self._data)
            self._done()
            return
        if ready.offset > len(self._data) or zlib.crc32(self._data[: ready.offset]) != ready.crc32:
            self._restart = 1  # What the device holds is not the beginning of this bundle: after a power cut, say.
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
            return  # An old one, overtaken by a newer.
        newest, held = -1, int.from_bytes(ack.tail, "little")
        came = [*range(self._base, first), *(first + bit + 1 for bit in range(held.bit_length()) if held >> bit & 1)]
        for index in came:
            flight = self._flights.pop(index, None)
            if flight is None:
                continue
            self._lost.discard(index)
            newest = max(newest, flight.serial)
            if flight.tries == 1:  # Of a chunk sent twice nobody knows which copy was acknowledged.
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
        """Adapt time-out and allowance to one measured round trip. Source: RFC 6298 (mean and deviation)."""
        if self._round_trip_s is None:
            self._round_trip_s, self._jitter_s = round_trip_s, round_trip_s / 2
        self._jitter_s += 0.25 * (abs(round_trip_s - self._round_trip_s) - self._jitter_s)
        self._round_trip_s += 0.125 * (round_trip_s - self._round_trip_s)
        timeout_s = self._round_trip_s + 4 * self._jitter_s
        self._timeout_s = min(max(timeout_s, MIN_TIMEOUT_S, 2 * round_trip_s), MAX_TIMEOUT_S)

    def _steer(self, flight: _Flight, now: float) -> None:
        """Let more chunks onto the line while they come back soon, fewer when they queue.

        Fewer only once for all that were under way then, since they tell of the same queue: one after the other they
        emptied a fast line with a long way, which then ran at two thirds of its rate.
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
