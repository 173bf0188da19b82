"""Reads protobuf messages that are written in exactly one way; every other spelling of the same content is refused.

Protobuf lets a writer spell one message in many ways: longer varints, tags with more than 32 bits, fields in any order
or twice, fields that a reader does not know and skips. Two readers may then see two different messages in the same
bytes (seen: a tag with bit 32 set is unknown to a reader of 64 bits, and a field to one of 32). So this reader takes
only the spelling that protobuf's own writers produce: known fields, in the order of their numbers, each number in as
few bytes as possible. What it accepts, protobuf reads and writes back as the same bytes.

Source: protobuf encoding guide (wire types, varints, packed fields).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "int64", "int32", "uint64", "float", "bytes", "text", "int64s", "int32s", "uint64s", "floats", "doubles"
]
"""Type of a field. Those in the plural are packed: all values in one field."""
Value: TypeAlias = "int | memoryview | str | Message"

_VARINT, _BYTES, _FIXED32 = 0, 2, 5
_WIRE: Final[Mapping[str, int]] = {"int64": _VARINT, "int32": _VARINT, "uint64": _VARINT, "float": _FIXED32}
_PACKED_BYTES: Final[Mapping[str, int]] = {"floats": 4, "doubles": 8}
_PACKED_VARINTS: Final[Mapping[str, Kind]] = {"int64s": "int64", "int32s": "int32", "uint64s": "uint64"}


class NotCanonical(ValueError):
    """The bytes are no message of this kind, or are written in another way; the text says what they have."""


class NotAllowed(ValueError):
    """The message has a field that is refused; the text is the field's."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a message may have.

    Args:
        kind: Type of its value, or the message that it contains.
        repeated: Whether it may occur several times.
        refused: Why it must not be there, unless it is the number 0; empty: it may be there.
    """

    kind: Kind | Mapping[int, Field] = "bytes"
    repeated: bool = False
    refused: str = ""


Fields: TypeAlias = Mapping[int, Field]


@dataclass(slots=True)
class Message:
    """A message that was read: field number → values, in order."""

    values: dict[int, list[Value]] = field(default_factory=dict)

    def messages(self, number: int) -> list[Message]:
        """The messages in a field."""
        return [value for value in self.values.get(number, ()) if isinstance(value, Message)]

    def texts(self, number: int) -> list[str]:
        """The texts in a field."""
        return [value for value in self.values.get(number, ()) if isinstance(value, str)]

    def text(self, number: int) -> str:
        """The text in a field; empty if it is missing."""
        return "".join(self.texts(number))

    def number(self, number: int) -> int:
        """The number in a field; 0 if it is missing."""
        return next((value for value in self.values.get(number, ()) if isinstance(value, int)), 0)


def read_message(data: bytes, fields: Fields, most_values: int) -> Message:
    """Read a message and all messages in it.

    Args:
        data: The bytes.
        fields: What the message may contain.
        most_values: Most values in all, which bounds time and memory.

    Raises:
        NotCanonical: The bytes are something else.
        NotAllowed: A field is refused.

    >>> pair = {1: Field("text"), 2: Field("int64", repeated=True)}
    >>> read_message(bytes([0x0A, 1, 65, 0x10, 7, 0x10, 8]), pair, 10).values
    {1: ['A'], 2: [7, 8]}
    >>> read_message(bytes([0x10, 0x87, 0x00]), pair, 10)
    Traceback (most recent call last):
    tombola_device.engine.wire.NotCanonical: a number that is longer than it must be
    """
    return _Reader(most_values).message(memoryview(data), fields)


class _Reader:
    def __init__(self, most_values: int) -> None:
        self._most_values = self._left = most_values

    def message(self, data: memoryview, fields: Fields) -> Message:
        found, at, last = Message(), 0, 0
        while at < len(data):
            self._count()
            tag, at = _varint(data, at)
            number, wire = tag >> 3, tag & 7
            known = fields.get(number)
            if known is None:  # Tags of more than 32 bits have numbers that no field has.
                raise NotCanonical("a field that ONNX does not have")
            if number < last or (number == last and not known.repeated):
                raise NotCanonical("a field twice or out of order")
            kind, last = known.kind, number
            if wire != (_WIRE.get(kind, _BYTES) if isinstance(kind, str) else _BYTES):
                raise NotCanonical("a field of the wrong type")
            value: Value
            if wire == _VARINT:
                value, at = _varint(data, at)
                value = _number(value, str(kind))
            else:
                length, at = (4, at) if wire == _FIXED32 else _varint(data, at)
                if length > len(data) - at:
                    raise NotCanonical("a field that is cut short")
                value, at = self._content(data[at : at + length], kind), at + length
            if known.refused and value != 0:
                raise NotAllowed(known.refused)
            found.values.setdefault(number, []).append(value)
        return found

    def _content(self, content: memoryview, kind: Kind | Fields) -> Value:
        if not isinstance(kind, str):
            return self.message(content, kind)
        if kind == "text":
            try:
                return str(content, "utf-8")
            except UnicodeDecodeError as error:
                raise NotCanonical("a text that is not UTF-8") from error
        if kind in _PACKED_BYTES and (not content or len(content) % _PACKED_BYTES[kind]):
            raise NotCanonical("a list of numbers that is cut short")
        if kind in _PACKED_VARINTS:
            self._check_varints(content, _PACKED_VARINTS[kind])
        return content

    def _check_varints(self, content: memoryview, kind: Kind) -> None:
        if not content:
            raise NotCanonical("a list of numbers that is cut short")
        at = 0
        while at < len(content):
            self._count()
            value, at = _varint(content, at)
            _number(value, kind)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise NotCanonical(f"more than {self._most_values} fields")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of at most 64 bits in as few bytes as possible, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            if (byte == 0 and shift > 7) or value >> 64:
                raise NotCanonical("a number that is longer than it must be")
            return value, at
    raise NotCanonical("a number that is cut short")


def _number(value: int, kind: str) -> int:
    if kind == "uint64":
        return value
    signed = value - (1 << 64) if value >> 63 else value
    if kind == "int32" and not -(1 << 31) <= signed < 1 << 31:
        raise NotCanonical("a number that is longer than it must be")
    return signed
