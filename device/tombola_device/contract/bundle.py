"""The one file that is flashed: a manifest and an ONNX graph, each with its hash.

    offset        bytes  what (integers are unsigned, little-endian)
    0             8      magic, MAGIC
    8             4      format version
    12            4      m, length of the manifest
    16            4      n, length of the graph
    20            32     SHA-256 of the manifest
    52            32     SHA-256 of the graph
    84            m      manifest, JSON in UTF-8
    84 + m        n      graph, ONNX
    84 + m + n    32     SHA-256 of all bytes before it

The lengths are checked before any byte is hashed and the hashes before any part is parsed. The graph is not parsed
here: that is the work of the load probe.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from tombola_device.contract.errors import BadBundle
from tombola_device.contract.manifest import FORMAT_VERSION, Manifest, decode_manifest, encode_manifest

MAGIC = b"\x89TMBL\r\n\x1a"
"""After PNG's: a line that was not 8-bit clean, or that rewrote line ends, damages it visibly."""
HEADER_BYTES = 84
HASH_BYTES = 32
MAX_BUNDLE_BYTES = 64 * 1024 * 1024
MAX_MANIFEST_BYTES = 256 * 1024
SMALLEST_BUNDLE_BYTES = HEADER_BYTES + 2 + 1 + HASH_BYTES

_HEADER = struct.Struct("<8sIII32s32s")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A manifest and the graph that it describes.

    Args:
        manifest: What the bundle says of itself.
        onnx: The graph, as serialised by ONNX; opaque here.
    """

    manifest: Manifest
    onnx: bytes


def bundle_sha256(data: bytes) -> str:
    """SHA-256 of an encoded bundle, as 64 hexadecimal digits: the name by which host and device know it."""
    return hashlib.sha256(data).hexdigest()


def encode_bundle(bundle: Bundle) -> bytes:
    """Lay a bundle out as bytes. Equal bundles give equal bytes.

    Raises:
        BadBundle: The manifest is out of its ranges, or a part is empty or beyond its limit.
    """
    manifest = encode_manifest(bundle.manifest)
    _check_lengths(len(manifest), len(bundle.onnx))
    decode_manifest(manifest)
    header = _HEADER.pack(
        MAGIC,
        FORMAT_VERSION,
        len(manifest),
        len(bundle.onnx),
        hashlib.sha256(manifest).digest(),
        hashlib.sha256(bundle.onnx).digest(),
    )
    body = header + manifest + bundle.onnx
    return body + hashlib.sha256(body).digest()


def decode_bundle(data: bytes) -> Bundle:
    """Check and take apart an encoded bundle.

    Raises:
        BadBundle: It is no bundle, of another version, beyond a limit, cut short, followed by other bytes, or any
            bit of it is not what was encoded.
    """
    if len(data) < SMALLEST_BUNDLE_BYTES:
        raise BadBundle(f"the bundle is cut short after {len(data)} bytes; copy or export it again")
    if len(data) > MAX_BUNDLE_BYTES:
        raise BadBundle(f"the bundle has {len(data)} bytes, more than {MAX_BUNDLE_BYTES}; export a smaller one")
    magic, version, manifest_bytes, onnx_bytes, manifest_hash, onnx_hash = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadBundle("the file does not begin like a bundle; give a file that `tombola export` wrote")
    if version > FORMAT_VERSION:
        raise BadBundle(
            f"the bundle has format version {version} but {FORMAT_VERSION} is the newest here; update this software"
        )
    if version < FORMAT_VERSION:
        raise BadBundle(f"the bundle has format version {version}, which never existed; export it again")
    _check_lengths(manifest_bytes, onnx_bytes)
    end = HEADER_BYTES + manifest_bytes + onnx_bytes
    if len(data) != end + HASH_BYTES:
        raise BadBundle(
            f"the bundle has {len(data)} bytes but announces {end + HASH_BYTES}: cut short or added to; copy it again"
        )
    view = memoryview(data)
    manifest, onnx = view[HEADER_BYTES : HEADER_BYTES + manifest_bytes], view[HEADER_BYTES + manifest_bytes : end]
    _check_hash("whole file", view[:end], data[end:])
    _check_hash("manifest", manifest, manifest_hash)
    _check_hash("graph", onnx, onnx_hash)
    return Bundle(decode_manifest(bytes(manifest)), bytes(onnx))


def peek_manifest(start: bytes) -> Manifest | None:
    """What a bundle says of itself, from its first bytes alone; None while they do not suffice, or are not sound."""
    if len(start) < HEADER_BYTES:
        return None
    magic, version, manifest_bytes, _, manifest_hash, _ = _HEADER.unpack_from(start)
    manifest = start[HEADER_BYTES : HEADER_BYTES + manifest_bytes]
    if magic != MAGIC or version != FORMAT_VERSION or len(manifest) < manifest_bytes:
        return None
    if hashlib.sha256(manifest).digest() != manifest_hash:
        return None
    try:
        return decode_manifest(manifest)
    except BadBundle:
        return None


def _check_lengths(manifest_bytes: int, onnx_bytes: int) -> None:
    if not 2 <= manifest_bytes <= MAX_MANIFEST_BYTES:
        raise BadBundle(
            f"the bundle's manifest has {manifest_bytes} bytes, not 2 to {MAX_MANIFEST_BYTES}; export it again"
        )
    largest = MAX_BUNDLE_BYTES - HEADER_BYTES - HASH_BYTES - manifest_bytes
    if not 0 < onnx_bytes <= largest:
        raise BadBundle(f"the bundle's graph has {onnx_bytes} bytes, not 1 to {largest}; export it again")


def _check_hash(what: str, data: memoryview, expected: bytes) -> None:
    if hashlib.sha256(data).digest() != expected:
        raise BadBundle(f"the bundle is damaged: the SHA-256 of its {what} does not match; copy or export it again")
