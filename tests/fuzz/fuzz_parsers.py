"""Coverage-guided fuzzing of everything that reads bytes from outside: `fuzz_parsers.py TARGET [libFuzzer options]`.

    .venv/bin/pip install atheris
    .venv/bin/python tests/fuzz/fuzz_parsers.py bundle -max_total_time=60

Targets: bundle, manifest, graph, frames, receiver, sender, midi, config, slots. Whatever they raise but their
documented error is a finding; libFuzzer adds time-outs and leaks. The quick tests do the same with hypothesis.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tombola_device"]):
    from tombola_device.config import read_config
    from tombola_device.contract import protocol as p
    from tombola_device.contract.bundle import decode_bundle
    from tombola_device.contract.errors import BadBundle, BadConfig, FlashError
    from tombola_device.contract.manifest import decode_manifest
    from tombola_device.contract.receiver import BeginAsked, FinishAsked, PairAsked, Receiver, StatusAsked
    from tombola_device.contract.sender import Sender, SenderPhase
    from tombola_device.disk.fake import FakeFiles
    from tombola_device.engine.graph_check import check_graph
    from tombola_device.hal.midi.bytes import MidiBytes
    from tombola_device.slots.store import POINTER_NAME, Slots, Store

FACTORY = Path(__file__).parents[2] / "models/quartet/quartet.tombola"


def bundle(data: bytes) -> None:
    with contextlib.suppress(BadBundle):
        decode_bundle(data)


def manifest(data: bytes) -> None:
    with contextlib.suppress(BadBundle):
        decode_manifest(data)


def graph(data: bytes) -> None:
    with contextlib.suppress(BadBundle):
        check_graph(data)


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
    files, folder = FakeFiles(), Path("/slots")
    files.write(folder / POINTER_NAME, data)
    assert isinstance(Store(folder, lambda _: None, FACTORY, files).slots, Slots)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (bundle, manifest, graph, frames, receiver, sender, midi, config, slots)
}

if __name__ == "__main__":
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"name a target: {', '.join(TARGETS)}")
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
