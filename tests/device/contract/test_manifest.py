"""The manifest: values out of range are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.controls import MAX_MODES, SCALAR_COLUMNS
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import block_graph, onset_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode, decode_manifest, encode_manifest
from tombola_device.contract.manifest_1 import Graph1, Manifest1, Mode1, decode_manifest_1, upgraded


def mode(name: str = "violin") -> Mode:
    envelope = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)
    return Mode(name, "#a03020", (55.0, 96.0), envelope, {"timbre_x": (-1.0, 0.0, 1.0), "timbre_y": (0.0, 0.5, 1.0)})


GRAPHS = {"frame": block_graph(1, 8, 4, overlap=True, motion=True), "onset": onset_graph(1, 24_000)}
KICK = Mode("kick", "#102030", (36.0, 36.0), gate="one_shot", graph="onset")
MANIFEST = Manifest("quartet", "voice", [mode(), KICK], GRAPHS, Cost(100, 200, 30, 1), provenance={"seed": 1})


def changed(path: str, value: object) -> bytes:
    """The manifest's JSON with another value in one field, given as a path like ``modes.0.name``."""
    tree: Any = json.loads(encode_manifest(MANIFEST))
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = tree
    for step in parents:
        place = place[step]
    place[last] = value
    return json.dumps(tree).encode()


def test_decoding_gives_back_what_was_encoded() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert MANIFEST.graphs["frame"].columns == list(SCALAR_COLUMNS)
    assert [MANIFEST.modes_of(role) for role in MANIFEST.graphs] == [[0], [1]]


def test_a_bundle_may_begin_with_a_blend_and_one_from_before_has_none() -> None:
    begins = msgspec.structs.replace(MANIFEST, blend=[0.25, 1.0])
    assert decode_manifest(encode_manifest(begins)).blend == [0.25, 1.0]
    tree = json.loads(encode_manifest(begins))
    del tree["blend"]
    assert decode_manifest(json.dumps(tree).encode()).blend == []


