"""Bundles that mean harm around a good graph.

    file       a good bundle whose header, lengths, hashes or parts lie
    manifest   a good bundle with one thing wrong in its JSON, and right hashes

Each kind is a name and a function that gives the file's bytes. ``evil_bundles`` has what can be wrong in the graph.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from tombola_device.contract.bundle import FORMAT_VERSION, MAGIC, Bundle, encode_bundle
from tombola_device.contract.manifest import encode_manifest
from tombola_device.contract.words import Stop, Word

Kind = tuple[str, Callable[[], bytes]]


def kinds(good: Bundle) -> list[Kind]:
    """All kinds of evil files around a good bundle of tones."""
    return [*files(good), *manifests(good)]


def packed(manifest: bytes, graphs: bytes, version: int = FORMAT_VERSION) -> bytes:
    """A file with right lengths and hashes around any parts."""
    hashes = (hashlib.sha256(part).digest() for part in (manifest, graphs))
    body = struct.pack("<8sIII32s32s", MAGIC, version, len(manifest), len(graphs), *hashes) + manifest + graphs
    return body + hashlib.sha256(body).digest()


def part(role: bytes, graph: bytes, length: int | None = None) -> bytes:
    """A graph in a file of version 2."""
    return (
        struct.pack("<16sI32s", role, len(graph) if length is None else length, hashlib.sha256(graph).digest()) + graph
    )


def files(good: Bundle) -> Iterator[Kind]:
    """What lies about the file itself."""
    data, manifest, graph = encode_bundle(good), encode_manifest(good.manifest), good.graphs["frame"]
    frame = part(b"frame", graph)
    for share in (0.0, 0.1, 0.5, 0.99):
        yield f"file: cut after {share:.0%}", lambda s=share: data[: int(len(data) * s)]
    yield "file: one byte more", lambda: data + b"\0"
    yield "file: twice", lambda: data * 2
    for at, name in (
        (0, "magic"),
        (12, "length of the manifest"),
        (16, "length of the graphs"),
        (20, "hash"),
        (90, "text"),
    ):
        yield f"file: another bit in the {name}", lambda a=at: data[:a] + bytes([data[a] ^ 1]) + data[a + 1 :]
    for version in (0, 1, 3, 0xFFFF_FFFF):
        yield f"file: version {version}", lambda v=version: packed(manifest, frame, v)
    bodies = {
        "no graph": b"",
        "a graph of no bytes": part(b"frame", b""),
        "a graph that is cut": frame[:-1],
        "a graph that is longer than the file": part(b"frame", graph, len(graph) + 1),
        "a length of 4 GiB": part(b"frame", graph, 0xFFFF_FFFF),
        "a role twice": frame * 2,
        "roles out of order": part(b"onset", graph) + frame,
        "nine graphs": b"".join(part(b"%d" % number, graph) for number in range(9)),
        "a role that no mode names": part(b"other", graph),
        "a role that is not ASCII": part(b"\xff" * 16, graph),
        "a role with zeros within": part(b"fra\0me", graph),
        "bytes after the last graph": frame + b"more",
    }
    for name, body in bodies.items():
        yield f"file: {name}", lambda b=body: packed(manifest, b)


TEXTS = {
    "empty": "", "too long": "x" * 100_000, "escape": "\x1b[2J", "right to left": "\u202egpj", "two lines": "a\nb",
    "zero": "a\0b", "path": "../../up", "surrogate": "\ud800",
}  # fmt: skip
NUMBERS = {
    "10^400": "1" + "0" * 400, "-10^400": "-1" + "0" * 400, "1e400": "1e400", "1e308": "1e308", "NaN": "NaN",
    "2^64": str(2**64), "text": '"1"', "null": "null", "list": "[1]",
}  # fmt: skip


def manifests(good: Bundle) -> Iterator[Kind]:
    """One thing wrong in the JSON."""
    first_alone = [1.0] + [0.0] * (len(good.manifest.modes) - 1)
    word = Word("scary", [Stop(first_alone, 0.0, 0.5, 1.0), Stop(first_alone, 1.0, 0.5, 1.0)])
    text = encode_manifest(msgspec.structs.replace(good.manifest, blend=first_alone, words=[word]))
    body = part(b"frame", good.graphs["frame"])

    def changed(path: str, value: object, raw: str | None = None) -> bytes:
        tree: Any = json.loads(text)
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        place = tree
        for step in parents:
            place = place[step]
        place[last] = "the value" if raw is not None else value
        written = json.dumps(tree)
        return packed((written if raw is None else written.replace('"the value"', raw)).encode(), body)

    for path in ("name", "modes.0.name", "modes.0.color", "modes.0.graph", "graphs.frame.ports.0.name",
                 "modes.0.recordings.0.0", "words.0.name"):  # fmt: skip
        for name, value in TEXTS.items():
            yield f"manifest: {path} is {name}", lambda p=path, v=value: changed(p, v)
    for path in ("cost.arm64_instructions_per_period", "modes.0.note_range.1", "modes.0.envelope.level_db.1",
                 "graphs.frame.ports.1.shape.0", "sample_rate_hz", "modes.0.recordings.0.1", "blend.0",
                 "modes.0.recordings.0.3", "modes.0.envelope.attack_s", "words.0.path.0.0.0", "words.0.path.1.1",
                 "words.0.path.1.3"):  # fmt: skip
        for name, raw in NUMBERS.items():
            if (path, name) != ("cost.arm64_instructions_per_period", "null"):
                yield f"manifest: {path} is {name}", lambda p=path, r=raw: changed(p, None, r)
    whole = {
        "not JSON": b"{", "nested too deep": b"[" * 100_000, "not UTF-8": b'{"name":"\xff"}', "empty": b"{}",
        "a field twice": text.replace(b'{"name"', b'{"name":"x","name"', 1)[:-1] + b',"unknown":1}',
    }  # fmt: skip
    for name, written in whole.items():
        yield f"manifest: {name}", lambda w=written: packed(w, body)
    yield "manifest: strikes of a graph without a shade", lambda: changed("graphs.frame.strikes", 3)
    for name, place, listed in lists(json.loads(text)):
        yield f"manifest: {name}", lambda p=place, v=listed: changed(p, v)
    yield "manifest: no modes", lambda: changed("modes", [])
    yield "manifest: 17 modes", lambda: changed("modes", json.loads(text)["modes"] * 17)
    yield (
        "manifest: a port twice",
        lambda: changed("graphs.frame.ports", json.loads(text)["graphs"]["frame"]["ports"] * 2),
    )


def lists(tree: Any) -> Iterator[tuple[str, str, object]]:
    """Recordings, courses, keys and words that cannot be: what is wrong, where, and what stands there."""
    recording = tree["modes"][0]["recordings"][0]
    yield "65 recordings", "modes.0.recordings", [recording] * 65
    yield "a recording without a place", "modes.0.recordings", [recording[:2]]
    yield "a recording with more than a place", "modes.0.recordings", [[*recording, 1]]
    yield "recordings that are no list", "modes.0.recordings", {"0": recording}
    life = {"mixing": [[1.0, 1.0]], "takes": [[[0.0] * 31]]}
    for name, courses in {
        "a course of another length": ["AAAA"],
        "17 courses": [base64.b64encode(bytes(128)).decode()] * 17,
        "a course that is no base 64": ["no base 64"],
        "a course that is no text": [[0] * 128],
    }.items():
        yield name, "modes.0.life", {**life, "courses": courses}
    for name, keys in {
        "keys that fall": [[60, 0, 0, 0], [48, 0, 0, 0]],
        "a key twice": [[60, 0, 0, 0]] * 2,
        "17 keys": [[note, 0, 0, 0] for note in range(17)],
        "an attack 2^7 times as long": [[60, 7, 0, 0]],
        "a speed of 2^-400": [[60, 0, -400, 0]],
        "a key beyond the keyboard": [[128, 0, 0, 0]],
        "a key of five numbers": [[60, 0, 0, 0, 0]],
        "keys that are no list": {"60": 0},
    }.items():
        yield name, "modes.0.envelope.keys", keys
    knob = tree["words"][0]
    start, end = knob["path"]
    for name, words in {
        "five words": [knob | {"name": str(number)} for number in range(5)],
        "a word twice": [knob, knob],
        "a word of one stop": [knob | {"path": [start]}],
        "a word of ten stops": [knob | {"path": [start] * 10}],
        "a word for one mode less": [knob | {"path": [start, [end[0][1:], *end[1:]]]}],
        "a word for one mode more": [knob | {"path": [start, [[*end[0], 0.0], *end[1:]]]}],
        "a word through silence": [knob | {"path": [start, [[0.0] * len(end[0]), *end[1:]]]}],
        "a word without life": [knob | {"path": [start, end[:3]]}],
        "a word that says more": [knob | {"loudness_db": 12}],
        "words that are no list": {"scary": knob["path"]},
    }.items():
        yield name, "words", words
