"""Frames of the serial line and the messages in them, without I/O.

    frame    = 0x00, COBS(message), 0x00       the first 0x00 separates the frame from noise before it
    message  = kind, session, fields, tail, CRC-32 of all bytes before it

    kind     1 byte
    session  4 bytes: drawn by the host for each connection, so that late frames of an earlier one are known
    fields   integers, unsigned, little-endian, as in the table of messages below
    tail     the rest: bytes of the bundle, a hash, a key, a bit map or JSON, depending on the kind
    CRC-32   4 bytes, little-endian, the polynomial of zlib

``sender`` (host) and ``receiver`` (device) decide which message is sent when. ``docs/protocol.md`` describes it all.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias, get_args

from cobs import cobs

from tombola_device.contract.bundle import HASH_BYTES
from tombola_device.contract.signing import KEY_BYTES, MAX_LABEL_BYTES, SIGNATURE_BYTES

LOWEST_VERSION, PROTOCOL_VERSION = 1, 2
"""2: signed bundles, pairing, windows of more than 64 chunks."""
SIGNED_VERSION: Final = 2
MIN_CHUNK_BYTES: Final = 64
MAX_CHUNK_BYTES: Final = 4096
WINDOW_CHUNKS: Final = 255
"""Chunks of 2 KiB; enough for 3.7 MB/s (USB) at a round trip of 140 ms."""
VERSION_1_WINDOW_CHUNKS: Final = 64
"""One per bit: version 1 acknowledges with 8 bytes."""
MAX_STATUS_BYTES: Final = 4096
MAX_LOOK_BYTES: Final = 2048
DELIMITER: Final = b"\0"

_HEAD = struct.Struct("<BI")
_CRC = struct.Struct("<I")
MAX_MESSAGE_BYTES: Final = _HEAD.size + 16 + MAX_CHUNK_BYTES + _CRC.size
MAX_FRAME_BYTES: Final = MAX_MESSAGE_BYTES + MAX_MESSAGE_BYTES // 254 + 1
"""COBS adds at most one byte per 254."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Host: opens a session and offers versions, chunk length and window."""

    kind: ClassVar[int] = 0x01
    layout: ClassVar[struct.Struct] = struct.Struct("<BBHB")
    lowest_version: int
    highest_version: int
    chunk_bytes: int
    window_chunks: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Host: announces a bundle. ``restart`` 1: the device discards the part that it holds.

    The tail is the bundle's SHA-256. From version 2 on, the signer's public key and signature may follow.
    """

    kind: ClassVar[int] = 0x02
    layout: ClassVar[struct.Struct] = struct.Struct("<IB")
    size_bytes: int
    restart: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """Host: one chunk of the bundle."""

    kind: ClassVar[int] = 0x03
    layout: ClassVar[struct.Struct] = struct.Struct("<I")
    offset: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """Host: all bytes are sent; check and install. Repeated until the answer is Installed or Error."""

    kind: ClassVar[int] = 0x04
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Ask:
    """Host: asks for the device's status."""

    kind: ClassVar[int] = 0x05
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Pair:
    """Host: asks to become an owner. The tail is its public key, a signature and the key's label in UTF-8."""

    kind: ClassVar[int] = 0x06
    layout: ClassVar[struct.Struct] = struct.Struct("")
    tail: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """Host: asks for the panel's view, and says what was touched since: a JSON array. ``code``: the display shows it.

    ``number`` rises with each Look; one that is repeated is answered again, and nothing happens twice.
    """

    kind: ClassVar[int] = 0x07
    layout: ClassVar[struct.Struct] = struct.Struct("<II")
    number: int
    code: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """Device: the session is open with this version, chunk length and window."""

    kind: ClassVar[int] = 0x81
    layout: ClassVar[struct.Struct] = struct.Struct("<BHB")
    version: int
    chunk_bytes: int
    window_chunks: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Device: already holds ``offset`` bytes with this CRC-32. ``active`` 1: the bundle is already playing."""

    kind: ClassVar[int] = 0x82
    layout: ClassVar[struct.Struct] = struct.Struct("<BII")
    active: int
    offset: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Ack:
    """Device: holds all bytes before ``offset``, where chunk n begins. Bit i of the tail: also holds chunk n + i + 1.

    Bit i is bit i % 8 of byte i // 8. Version 1 always sends 8 bytes; version 2 omits zero bytes at the end.
    """

    kind: ClassVar[int] = 0x83
    layout: ClassVar[struct.Struct] = struct.Struct("<I")
    offset: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Installed:
    """Device: the bundle is verified and active."""

    kind: ClassVar[int] = 0x84
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Status:
    """Device: its status as a JSON object."""

    kind: ClassVar[int] = 0x85
    layout: ClassVar[struct.Struct] = struct.Struct("")
    tail: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Device: still working on the request; ask again."""

    kind: ClassVar[int] = 0x86
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Paired:
    """Device: the host's key is enrolled; the device now has ``owners`` keys."""

    kind: ClassVar[int] = 0x87
    layout: ClassVar[struct.Struct] = struct.Struct("<B")
    owners: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Device: the panel's view as JSON, compressed by zlib; the answer to the Look of this number."""

    kind: ClassVar[int] = 0x88
    layout: ClassVar[struct.Struct] = struct.Struct("<I")
    number: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Error:
    """Device: refuses, with an ErrorCode and its figure."""

    kind: ClassVar[int] = 0xFF
    layout: ClassVar[struct.Struct] = struct.Struct("<HI")
    code: int
    value: int


