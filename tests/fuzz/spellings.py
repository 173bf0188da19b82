"""Other spellings of a protobuf message: the same content for most readers, in bytes that no writer produces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx
from google.protobuf.descriptor import Descriptor, FieldDescriptor

VARINT, FIXED64, BYTES, START, END, FIXED32 = range(6)
_WIRES = {FieldDescriptor.TYPE_FLOAT: FIXED32, FieldDescriptor.TYPE_INT64: VARINT, FieldDescriptor.TYPE_INT32: VARINT,
          FieldDescriptor.TYPE_ENUM: VARINT, FieldDescriptor.TYPE_UINT64: VARINT}  # fmt: skip


@dataclass
class Piece:
    """A field as it stands in the bytes: where, and what it holds."""

    field: FieldDescriptor
    tag: int
    value: int | bytes | list[Piece]

    def content(self) -> bytes:
        if isinstance(self.value, int):
            return varint(self.value)
        inside = self.value if isinstance(self.value, bytes) else b"".join(piece.written() for piece in self.value)
        return inside if self.tag & 7 == FIXED32 else varint(len(inside)) + inside

    def written(self) -> bytes:
        return varint(self.tag) + self.content()


def varint(value: int, least: int = 1) -> bytes:
    """A number in at least so many bytes."""
    out = bytearray()
    while value >= 0x80 or len(out) < least - 1:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def read(data: bytes, kind: Descriptor) -> list[Piece]:
    """What protobuf's own writer wrote; this reader needs to understand nothing else."""
    pieces, at = [], 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = number()
        field = kind.fields_by_number[tag >> 3]
        if tag & 7 == VARINT:
            pieces.append(Piece(field, tag, number()))
            continue
        length = 4 if tag & 7 == FIXED32 else number()
        content, at = data[at : at + length], at + length
        nested = field.message_type
        pieces.append(Piece(field, tag, content if nested is None else read(content, nested)))
    return pieces


def everywhere(pieces: list[Piece]) -> Iterator[tuple[list[Piece], int]]:
    """Each field of a message and of all messages in it: the fields beside it, and its place among them."""
    for index, piece in enumerate(pieces):
        yield pieces, index
        if isinstance(piece.value, list):
            yield from everywhere(piece.value)


class Raw(Piece):
    """Bytes that stand in the place of a field."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def written(self) -> bytes:
        return self.data


def longer(data: bytes) -> bytes:
    """The same number in one byte more."""
    return data[:-1] + bytes((data[-1] | 0x80, 0))


def _respelled(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    """Other spellings of one field: their names and bytes."""
    yield from _other_tags(piece)
    yield from _other_numbers(piece)
    yield from _other_lists(piece)


def _other_tags(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    tag, content, whole = varint(piece.tag), piece.content(), piece.written()
    yield "a tag in too many bytes", [longer(tag) + content]
    for bit in (32, 35, 60):
        yield f"a tag with bit {bit}", [varint(piece.tag | 1 << bit) + content]
    for wire, inside in ((VARINT, b"\1"), (FIXED64, bytes(8)), (BYTES, b"\0"), (FIXED32, bytes(4)), (END, b"")):
        for number in (999, 19_000, (1 << 29) - 1):
            start = varint(number << 3 | START) if wire == END else b""
            yield "an unknown field", [whole, start + varint(number << 3 | wire) + inside]


def _other_numbers(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    tag, content, field, value = varint(piece.tag), piece.content(), piece.field, piece.value
    if isinstance(value, int):
        yield "a number in too many bytes", [tag + (longer(content) if len(content) < 10 else content[:-1] + b"\x7f")]
        yield "a number of more than 64 bits", [tag + varint(value | 1 << 64, 10)]
        if field.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM):
            yield "a number of more than 32 bits", [tag + varint(value | 1 << 40)]
    elif piece.tag & 7 == BYTES:
        length = varint(len(b"".join(p.written() for p in value)) if isinstance(value, list) else len(value))
        yield "a length in too many bytes", [tag + longer(length) + content[len(length) :]]
    if field.type == FieldDescriptor.TYPE_STRING:
        yield "a text that is not UTF-8", [tag + b"\1\xff"]


def _other_lists(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    tag, whole, field, value = varint(piece.tag), piece.written(), piece.field, piece.value
    if not field.is_repeated:
        yield "a field twice", [whole, whole]
        if isinstance(value, list) and len(value) > 1:
            parts = (b"".join(p.written() for p in half) for half in (value[:1], value[1:]))
            yield "a message in two parts", [tag + varint(len(part)) + part for part in parts]
    elif field.type in _WIRES and isinstance(value, int | bytes):
        if field.has_options and field.GetOptions().packed:
            yield "a list in two parts", [whole, tag + b"\0"]
            yield "a list that is not packed", [varint(field.number << 3 | _WIRES[field.type]) + bytes(4)]
            if _WIRES[field.type] == VARINT and isinstance(value, bytes):
                end = next(at for at, byte in enumerate(value) if byte < 0x80) + 1
                inside = longer(value[:end]) + value[end:]
                yield "a number of a list in too many bytes", [tag + varint(len(inside)) + inside]
        else:
            inside = varint(value) if isinstance(value, int) else value
            yield "a list that is packed", [varint(field.number << 3 | BYTES) + varint(len(inside)) + inside]


def spellings(data: bytes) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Every other spelling of a graph that changes one place."""
    model = read(data, onnx.ModelProto.DESCRIPTOR)
    assert b"".join(piece.written() for piece in model) == data
    for beside, at in list(everywhere(model)):
        for name, written in _respelled(beside[at]):
            yield name, lambda b=beside, i=at, w=written: _with(model, b, i, w)
        if at and beside[at].field.number != beside[at - 1].field.number:
            swapped = [beside[at].written() + beside[at - 1].written()]
            yield "fields out of order", lambda b=beside, i=at, w=swapped: _with(model, b, i - 1, [*w], 2)


def _with(model: list[Piece], beside: list[Piece], at: int, written: list[bytes], many: int = 1) -> bytes:
    kept = beside[at : at + many]
    beside[at : at + many] = [Raw(b"".join(written))]
    try:
        return b"".join(piece.written() for piece in model)
    finally:
        beside[at : at + 1] = kept
