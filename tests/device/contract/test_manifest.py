"""The manifest: what it says is in range, or it is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.controls import MAX_MODES, SCALAR_COLUMNS
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.manifest import (
    Cost,
    Envelope,
    Graph,
    Manifest,
    Mode,
    decode_manifest,
    encode_manifest,
)


def mode(name: str = "violin") -> Mode:
    envelope = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)
    return Mode(name, "#a03020", (55.0, 96.0), envelope, (-1.0, 0.0, 1.0), (0.0, 0.5, 1.0))


MANIFEST = Manifest("quartet", "voice", [mode()], Graph(8, 4), Cost(100, 200, 30, 1), provenance={"seed": 1})


def changed(path: str, value: object) -> bytes:
    """The manifest's JSON with one field, named like ``modes.0.name``, given another value."""
    tree: Any = json.loads(encode_manifest(MANIFEST))
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = tree
    for step in parents:
        place = place[step]
    place[last] = value
    return json.dumps(tree).encode()


def test_decoding_gives_back_what_was_encoded() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert MANIFEST.graph.controls == list(SCALAR_COLUMNS)


def test_equal_manifests_give_equal_bytes_whatever_the_order_of_provenance() -> None:
    one = msgspec.structs.replace(MANIFEST, provenance={"a": 1, "b": 2})
    other = msgspec.structs.replace(MANIFEST, provenance={"b": 2, "a": 1})
    assert encode_manifest(one) == encode_manifest(other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", ""),
        ("name", "x" * 65),
        ("name", "a/../b"),
        ("unknown", 1),
        ("sample_rate_hz", 44_100),
        ("period_samples", 64),
        ("delay_samples", -1),
        ("modes", []),
        ("modes", [msgspec.to_builtins(mode(f"m{i}")) for i in range(MAX_MODES + 1)]),
        ("modes", [msgspec.to_builtins(mode()), msgspec.to_builtins(mode())]),
        ("modes.0.color", "red"),
        ("modes.0.note_range", [96.0, 55.0]),
        ("modes.0.timbre_x", [0.0, 2.0, 1.0]),
        ("modes.0.timbre_y", [0.0, 1.0]),
        ("modes.0.envelope.time_s", [0.0]),
        ("modes.0.envelope.time_s", [0.0, 0.1, 0.2]),
        ("modes.0.envelope.time_s", [0.0, 0.0]),
        ("modes.0.envelope.time_s", [0.1, 0.2]),
        ("modes.0.envelope.decay_db_per_s", 1.0),
        ("modes.0.envelope.release_db_per_s", 0.0),
        ("modes.0.envelope.velocity_db", -1.0),
        ("graph.state_size", 65_537),
        ("graph.noise_bands", -1),
        ("provenance", {"a": [1]}),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_sentence(path: str, value: object) -> None:
    with pytest.raises(BadBundle) as caught:
        decode_manifest(changed(path, value))
    assert "\n" not in str(caught.value)
    assert "export" in str(caught.value)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    text = encode_manifest(MANIFEST).replace(b"-18.0", number.encode())
    assert number.encode() in text
    with pytest.raises(BadBundle):
        decode_manifest(text)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadBundle):
        decode_manifest(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadBundle):
        decode_manifest(b"[" * 100_000)
    with pytest.raises(BadBundle):
        decode_manifest(b'{"x":' + b"[" * 100_000)
