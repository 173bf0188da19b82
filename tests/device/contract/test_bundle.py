"""The bundle: golden bytes, and every damage refused."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.bundle import (
    HEADER_BYTES,
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    Bundle,
    bundle_sha256,
    decode_bundle,
    encode_bundle,
)
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.manifest import Cost, Envelope, Graph, Manifest, Mode, decode_manifest, encode_manifest

ENVELOPE = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)
MODE = Mode("violin", "#a03020", (55.0, 96.0), ENVELOPE, (-1.0, 0.0, 1.0), (0.0, 0.5, 1.0))
PROVENANCE: dict[str, str | int | float] = {"seed": 1, "corpus": "ab"}
MANIFEST = Manifest("golden", "voice", [MODE], Graph(8, 4), Cost(100, 200, 30, 1), provenance=PROVENANCE)
BUNDLE = Bundle(MANIFEST, bytes(range(256)))
ENCODED = encode_bundle(BUNDLE)


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def test_golden_bytes() -> None:
    assert ENCODED[:20].hex() == "89544d424c0d0a1a01000000fd02000000010000"
    assert len(ENCODED) == 84 + 0x2FD + 256 + 32
    assert bundle_sha256(ENCODED) == "d85dac51be960d40b81d224f7764ca7aed367ac0a98b26c0c6d9f4c379e31134"


@pytest.mark.parametrize("later", [b',"arm64_instructions_per_further_voice":null', b',"overlap":false,"motion":false'])
def test_manifest_from_before_a_field_was_there_is_still_read(later: bytes) -> None:
    text = encode_manifest(MANIFEST)
    older = text.replace(later, b"")
    assert len(older) == len(text) - len(later)
    assert decode_manifest(older) == MANIFEST


def test_decoding_gives_back_what_was_encoded() -> None:
    assert decode_bundle(ENCODED) == BUNDLE
    assert encode_bundle(decode_bundle(ENCODED)) == ENCODED


def test_every_truncated_bundle_is_refused() -> None:
    for length in range(len(ENCODED)):
        with pytest.raises(BadBundle):
            decode_bundle(ENCODED[:length])


def test_every_flipped_bit_is_refused() -> None:
    flipped = bytearray(ENCODED)
    for bit in range(8 * len(ENCODED)):
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadBundle):
            decode_bundle(bytes(flipped))
        flipped[bit // 8] ^= 1 << bit % 8


@given(st.binary(min_size=1, max_size=50))
def test_bytes_that_follow_are_refused(more: bytes) -> None:
    with pytest.raises(BadBundle, match="added to"):
        decode_bundle(ENCODED + more)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadBundle):
        decode_bundle(data)
    with pytest.raises(BadBundle):
        decode_bundle(ENCODED[:HEADER_BYTES] + data)


@given(st.data())
def test_any_replaced_region_is_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ENCODED) - 1))
    new = data.draw(st.binary(min_size=1, max_size=len(ENCODED) - start))
    damaged = ENCODED[:start] + new + ENCODED[start + len(new) :]
    if damaged != ENCODED:
        with pytest.raises(BadBundle):
            decode_bundle(damaged)


def test_a_newer_version_is_named_and_asks_for_an_update() -> None:
    newer = sealed(ENCODED[:8] + struct.pack("<I", 2) + ENCODED[12:-32])
    with pytest.raises(BadBundle, match=r"version 2 .* update this software"):
        decode_bundle(newer)


def test_limits_are_checked_before_anything_is_parsed() -> None:
    most = 2**32 - 1
    for manifest_bytes, onnx_bytes in [(MAX_MANIFEST_BYTES + 1, 10), (10, most), (0, 10), (10, 0), (most, most)]:
        lengths = struct.pack("<II", manifest_bytes, onnx_bytes)
        with pytest.raises(BadBundle, match=r"manifest has|graph has"):
            decode_bundle(sealed(ENCODED[:12] + lengths + ENCODED[20:-32]))
    with pytest.raises(BadBundle, match="smaller one"):
        decode_bundle(bytes(MAX_BUNDLE_BYTES + 1))


def test_a_part_that_was_exchanged_under_a_right_seal_is_refused() -> None:
    body = bytearray(ENCODED[:-32])
    body[-1] ^= 1
    with pytest.raises(BadBundle, match="graph does not match"):
        decode_bundle(sealed(bytes(body)))
    body[-1] ^= 1
    body[HEADER_BYTES + 3] ^= 1
    with pytest.raises(BadBundle, match="manifest does not match"):
        decode_bundle(sealed(bytes(body)))


def test_an_empty_graph_or_an_impossible_manifest_cannot_be_encoded() -> None:
    with pytest.raises(BadBundle, match="graph has 0 bytes"):
        encode_bundle(Bundle(MANIFEST, b""))
    with pytest.raises(BadBundle, match="modes"):
        encode_bundle(Bundle(Manifest("none", "voice", [], Graph(8, 4), Cost(1, 1, 1, 1)), b"x"))
