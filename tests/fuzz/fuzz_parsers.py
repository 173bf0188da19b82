"""Coverage-guided fuzzing of everything that reads bytes from outside: `fuzz_parsers.py TARGET [libFuzzer options]`.

    .venv/bin/pip install atheris
    .venv/bin/python tests/fuzz/fuzz_parsers.py bundle -runs=1000000 -print_final_stats=1

Targets: bundle, manifest, graph, frames, receiver, sender, midi, config, slots. Whatever they raise but their
documented error is a finding; libFuzzer adds time-outs and leaks. The quick tests do the same with hypothesis.

What stands behind a checksum or a parser in C is not found by changing bytes. So bundles, manifests and slots are good
ones in which the input chooses what to change (``changes.py``), with right checksums; the others begin with seeds.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris
import msgspec
import onnx
from changes import Document, bytes_of
from onnx import helper

WATCHED = {
    "receiver": "contract.receiver",
    "sender": "contract.sender",
    "frames": "contract.protocol",
    "slots": "slots",
}
"""Whose branches count as coverage, within tombola_device; else all of it. What a target only passes through has a
target of its own, and watching it takes most of the time."""
LONGEST = 16
"""Messages of a conversation; a whole one is six."""

OWN = ("tombola_device", *(WATCHED[name] for name in sys.argv[1:2] if name in WATCHED))

with atheris.instrument_imports(include=[".".join(OWN), "tomllib"]):
    from tombola_device.config import read_config
    from tombola_device.contract import protocol as p
    from tombola_device.contract.bundle import FORMAT_VERSION, HEADER_BYTES, MAGIC, Bundle, decode_bundle, encode_bundle
    from tombola_device.contract.envelope_keys import EnvelopeKey
    from tombola_device.contract.errors import BadBundle, BadConfig, FlashError, StoreError
    from tombola_device.contract.graph import SHADES, TIMBRE, block_graph
    from tombola_device.contract.life import ATTACK_POINTS, BANDS, COURSE_POINTS, Attacks, Life
    from tombola_device.contract.manifest import (
        Cost,
        Envelope,
        Manifest,
        Mode,
        Recording,
        decode_manifest,
        encode_manifest,
    )
    from tombola_device.contract.manifest_1 import decode_manifest_1
    from tombola_device.contract.receiver import BeginAsked, FinishAsked, PairAsked, Receiver, StatusAsked
    from tombola_device.contract.sender import Sender, SenderPhase
    from tombola_device.contract.words import Stop, Word
    from tombola_device.disk.fake import FakeFiles
    from tombola_device.engine.graph_check import check_graph
    from tombola_device.hal.midi.bytes import MidiBytes
    from tombola_device.slots import shelf
    from tombola_device.slots.pointer import POINTER_NAME, Slots
    from tombola_device.slots.store import Store

HERE = Path(__file__).parent
GOOD = decode_bundle((HERE.parents[1] / "models/quartet/quartet.tombola").read_bytes())
POINTS = bytes(range(COURSE_POINTS)) * 2 * 2  # Of two recordings in two latents.
PACKED = zlib.compress(POINTS)
ATTACKS = Attacks([60.0, 64.0], [bytes(ATTACK_POINTS * 4)] * 2, PACKED, [0.25, 1.0])
MIXING = [[0.0, 1.0, 0.5, 0.0], [1.0, 0.0, 0.0, 0.5]]
LIFE = Life(MIXING, [[[0.1] * BANDS] * 2], 0.2, ATTACKS, [bytes(2 * COURSE_POINTS)])
SUSTAINED, STRUCK = (
    Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0),
    Envelope(
        [0.0, 0.1, 1.0],
        [-9.0, -3.0, -60.0],
        -9.0,
        -1.0,
        attack_s=0.1,
        keys=[EnvelopeKey(40.0, 1.0, -0.5, 0.5), EnvelopeKey(80.0, -1.0)],
    ),
)
SMALL_MANIFEST = Manifest(
    "small",
    "voice",
    [
        Mode(
            "a",
            "#000000",
            (0.0, 127.0),
            SUSTAINED,
            dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0)),
            knobs={"timbre_x": "brighter"},
            recordings=[Recording("A 4", 69.0, -0.5, 0.25)],
        ),
        Mode("b", "#00ff00", (40.5, 80.0), STRUCK, gate="one_shot", licence="CC0", recorded_db=-6.0),
    ],
    {"frame": block_graph(2, 3, motion=True)},
    Cost(1, 2, 3, 4),
    provenance={"seed": 1, "loss": 0.5, "corpus": "words"},
    blend=[0.25, 1.0],
    words=[Word("scary", [Stop([1.0, 0.0], 0.25, 0.5, 1.0), Stop([0.5, 0.5], 0.75, 0.5, 0.5)])],
)
ALIVE_MANIFEST = msgspec.structs.replace(
    SMALL_MANIFEST,
    modes=[msgspec.structs.replace(SMALL_MANIFEST.modes[0], life=LIFE)],
    graphs={"frame": block_graph(1, 3, motion=True, directions=len(SHADES) + 1, strikes=2)},
    blend=[],
    words=[],
)
OLD = (HERE.parent / "device/contract/version_1.tombola").read_bytes()
MANIFEST, ALIVE = Document(encode_manifest(SMALL_MANIFEST)), Document(encode_manifest(ALIVE_MANIFEST))
PACKED_TEXT = base64.b64encode(PACKED)
MANIFEST_1 = Document(OLD[HEADER_BYTES : HEADER_BYTES + struct.unpack_from("<I", OLD, 12)[0]])
for document, decode in ((MANIFEST, decode_manifest), (ALIVE, decode_manifest), (MANIFEST_1, decode_manifest_1)):
    decode(document.text.encode())  # A seed that is refused as it stands would test nothing.
assert PACKED_TEXT in ALIVE.text.encode()
LEAST_MANIFEST = Manifest("least", "voice", SMALL_MANIFEST.modes[:1], {"frame": block_graph(1, 1)}, Cost(1, 2, 3, 4))
SMALL_BYTES = encode_bundle(Bundle(LEAST_MANIFEST, {"frame": b"a graph that is never read"}))
SHA256 = hashlib.sha256(SMALL_BYTES).hexdigest()


def bundle(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    version = source.ConsumeIntInRange(0, FORMAT_VERSION + 1)
    document = MANIFEST_1 if version == 1 else MANIFEST
    text = bytes_of(document.changed(source), source)
    graphs = b""
    for role in (b"frame", b"onset")[: source.ConsumeIntInRange(0, 2)]:
        onnx_bytes = source.ConsumeBytes(40)
        graphs += struct.pack("<16sI32s", role, len(onnx_bytes), hashlib.sha256(onnx_bytes).digest()) + onnx_bytes
    graphs = bytes_of(graphs, source)
    hashes = (hashlib.sha256(part).digest() for part in (text, graphs))
    body = struct.pack("<8sIII32s32s", MAGIC, version, len(text), len(graphs), *hashes) + text + graphs
    with contextlib.suppress(BadBundle):
        decode_bundle(body + hashlib.sha256(body).digest())
    with contextlib.suppress(BadBundle):
        decode_bundle(data)


def manifest(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    with contextlib.suppress(BadBundle):
        which = source.ConsumeIntInRange(0, 4)
        if which == 0:
            read = decode_manifest_1(MANIFEST_1.changed(source))
        elif which == 4:  # No change of the text reaches what is packed.
            courses = bytes_of(zlib.compress(bytes_of(POINTS, source)), source)
            read = decode_manifest(ALIVE.changed(source).replace(PACKED_TEXT, base64.b64encode(courses)))
        else:
            read = decode_manifest((ALIVE if which == 1 else MANIFEST).changed(source))
        assert decode_manifest(encode_manifest(read)) == read


def graph(data: bytes) -> None:
    with contextlib.suppress(BadBundle):
        check_graph(data)
        assert onnx.load_from_string(data).SerializeToString() == data


def frames(data: bytes) -> None:
    whole, pieces = p.FrameReader(), p.FrameReader()
    found = [message for start in range(len(data)) for message in pieces.feed(data[start : start + 1])]
    assert found == whole.feed(data)


def messages(data: bytes) -> list[p.Message]:
    """What a line would bring that damages nothing: each piece of ``data`` in a frame with a right checksum."""
    source, found = atheris.FuzzedDataProvider(data), []
    kinds = {kind.kind: kind for kind in p.get_args(p.Message)}
    while source.remaining_bytes() > 1 and len(found) < LONGEST:
        kind = kinds[source.PickValueInList(sorted(kinds))]
        values: list[object] = list(
            kind.layout.unpack(source.ConsumeBytes(kind.layout.size).ljust(kind.layout.size, b"\0"))
        )
        if "tail" in kind.__slots__:
            values.append(source.ConsumeBytes(source.PickValueInList([0, 1, 8, 32, 64, 96, 100, 128])))
        found.append(kind(*values))
    return found


def receiver(data: bytes) -> None:
    device = Receiver()
    for message in messages(data):
        for event in device.receive(p.encode_frame(1, message)):
            if isinstance(event, BeginAsked):
                device.begun(0, 0, active=False)
            elif isinstance(event, FinishAsked):
                device.installed()
            elif isinstance(event, PairAsked):
                device.paired(1)
            elif isinstance(event, StatusAsked):
                device.status(b"{}")
        device.take_output()


def sender(data: bytes) -> None:
    host, now = Sender(bytes(300), 1, 64), 0.0
    with contextlib.suppress(FlashError):
        for message in messages(data):
            host.receive(p.encode_frame(host._session, message), now)
            host.poll(now)
            now += 0.3
        while host.phase is not SenderPhase.DONE:
            host.poll(now)
            now += 1.0


def midi(data: bytes) -> None:
    for status, *values in MidiBytes().feed(data):
        assert status >= 0x80
        assert all(value < 0x80 for value in values)


class Text(type(Path())):  # type: ignore[misc]
    """A path whose file holds what the input says; no disk is needed."""

    data = b""

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.data.decode(encoding or "utf-8", errors or "strict")

    def read_bytes(self) -> bytes:
        return self.data


CONFIG, FACTORY = Text("tombola.toml"), Text("small.tombola")
FACTORY.data = SMALL_BYTES


def config(data: bytes) -> None:
    CONFIG.data = data
    with contextlib.suppress(BadConfig):
        read_config(CONFIG)


POINTER = Document(
    json.dumps(
        {"active": SHA256, "previous": "0" * 64, "confirmed": True, "rejected": None, "boots": 0, "faults": 0}
    ).encode()
)


shelf.check_bundle = functools.lru_cache(shelf.check_bundle)  # Of whole bundles; they have a target of their own.


def slots(data: bytes) -> None:
    source, files, folder = atheris.FuzzedDataProvider(data), FakeFiles(), Path("/slots")
    names = [SHA256, "0" * 64]
    for name in names[: source.ConsumeIntInRange(0, 2)]:
        files.write(folder / f"{name}.tombola", SMALL_BYTES)
    text = bytes_of(POINTER.changed(source), source)
    files.write(folder / POINTER_NAME, text + b"\n" + f"{zlib.crc32(text):08x}".encode())
    store = Store(folder, lambda _: None, FACTORY, files)
    assert isinstance(store.slots, Slots)
    assert store.boot().suffix == ".tombola"
    for step in source.ConsumeIntListInRange(4, 0, 4):
        with contextlib.suppress(StoreError):
            (store.revert, lambda: store.confirm(names[0]), lambda: store.fault(names[0], certain=True),
             lambda: store.fault(names[0], certain=False), lambda: store.begin(names[1], 100))[step]()  # fmt: skip
    assert Store(folder, lambda _: None, FACTORY, files).boot().suffix == ".tombola"


def seeds(name: str) -> list[bytes]:
    """What a target begins with."""
    if name == "graph":
        whole = onnx.load_from_string(GOOD.graphs["frame"])
        for tensor in whole.graph.initializer:
            tensor.raw_data = tensor.raw_data[:16]  # The weights themselves are of no interest.
        nodes = onnx.load_from_string(GOOD.graphs["frame"])
        del nodes.graph.initializer[1:], nodes.graph.node[3:]  # Short: what is long is tried rarely, and slowly.
        small = helper.make_model(
            helper.make_graph(
                [helper.make_node("Add", ["x", "w"], ["y"]), helper.make_node("Concat", ["x", "y"], ["z"], axis=-1)],
                "g",
                [helper.make_tensor_value_info("x", 1, ["V", 4])],
                [helper.make_tensor_value_info("z", 1, ["V", 8])],
                [helper.make_tensor("w", 1, [4], b"\0" * 16, raw=True)],
            )
        )
        return [seed.SerializeToString() for seed in (small, nodes, whole)]
    if name == "config":
        return [b'audio = "alsa"\nvoices = 4\nmidi = ["auto"]\n', b"[table]\na = 1979-05-27\n"]
    if name == "midi":
        return [bytes([0x90, 60, 127, 62, 0, 0xF8, 0xF0, 1, 2, 0xF7, 0xE0, 0, 64, 0xC1, 5])]
    if name == "frames":
        return [b"".join(p.encode_frame(1, message) for message in (p.Hello(1, 2, 4096, 255), p.Data(0, b"abc")))]
    if name == "manifest":  # The last byte chooses the document.
        return [bytes([*range(63), which]) for which in range(5)]
    return [bytes(range(64)), hashlib.sha512(b"1").digest() * 4]


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (bundle, manifest, graph, frames, receiver, sender, midi, config, slots)
}

if __name__ == "__main__":
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"name a target: {', '.join(TARGETS)}")
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(name)):
            (Path(folder) / str(number)).write_bytes(seed)
        given = any(not argument.startswith("-") for argument in sys.argv[1:])  # A finding, or a corpus.
        atheris.Setup(sys.argv if given else [*sys.argv, folder], TARGETS[name])
        atheris.Fuzz()
