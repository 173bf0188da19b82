"""The instrument with a page: three processes, of which any may die; bundles that are dropped; addresses and ports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.signing import public_key, sign_bundle
from tombola_device.disk.files import DiskFiles
from tombola_device.disk.sealed import write_sealed
from tombola_device.slots.owner import EnrolledKey, _Keys
from tombola_device.web.client import WebClient

PATIENCE_S = 60.0
CONFIG = """
audio = "browser"  # Not auto: the tests of JACK may run beside this one.
state_dir = "{folder}"
midi = "none"
panel = "none"
measure = false
realtime = false
unsigned = "{unsigned}"
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")


def until(condition, patience_s=PATIENCE_S):
    end_s = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Instrument:
    """``tombolad run --browser``, and a page that is logged in."""

    def __init__(self, folder, unsigned="allow", port=0):
        self.folder, self.port = folder, port or free_port()
        config = folder / "tombola.toml"
        config.write_text(CONFIG.format(folder=folder, unsigned=unsigned))
        command = [sys.executable, "-m", "tombola_device", "run", "--config", str(config), "--browser", "--no-open"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.lines, self.client = [], WebClient(self.port)
        self.wait_for("playing ")

    def wait_for(self, beginning):
        """Read lines of the terminal until one begins so."""
        while not (found := [line for line in self.lines if line.startswith(beginning)]):
            line = self.process.stdout.readline()
            assert line, "it has ended"
            self.lines.append(line.strip())
        self.lines.remove(found[0])
        return found[0]

    @property
    def token(self):
        return self.wait_for("the panel is at ").partition("#")[2]

    def open_page(self, path="/socket"):
        self.page = self.client.socket(path)
        self.state = {}
        return self.page

    def see(self, condition):
        """Follow the state until it is as wanted."""

        def look():
            message = json.loads(self.page.receive())
            self.state |= message["state"]
            self.page.send({"kind": "ack", "seq": message["seq"]})
            return condition(self.state)

        until(look)
        return self.state

    @property
    def server(self):
        """The process of the server; 0: there is none."""
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and b"browser.process" in (process / "cmdline").read_bytes():
                    return int(process.name)
        return 0

    def end(self):
        self.client.close()
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0
        self.process.stdout.close()


@pytest.fixture
def make_instrument(tmp_path):
    made = []

    def make(**kwargs):
        made.append(Instrument(tmp_path, **kwargs))
        return made[-1]

    yield make
    for instrument in made:
        if instrument.process.poll() is None:
            instrument.end()
        else:
            instrument.client.close()
            instrument.process.stdout.close()


@pytest.fixture
def instrument(make_instrument):
    instrument = make_instrument()
    assert instrument.client.login(instrument.token).status == 204
    return instrument


def heard(client, seconds):
    """What a listener hears. Shape (T,)."""
    listening, samples = client.socket("/sound"), []
    while sum(map(len, samples)) < seconds * 48_000:
        block = listening.receive()
        samples.append(np.frombuffer(block, "<i2", offset=8))
        listening.send({"heard": struct.unpack_from("<I", block)[0]})
    listening.close()
    return np.concatenate(samples) / 32767


def test_key_on_the_page_sounds_in_the_page_where_there_is_no_card(instrument):
    instrument.open_page()
    instrument.see(lambda state: state.get("audio") == "the browser")
    instrument.page.send({"kind": "midi", "bytes": [144, 69, 100]})
    state = instrument.see(lambda state: state["held"] == [69] and state["latency_ms"] > 0)
    assert state["sound_here"] is True
    sound = heard(instrument.client, 0.5)[-12_000:]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    loudest_hz = spectrum.argmax() * 4.0
    assert loudest_hz / 440 == pytest.approx(round(loudest_hz / 440), abs=0.03)
    assert np.abs(sound).max() > 0.01


def test_server_that_is_killed_comes_back_at_the_same_port_with_the_same_login_and_lets_go_of_its_keys(instrument):
    instrument.open_page()
    instrument.page.send({"kind": "midi", "bytes": [144, 69, 100]})
    instrument.see(lambda state: state.get("held") == [69])
    periods, before = instrument.state["xruns"], instrument.server
    os.kill(before, signal.SIGKILL)
    with contextlib.suppress(ConnectionError):
        while instrument.page.receive():
            pass
    until(lambda: instrument.server not in (0, before))
    instrument.open_page()
    state = instrument.see(lambda state: state.get("bundle") and state["held"] == [])
    assert state["bundle"]["name"] == "quartet"
    assert any("started again" in line for line in state["log"])
    assert state["xruns"] >= periods


def test_instrument_that_is_killed_takes_its_server_along_and_the_login_holds_for_the_next(instrument, make_instrument):
    server = instrument.server
    instrument.process.kill()
    instrument.process.wait()
    again = make_instrument(port=instrument.port)
    until(lambda: not Path(f"/proc/{server}").exists())
    again.client.cookie = instrument.client.cookie
    again.open_page()
    assert again.see(lambda state: state.get("bundle"))["bundle"]["name"] == "quartet"


def test_logout_shows_a_new_address_and_the_old_one_is_worth_nothing(instrument):
    old = instrument.client.cookie
    assert instrument.client.post("/logout").status == 204
    token = instrument.token
    instrument.client.cookie = old
    assert instrument.client.get("/backup").status == 401
    assert instrument.client.login(token).status == 204
    assert instrument.client.get("/backup").status == 200
    kept = instrument.folder / "browser.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert instrument.client.cookie.partition("=")[2] not in kept.read_text()


def test_dropped_bundle_takes_over_and_a_bad_one_is_a_sentence_and_changes_nothing(instrument, make_bundle):
    data = encode_bundle(make_bundle())
    instrument.open_page()
    for bad, words in ((data[:-100], "damaged"), (b"no bundle", ""), (b"", "empty")):
        reply = instrument.client.post("/bundle", bad)
        assert reply.status in (400, 409)
        assert words in reply.json["error"]
    with instrument.client.connect() as line:  # The page is closed in the middle of it.
        head = {"Origin": f"http://{instrument.client.host}", "Content-Length": str(len(data))}
        line.sendall(instrument.client.head("POST", "/bundle", head) + data[: len(data) // 2])
    assert instrument.see(lambda state: state.get("bundle"))["bundle"]["name"] == "quartet"
    assert not list((instrument.folder / "slots").glob("*.tombola"))
    reply = instrument.client.post("/bundle", data)
    assert (reply.status, reply.json) == (200, {"said": "installed; it takes over now"})
    sha256 = bundle_sha256(data)
    instrument.see(lambda state: state["bundle"] and state["bundle"]["sha256"] == sha256)
    assert instrument.client.post("/bundle", data).json == {"said": "it plays already"}


def test_where_owners_decide_a_dropped_bundle_needs_signature_or_gesture(make_instrument, make_bundle, tmp_path):
    seed, data = b"s" * 32, encode_bundle(make_bundle())
    write_sealed(DiskFiles(), tmp_path / "owners.json", _Keys([EnrolledKey(public_key(seed).hex(), "me")]))
    instrument = make_instrument(unsigned="ask")
    assert instrument.client.login(instrument.token).status == 204
    instrument.open_page()
    sha256 = bundle_sha256(data)
    signed = public_key(seed) + sign_bundle(seed, bytes.fromhex(sha256))
    stranger = public_key(b"t" * 32) + sign_bundle(b"t" * 32, bytes.fromhex(sha256))
    for signature, words in (
        ("", "signed by an owner"),
        (stranger.hex(), "does not know the key"),
        ("00" * 96, "signature"),
        ("xyz", "damaged"),
    ):
        reply = instrument.client.post("/bundle", data, {"Tombola-Signature": signature} if signature else {})
        assert reply.status in (400, 409)
        assert words in reply.json["error"], reply.json
    state = instrument.see(lambda state: state.get("asking_bundle"))
    assert (state["asking_bundle"], state["hands_here"]) == (sha256[:12], True)
    assert instrument.client.post("/bundle", data, {"Tombola-Signature": signed.hex()}).status == 200
    other = encode_bundle(make_bundle(modes=2))
    assert instrument.client.post("/bundle", other).status == 409
    asking = bundle_sha256(other)[:12]
    instrument.see(lambda state: state["asking_bundle"] == asking)
    instrument.page.send({"kind": "allow_once", "bundle": asking})
    instrument.see(lambda state: state["allowed_bundle"] == asking)
    assert instrument.client.post("/bundle", other).status == 200


def test_backup_of_one_instrument_is_restored_on_another(instrument):
    instrument.open_page()
    instrument.page.send({"kind": "save_scene", "place": 5})
    instrument.see(lambda state: state.get("scenes") and state["scenes"][5]["words"])
    instrument.page.send({"kind": "rename_scene", "place": 5, "name": "dusk"})
    instrument.see(lambda state: state["scenes"][5]["name"] == "dusk")
    backup = instrument.client.get("/backup")
    assert (backup.status, backup.headers["content-type"]) == (200, "application/json")
    for bad in (b"", b"{}", backup.body[:-10], backup.body.replace(b"dusk", b"<b>")):
        reply = instrument.client.post("/restore", bad)
        assert (reply.status, list(reply.json)) == (400, ["error"])
    instrument.page.send({"kind": "rename_scene", "place": 5, "name": "dawn"})
    instrument.see(lambda state: state["scenes"][5]["name"] == "dawn")
    assert instrument.client.post("/restore", backup.body).status == 200
    assert instrument.see(lambda state: state["scenes"][5]["name"] == "dusk")


def test_port_in_use_is_a_sentence_that_offers_another(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "tombola_device", "run", "--browser", "--no-open", "--port", str(port)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"tombolad: port {port} is used by ")
    assert "; end it, or take --port " in result.stderr
    assert result.stderr.count("\n") == 1
