"""A bundle: the one file that is flashed, with a manifest and ONNX graphs, each with its hash.

    offset        bytes  what (integers are unsigned, little-endian)
    0             8      magic, MAGIC
    8             4      format version
    12            4      m, length of the manifest
    16            4      n, length of the graphs
    20            32     SHA-256 of the manifest
    52            32     SHA-256 of the graphs
    84            m      manifest, JSON in UTF-8
    84 + m        n      graphs
    84 + m + n    32     SHA-256 of all bytes before it

In version 2 the graphs follow one another, in the order of their roles:

    0             16     role, ASCII, filled with zeros
    16            4      k, length of the graph
    20            32     SHA-256 of the graph
    52            k      graph, ONNX

Version 1 has one graph without a role, and the manifest of ``manifest_1``. Version 1 is only read, never written.

The lengths are checked before any byte is hashed, and the hashes before any part is parsed. Graphs are not parsed here;
the load probe does that.

>>> bundle = decode_bundle(path.read_bytes())
>>> bundle.manifest.name, {role: len(graph) for role, graph in bundle.graphs.items()}
('golden', {'frame': 256})
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import FRAME
from tombola_device.contract.manifest import MANIFEST_VERSION, MAX_GRAPHS, Manifest, decode_manifest, encode_manifest
from tombola_device.contract.manifest_1 import decode_manifest_1

FORMAT_VERSION = MANIFEST_VERSION
MAGIC = b"\x89TMBL\r\n\x1a"
"""Like PNG's magic: a transfer that is not 8-bit clean, or that converts line ends, damages it visibly."""
HEADER_BYTES = 84
HASH_BYTES = 32
MAX_BUNDLE_BYTES = 64 * 1024 * 1024
MAX_MANIFEST_BYTES = 1024 * 1024
SMALLEST_BUNDLE_BYTES = HEADER_BYTES + 2 + 1 + HASH_BYTES
PIECE_BYTES = 1 << 20
"""Copies of graphs are made in pieces of this size. While 50 MB are copied at once no other thread runs, which held the
control loop and the sound up for 25 to 33 ms (measured, x86). ``bytes.join`` lets them run."""

_HEADER = struct.Struct("<8sIII32s32s")
_PART = struct.Struct("<16sI32s")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A manifest and the graphs that it describes.

    Args:
        manifest: Describes the bundle.
        graphs: Role → serialised ONNX graph.
    """

    manifest: Manifest
    graphs: Mapping[str, bytes]


def bundle_sha256(data: bytes) -> str:
    """SHA-256 of an encoded bundle, as 64 hexadecimal digits; host and device identify the bundle by it."""
    return hashlib.sha256(data).hexdigest()


def encode_bundle(bundle: Bundle) -> bytes:
    """Encode a bundle in the present version. Equal bundles give equal bytes.

    Raises:
        BadBundle: A value of the manifest is out of range, it describes other graphs, or a part is empty or too large.
    """
    manifest = encode_manifest(bundle.manifest)
    graphs = b"".join([piece for role, onnx in sorted(bundle.graphs.items()) for piece in _part(role, onnx)])
    _check_lengths(len(manifest), len(graphs))
    _check_roles(decode_manifest(manifest), bundle.graphs)
    header = _HEADER.pack(
        MAGIC,
        FORMAT_VERSION,
        len(manifest),
        len(graphs),
        hashlib.sha256(manifest).digest(),
        hashlib.sha256(graphs).digest(),
    )
    # Joined, because ``+`` of 50 MB holds all threads up; see PIECE_BYTES.
    body = b"".join([header, manifest, graphs])
    return b"".join([body, hashlib.sha256(body).digest()])


def decode_bundle(data: bytes) -> Bundle:
    """Check and decode an encoded bundle.

    Raises:
        BadBundle: The data are not a bundle, have another version, exceed a limit, are cut short or too long, or any
            bit differs from what was encoded.
    """
    manifest, graphs = _checked(data)
    return Bundle(manifest, {role: _copied(onnx) for role, onnx in graphs.items()})


def check_bundle(data: bytes) -> Manifest:
    """Check an encoded bundle as ``decode_bundle`` does, without a copy of its graphs.

    Raises:
        BadBundle: As in ``decode_bundle``.
    """
    return _checked(data)[0]


def _checked(data: bytes) -> tuple[Manifest, dict[str, memoryview]]:
    if len(data) < SMALLEST_BUNDLE_BYTES:
        raise BadBundle(f"the bundle is cut short after {len(data)} bytes; copy or export it again")
    if len(data) > MAX_BUNDLE_BYTES:
        raise BadBundle(f"the bundle has {len(data)} bytes, more than {MAX_BUNDLE_BYTES}; export a smaller one")
    magic, version, manifest_bytes, graph_bytes, manifest_hash, graph_hash = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadBundle("the file does not begin like a bundle; give a file that `tombola export` wrote")
    if version > FORMAT_VERSION:
        raise BadBundle(
            f"the bundle has format version {version} but {FORMAT_VERSION} is the newest here; update this software"
        )
    if version < 1:
        raise BadBundle(f"the bundle has format version {version}, which never existed; export it again")
    _check_lengths(manifest_bytes, graph_bytes)
    end = HEADER_BYTES + manifest_bytes + graph_bytes
    if len(data) != end + HASH_BYTES:
        raise BadBundle(
            f"the bundle has {len(data)} bytes but announces {end + HASH_BYTES}: cut short or added to; copy it again"
        )
    view = memoryview(data)
    start, graphs = view[HEADER_BYTES : HEADER_BYTES + manifest_bytes], view[HEADER_BYTES + manifest_bytes : end]
    _check_hash("whole file", view[:end], data[end:])
    _check_hash("manifest", start, manifest_hash)
    _check_hash("graph", graphs, graph_hash)
    found = {FRAME: graphs} if version == 1 else _parts(graphs)
    manifest = _decode_manifest(version, bytes(start))
    _check_roles(manifest, found)
    return manifest, found


def peek_manifest(start: bytes) -> Manifest | None:
    """Read the manifest from a bundle's first bytes; None while bytes are missing, or if they are damaged."""
    if len(start) < HEADER_BYTES:
        return None
    magic, version, manifest_bytes, _, manifest_hash, _ = _HEADER.unpack_from(start)
    manifest = start[HEADER_BYTES : HEADER_BYTES + manifest_bytes]
    if magic != MAGIC or not 1 <= version <= FORMAT_VERSION or len(manifest) < manifest_bytes:
        return None
    if hashlib.sha256(manifest).digest() != manifest_hash:
        return None
    try:
        return _decode_manifest(version, manifest)
    except BadBundle:
        return None


