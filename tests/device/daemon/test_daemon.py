"""The instrument as a whole: two processes, slots, performances, ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from tombola_device.audio.client import AudioProcess
from tombola_device.config import Config, read_config
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, DeviceUnavailable, StoreError, TombolaError
from tombola_device.daemon.daemon import Daemon
from tombola_device.daemon.performance import Performance
from tombola_device.daemon.states import Playing, Waiting
from tombola_device.daemon.status import read_status
from tombola_device.engine.probe_child import ChildProbe
from tombola_device.hal.midi.file import FileIn
from tombola_device.play.automation import read_automation
from tombola_device.play.offline import BlendAutomation
from tombola_device.play.player import Player
from tombola_device.surface.actions import Enrol, Revert, SaveScene
from tombola_device.surface.fake import FakeFace

PATIENCE_S = 30.0
TUNE = [(0.0, (0x90, 69, 127)), (0.5, (0x80, 69, 0))]


def until(condition, patience_s: float = PATIENCE_S) -> None:
    end_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)


def read_wav(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32767


def pitch_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    return float(np.argmax(spectrum) * 48_000 / (4 * len(sound)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture
def write_bundle(tmp_path, make_bundle):
    def write(name: str, **options) -> Path:
        path = tmp_path / f"{name}.tombola"
        path.write_bytes(encode_bundle(make_bundle(name=name, **options)))
        return path

    return write


@pytest.fixture
def config(tmp_path, write_bundle) -> dict[str, object]:
    return {
        "audio": f"wav:{tmp_path / 'out.wav'}",
        "midi": "none",
        "panel": "none",
        "state_dir": str(tmp_path / "state"),
        "factory": str(write_bundle("factory")),
        "realtime": False,
    }


class Running:
    """A daemon in a thread of this process."""

    def __init__(self, config: dict[str, object], performance: Performance | None = None, faces: tuple = ()) -> None:
        self.lines: list[str] = []
        self.error: TombolaError | None = None
        self.stop = threading.Event()
        self.daemon = Daemon(Config(**config), performance or Performance(), self.lines.append, faces=faces)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.daemon.run(self.stop)
        except TombolaError as error:
            self.error = error

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    @property
    def store(self):
        return self.daemon.bundles.store

    @property
    def audio(self):
        until(lambda: isinstance(self.daemon.state, Playing))
        return self.daemon.state.audio

    def plays_anew(self, before) -> bool:
        state = self.daemon.state
        return isinstance(state, Playing) and state.audio is not before

    def install(self, path: Path) -> str:
        data = path.read_bytes()
        store = self.store
        store.begin(bundle_sha256(data), len(data))
        store.write(data)
        self.daemon.bundles.install(store.finish())
        return bundle_sha256(data)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE_S)
        assert self.ended


@pytest.fixture
def run():
    running = []

    def start(*arguments):
        running.append(Running(*arguments))
        return running[-1]

    yield start
    for daemon in running:
        daemon.end()


def test_performance_from_a_file_plays_at_its_pitch_and_ends_the_daemon(config, run, tmp_path):
    sweep = BlendAutomation((0.0, 0.1), ((1, 0, 0), (0, 1, 0)))
    running = run(config, Performance(midi=FileIn("tune", TUNE), automation=sweep, exit_when_done=True))
    until(lambda: running.ended)
    assert running.error is None
    assert running.lines[0].startswith("playing factory (modes: mode 0, mode 1, mode 2; 4 voices) on the file ")
    sound = read_wav(tmp_path / "out.wav")
    start = int(np.flatnonzero(sound)[0])
    assert pitch_hz(sound[start + 12_000 : start + 21_600]) == pytest.approx(880, abs=2)
    assert np.abs(sound[-64:]).max() < 0.002


def test_performance_plays_through_alsa_at_the_speed_of_sound_and_nothing_is_lost(config, run, capture):
    start_s = time.monotonic()
    running = run(config | {"audio": "alsa:capture"}, Performance(midi=FileIn("tune", TUNE), seconds=1.5))
    until(lambda: running.ended)
    assert running.error is None
    assert running.lines[0].endswith("on ALSA's capture")
    sound = np.fromfile(capture, "<i4").reshape(-1, 2)[:, 0] / 2.0**31
    assert 1.4 < len(sound) / 48_000 < time.monotonic() - start_s + 0.6
    start = int(np.flatnonzero(sound)[0])
    assert pitch_hz(sound[start + 4800 : start + 21_600]) == pytest.approx(440, abs=2)
    assert running.audio.status().xruns == 0


def test_flashed_bundle_takes_over_a_held_note_without_a_gap_and_is_kept_after_two_seconds(
    config, run, tmp_path, write_bundle
):
    port = free_port()
    running = run(config | {"midi_socket": f"localhost:{port}"})
    until(lambda: running.lines)
    with socket.create_connection(("localhost", port)) as keyboard:
        keyboard.sendall(bytes([0xC0, 1, 0x90, 69, 127]))  # An octave above what the next bundle plays.
        until(lambda: running.audio.status().levels_db[0] > -30)
        heard = running.audio.status().periods
        until(lambda: running.audio.status().periods > heard + 150)
        sha256 = running.install(write_bundle("next", modes=1))
        until(lambda: running.audio.status().sha256 == sha256)
        assert not running.store.slots.confirmed
        until(lambda: running.store.slots.confirmed)
        assert running.audio.status().played >= 750
        until(lambda: read_status(tmp_path / "state").confirmed)
        status = read_status(tmp_path / "state")
        assert (status.bundle, status.sha256, status.modes) == ("next", sha256, ["mode 0"])
        assert status.sounding == 1
    running.end()
    assert running.error is None
    assert "now playing next (modes: mode 0)" in running.lines
    sound = read_wav(tmp_path / "out.wav")
    start = int(np.flatnonzero(sound)[0])
    held = sound[start + 4800 : -1024]
    loud = np.sqrt(np.mean(held[: len(held) // 480 * 480].reshape(-1, 480) ** 2, axis=1))
    # The weights of the fade sum to 1, so two notes an octave apart are for an instant 3 dB softer, and never steeper.
    assert loud.min() > 0.65 * np.median(loud)
    assert pitch_hz(held[:9600]) == pytest.approx(880, abs=2)
    assert pitch_hz(held[-9600:]) == pytest.approx(440, abs=2)
    if status.xruns == 0:  # After one, on a machine that stalls, the sound comes back out of silence.
        own = 2 * np.pi * 880 / 48_000 * 0.1 * np.sqrt(2) * 10 ** (-6 / 20)
        assert np.abs(np.diff(held)).max() <= own * 1.02


def test_bundle_that_goes_mute_is_taken_back_and_the_one_before_plays_on(
    config, run, write_bundle, monkeypatch, tmp_path
):
    monkeypatch.setattr(ChildProbe, "__call__", lambda *_: None)
    port = free_port()
    running = run(config | {"midi_socket": f"localhost:{port}"})
    until(lambda: running.lines)
    with socket.create_connection(("localhost", port)) as keyboard:
        keyboard.sendall(bytes([0x90, 69, 127]))
        until(lambda: running.audio.status().levels_db[0] > -30)
        bad = running.install(write_bundle("broken", poison=float("nan")))
        until(lambda: running.store.slots.rejected == bad)
        factory = bundle_sha256(Path(config["factory"]).read_bytes())
        until(lambda: running.audio.status().sha256 == factory)
        until(lambda: running.audio.status().played > 50)
    running.end()
    assert running.error is None
    assert pitch_hz(read_wav(tmp_path / "out.wav")[-8000:-1024]) == pytest.approx(440, abs=3)


def test_daemon_without_any_bundle_waits_for_one_on_its_serial_line(config, run, write_bundle, monkeypatch):
    monkeypatch.setattr(Config, "factory_path", None)
    own, other = os.openpty()
    try:
        running = run(config | {"factory": "", "serial": os.ttyname(other)}, Performance(after_flash=True, seconds=0.3))
        until(lambda: running.lines)
        assert running.lines[0].startswith("waiting for a bundle on ")
        running.install(write_bundle("first"))
        until(lambda: running.ended)
        assert running.error is None
        assert running.lines[1].startswith("playing first (modes: mode 0")
    finally:
        os.close(own)
        os.close(other)


def test_while_it_waits_an_owner_can_be_paired_a_scene_is_not_saved_and_the_first_bundle_then_plays_and_falls_back(
    config, run, write_bundle, monkeypatch
):
    monkeypatch.setattr(Config, "factory_path", None)
    monkeypatch.setattr(ChildProbe, "__call__", lambda *_: None)
    face, port = FakeFace(), free_port()
    own, other = os.openpty()
    try:
        setup = {"factory": "", "audio": "null", "serial": os.ttyname(other), "midi_socket": f"localhost:{port}"}
        running = run(config | setup, None, (face,))
        until(lambda: running.lines)
        assert isinstance(running.daemon.state, Waiting)
        assert not running.daemon.state.healthy
        face.press(Enrol())
        until(lambda: face.see().pairing)
        face.press(SaveScene(0))
        until(lambda: "flash one" in face.see().notice)
        face.press(Revert())
        until(lambda: face.see().notice == "nothing plays yet")
        first = running.install(write_bundle("first"))
        until(lambda: face.see().bundle == "first")
        assert face.see().modes == ("mode 0", "mode 1", "mode 2")
        face.turn(1.0)
        until(lambda: face.see().blend == (0, 0, 1))
        with socket.create_connection(("localhost", port)) as keyboard:
            keyboard.sendall(bytes([0x90, 69, 127]))
            until(lambda: face.see().sounding == 1)
            until(lambda: running.store.slots.confirmed)
            bad = running.install(write_bundle("broken", poison=float("nan"), modes=1))
            until(lambda: running.store.slots.rejected == bad)
            until(lambda: running.audio.status().sha256 == first)
            until(lambda: face.see().bundle == "first")
            until(lambda: running.daemon.state.healthy)
            assert face.see().modes == ("mode 0", "mode 1", "mode 2")
    finally:
        os.close(own)
        os.close(other)
    running.end()
    assert running.error is None
    assert face.closed


def test_active_bundle_that_does_not_load_at_the_start_leads_back_to_the_one_before(config, run, write_bundle):
    held = Performance(midi=FileIn("a held note", TUNE[:1]))
    running = run(config | {"audio": "null"}, held)
    until(lambda: running.lines)
    sha256 = running.install(write_bundle("next"))
    until(lambda: running.store.slots.confirmed and running.audio.status().sha256 == sha256)
    broken = running.install(write_bundle("later"))
    until(lambda: running.audio.status().sha256 == broken)
    path = running.store.path_of(broken)
    running.end()
    path.write_bytes(path.read_bytes()[:-1])
    second = run(config | {"audio": "null"})
    until(lambda: second.lines)
    assert second.lines[0].startswith("playing next (")
    assert second.store.slots.rejected == broken


def test_daemon_without_any_bundle_or_line_says_what_to_do(config, run):
    running = run(config | {"factory": "/no/such.tombola"})
    until(lambda: running.ended)
    assert isinstance(running.error, StoreError)
    assert str(running.error) == (
        "the factory bundle /no/such.tombola cannot be read (No such file or directory), and "
        f"{config['state_dir']}/slots holds no playable bundle; flash one"
    )


def test_factory_bundle_that_is_damaged_is_named_although_another_one_plays(config, run, write_bundle, caplog):
    first = run(config | {"audio": "null"})
    until(lambda: first.lines)
    first.install(write_bundle("next"))
    first.end()
    Path(config["factory"]).write_bytes(b"?")
    second = run(config | {"audio": "null"})
    until(lambda: second.lines)
    assert second.lines[0].startswith("playing next")
    assert f"the factory bundle {config['factory']} is no bundle" in caplog.text


def test_first_bundle_that_does_not_start_leads_back_to_waiting_and_the_next_one_plays(
    config, run, write_bundle, monkeypatch
):
    monkeypatch.setattr(Config, "factory_path", None)
    face = FakeFace()
    own, other = os.openpty()
    try:
        running = run(config | {"factory": "", "audio": "null", "serial": os.ttyname(other)}, None, (face,))
        until(lambda: running.lines)
        path = write_bundle("bad")
        data = path.read_bytes()
        running.store.begin(bundle_sha256(data), len(data))
        running.store.write(data)
        broken = running.store.finish()
        broken.write_bytes(data[:-1])
        running.daemon.bundles.install(broken)
        until(lambda: len(running.lines) > 1)
        assert running.lines[1].startswith("waiting for a bundle on ")
        assert "cut short" in running.lines[1]
        face.press(Enrol())
        until(lambda: face.see().pairing)
        running.install(write_bundle("good"))
        until(lambda: running.lines[-1].startswith("playing good"))
    finally:
        os.close(own)
        os.close(other)


def test_panel_works_and_status_is_told_while_the_audio_process_starts(config, run, tmp_path, monkeypatch):
    gate, face = threading.Event(), FakeFace()

    def slow(*arguments, **options):
        assert gate.wait(PATIENCE_S)
        return AudioProcess(*arguments, **options)

    monkeypatch.setattr("tombola_device.daemon.daemon.AudioProcess", slow)
    running = run(config | {"audio": "null"}, None, (face,))
    until((tmp_path / "state" / "status.json").is_file)
    assert read_status(tmp_path / "state").doing == "starting"
    face.press(Enrol())
    until(lambda: face.see().pairing)
    gate.set()
    until(lambda: running.lines)
    until(lambda: read_status(tmp_path / "state").doing == "playing factory")


def test_status_of_a_waiting_instrument_is_told(config, tmp_path):
    own, other = os.openpty()
    missing = config | {"factory": "/no/such.tombola", "serial": os.ttyname(other)}
    path = tmp_path / "waiting.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in missing.items()))
    command = [sys.executable, "-m", "tombola_device", "run", "--config", str(path)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert "the factory bundle /no/such.tombola cannot be read" in child.stdout.readline()
            until((tmp_path / "state" / "status.json").is_file)
            told = tombolad("status", "--config", str(path))
            child.terminate()
    finally:
        os.close(own)
        os.close(other)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines()[0] == f"bundle  none; waiting for a bundle on {missing['serial']}"


def test_nobody_who_reads_what_is_reported_does_not_end_the_music(config, run):
    def broken(_):
        raise BrokenPipeError

    running = run(config | {"audio": "null"})
    running.daemon._report = broken
    until(lambda: isinstance(running.daemon.state, Playing))
    assert running.error is None


def test_second_daemon_of_the_same_folder_is_refused(config, run):
    first = run(config | {"audio": "null"})
    until(lambda: first.lines)
    second = run(config | {"audio": "null"})
    until(lambda: second.ended)
    assert isinstance(second.error, DeviceUnavailable)
    assert "another tombolad" in str(second.error)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_audio_process_that_dies_or_stands_still_is_started_again_under_the_held_note(config, run, number):
    port = free_port()
    running = run(config | {"audio": "null", "midi_socket": f"localhost:{port}"})
    until(lambda: running.lines)
    first = running.audio
    with socket.create_connection(("localhost", port)) as keyboard:
        keyboard.sendall(bytes([0x90, 69, 127]))
        until(lambda: running.daemon.state.level_db > -30)
        os.kill(first.pid, number)
        until(lambda: running.plays_anew(first))
        until(lambda: running.daemon.state.level_db > -30)
    assert not first.alive
    assert running.error is None


def test_audio_process_that_is_killed_while_it_starts_is_started_again_with_the_same_bundle(config, run):
    running = run(config | {"audio": "null"})
    tasks = Path(f"/proc/{os.getpid()}/task")

    def children():  # Another test in this process may have children of its own, such as a JACK server.
        found = [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        return [child for child in found if b"tombola_device.audio" in Path(f"/proc/{child}/cmdline").read_bytes()]

    until(children)
    os.kill(int(children()[0]), signal.SIGKILL)
    until(lambda: running.lines)
    assert running.lines[0].startswith("playing factory")
    assert running.store.slots.rejected is None


def test_bundle_that_ends_the_audio_process_twice_gives_way_to_the_one_before(config, run, write_bundle):
    port = free_port()
    running = run(config | {"audio": "null", "midi_socket": f"localhost:{port}"})
    until(lambda: running.lines)
    with socket.create_connection(("localhost", port)) as keyboard:
        keyboard.sendall(bytes([0x90, 69, 127]))
        sha256 = running.install(write_bundle("next"))
        until(lambda: running.store.slots.active == sha256 and running.store.slots.confirmed)
        for _ in range(2):
            before = running.audio
            os.kill(before.pid, signal.SIGKILL)
            until(lambda before=before: running.plays_anew(before))
        assert running.store.slots.rejected == sha256
        assert running.daemon.state.name == "factory"
        until(lambda: running.daemon.state.level_db > -30)


# The audio process


@pytest.fixture
def audio(write_bundle, tmp_path):
    process = AudioProcess(
        write_bundle("first"),
        Player(3, 2).packed(),
        audio="null",
        buffer_periods=4,
        fallback=tmp_path / "x.wav",
        realtime=False,
    )
    yield process
    process.stop()


def test_audio_process_plays_what_it_is_sent_and_tells_its_load(audio):
    assert audio.ready.audio == "nothing (no sound)"
    player = Player(3, 2)
    player.note_on(69, 1.0)
    audio.send(player.packed())
    until(lambda: audio.status().levels_db[0] == -20)
    status = audio.status()
    assert status.peak_db == pytest.approx(-20 - 6 + 3, abs=0.3)
    until(lambda: audio.status().periods > 128)
    status = audio.status()
    assert 0 < status.load_p50_us <= status.load_p99_us
    assert status.levels_db[1] == -80


def test_bundle_that_does_not_load_is_refused_and_the_old_one_plays_on(audio, tmp_path, write_bundle):
    damaged = tmp_path / "damaged.tombola"
    damaged.write_bytes(write_bundle("next").read_bytes()[:-1])
    periods, sha256 = audio.status().periods, audio.status().sha256
    audio.load(damaged)
    events = []
    until(lambda: events.extend(audio.events()) or events)
    assert events[0].event == "refused"
    assert "cut short" in events[0].reason
    until(lambda: audio.status().periods > periods + 64)
    assert audio.status().sha256 == (sha256 or audio.ready.sha256)


def test_audio_process_that_is_told_to_stop_ends_with_code_0(audio):
    audio.stop()
    assert audio._process.returncode == 0
    with pytest.raises(DeviceUnavailable):
        audio.load(Path("x"))


def test_audio_process_with_a_bad_bundle_or_card_does_not_start(write_bundle, tmp_path):
    bad = write_bundle("bad")
    bad.write_bytes(b"nothing")
    common = {
        "controls": Player(3, 2).packed(),
        "buffer_periods": 4,
        "fallback": tmp_path / "x.wav",
        "realtime": False,
    }
    with pytest.raises(BadBundle, match="cut short"):
        AudioProcess(bad, audio="null", **common)
    with pytest.raises(DeviceUnavailable, match="cannot be written"):
        AudioProcess(write_bundle("good"), audio=f"wav:{tmp_path}/no/out.wav", **common)


# The command


def tombolad(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tombola_device", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options)


@pytest.fixture
def config_file(config, tmp_path) -> Path:
    path = tmp_path / "tombola.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in config.items()))
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_command_plays_tells_its_status_and_ends_on_a_signal(config_file, number, tmp_path):
    command = [sys.executable, "-m", "tombola_device", "run", "--config", str(config_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline().startswith(
            "playing factory (modes: mode 0, mode 1, mode 2; 4 voices) on the file "
        )
        until((tmp_path / "state" / "status.json").is_file)
        told = tombolad("status", "--config", str(config_file), "--json")
        assert told.returncode == 0
        assert json.loads(told.stdout)["pid"] == child.pid
        child.send_signal(number)
        assert child.wait(PATIENCE_S) == 0
        assert child.stderr.read() == ""
    with wave.open(str(tmp_path / "out.wav")) as file:  # Its header was written: the audio process ended cleanly.
        assert file.getnframes() > 0
    gone = tombolad("status", "--config", str(config_file))
    assert gone.returncode == 1
    assert gone.stderr.count("\n") == 1


def test_systemd_hears_that_it_is_ready_then_alive_and_nothing_while_no_period_is_rendered(config_file, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(PATIENCE_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        command = [sys.executable, "-m", "tombola_device", "run", "--config", str(config_file)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as daemon:
            try:
                assert [ear.recv(100) for _ in range(2)] == [b"READY=1", b"STATUS=playing factory"]
                assert ear.recv(100) == b"WATCHDOG=1"
                tasks = Path(f"/proc/{daemon.pid}/task")  # The audio process was started by a thread.
                children = [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
                os.kill(int(children[0]), signal.SIGSTOP)
                ear.settimeout(0.5)
                said = 0
                with contextlib.suppress(TimeoutError):
                    while said < 20:
                        said += bool(ear.recv(100))
                assert said < 20  # What was on its way, and then nothing until another audio process starts.
                ear.settimeout(PATIENCE_S)
                assert ear.recv(100) == b"STATUS=starting"
                assert set(iter(lambda: ear.recv(100), b"STATUS=playing factory")) == {b"WATCHDOG=1"}
            finally:
                daemon.terminate()


def test_systemd_hears_that_it_is_ready_and_alive_while_it_waits_for_a_first_bundle(config, tmp_path, monkeypatch):
    monkeypatch.setattr(Config, "factory_path", None)
    own, other = os.openpty()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        running = Running(config | {"factory": "", "serial": os.ttyname(other)})
        try:
            heard = [ear.recv(100) for _ in range(4)]
        finally:
            running.end()
            os.close(own)
            os.close(other)
    assert heard == [b"READY=1", b"STATUS=waiting for a bundle", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert running.error is None


def test_audio_process_ends_when_the_control_process_is_killed(config_file, tmp_path):
    command = [sys.executable, "-m", "tombola_device", "run", "--config", str(config_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        child.stdout.readline()
        child.kill()
        child.wait()
        # The audio process closes its file at the end, and only then does the file's header tell its length.

        def finished() -> bool:
            try:
                return read_wav(tmp_path / "out.wav").size > 0
            except EOFError:
                return False

        until(finished)


def test_slots_are_shown_as_text_and_json(config_file, config):
    shown = tombolad("slots", "--config", str(config_file))
    assert shown.returncode == 0
    assert shown.stdout.split()[:3] == ["active", "factory", "factory"]
    facts = json.loads(tombolad("slots", "--config", str(config_file), "--json").stdout)
    assert facts["active"] is None
    assert facts["factory"] == config["factory"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("volume = 3", "unknown field `volume`"),
        ("voices = 99", "<= 16"),
        ("voices =", "is not TOML"),
        ("a = " + 3000 * "{b = " + "1" + 3000 * "}", "nested too deeply"),
        ('audio = "loud"', "unknown"),
    ],
)
def test_wrong_configuration_is_one_sentence_and_code_1(tmp_path, write_bundle, text, said):
    path = tmp_path / "wrong.toml"
    path.write_text(f'{text}\nfactory = "{write_bundle("f")}"\nstate_dir = "{tmp_path}/s"\nmidi = "none"\n')
    told = tombolad("run", "--config", str(path))
    assert told.returncode == 1
    assert said in told.stderr
    assert told.stderr.count("\n") == 1
    assert told.stderr.startswith("tombolad: ")


def test_unknown_command_is_code_2_and_help_has_examples():
    assert tombolad("sing").returncode == 2
    assert "tombolad run --config" in tombolad("--help").stdout


def test_defaults_stay_in_the_users_state_folder(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/state")
    assert read_config(None).slots_path == Path("/somewhere/state/tombola/slots")
    with pytest.raises(BadConfig, match="cannot be read"):
        read_config(Path("/no/such.toml"))


def test_automation_is_read_and_one_that_is_wrong_is_one_sentence(tmp_path):
    path = tmp_path / "sweep.json"
    path.write_text('{"time_s": [0, 2], "blend": [[1, 0], [0, 1]]}')
    assert read_automation(path, 2).at(1.0).tolist() == [0.5, 0.5]
    with pytest.raises(BadConfig, match="2 weights"):
        read_automation(path, 3)
    for text in ("[]", '{"time_s": [2, 0], "blend": [[1], [1]]}', "no json"):
        path.write_text(text)
        with pytest.raises(BadConfig, match="is invalid"):
            read_automation(path)
    with pytest.raises(BadConfig, match="cannot be read"):
        read_automation(tmp_path / "missing.json")
