"""Coverage-guided fuzzing of everything that reads bytes from outside: `fuzz_parsers.py TARGET [libFuzzer options]`.

    .venv/bin/pip install atheris
    .venv/bin/python tests/fuzz/fuzz_parsers.py bundle -runs=1000000 -print_final_stats=1

Targets: bundle, manifest, graph, frames, receiver, sender, midi, config, slots. Whatever they raise but their
documented error is a finding; libFuzzer adds time-outs and leaks. The quick tests do the same with hypothesis.

What stands behind a checksum or a parser in C is not found by changing bytes. So bundles, manifests and slots are good
ones in which the input chooses what to change (``Changes``), with right checksums; the other targets begin with seeds.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import onnx

with atheris.instrument_imports(include=["tombola_device"]):
    from tombola_device.config import read_config
    from tombola_device.contract import protocol as p
    from tombola_device.contract.bundle import FORMAT_VERSION, HEADER_BYTES, MAGIC, Bundle, decode_bundle, encode_bundle
    from tombola_device.contract.errors import BadBundle, BadConfig, FlashError, StoreError
    from tombola_device.contract.graph import block_graph
    from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode, decode_manifest, encode_manifest
    from tombola_device.contract.manifest_1 import decode_manifest_1
    from tombola_device.contract.receiver import BeginAsked, FinishAsked, PairAsked, Receiver, StatusAsked
    from tombola_device.contract.sender import Sender, SenderPhase
    from tombola_device.disk.fake import FakeFiles
    from tombola_device.engine.graph_check import check_graph
    from tombola_device.hal.midi.bytes import MidiBytes
    from tombola_device.slots.store import POINTER_NAME, Slots, Store

FACTORY = Path(__file__).parents[2] / "models/quartet/quartet.tombola"
FACTORY_BYTES = FACTORY.read_bytes()
GOOD = decode_bundle(FACTORY_BYTES)
MANIFEST = encode_manifest(GOOD.manifest)
MANIFEST_1 = FACTORY_BYTES[HEADER_BYTES : HEADER_BYTES + struct.unpack_from("<I", FACTORY_BYTES, 12)[0]]
"""The factory bundle is of version 1."""
MODE = Mode("m", "#000000", (0.0, 127.0), Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0))
SMALL_MANIFEST = Manifest("small", "none", [MODE], {"frame": block_graph(1)}, Cost(0, 0, 0, 0))
SMALL_BYTES = encode_bundle(Bundle(SMALL_MANIFEST, {"frame": b"a graph that is never read"}))
SMALL = Path(tempfile.gettempdir()) / "tombola-fuzz.tombola"
SMALL.write_bytes(SMALL_BYTES)
LEAVES: tuple[object, ...] = (
    None, True, 0, -1, 1, 127, 2**31, 2**53 + 1, 10**400, -0.5, 1e308, "", "x", "x" * 70, "a\nb", "\x1b[2J", "../up",
    "\u202e", [], {}, [[]], "frame", "onset", "state", "controls", "block", "held", "one_shot", "#000000",
)  # fmt: skip


class Changes:
    """A JSON document in which the input chooses what to change."""

    def __init__(self, data: bytes) -> None:
        self.source = atheris.FuzzedDataProvider(data)

    def of(self, text: bytes) -> bytes:
        """The document with up to four values replaced, removed, doubled or moved."""
        tree = json.loads(text)
        for _ in range(self.source.ConsumeIntInRange(0, 4)):
            self._change(tree)
        return json.dumps(tree).encode()

    def _change(self, tree: Any) -> None:
        place = tree
        for _ in range(8):
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return
            key = self.source.PickValueInList(keys)
            if not isinstance(place[key], dict | list) or not place[key] or self.source.ConsumeIntInRange(0, 4) == 0:
                break
            place = place[key]
        kind = self.source.ConsumeIntInRange(0, 5)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        elif kind == 2 and isinstance(place, dict):
            place[self.source.ConsumeUnicode(12)] = copy.deepcopy(place[key])
        elif kind == 3:
            place[key] = self.source.ConsumeInt(8) if self.source.ConsumeBool() else self.source.ConsumeRegularFloat()
        elif kind == 4:
            place[key] = self.source.ConsumeUnicode(70)
        else:
            place[key] = copy.copy(LEAVES[self.source.ConsumeIntInRange(0, len(LEAVES) - 1)])

    def bytes_of(self, data: bytes) -> bytes:
        """Bytes of which up to three were replaced."""
        changed = bytearray(data)
        for _ in range(self.source.ConsumeIntInRange(0, 3)):
            at = self.source.ConsumeIntInRange(0, len(changed))
            changed[at : at + self.source.ConsumeIntInRange(0, 16)] = self.source.ConsumeBytes(8)
        return bytes(changed)


def bundle(data: bytes) -> None:
    changes = Changes(data)
    version = changes.source.ConsumeIntInRange(0, FORMAT_VERSION + 1)
    text = changes.bytes_of(changes.of(MANIFEST_1 if version == 1 else MANIFEST))
    graphs = b""
    for role in (b"frame", b"onset")[: changes.source.ConsumeIntInRange(0, 2)]:
        onnx_bytes = changes.source.ConsumeBytes(40)
        graphs += struct.pack("<16sI32s", role, len(onnx_bytes), hashlib.sha256(onnx_bytes).digest()) + onnx_bytes
    graphs = changes.bytes_of(graphs)
    hashes = (hashlib.sha256(part).digest() for part in (text, graphs))
    body = struct.pack("<8sIII32s32s", MAGIC, version, len(text), len(graphs), *hashes) + text + graphs
    with contextlib.suppress(BadBundle):
        decode_bundle(body + hashlib.sha256(body).digest())
    with contextlib.suppress(BadBundle):
        decode_bundle(data)


def manifest(data: bytes) -> None:
    changes = Changes(data)
    with contextlib.suppress(BadBundle):
        if changes.source.ConsumeBool():
            read = decode_manifest(changes.of(MANIFEST))
        else:
            read = decode_manifest_1(changes.of(MANIFEST_1))
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
    while source.remaining_bytes() > 1 and len(found) < 50:
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


def config(data: bytes) -> None:
    path = Path(tempfile.gettempdir()) / "tombola-fuzz.toml"
    path.write_bytes(data)
    with contextlib.suppress(BadConfig):
        read_config(path)


def slots(data: bytes) -> None:
    changes, files, folder = Changes(data), FakeFiles(), Path("/slots")
    names = [hashlib.sha256(SMALL_BYTES).hexdigest(), "0" * 64]
    pointer = {"active": names[0], "previous": names[1], "confirmed": True, "rejected": None, "boots": 0, "faults": 0}
    for name in names[: changes.source.ConsumeIntInRange(0, 2)]:
        files.write(folder / f"{name}.tombola", SMALL_BYTES)
    text = changes.bytes_of(changes.of(json.dumps(pointer).encode()))
    files.write(folder / POINTER_NAME, text + b"\n" + f"{zlib.crc32(text):08x}".encode())
    store = Store(folder, lambda _: None, SMALL, files)
    assert isinstance(store.slots, Slots)
    assert store.boot().suffix == ".tombola"
    for step in changes.source.ConsumeIntListInRange(4, 0, 4):
        with contextlib.suppress(StoreError):
            (store.revert, lambda: store.confirm(names[0]), lambda: store.fault(names[0], certain=True),
             lambda: store.fault(names[0], certain=False), lambda: store.begin(names[1], 100))[step]()  # fmt: skip
    assert Store(folder, lambda _: None, SMALL, files).boot().suffix == ".tombola"


def seeds(name: str) -> list[bytes]:
    """What a target begins with."""
    if name == "graph":
        whole = onnx.load_from_string(GOOD.graphs["frame"])
        for tensor in whole.graph.initializer:
            tensor.raw_data = tensor.raw_data[:16]  # The weights themselves are of no interest.
        return [whole.SerializeToString()]
    if name == "config":
        return [b'audio = "alsa"\nvoices = 4\nmidi = ["auto"]\n', b"[table]\na = 1979-05-27\n"]
    if name == "midi":
        return [bytes([0x90, 60, 127, 62, 0, 0xF8, 0xF0, 1, 2, 0xF7, 0xE0, 0, 64, 0xC1, 5])]
    if name == "frames":
        return [b"".join(p.encode_frame(1, message) for message in (p.Hello(1, 2, 4096, 255), p.Data(0, b"abc")))]
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