def _decode_manifest(version: int, data: bytes) -> Manifest:
    return decode_manifest_1(data) if version == 1 else decode_manifest(data)


def _part(role: str, onnx: bytes) -> tuple[bytes, bytes]:
    if not onnx:
        raise BadBundle(f"the bundle's graph {role!r} has 0 bytes; export it again")
    return _PART.pack(role.encode(), len(onnx), hashlib.sha256(onnx).digest()), onnx


def _copied(view: memoryview) -> bytes:
    """A copy, made piece by piece; see PIECE_BYTES."""
    return b"".join([bytes(view[at : at + PIECE_BYTES]) for at in range(0, len(view), PIECE_BYTES)])


def _parts(graphs: memoryview) -> dict[str, memoryview]:
    """The graphs by role. Their lengths are checked before any is copied."""
    found: dict[str, memoryview] = {}
    before = b""
    while graphs:
        if len(graphs) < _PART.size or len(found) == MAX_GRAPHS:
            raise BadBundle(f"the bundle's graphs are not 1 to {MAX_GRAPHS} whole ones; export it again")
        name, length, expected = _PART.unpack_from(graphs)
        if not 0 < length <= len(graphs) - _PART.size or name <= before:
            raise BadBundle("the bundle's graphs are out of order or of a wrong length; export it again")
        onnx, graphs, before = graphs[_PART.size : _PART.size + length], graphs[_PART.size + length :], name
        _check_hash(f"graph {len(found) + 1}", onnx, expected)
        found[name.rstrip(b"\0").decode("ascii", "replace")] = onnx
    return found


def _check_roles(manifest: Manifest, graphs: Collection[str]) -> None:
    if set(graphs) != set(manifest.graphs):
        raise BadBundle(
            f"the bundle has the graphs {', '.join(sorted(graphs))}, but its manifest describes "
            f"{', '.join(sorted(manifest.graphs))}; export it again"
        )


def _check_lengths(manifest_bytes: int, graph_bytes: int) -> None:
    if not 2 <= manifest_bytes <= MAX_MANIFEST_BYTES:
        raise BadBundle(
            f"the bundle's manifest has {manifest_bytes} bytes, not 2 to {MAX_MANIFEST_BYTES}; export it again"
        )
    largest = MAX_BUNDLE_BYTES - HEADER_BYTES - HASH_BYTES - manifest_bytes
    if not 0 < graph_bytes <= largest:
        raise BadBundle(f"the bundle's graph has {graph_bytes} bytes, not 1 to {largest}; export it again")


def _check_hash(what: str, data: memoryview, expected: bytes) -> None:
    if hashlib.sha256(data).digest() != expected:
        raise BadBundle(f"the bundle is damaged: the SHA-256 of its {what} does not match; copy or export it again")
