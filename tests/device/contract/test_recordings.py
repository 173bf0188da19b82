"""Recordings as points in the manifest: bounded, named plainly, and nothing that an older bundle must have."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tombola_device.contract.bundle import MAX_MANIFEST_BYTES
from tombola_device.contract.controls import MAX_MODES
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import TIMBRE, block_graph
from tombola_device.contract.manifest import (
    MAX_RECORDINGS,
    Cost,
    Envelope,
    Manifest,
    Mode,
    Recording,
    decode_manifest,
    encode_manifest,
)
from tombola_device.surface.browser.state import _mode

ENVELOPE = Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)
KNOBS = dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0))
RECORDED = Recording("A4 forte", 69.02, -0.4, 1.2)
MODE = Mode("violin", "#a03020", (55.0, 96.0), ENVELOPE, KNOBS, recordings=[RECORDED])
MANIFEST = Manifest("one", "voice", [MODE], {"frame": block_graph(1, 8)}, Cost(100, 200, 30, 1))


def changed(recordings: object) -> bytes:
    tree: Any = json.loads(encode_manifest(MANIFEST))
    tree["modes"][0]["recordings"] = recordings
    return json.dumps(tree).encode()


def test_recordings_are_read_as_they_were_written_each_in_under_50_bytes() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert json.loads(encode_manifest(MANIFEST))["modes"][0]["recordings"] == [["A4 forte", 69.02, -0.4, 1.2]]


def test_a_bundle_from_before_recordings_loads_and_has_none() -> None:
    tree = json.loads(encode_manifest(MANIFEST))
    del tree["modes"][0]["recordings"]
    assert decode_manifest(json.dumps(tree).encode()).modes[0].recordings == []


@pytest.mark.parametrize(
    "recordings",
    [
        [["A4", 69.0, 0.0]],
        [["A4", 69.0, 0.0, 0.0, 0.0]],
        [{"name": "A4", "note": 69.0, "timbre_x": 0.0, "timbre_y": 0.0}],
        [["", 69.0, 0.0, 0.0]],
        [["x" * 41, 69.0, 0.0, 0.0]],
        [["<b>A4</b>", 69.0, 0.0, 0.0]],
        [["A4\u001b[2J", 69.0, 0.0, 0.0]],
        [["A4\n", 69.0, 0.0, 0.0]],
        [["../A4", 69.0, 0.0, 0.0]],
        [["A4", 128.0, 0.0, 0.0]],
        [["A4", 69.0, 1000.5, 0.0]],
        [["A4", 69.0, 0.0, "0"]],
        [["A4", 69.0, 0.0, 0.0]] * (MAX_RECORDINGS + 1),
        "A4",
        None,
    ],
)
def test_recordings_that_are_not_plain_or_too_many_are_refused_in_one_sentence(recordings: object) -> None:
    with pytest.raises(BadBundle, match="recordings|array") as caught:
        decode_manifest(changed(recordings))
    assert "export" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mode_without_both_timbre_knobs_places_no_recordings() -> None:
    mode = msgspec.structs.replace(MODE, controls={"timbre_x": (-1.0, 0.0, 1.0)})
    with pytest.raises(BadBundle, match="timbre that it does not have"):
        decode_manifest(encode_manifest(msgspec.structs.replace(MANIFEST, modes=[mode])))


def test_the_most_recordings_of_the_most_modes_take_a_fifth_of_the_manifest() -> None:
    full = [Recording("x" * 40, 127.0, -0.123, -0.123)] * MAX_RECORDINGS
    modes = [msgspec.structs.replace(MODE, name=f"m{index}", recordings=full) for index in range(MAX_MODES)]
    manifest = msgspec.structs.replace(MANIFEST, modes=modes, graphs={"frame": block_graph(MAX_MODES, 8)})
    bare = msgspec.structs.replace(
        manifest, modes=[msgspec.structs.replace(mode, recordings=[]) for mode in manifest.modes]
    )
    assert len(encode_manifest(manifest)) - len(encode_manifest(bare)) < MAX_MANIFEST_BYTES / 5


def test_a_point_is_told_to_pages_on_the_scale_of_the_knob_also_after_its_middle_has_moved() -> None:
    """Where a latent lies is the bundle's own axis: -0.4 is at 0.3 of the knob, until the middle is moved to -0.6."""
    assert _mode(MODE, {})["recordings"] == [("A4 forte", 69.02, 0.3, 1.0)]
    moved = msgspec.structs.replace(MODE, controls=KNOBS | {"timbre_x": (-1.0, -0.6, 1.0)})
    assert _mode(moved, {})["recordings"] == [("A4 forte", 69.02, 0.562, 1.0)]
