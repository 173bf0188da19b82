"""How an envelope differs over the keyboard: bounded, in order, and nothing that an older bundle must have."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.envelope_keys import MAX_KEYS, MOST_OCTAVES, EnvelopeKey, key_at
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode, decode_manifest, encode_manifest

KEYS = [EnvelopeKey(48.0, 1.0, -0.5, 0.25), EnvelopeKey(60.0), EnvelopeKey(84.0, -2.0, 0.5, -0.25)]
ENVELOPE = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0, attack_s=0.05, keys=KEYS)
MODE = Mode("vibraphone", "#a03020", (48.0, 84.0), ENVELOPE)
MANIFEST = Manifest("one", "voice", [MODE], {"frame": block_graph(1, 8)}, Cost(100, 200, 30, 1))


def changed(field: str, value: object) -> bytes:
    tree: Any = json.loads(encode_manifest(MANIFEST))
    tree["modes"][0]["envelope"][field] = value
    return json.dumps(tree).encode()


def test_keys_are_read_as_they_were_written_each_in_under_30_bytes() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert json.loads(encode_manifest(MANIFEST))["modes"][0]["envelope"]["keys"][0] == [48.0, 1.0, -0.5, 0.25]
    assert max(len(msgspec.json.encode(key)) for key in KEYS) < 30


def test_a_bundle_from_before_keys_loads_and_its_notes_do_not_differ() -> None:
    tree = json.loads(encode_manifest(MANIFEST))
    for field in ("keys", "attack_s"):
        del tree["modes"][0]["envelope"][field]
    envelope = decode_manifest(json.dumps(tree).encode()).modes[0].envelope
    assert envelope is not None
    assert (envelope.keys, envelope.attack_s) == ([], 0.0)
    assert key_at(envelope.keys, 30.0) == EnvelopeKey(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("keys", [[60.0, 0.0, 0.0, 0.0], [60.0, 0.0, 0.0, 0.0]], "keys that do not rise"),
        ("keys", [[61.0, 0.0, 0.0, 0.0], [60.0, 0.0, 0.0, 0.0]], "keys that do not rise"),
        ("keys", [[float(note), 0.0, 0.0, 0.0] for note in range(MAX_KEYS + 1)], "keys"),
        ("keys", [[128.0, 0.0, 0.0, 0.0]], "keys"),
        ("keys", [[-1.0, 0.0, 0.0, 0.0]], "keys"),
        ("keys", [[60.0, MOST_OCTAVES + 0.1, 0.0, 0.0]], "keys"),
        ("keys", [[60.0, 0.0, -MOST_OCTAVES - 0.1, 0.0]], "keys"),
        ("keys", [[60.0, 0.0, 0.0, 1e308]], "keys"),
        ("keys", [[60.0, 0.0, 0.0, 0.0, 0.0]], "at most length 4"),
        ("keys", [[]], "keys"),
        ("keys", [["60", 0.0, 0.0, 0.0]], "keys"),
        ("keys", [{"note": 60.0}], "keys"),
        ("keys", None, "keys"),
        ("attack_s", 0.06, "ends after the table"),
        ("attack_s", -0.01, "attack_s"),
        ("attack_s", 1e400, "manifest cannot be read"),
        ("attack_s", "0.01", "attack_s"),
    ],
)
def test_keys_out_of_order_or_range_are_refused_in_a_sentence(field: str, value: object, said: str) -> None:
    with pytest.raises(BadBundle, match=said):
        decode_manifest(changed(field, value))


@given(st.floats(0, 127))
def test_a_note_lies_between_the_keys_beside_it(note: float) -> None:
    found = key_at(KEYS, note)
    assert found.note == note
    assert -2.0 <= found.attack <= 1.0
    if note <= 48:
        assert found.attack == 1.0
    elif note >= 84:
        assert found.attack == -2.0
    elif note <= 60:
        assert found.attack == pytest.approx((60 - note) / 12)
    else:
        assert found.speed == pytest.approx(0.5 * (note - 60) / 24)