def test_equal_manifests_give_equal_bytes_whatever_the_order_of_provenance() -> None:
    one = msgspec.structs.replace(MANIFEST, provenance={"a": 1, "b": 2})
    other = msgspec.structs.replace(MANIFEST, provenance={"b": 2, "a": 1})
    assert encode_manifest(one) == encode_manifest(other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", ""),
        ("blend", [1.0]),
        ("blend", [0.0, 0.0]),
        ("blend", [0.5, 0.5, 0.0]),
        ("blend", [0.5, 1.5]),
        ("blend", [0.5, -0.5]),
        ("blend", {"violin": 1.0}),
        ("name", "x" * 65),
        ("name", "a/../b"),
        ("unknown", 1),
        ("sample_rate_hz", 44_100),
        ("period_samples", 64),
        ("period_samples", 2**70),
        ("checked_periods", [0]),
        ("graphs", {}),
        ("graphs.frame.delay_samples", -1),
        ("graphs.frame.block_samples", 2**40),
        ("graphs.frame.rate", "sometimes"),
        ("graphs.frame.precision", "int4"),
        ("graphs.frame.columns", ["note"]),
        ("graphs.frame.ports.0.kind", "onnx"),
        ("graphs.frame.ports.0.shape", [9]),
        ("graphs.frame.ports.0.name", "a b"),
        ("graphs.frame.ports.1.kind", "state"),
        ("graphs.frame.ports.3.shape", [257, 256]),
        ("graphs.frame.ports.4.shape", [65_537]),
        ("graphs.onset.ports.1.shape", [24_001]),
        ("graphs.onset.block_samples", (1 << 18) + 1),
        ("graphs.onset.rate", "block"),
        ("name", "a\n"),
        ("modes.0.name", "a\n"),
        ("modes.0.color", "#102030\n"),
        ("graphs.frame.ports.0.name", "a\n"),
        ("graphs.other", msgspec.to_builtins(onset_graph(1, 24_000))),
        ("graphs.Other Role", msgspec.to_builtins(onset_graph(1, 24_000))),
        ("cost.nodes", 2**53 + 1),
        ("modes.0.graph", "missing"),
        ("modes.0.graph", "onset"),
        ("modes.0.envelope", None),
        ("modes.0.gate", "open"),
        ("modes.1.gate", "held"),
        ("modes.0.controls.vibrato", [0.0, 0.0, 1.0]),
        ("modes.0.controls.note", [0.0, 0.0, 1.0]),
        ("modes", []),
        ("modes", [msgspec.to_builtins(mode(f"m{i}")) for i in range(MAX_MODES + 1)]),
        ("modes", [msgspec.to_builtins(mode()), msgspec.to_builtins(mode())]),
        ("modes.0.color", "red"),
        ("modes.0.note_range", [96.0, 55.0]),
        ("modes.0.controls.timbre_x", [0.0, 2.0, 1.0]),
        ("modes.0.controls.timbre_y", [0.0, 1.0]),
        ("modes.0.envelope.time_s", [0.0]),
        ("modes.0.envelope.time_s", [0.0, 0.1, 0.2]),
        ("modes.0.envelope.time_s", [0.0, 0.0]),
        ("modes.0.envelope.time_s", [0.1, 0.2]),
        ("modes.0.envelope.decay_db_per_s", 1.0),
        ("modes.0.envelope.release_db_per_s", 0.0),
        ("modes.0.envelope.velocity_db", -1.0),
        ("provenance", {"a": [1]}),
        ("provenance", {"a": 2**60}),
        ("provenance", {str(n): 1 for n in range(257)}),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_sentence(path: str, value: object) -> None:
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


def numbers(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the numbers of a JSON document stand."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        if type(value) in (int, float):
            yield (*path, key)
        yield from numbers(value, (*path, key))


def with_number(text: bytes, path: tuple[str | int, ...], digits: str) -> bytes:
    tree: Any = json.loads(text)
    place = tree
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = "the number"
    return json.dumps(tree).replace('"the number"', digits).encode()


HUGE = ("1" + "0" * 400, "-1" + "0" * 400, "1e400", "1e308", "-1e308", str(2**64), str(-(2**63) - 1), str(2**53 + 1))


@pytest.mark.parametrize("version", [1, 2])
def test_every_number_is_bounded(version: int) -> None:
    text, decode = (encode_manifest(MANIFEST), decode_manifest) if version == 2 else (
        msgspec.json.encode(OLD), decode_manifest_1)  # fmt: skip
    paths = list(numbers(json.loads(text)))
    assert len(paths) >= (40 if version == 2 else 20)
    for path in paths:
        for digits in HUGE:
            with pytest.raises(BadBundle):
                decode(with_number(text, path, digits))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadBundle):
        decode_manifest(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadBundle):
        decode_manifest(b"[" * 100_000)
    with pytest.raises(BadBundle):
        decode_manifest(b'{"x":' + b"[" * 100_000)


# Version 1

OLD = Manifest1(
    "quartet",
    "voice",
    [Mode1("violin", "#a03020", (55.0, 96.0), mode().envelope, (-1.0, 0.0, 1.0), (0.0, 0.5, 1.0), "CC0")],
    Graph1(8, 4, overlap=True, motion=True),
    Cost(100, 200, 30, 1),
    delay_samples=7,
    provenance={"seed": 1},
    licence="CC0",
)


def test_a_manifest_of_version_1_keeps_its_meaning_in_this_version() -> None:
    new = decode_manifest_1(msgspec.json.encode(OLD))
    assert new == upgraded(OLD)
    graph = new.graphs["frame"]
    assert (graph.state_size, graph.noise_bands, graph.overlap, graph.motion) == (8, 4, True, True)
    assert [(port.kind, port.shape) for port in graph.ports] == [
        ("controls", [8]),
        ("motion", [3]),
        ("level", [1]),
        ("noise", [4, 256]),
        ("state", [8]),
        ("audio", [128]),
        ("overlap", [256]),
    ]
    assert (new.delay_samples, new.provenance, new.licence, new.cost) == (7, {"seed": 1}, "CC0", OLD.cost)
    assert new.modes == [msgspec.structs.replace(mode(), licence="CC0")]
    assert decode_manifest(encode_manifest(new)) == new


@pytest.mark.parametrize("later", [b',"arm64_instructions_per_further_voice":null', b',"overlap":false,"motion":false'])
def test_manifest_of_version_1_from_before_a_field_was_there_is_still_read(later: bytes) -> None:
    old = msgspec.structs.replace(OLD, graph=Graph1(8, 4))
    text = msgspec.json.encode(old)
    older = text.replace(later, b"")
    assert len(older) == len(text) - len(later)
    assert decode_manifest_1(older) == upgraded(old)


@pytest.mark.parametrize(
    "change",
    [
        {"graph": Graph1(65_537, 0)},
        {"graph": Graph1(8, 257)},
        {"graph": Graph1(8, 4, ["note"])},
        {"delay_samples": -1},
        {"sample_rate_hz": 44_100},
        {"modes": [msgspec.structs.replace(OLD.modes[0], timbre_x=(0.0, 2.0, 1.0))]},
        {"modes": OLD.modes * 2},
    ],
)
def test_a_value_out_of_range_in_version_1_is_still_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadBundle, match="export"):
        decode_manifest_1(msgspec.json.encode(msgspec.structs.replace(OLD, **change)))


def test_neither_version_is_read_as_the_other() -> None:
    with pytest.raises(BadBundle):
        decode_manifest(msgspec.json.encode(OLD))
    with pytest.raises(BadBundle):
        decode_manifest_1(encode_manifest(MANIFEST))
