"""Reads float32 tensors from a TensorFlow checkpoint (version 2) without TensorFlow.

Its index is a sorted-string table: blocks of entries whose keys leave out what they share with the key before, a block
that says where the blocks lie, and a footer that says where that one lies. An entry is a small protocol buffer: shape,
and the place in the file of raw numbers.

Source: the table format of LevelDB (doc/table_format.md); the messages of tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadConfig

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
FLOAT32 = 1
DTYPE, SHAPE, SHARD, OFFSET, SIZE = 1, 2, 3, 4, 5
"""Fields of an entry."""
DIMENSION, LENGTH = 2, 1
"""Fields of a shape, and of a dimension."""


def read_tensors(folder: Path) -> dict[str, Float32Array]:
    """All float32 tensors of a checkpoint in one piece, by name.

    Raises:
        BadConfig: The files are missing, or not what they should be.
    """
    try:
        index = (folder / ".index").read_bytes()
        numbers = (folder / ".data-00000-of-00001").read_bytes()
        return dict(_tensors(index, numbers))
    except OSError as error:
        raise BadConfig(f"the checkpoint in {folder} cannot be read ({error.strerror}); install it again") from error
    except (IndexError, struct.error, ValueError) as error:
        raise BadConfig(f"{folder} holds no checkpoint that is understood here ({error}); install it again") from error


def _tensors(index: bytes, numbers: bytes) -> Iterator[tuple[str, Float32Array]]:
    if len(index) < FOOTER_BYTES or struct.unpack("<Q", index[-8:])[0] != MAGIC:
        raise ValueError("its index is no table")
    footer = index[-FOOTER_BYTES:]
    _, at = _handle(footer, 0)
    (offset, size), _ = _handle(footer, at)
    for _, place in _entries(index[offset : offset + size]):
        (offset, size), _ = _handle(place, 0)
        for key, value in _entries(index[offset : offset + size]):
            fields, parts = _message(value)
            if not key or fields.get(DTYPE) != FLOAT32:
                continue  # The empty key is the table's own header.
            dimensions = [part for shape in parts.get(SHAPE, []) for part in _message(shape)[1].get(DIMENSION, [])]
            shape = [_message(dimension)[0].get(LENGTH, 0) for dimension in dimensions]
            start, size = fields.get(OFFSET, 0), fields.get(SIZE, 0)
            if fields.get(SHARD, 0) or start + size > len(numbers):
                raise ValueError(f"{key.decode()} lies in another file")
            yield key.decode(), np.frombuffer(numbers[start : start + size], "<f4").reshape(shape).copy()


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    (restarts,) = struct.unpack("<I", block[-4:])
    end, at, key = len(block) - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _message(data: bytes) -> tuple[dict[int, int], dict[int, list[bytes]]]:
    """Numbers and byte strings of a protocol buffer, by field."""
    numbers: dict[int, int] = {}
    strings: dict[int, list[bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            numbers[tag >> 3], at = _varint(data, at)
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            strings.setdefault(tag >> 3, []).append(data[at : at + length])
            at += length
        else:
            at += {1: 8, 5: 4}.get(tag & 7, len(data))
    return numbers, strings


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
