"""The bundle: golden bytes, and every damage refused."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract import bundle as bundle_module
from tombola_device.contract.bundle import (
    HEADER_BYTES,
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    Bundle,
    bundle_sha256,
    check_bundle,
    decode_bundle,
    encode_bundle,
    peek_manifest,
)
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import block_graph, onset_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode

ENVELOPE = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)
TIMBRE = {"timbre_x": (-1.0, 0.0, 1.0), "timbre_y": (0.0, 0.5, 1.0)}
MODE = Mode("violin", "#a03020", (55.0, 96.0), ENVELOPE, TIMBRE)
KICK = Mode("kick", "#102030", (36.0, 36.0), gate="one_shot", graph="onset")
PROVENANCE: dict[str, str | int | float] = {"seed": 1, "corpus": "ab"}
GRAPHS = {"frame": block_graph(1, 8, 4), "onset": onset_graph(1, 48_000)}
MANIFEST = Manifest("golden", "voice", [MODE, KICK], GRAPHS, Cost(100, 200, 30, 1), provenance=PROVENANCE)
BUNDLE = Bundle(MANIFEST, {"frame": bytes(range(256)), "onset": b"hit"})
ENCODED = encode_bundle(BUNDLE)
GRAPH_BYTES = ENCODED[-(52 + 256 + 52 + 3) - 32 : -32]
VERSION_1 = (Path(__file__).parent / "version_1.tombola").read_bytes()
"""Written by the software of that version."""


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def test_golden_bytes() -> None:
    assert ENCODED[:20].hex() == "89544d424c0d0a1a02000000430600006b010000"
    assert len(ENCODED) == 84 + 0x643 + (52 + 256) + (52 + 3) + 32
    assert bundle_sha256(ENCODED) == "017a77a104dd833abc34eb0e1157e1b821794c0e37db22fcc31bfddf2e048f77"


def test_golden_bytes_of_version_1_still_decode_to_the_same_bundle() -> None:
    assert bundle_sha256(VERSION_1) == "d85dac51be960d40b81d224f7764ca7aed367ac0a98b26c0c6d9f4c379e31134"
    cost, frame = Cost(100, 200, 30, 1), {"frame": block_graph(1, 8, 4)}
    manifest = Manifest("golden", "voice", [MODE], frame, cost, provenance=PROVENANCE)
    assert decode_bundle(VERSION_1) == Bundle(manifest, {"frame": bytes(range(256))})
    assert peek_manifest(VERSION_1[:900]) == manifest
    assert decode_bundle(encode_bundle(decode_bundle(VERSION_1))) == decode_bundle(VERSION_1)


@pytest.mark.parametrize("piece_bytes", [1, 7, 255, 256, 257])
def test_graph_that_is_copied_in_pieces_is_the_same(piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "PIECE_BYTES", piece_bytes)
    assert decode_bundle(ENCODED) == BUNDLE
    assert decode_bundle(VERSION_1).graphs["frame"] == bytes(range(256))


def test_check_gives_the_manifest_copies_no_graph_and_finds_every_flipped_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "_copied", lambda _: pytest.fail("a graph was copied"))
    assert check_bundle(ENCODED) == MANIFEST
    for bit in range(0, 8 * len(ENCODED), 101):
        damaged = bytearray(ENCODED)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadBundle):
            check_bundle(bytes(damaged))


def test_decoding_gives_back_what_was_encoded() -> None:
    assert decode_bundle(ENCODED) == BUNDLE
    assert encode_bundle(decode_bundle(ENCODED)) == ENCODED


@pytest.mark.parametrize("encoded", [ENCODED, VERSION_1])
def test_every_truncated_bundle_is_refused(encoded: bytes) -> None:
    for length in range(len(encoded)):
        with pytest.raises(BadBundle):
            decode_bundle(encoded[:length])


@pytest.mark.parametrize("encoded", [ENCODED, VERSION_1])
def test_every_flipped_bit_is_refused(encoded: bytes) -> None:
    flipped = bytearray(encoded)
    for bit in range(8 * len(encoded)):
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
    newer = sealed(ENCODED[:8] + struct.pack("<I", 3) + ENCODED[12:-32])
    with pytest.raises(BadBundle, match=r"version 3 .* update this software"):
        decode_bundle(newer)


def test_limits_are_checked_before_anything_is_parsed() -> None:
    most = 2**32 - 1
    for manifest_bytes, onnx_bytes in [(MAX_MANIFEST_BYTES + 1, 10), (10, most), (0, 10), (10, 0), (most, most)]:
        lengths = struct.pack("<II", manifest_bytes, onnx_bytes)
        with pytest.raises(BadBundle, match=r"manifest has|graph has"):
            decode_bundle(sealed(ENCODED[:12] + lengths + ENCODED[20:-32]))
    with pytest.raises(BadBundle, match="smaller one"):
        decode_bundle(bytes(MAX_BUNDLE_BYTES + 1))


def test_a_part_that_was_exchanged_under_a_right_outer_hash_is_refused() -> None:
    body = bytearray(ENCODED[:-32])
    body[-1] ^= 1
    with pytest.raises(BadBundle, match="graph does not match"):
        decode_bundle(sealed(bytes(body)))
    body[-1] ^= 1
    body[HEADER_BYTES + 3] ^= 1
    with pytest.raises(BadBundle, match="manifest does not match"):
        decode_bundle(sealed(bytes(body)))


def resealed(graphs: bytes) -> bytes:
    """The bundle with its graphs' bytes replaced and all hashes correct."""
    manifest_bytes = struct.unpack_from("<I", ENCODED, 12)[0]
    head = ENCODED[:16] + struct.pack("<I", len(graphs)) + ENCODED[20:52] + hashlib.sha256(graphs).digest()
    return sealed(head + ENCODED[84 : 84 + manifest_bytes] + graphs)


def test_graphs_that_are_cut_out_of_order_or_too_many_are_refused() -> None:
    frame, onset = GRAPH_BYTES[: 52 + 256], GRAPH_BYTES[52 + 256 :]
    assert decode_bundle(resealed(frame + onset)) == BUNDLE
    for graphs, match in (
        (frame + onset[:-1], "wrong length"),
        (frame + onset[:20], "whole ones"),
        (onset + frame, "out of order"),
        (frame + frame, "out of order"),
        (frame + onset[:16] + struct.pack("<I", 0) + onset[20:], "wrong length"),
        (frame + onset[:16] + struct.pack("<I", 2**32 - 1) + onset[20:], "wrong length"),
        (frame[:-1] + b"x" + onset, "graph 1 does not match"),
        (frame, "its manifest describes frame, onset"),
        (b"".join(bytes([65 + n]) + onset[1:] for n in range(9)), "1 to 8"),
    ):
        with pytest.raises(BadBundle, match=match):
            decode_bundle(resealed(graphs))


def test_an_empty_graph_or_an_impossible_manifest_cannot_be_encoded() -> None:
    with pytest.raises(BadBundle, match="graph 'onset' has 0 bytes"):
        encode_bundle(Bundle(MANIFEST, BUNDLE.graphs | {"onset": b""}))
    with pytest.raises(BadBundle, match="modes"):
        encode_bundle(Bundle(Manifest("none", "voice", [], GRAPHS, Cost(1, 1, 1, 1)), BUNDLE.graphs))
    with pytest.raises(BadBundle, match="has the graphs frame, but"):
        encode_bundle(Bundle(MANIFEST, {"frame": b"x"}))
