"""Knobs that bear a word, in the manifest: bounded, named plainly, and nothing that an older bundle must have."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tombola_device.contract.controls import MOST_LIFE
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode, decode_manifest, encode_manifest
from tombola_device.contract.words import LONGEST_WORD, MAX_STOPS, MAX_WORDS, Stop, Word

MODES = [
    Mode(name, "#a03020", (55.0, 96.0), Envelope([0.0, 0.05], [-40.0, -18.0], 0.0, -60.0)) for name in ("sax", "harp")
]
START, END = Stop([1.0, 0.0], 0.1, 0.5, 1.0), Stop([0.2, 0.8], 0.9, 0.5, 0.0)
SCARY = Word("scary", [START, END])
MANIFEST = Manifest("duo", "voice", MODES, {"frame": block_graph(2, 8)}, Cost(100, 200, 30, 1), words=[SCARY])
ROW = [[0.2, 0.8], 0.9, 0.5, 0.0]


def changed(words: object) -> bytes:
    tree: Any = json.loads(encode_manifest(MANIFEST))
    tree["words"] = words
    return json.dumps(tree).encode()


def named(name: str, *path: object) -> dict[str, object]:
    return {"name": name, "path": list(path) or [ROW, ROW]}


def test_words_are_read_as_they_were_written_a_list_for_each_stop() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert json.loads(encode_manifest(MANIFEST))["words"][0]["path"][1] == ROW


def test_a_bundle_from_before_words_loads_and_has_none() -> None:
    tree = json.loads(encode_manifest(MANIFEST))
    del tree["words"]
    assert decode_manifest(json.dumps(tree).encode()).words == []


@pytest.mark.parametrize(
    "words",
    [
        [named(f"w{number}") for number in range(MAX_WORDS + 1)],
        [named("scary"), named("scary")],
        [named("")],
        [named("x" * (LONGEST_WORD + 1))],
        [named("<b>scary</b>")],
        [named("scary\n")],
        [named("scary\u001b[2J")],
        [named("../scary")],
        [named("scary", ROW)],
        [named("scary", *[ROW] * (MAX_STOPS + 1))],
        [named("scary", ROW, [[1.0], 0.5, 0.5, 1.0])],
        [named("scary", ROW, [[0.5, 0.25, 0.25], 0.5, 0.5, 1.0])],
        [named("scary", ROW, [[0.0, 0.0], 0.5, 0.5, 1.0])],
        [named("scary", ROW, [[], 0.5, 0.5, 1.0])],
        [named("scary", ROW, [[1.0, -0.5], 0.5, 0.5, 1.0])],
        [named("scary", ROW, [[1.0, 0.0], 1.01, 0.5, 1.0])],
        [named("scary", ROW, [[1.0, 0.0], 0.5, -0.01, 1.0])],
        [named("scary", ROW, [[1.0, 0.0], 0.5, 0.5, MOST_LIFE + 0.01])],
        [named("scary", ROW, [[1.0, 0.0], 0.5, 0.5])],
        [named("scary", ROW, [[1.0, 0.0], 0.5, 0.5, 1.0, 0.0])],
        [named("scary", ROW, {"blend": [1.0, 0.0], "timbre_x": 0.5, "timbre_y": 0.5, "life": 1.0})],
        [named("scary") | {"loudness": 1}],
        [{"name": "scary"}],
        {"scary": [ROW, ROW]},
        "scary",
        None,
    ],
)
def test_words_that_no_knob_can_have_are_refused_in_one_sentence(words: object) -> None:
    with pytest.raises(BadBundle) as caught:
        decode_manifest(changed(words))
    assert "export" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_most_words_of_the_longest_path_are_read() -> None:
    words = [Word("x" * (LONGEST_WORD - 1) + str(number), [START, END] * 4 + [END]) for number in range(MAX_WORDS)]
    full = msgspec.structs.replace(MANIFEST, words=words)
    assert len(words[0].path) == MAX_STOPS
    assert decode_manifest(encode_manifest(full)).words == words
