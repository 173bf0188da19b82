"""The host's flasher against the device's flashd, over real ptys and pyserial."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tombola_device.contract.bundle import Bundle, bundle_sha256, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle, FlashError
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.contract.protocol import WINDOW_CHUNKS
from tombola_device.contract.sender import CHUNK_BYTES
from tombola_device.flash.serve import Flashd
from tombola_device.slots.store import Store
from tombola_host.link.flash import device_info, flash
from tombola_host.link.pty_line import PtyLine

ENVELOPE = Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0)
MODE = Mode("m", "#000000", (0.0, 127.0), ENVELOPE)


def encoded(name: str, graph_bytes: int) -> bytes:
    manifest = Manifest(name, "voice", [MODE], {"frame": block_graph(1, 1)}, Cost(1, 1, 1, 1))
    return encode_bundle(Bundle(manifest, {"frame": random.Random(name).randbytes(graph_bytes)}))


def probe(bundle: Bundle) -> None:
    if bundle.manifest.name == "silent":
        raise BadBundle("its output is not finite; train again")


@dataclass
class Device:
    """A running flashd on a line."""

    line: PtyLine
    store: Store
    installed: list[Path] = field(default_factory=list)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    line = PtyLine(tmp_path)
    store = Store(tmp_path / "slots", probe)
    found = Device(line, store)
    flashd = Flashd(str(line.device_port), store, found.installed.append, lambda: {"xruns": 0})
    stop = threading.Event()
    thread = threading.Thread(target=flashd.run, args=(stop,))
    with line:
        thread.start()
        yield found
        stop.set()
        thread.join()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_bundle_is_flashed_installed_and_not_sent_twice(device: Device, tmp_path: Path) -> None:
    data = encoded("a", 300_000)
    told: list[tuple[int, int, str]] = []
    path, port = written(tmp_path / "a.tombola", data), str(device.line.host_port)
    report = flash(path, port, progress=lambda *what: told.append(what))
    assert (report.resumed_from, report.sessions, report.resent_chunks) == (0, 1, 0)
    assert [path.read_bytes() for path in device.installed] == [data]
    assert device.store.slots.active == report.sha256 == bundle_sha256(data)
    assert told[-1] == (len(data), len(data), "done")
    assert [held for held, _, _ in told] == sorted(held for held, _, _ in told)
    before = device.line.to_device_bytes
    assert flash(path, port).already_active
    assert device.line.to_device_bytes - before < 100
    assert len(device.installed) == 1


@pytest.mark.parametrize("cut_bytes", [10, 1_000, 100_000, 299_000])
def test_unplugged_midway_it_waits_and_resumes(device: Device, tmp_path: Path, cut_bytes: int) -> None:
    data = encoded("b", 300_000)
    device.line.unplug_after(cut_bytes)

    def plug_again() -> None:
        while device.line.plugged:
            time.sleep(0.01)
        time.sleep(0.1)
        device.line.plug()

    hand = threading.Thread(target=plug_again)
    hand.start()
    report = flash(written(tmp_path / "b.tombola", data), str(device.line.host_port))
    hand.join()
    assert [path.read_bytes() for path in device.installed] == [data]
    assert report.pluggings == 1
    most_on_the_way = WINDOW_CHUNKS * CHUNK_BYTES
    assert device.line.to_device_bytes < 1.03 * len(data) + min(cut_bytes, most_on_the_way) + 5_000


def test_a_flash_that_was_given_up_is_resumed_by_the_next(device: Device, tmp_path: Path) -> None:
    path = written(tmp_path / "b.tombola", encoded("b", 300_000))
    device.line.unplug_after(200_000)
    with pytest.raises(FlashError, match=r"did not come back within 0\.3 s, \d+ of \d+ bytes are there"):
        flash(path, str(device.line.host_port), unplugged_s=0.3)
    device.line.plug()
    report = flash(path, str(device.line.host_port))
    assert 150_000 < report.resumed_from < 200_000
    assert decode_bundle(device.installed[0].read_bytes()).manifest.name == "b"


def test_a_flipped_bit_in_the_file_is_refused_on_both_sides_and_the_slot_stays(device: Device, tmp_path: Path) -> None:
    port = str(device.line.host_port)
    flash(written(tmp_path / "a.tombola", encoded("a", 5_000)), port)
    damaged = bytearray(encoded("b", 5_000))
    damaged[3_000] ^= 16
    path = written(tmp_path / "b.tombola", bytes(damaged))
    with pytest.raises(BadBundle, match="damaged"):
        flash(path, port)
    with pytest.raises(FlashError, match="the device found the bundle damaged"):
        flash(path, port, check=False)
    assert device.store.slots.active == bundle_sha256(encoded("a", 5_000))
    assert len(device.installed) == 1


def test_a_bundle_that_does_not_play_is_refused_and_the_status_says_why(device: Device, tmp_path: Path) -> None:
    port = str(device.line.host_port)
    with pytest.raises(FlashError, match="does not play on the device"):
        flash(written(tmp_path / "s.tombola", encoded("silent", 5_000)), port)
    info = device_info(port)
    assert "its output is not finite" in str(info["last_error"])
    assert (info["device"], info["protocol"], info["playing"]) == ("tombola", 2, {"xruns": 0})
    assert device.installed == []


def test_payload_reaches_80_percent_of_a_throttled_line(tmp_path: Path) -> None:
    rate, data = 40_000.0, encoded("a", 80_000)
    line, store = PtyLine(tmp_path, rate), Store(tmp_path / "slots", probe)
    flashd = Flashd(str(line.device_port), store, lambda path: None)
    stop = threading.Event()
    thread = threading.Thread(target=flashd.run, args=(stop,))
    with line:
        thread.start()
        report = flash(written(tmp_path / "a.tombola", data), str(line.host_port))
        stop.set()
        thread.join()
    assert 0.8 * rate <= report.payload_bytes_per_s <= 1.02 * rate
    assert report.resent_chunks == 0


def test_a_missing_port_and_a_missing_file_are_errors_at_once(tmp_path: Path) -> None:
    with pytest.raises(FlashError, match="nowhere cannot be opened: No such file or directory; check the name"):
        flash(written(tmp_path / "a.tombola", encoded("a", 100)), str(tmp_path / "nowhere"))
    with pytest.raises(FlashError, match=r"missing\.tombola cannot be read: No such file"):
        flash(tmp_path / "missing.tombola", str(tmp_path / "nowhere"))


def test_a_trace_shows_every_frame(device: Device) -> None:
    lines: list[str] = []
    device_info(str(device.line.host_port), trace=lines.append)
    heads = [tuple(line.split()[1:3]) for line in lines if "bytes" in line]
    # Only the first frame of each kind counts: on a slow machine the host repeats requests.
    assert list(dict.fromkeys(heads)) == [(">", "Hello,"), ("<", "Welcome,"), (">", "Ask,"), ("<", "Status,")]
