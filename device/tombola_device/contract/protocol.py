"""What crosses the serial line: frames and the messages in them, without any I/O.

    frame    = 0x00, COBS(message), 0x00       so that rubbish between frames costs no frame
    message  = kind, session, fields, tail, CRC-32 of all before it

    kind     1 byte
    session  4 bytes: a number that the host draws for each connection, so that late frames of an earlier one are known
    fields   integers, unsigned, little-endian, as in the table of messages below
    tail     the rest: bytes of the bundle, a SHA-256 or JSON, as the kind says
    CRC-32   4 bytes, little-endian, the polynomial of zlib

Who says what when is in ``sender`` (host) and ``receiver`` (device); ``docs/protocol.md`` tells the whole.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

from cobs import cobs

PROTOCOL_VERSION: Final = 1
MIN_CHUNK_BYTES: Final = 64
MAX_CHUNK_BYTES: Final = 4096
WINDOW_CHUNKS: Final = 64
"""As many as the bit map of an acknowledgement can name: of 2 KiB, enough for 1 MB/s with 130 ms there and back."""
MAX_STATUS_BYTES: Final = 4096
DELIMITER: Final = b"\0"

_HEAD = struct.Struct("<BI")
_CRC = struct.Struct("<I")
MAX_MESSAGE_BYTES: Final = _HEAD.size + 16 + MAX_CHUNK_BYTES + _CRC.size
MAX_FRAME_BYTES: Final = MAX_MESSAGE_BYTES + MAX_MESSAGE_BYTES // 254 + 1
"""COBS adds at most one byte for each 254."""


class ErrorCode(IntEnum):
    """What a device can refuse; the host turns the number into a sentence."""

    VERSION = 1
    NO_SESSION = 2
    BAD_REQUEST = 3
    TOO_LARGE = 4
    DISK_FULL = 5
    WRITE_FAILED = 6
    BAD_HASH = 7
    BAD_BUNDLE = 8
    PROBE_FAILED = 9


_SENTENCES: Final = {
    ErrorCode.VERSION: "the device speaks version {value} of the flash protocol; update the older side",
    ErrorCode.NO_SESSION: "the device has forgotten this transfer; flash again",
    ErrorCode.BAD_REQUEST: "the device did not understand message {value}; update the older side",
    ErrorCode.TOO_LARGE: "the bundle is larger than the {value} bytes that the device takes; export a smaller one",
    ErrorCode.DISK_FULL: "the device has only {value} bytes free; remove something from its card",
    ErrorCode.WRITE_FAILED: "the device could not write to its card; check the card, then flash again",
    ErrorCode.BAD_HASH: "what the device stored differs from what was sent; flash again",
    ErrorCode.BAD_BUNDLE: "the device refused the bundle as damaged, unknown or of a newer version; export it again",
    ErrorCode.PROBE_FAILED: "the bundle does not play on the device; ask for the device's status and export again",
}


def error_sentence(code: int, value: int) -> str:
    """What a device's error number means, and what to do, in one sentence."""
    known = _SENTENCES.get(ErrorCode(code)) if code in ErrorCode.__members__.values() else None
    if known is None:
        return f"the device refused with error {code} ({value}), which is unknown here; update this software"
    return known.format(value=value)


@dataclass(frozen=True, slots=True)
class Hello:
    """Host: opens a session and offers what it can."""

    kind: ClassVar[int] = 0x01
    layout: ClassVar[struct.Struct] = struct.Struct("<BBHB")
    lowest_version: int
    highest_version: int
    chunk_bytes: int
    window_chunks: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Host: names the bundle; ``restart`` 1 throws away what the device holds of it."""

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
    """Host: all is sent; check and install it. Repeated until the answer is Installed or Error."""

    kind: ClassVar[int] = 0x04
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Ask:
    """Host: asks for the device's status."""

    kind: ClassVar[int] = 0x05
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Welcome:
    """Device: the session is open, with these figures."""

    kind: ClassVar[int] = 0x81
    layout: ClassVar[struct.Struct] = struct.Struct("<BHB")
    version: int
    chunk_bytes: int
    window_chunks: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Device: holds ``offset`` bytes with this CRC-32 already; ``active`` 1: the bundle is the one that is playing."""

    kind: ClassVar[int] = 0x82
    layout: ClassVar[struct.Struct] = struct.Struct("<BII")
    active: int
    offset: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Ack:
    """Device: holds all bytes before ``offset``; bit i of ``held``: also chunk i + 1 after the one that is due."""

    kind: ClassVar[int] = 0x83
    layout: ClassVar[struct.Struct] = struct.Struct("<IQ")
    offset: int
    held: int


@dataclass(frozen=True, slots=True)
class Installed:
    """Device: the bundle is verified and active."""

    kind: ClassVar[int] = 0x84
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Status:
    """Device: its status, a JSON object."""

    kind: ClassVar[int] = 0x85
    layout: ClassVar[struct.Struct] = struct.Struct("")
    tail: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Device: still at work on what was asked; ask again."""

    kind: ClassVar[int] = 0x86
    layout: ClassVar[struct.Struct] = struct.Struct("")


@dataclass(frozen=True, slots=True)
class Error:
    """Device: refused, with an ErrorCode and a figure that belongs to it."""

    kind: ClassVar[int] = 0xFF
    layout: ClassVar[struct.Struct] = struct.Struct("<HI")
    code: int
    value: int


Message: TypeAlias = Hello | Begin | Data | Finish | Ask | Welcome | Ready | Ack | Installed | Status | Wait | Error

_KINDS: Final[dict[int, type[Message]]] = {
    message.kind: message
    for message in (Hello, Begin, Data, Finish, Ask, Welcome, Ready, Ack, Installed, Status, Wait, Error)
}
_TAIL_BYTES: Final = {Begin.kind: (32, 32), Data.kind: (1, MAX_CHUNK_BYTES), Status.kind: (2, MAX_STATUS_BYTES)}
"""Least and most; kinds that are not named have none."""


def encode_frame(session: int, message: Message) -> bytes:
    """One message as it goes over the line, delimiters included."""
    values = [getattr(message, name) for name in message.__slots__]
    tail = values.pop() if message.kind in _TAIL_BYTES else b""
    body = _HEAD.pack(message.kind, session) + message.layout.pack(*values) + tail
    stuffed: bytes = cobs.encode(body + _CRC.pack(zlib.crc32(body)))
    return DELIMITER + stuffed + DELIMITER


def decode_frame(frame: bytes) -> tuple[int, Message] | None:
    """Session and message of what stood between two delimiters; None if any of it is wrong."""
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
    least, most = _TAIL_BYTES.get(kind, (0, 0))
    if not least <= len(body) - end <= most:
        return None
    values: list[object] = list(message.layout.unpack_from(body, _HEAD.size))
    if most:
        values.append(body[end:])
    return session, message(*values)  # type: ignore[arg-type]  # the layout gives as many integers as there are fields


class FrameReader:
    """Cuts a stream that comes in pieces of any length into messages; whatever is no frame is counted and dropped.

    Memory is bounded by MAX_FRAME_BYTES whatever comes in.
    """

    def __init__(self) -> None:
        self._frame = bytearray()
        self._overlong = False
        self.bad_frames = 0

    def feed(self, data: bytes) -> list[tuple[int, Message]]:
        """Session and message of each frame that ``data`` completes."""
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
