"""Flashd on a port in memory: what it installs, what it refuses, and that no error stops it."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from tombola_device.contract import protocol as p
from tombola_device.contract.asking import Asker
from tombola_device.contract.bundle import Bundle, bundle_sha256, encode_bundle
from tombola_device.contract.errors import BadBundle, FlashError
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.contract.protocol import MAX_STATUS_BYTES
from tombola_device.contract.refusals import ErrorCode, Refused, error_sentence, two_figures
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.disk.fake import FakeFiles
from tombola_device.engine.board import UNKNOWN, Board
from tombola_device.flash.serve import Flashd, SerialPort
from tombola_device.slots.store import RESERVE_BYTES, Store

ENVELOPE = Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0)
MODE = Mode("m", "#000000", (0.0, 127.0), ENVELOPE)
FOLDER = Path("/slots")


def encoded(name: str, graph_bytes: int = 9_000, instructions: int | None = None) -> bytes:
    manifest = Manifest(name, "voice", [MODE], {"frame": block_graph(1, 1)}, Cost(1, 1, 1, 1, instructions))
    return encode_bundle(Bundle(manifest, {"frame": random.Random(name).randbytes(graph_bytes)}))


def probe(bundle: Bundle) -> None:
    if bundle.manifest.name == "slow":
        time.sleep(0.5)
    if bundle.manifest.name == "broken":
        message = "a bug in the probe"
        raise RuntimeError(message)
    if bundle.manifest.name == "costly":
        raise Refused(ErrorCode.TOO_COSTLY, two_figures(5_100, 2_400))
    if bundle.manifest.name == "silent":
        raise BadBundle("its output is not finite; train again")


class FakePort:
    """A port in memory that returns a few bytes per read and can hang up in three ways."""

    def __init__(self, longest_read: int = 100) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.trouble: OSError | None = None
        self.trouble_waiting: OSError | None = None
        self._longest_read = longest_read

    @property
    def in_waiting(self) -> int:
        if self.trouble_waiting:
            raise self.trouble_waiting
        return len(self.incoming)

    def read(self, size: int, /) -> bytes:
        if self.trouble:
            raise self.trouble
        data = bytes(self.incoming[: min(size, self._longest_read)])
        del self.incoming[: len(data)]
        return data

    def write(self, data: bytes, /) -> int:
        if self.trouble:
            raise self.trouble
        self.outgoing += data
        return len(data)

    def close(self) -> None:
        raise OSError(5, "closing fails too")


class Bench:
    """A Flashd on a fake port, and the bundles that it announced."""

    def __init__(
        self, files: FakeFiles | None = None, status: Callable[[], dict[str, object]] = dict, board: Board = UNKNOWN
    ) -> None:
        self.port = FakePort()
        self.ports: list[FakePort | OSError] = []
        self.installed: list[str] = []
        self.files = files or FakeFiles()
        self.store = Store(FOLDER, probe, files=self.files)
        self.flashd = Flashd("/dev/fake", self.store, self._on_installed, status, self._open, board=board)

    def _on_installed(self, path: Path) -> None:
        self.installed.append(path.stem)

    def _open(self, path: str) -> SerialPort:
        found = self.ports.pop(0) if self.ports else self.port
        if isinstance(found, OSError):
            raise found
        return found

    def send(self, sender: Sender, each_step: Callable[[], None] = lambda: None) -> None:
        """Run until the sender is done, in real time, because a thread installs."""
        end_s = time.monotonic() + 20
        while sender.phase is not SenderPhase.DONE:
            assert time.monotonic() < end_s
            self.port.incoming += sender.poll(time.monotonic())
            self.flashd.poll()
            answer, self.port.outgoing = bytes(self.port.outgoing), bytearray()
            sender.receive(answer, time.monotonic())
            each_step()


def test_a_bundle_is_installed_and_announced() -> None:
    bench, data = Bench(), encoded("a")
    bench.send(Sender(data, 1))
    assert bench.installed == [bundle_sha256(data)]
    assert bench.store.slots.active == bundle_sha256(data)
    assert not bench.store.slots.confirmed


@pytest.mark.parametrize(
    ("name", "code"),
    [("silent", ErrorCode.PROBE_FAILED), ("broken", ErrorCode.PROBE_FAILED), ("", ErrorCode.BAD_BUNDLE)],
)
def test_a_bundle_that_does_not_play_is_refused_by_number_and_the_next_is_accepted(name: str, code: ErrorCode) -> None:
    bench = Bench()
    with pytest.raises(FlashError) as caught:
        bench.send(Sender(encoded(name) if name else b"no bundle at all", 1))
    assert str(caught.value) == error_sentence(code, 0)
    assert bench.flashd.last_error != ""
    bench.send(Sender(encoded("a"), 2))
    assert len(bench.installed) == 1
    assert bench.flashd.last_error == ""


def test_a_bundle_too_slow_for_the_board_is_refused_with_both_figures_and_discarded() -> None:
    bench = Bench()
    with pytest.raises(FlashError, match=r"needs 5\.1 M instructions per period but the device's board has 2\.4 M"):
        bench.send(Sender(encoded("costly"), 1))
    assert bench.store.slots.active is None
    assert bench.files.names(FOLDER) == []


def test_a_bundle_with_a_too_high_cost_is_refused_before_a_tenth_of_it_has_arrived() -> None:
    bench, shares = Bench(board=Board("slow", 1e9)), []
    data = encoded("large", 100_000, 5_100_000)
    with pytest.raises(FlashError, match=r"needs 5\.1 M instructions per period but the device's board has 1\.6 M"):
        bench.send(Sender(data, 1), lambda: shares.append(bench.flashd.progress))
    assert max(shares) < 0.1
    assert bench.flashd.doing == "refused"
    # No part is left that a later flash could resume without the check.
    assert bench.store.begin(bundle_sha256(data), len(data)).offset == 0
    bench.send(Sender(encoded("small", 100_000, 500_000), 2))
    assert len(bench.installed) == 1


def test_progress_and_state_are_reported_for_the_display() -> None:
    bench, told = Bench(), []

    def look() -> None:
        told.append((bench.flashd.doing, bench.flashd.progress))

    look()
    bench.send(Sender(encoded("a", 40_000), 1), look)
    doings = list(dict.fromkeys(doing for doing, _ in told))
    assert doings[:2] == ["", "receiving"]
    assert doings[-1] == "installed"
    shares = [progress for _, progress in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(set(shares)) > 10
    with pytest.raises(FlashError):
        bench.send(Sender(encoded("silent"), 2))
    assert bench.flashd.doing == "refused"


def test_a_full_disk_is_reported_with_its_free_bytes() -> None:
    bench = Bench(FakeFiles(RESERVE_BYTES + 4_000))
    with pytest.raises(FlashError, match="the device has only 4000 bytes free"):
        bench.send(Sender(encoded("a"), 1))


def test_polling_never_waits_for_a_long_installation_and_a_new_host_finds_it_done() -> None:
    bench, data, longest_s = Bench(), encoded("slow"), 0.0
    sender = Sender(data, 1)

    def note_time() -> None:
        nonlocal longest_s
        begun_s = time.monotonic()
        bench.flashd.poll()
        longest_s = max(longest_s, time.monotonic() - begun_s)
        if sender.phase is SenderPhase.FINISHING and sender.sessions == 1:
            sender.reconnect()

    bench.send(sender, note_time)
    assert longest_s < 0.25
    assert sender.sessions == 2
    assert bench.installed == [bundle_sha256(data)]


@pytest.mark.parametrize("trouble", [serial.SerialException("gone"), OSError(5, "Input/output error")])
@pytest.mark.parametrize("where", ["trouble", "trouble_waiting"])
def test_after_a_hang_up_of_any_kind_the_port_is_opened_again(trouble: OSError, where: str) -> None:
    bench, data = Bench(), encoded("a", 40_000)
    sender = Sender(data, 1)
    next_port = FakePort()
    bench.ports = [bench.port, OSError(2, "No such file"), next_port]

    def pull_plug() -> None:
        if sender.held_bytes > 10_000 and bench.port is not next_port:
            setattr(bench.port, where, trouble)
            bench.flashd.poll()
            bench.port = next_port
            sender.reconnect()

    bench.send(sender, pull_plug)
    assert bench.installed == [bundle_sha256(data)]
    assert sender.sessions >= 2


def test_a_host_that_does_not_read_is_no_trouble() -> None:
    bench = Bench()
    bench.port.write = lambda data, /: (_ for _ in ()).throw(serial.SerialTimeoutException("full"))  # type: ignore[method-assign]
    bench.port.incoming += Asker(3, p.Ask()).poll(0.0)
    bench.flashd.poll()
    del bench.port.write
    bench.send(Sender(encoded("a"), 4))
    assert len(bench.installed) == 1


def asked(bench: Bench) -> dict[str, object]:
    asker = Asker(9, p.Ask())
    while asker.answer is None:
        bench.port.incoming += asker.poll(time.monotonic())
        bench.flashd.poll()
        asker.receive(bytes(bench.port.outgoing))
        bench.port.outgoing.clear()
    assert isinstance(asker.answer, p.Status)
    assert len(asker.answer.tail) <= MAX_STATUS_BYTES
    found = json.loads(asker.answer.tail)
    assert isinstance(found, dict)
    return found


def test_the_status_says_what_plays_unless_that_is_too_long() -> None:
    found = asked(Bench(status=lambda: {"xruns": 2}))
    assert found["playing"] == {"xruns": 2}
    assert found["slots"] == {"active": None, "previous": None, "confirmed": True, "rejected": None}
    assert "playing" not in asked(Bench(status=lambda: {"log": "x" * MAX_STATUS_BYTES}))


@pytest.mark.parametrize("where", ["read", "write", "begin", "free_bytes", "installed", "status"])
@pytest.mark.parametrize("error", [OverflowError("too large"), MemoryError(), RecursionError("deep"), AssertionError()])
def test_no_error_of_any_kind_ends_the_serving(where: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, raised = Bench(), []
    place, name = {"read": (bench.port, "read"), "write": (bench.port, "write"), "begin": (bench.store, "begin"),
                   "free_bytes": (bench.store, "free_bytes"), "installed": (bench.flashd._reception, "_on_installed"),
                   "status": (bench.flashd._reception, "_status")}[where]  # fmt: skip

    def fail(*_: object, **__: object) -> None:
        raised.append(where)
        raise error

    host = Asker(9, p.Ask()) if where in ("free_bytes", "status") else Sender(encoded("a"), 1)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, fail)
        while not raised:
            bench.port.incoming += host.poll(time.monotonic())
            bench.flashd.poll()
            with contextlib.suppress(FlashError):  # An answer is what it waits for.
                host.receive(bytes(bench.port.outgoing), *([time.monotonic()] if isinstance(host, Sender) else []))
            bench.port.outgoing.clear()
        bench.flashd.poll()
    assert raised
    bench.port.incoming.clear()
    bench.send(Sender(encoded("b"), 2))
    assert bench.installed[-1] == bundle_sha256(encoded("b"))


def test_port_that_is_not_there_is_named_once_and_one_that_was_unplugged_is_not_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    bench.ports = [OSError(2, "could not open port")] * 3
    monkeypatch.setattr(bench.flashd, "_path", "/dev/no")
    for _ in range(3):
        bench.flashd._reopen_s = 0.0
        bench.flashd.poll()
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["the port /dev/no cannot be opened (No such file or directory); check serial, or plug it in"]


def test_running_ends_soon_after_it_is_told_to() -> None:
    bench, stop = Bench(), threading.Event()
    bench.ports = [OSError(2, "No such file")] * 1000
    thread = threading.Thread(target=bench.flashd.run, args=(stop,))
    thread.start()
    begun_s = time.monotonic()
    stop.set()
    thread.join()
    assert time.monotonic() - begun_s < 0.5