Message: TypeAlias = (
    Hello
    | Begin
    | Data
    | Finish
    | Ask
    | Pair
    | Look
    | Welcome
    | Ready
    | Ack
    | Installed
    | Status
    | Wait
    | Paired
    | Seen
    | Error
)

_KINDS: Final[dict[int, type[Message]]] = {message.kind: message for message in get_args(Message)}
_TAIL_BYTES: Final[dict[int, Container[int]]] = {
    Begin.kind: (HASH_BYTES, HASH_BYTES + KEY_BYTES + SIGNATURE_BYTES),
    Data.kind: range(1, MAX_CHUNK_BYTES + 1),
    Pair.kind: range(KEY_BYTES + SIGNATURE_BYTES, KEY_BYTES + SIGNATURE_BYTES + MAX_LABEL_BYTES + 1),
    Look.kind: range(2, MAX_LOOK_BYTES + 1),
    Seen.kind: range(1, MAX_CHUNK_BYTES + 1),
    Ack.kind: range(WINDOW_CHUNKS // 8 + 2),
    Status.kind: range(2, MAX_STATUS_BYTES + 1),
}
"""Allowed lengths of the tail; other kinds have no tail."""


def encode_frame(session: int, message: Message) -> bytes:
    """One message as bytes of the line, delimiters included."""
    values = [getattr(message, name) for name in message.__slots__]
    tail = values.pop() if message.kind in _TAIL_BYTES else b""
    body = _HEAD.pack(message.kind, session) + message.layout.pack(*values) + tail
    stuffed: bytes = cobs.encode(body + _CRC.pack(zlib.crc32(body)))
    return DELIMITER + stuffed + DELIMITER


def decode_frame(frame: bytes) -> tuple[int, Message] | None:
    """Session and message of the bytes between two delimiters; None if any part is wrong."""
    try:
        body = cobs.decode(frame)
    except cobs.DecodeError:
        return None
    if not _HEAD.size + _CRC.size <= len(body) <= MAX_MESSAGE_BYTES:
        return None
    body, (crc,) = body[: -_CRC.size], _CRC.unpack(body[-_CRC.size :])
    kind, session = _HEAD.unpack_from(body)
    message = _KINDS.get(kind)
    if zlib.crc32(body) != crc or message is None:
        return None
    end = _HEAD.size + message.layout.size
    if len(body) - end not in _TAIL_BYTES.get(kind, (0,)):
        return None
    values: list[object] = list(message.layout.unpack_from(body, _HEAD.size))
    if kind in _TAIL_BYTES:
        values.append(body[end:])
    return session, message(*values)  # type: ignore[arg-type]  # the layout has one integer per field


class FrameReader:
    """Cuts a stream of bytes into messages. Bytes that are not a frame are counted and dropped.

    Memory never exceeds MAX_FRAME_BYTES.

    >>> reader, frame = FrameReader(), encode_frame(7, Finish())
    >>> reader.feed(frame[:5]), reader.feed(frame[5:])
    ([], [(7, Finish())])
    """

    def __init__(self) -> None:
        self._frame = bytearray()
        self._overlong = False
        self.bad_frames = 0

    def feed(self, data: bytes) -> list[tuple[int, Message]]:
        """Take received bytes; return session and message of each frame that they complete."""
        messages = []
        *ends, rest = data.split(DELIMITER)
        for end in ends:
            self._extend(end)
            whole, overlong = bytes(self._frame), self._overlong
            self._frame.clear()
            self._overlong = False
            found = None if overlong else decode_frame(whole)
            if found is not None:
                messages.append(found)
            elif whole or overlong:
                self.bad_frames += 1
        self._extend(rest)
        return messages

    def _extend(self, data: bytes) -> None:
        if self._overlong or len(self._frame) + len(data) > MAX_FRAME_BYTES:
            self._overlong = True
            self._frame.clear()
        else:
            self._frame += data
