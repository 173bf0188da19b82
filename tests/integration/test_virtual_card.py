"""The whole instrument on a virtual card: latency from real inputs, xruns, an unplugged card.

The card's clock runs at a quarter of the normal speed, so that stalls of a shared machine do not empty its buffer.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import tty
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

SPEED = 0.25
PANEL_SPEED = 0.1
"""The mock panel's bus needs 2 ms per scan where a real bus needs 0.4, and 7 ms instead of 1 when a gate rises."""
BUFFER_PERIODS = 4
PERIOD_S = 128 / 48_000
CLOCK_SOURCE = Path(__file__).parents[1] / "rig" / "card_clock.c"
STOP_S = 0.2
"""Longer than the buffer lasts at this speed, shorter than PATIENCE_S of the sink."""
ALSA_CONF = Path("/usr/share/alsa/alsa.conf")
SLOW_CLOCK = Path(__file__).parents[1] / "rig" / "slow_clock"
PLAYED_PANEL = Path(__file__).parents[1] / "rig" / "played_panel.py"
QUARTET = Path(__file__).parents[2] / "models" / "quartet" / "quartet.tombola"


@dataclass
class Instrument:
    """``tombolad`` on the virtual card, with a DIN socket."""

    folder: Path
    plugin: Path
    speed: float = SPEED
    extra: str = ""
    panel: str = "none"
    midi: str = "none"
    slow_clock: bool = False
    """Whether the monotonic clock of the process is as slow as the card's."""
    command: tuple[str | Path, ...] = ("-m", "tombola_device")
    card: str = ""
    """Additional fields of the card's configuration."""
    process: subprocess.Popen[str] | None = None
    din: int = -1
    _ends: list[int] = field(default_factory=list)

    def start(self) -> None:
        asound = self.folder / "asoundrc"
        asound.write_text(
            f'<{ALSA_CONF}>\npcm_type.vcard {{ lib "{self.plugin}" }}\n'
            f'pcm.card {{ type vcard file "{self.folder}/frames" log "{self.folder}/times" '
            f'gone "{self.folder}/gone" speed {self.speed} {self.card} }}\n'
        )
        self.din, other = pty.openpty()
        tty.setraw(other)
        self._ends = [self.din, other]
        config = self.folder / "tombola.toml"
        config.write_text(
            f'audio = "alsa:card"\nbuffer_periods = {BUFFER_PERIODS}\nvoices = 4\nmidi = "{self.midi}"\n'
            f'panel = "{self.panel}"\n'
            f'midi_serial = "{os.ttyname(other)}"\nmidi_thru = false\nstate_dir = "{self.folder}/state"\n'
            f'factory = "{QUARTET}"\nmeasure = false\n{self.extra}'
        )
        environment = os.environ | {"ALSA_CONFIG_PATH": str(asound)}
        if self.slow_clock:
            path = os.pathsep.join([str(SLOW_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])])
            environment |= {"PYTHONPATH": path, "TOMBOLA_TEST_SPEED": str(self.speed)}
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command, "run", "--config", config, "--verbose"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        assert "playing" in self.process.stdout.readline()

    def play(self, control: str, value: float) -> float:
        """Move a control of the played panel; return the time by the monotonic clock."""
        assert self.process is not None
        self.process.stdin.write(f"{control} {value}\n")
        self.process.stdin.flush()
        word, at_s = self.process.stdout.readline().split()
        assert word == "at"
        return float(at_s) / (self.speed if self.slow_clock else 1.0)

    @property
    def audio_process(self) -> int:
        """Process number of the audio process."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task")  # The audio process was started by a thread.
        children = [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
        found = [child for child in children if b"audio.process" in Path(f"/proc/{child}/cmdline").read_bytes()]
        return int(found[0])

    def silence(self) -> None:
        """Send "all sound off"."""
        os.write(self.din, bytes((0xB0, 120, 0)))

    def status(self) -> dict[str, object]:
        return json.loads((self.folder / "state" / "status.json").read_text())

    def wait_for(self, condition, patience_s: float = 30.0) -> None:
        end_s = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < end_s, (self.folder / "log").read_text()[-1000:]
            time.sleep(0.02)

    def stop(self) -> None:
        """End the instrument. May be called twice."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            code = process.wait(20)
            process.stdin.close()
            process.stdout.close()
            assert code == 0
        while self._ends:
            os.close(self._ends.pop())

    def frames(self) -> np.ndarray:
        """The samples of the left channel, full scale ±1."""
        return np.fromfile(self.folder / "frames", "<i4")[::2] / 2**31

    def heard_s(self, frame: int) -> float:
        """Time at which a frame left the card, by the monotonic clock; from the last log line before it."""
        rows = np.loadtxt(self.folder / "times")
        row = rows[np.searchsorted(rows[:, 1], frame, side="right")]
        return float(row[0] + (frame - row[2]) / (48_000 * self.speed))

    def written_by(self, time_s: float) -> int:
        """Number of frames that the card had taken at a time."""
        rows = np.loadtxt(self.folder / "times")
        return int(rows[np.searchsorted(rows[:, 0], time_s) - 1, 1])

    def latencies_s(self, began_s: list[float], first: np.ndarray) -> np.ndarray:
        """Time from each change to its first sample, in the card's time."""
        assert len(first) == len(began_s)
        heard_s = [self.heard_s(int(frame)) for frame in first]
        return self.speed * (np.array(heard_s) - np.array(began_s))


def sounds_begin(sound: np.ndarray) -> np.ndarray:
    """Indices of the first samples after silence."""
    loud = np.flatnonzero(np.abs(sound) > 1e-5)
    return loud[np.insert(np.diff(loud) > 1000, 0, True)]


def assert_within_a_buffer_and_a_period(latency_s: np.ndarray, spread_s: float = PERIOD_S) -> None:
    """Check latencies, in the card's time. Stalls delay the test too: only the median and the fastest half count."""
    fast = np.sort(latency_s)[: len(latency_s) // 2 + 1]
    assert np.median(latency_s) <= (BUFFER_PERIODS + 1) * PERIOD_S
    assert fast.max() - fast.min() <= spread_s


@pytest.fixture
def instrument(tmp_path, plugin):
    made = Instrument(tmp_path, plugin)
    yield made
    made.stop()


def test_key_on_the_din_socket_is_heard_within_a_buffer_and_a_period(instrument):
    instrument.start()
    time.sleep(0.5)
    pressed_s = []
    rng = np.random.default_rng(3)
    for _ in range(8):
        pressed_s.append(time.monotonic())
        os.write(instrument.din, bytes((0x90, 72, 127)))
        time.sleep(0.4)
        instrument.silence()
        time.sleep(0.3 + 0.02 * rng.random())
    instrument.stop()
    latency_s = instrument.latencies_s(pressed_s, sounds_begin(instrument.frames()))
    assert_within_a_buffer_and_a_period(latency_s)


@pytest.mark.parametrize("jack", ["GATE_IN", "TRIG_IN"])
def test_edges_at_a_jack_are_heard_at_one_delay_of_less_than_a_buffer_and_a_period(instrument, jack):
    instrument.speed, instrument.panel, instrument.command = PANEL_SPEED, "mock", (PLAYED_PANEL,)
    instrument.slow_clock = True
    instrument.start()
    for knob, position in {"KNOB_1": 1.0, "KNOB_8": 1.0}.items():
        instrument.play(knob, position)
    time.sleep(0.5)
    raised_s = []
    rng = np.random.default_rng(3)
    for _ in range(12):
        raised_s.append(instrument.play(jack, 1))
        time.sleep(0.4)
        instrument.play(jack, 0)
        instrument.silence()
        time.sleep(0.4 + 0.03 * rng.random())
    instrument.stop()
    latency_s = instrument.latencies_s(raised_s, sounds_begin(instrument.frames()))
    assert_within_a_buffer_and_a_period(latency_s, PERIOD_S / 4)


def test_step_of_a_control_voltage_is_heard_within_a_buffer_and_a_period(instrument):
    instrument.speed, instrument.panel, instrument.command = PANEL_SPEED, "mock", (PLAYED_PANEL,)
    instrument.start()
    # CV I is loudness: -5 V subtracts 40 dB from the knob's -20 dB.
    for control, value in {"KNOB_1": 1.0, "KNOB_8": 0.5, "CV_1": -5.0}.items():
        instrument.play(control, value)
    stepped_s = []
    rng = np.random.default_rng(3)
    for _ in range(8):
        instrument.play("CV_1", -5.0)
        time.sleep(0.3)
        instrument.silence()
        os.write(instrument.din, bytes((0x90, 72, 127)))
        time.sleep(0.9 + 0.03 * rng.random())
        stepped_s.append(instrument.play("CV_1", 1.5))
        time.sleep(0.2)
    instrument.stop()
    sound = np.abs(instrument.frames())
    first = []
    for at_s in stepped_s:
        step = instrument.written_by(at_s)
        before = sound[step - 2400 : step].max()
        first.append(step + np.argmax(sound[step:] > 2 * before))
    assert_within_a_buffer_and_a_period(instrument.latencies_s(stepped_s, np.array(first)))


def test_flood_of_midi_costs_no_xrun(instrument):
    instrument.start()
    rng = np.random.default_rng(0)
    end_s = time.monotonic() + 8.0
    while time.monotonic() < end_s:  # 3125 bytes per second, the rate of a DIN line.
        note, value = int(rng.integers(40, 90)), int(rng.integers(0, 128))
        os.write(instrument.din, bytes((0x90, note, value, 0xB0, 1, value, 0xF8, 0xB0, 74, value, 0x80, note, 0)))
        time.sleep(13 / 3125)
    instrument.wait_for(lambda: instrument.status()["periods"] > 8 * 375 * SPEED * 0.8)
    assert instrument.status()["xruns"] == 0


def test_card_that_is_unplugged_and_plugged_in_again_plays_on(instrument):
    instrument.start()
    os.write(instrument.din, bytes((0x90, 60, 127)))
    time.sleep(0.5)
    (instrument.folder / "gone").touch()
    instrument.wait_for(lambda: instrument.status()["lost"])
    frames = len(instrument.frames())
    (instrument.folder / "gone").unlink()
    instrument.wait_for(lambda: not instrument.status()["lost"])
    time.sleep(1.0)
    assert instrument.process.poll() is None
    instrument.stop()
    back = instrument.frames()[frames:]
    assert len(back) > 48_000 * SPEED * 0.5
    assert np.abs(back).max() > 0.01


@pytest.fixture
def clock(tmp_path):
    """The process that drives the clock of ``still``. The clock stands still while the process is stopped."""
    driver = tmp_path / "card_clock"
    subprocess.run(["gcc", "-O2", "-o", driver, CLOCK_SOURCE], check=True)
    command = [driver, tmp_path / "clock", str(max(os.sched_getaffinity(0)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if process.stdout.readline() != "runs\n":
            pytest.skip(f"a card's clock that stands still wants SCHED_FIFO: {process.stderr.read().strip()}")
        yield process
        process.kill()


@pytest.fixture
def still(tmp_path, plugin, clock):
    """An instrument on a card whose clock stands still while the machine does."""
    made = Instrument(tmp_path, plugin, card=f'clock "{tmp_path}/clock" late "{tmp_path}/late"')
    made.start()
    time.sleep(0.5)
    yield made
    clock.send_signal(signal.SIGCONT)
    made.stop()


def test_card_stands_still_while_its_clock_does_and_misses_nothing(still, clock):
    began_s = time.monotonic()
    clock.send_signal(signal.SIGSTOP)
    time.sleep(STOP_S)
    periods = (still.written_by(time.monotonic()) - still.written_by(began_s)) / 128
    assert periods <= 2  # Of 19 periods in this time.
    clock.send_signal(signal.SIGCONT)
    still.wait_for(lambda: still.written_by(time.monotonic()) / 128 > still.written_by(began_s) / 128 + 20)
    assert (still.folder / "late").read_text() == ""


def test_instrument_that_stops_by_itself_is_late_on_a_card_that_stands_still(still):
    os.kill(still.audio_process, signal.SIGSTOP)
    time.sleep(STOP_S)
    os.kill(still.audio_process, signal.SIGCONT)
    still.wait_for((still.folder / "late").read_text)
    _, since_ms, ran_ms = map(float, (still.folder / "late").read_text().split()[:3])
    assert 1e3 * STOP_S / 2 < ran_ms <= since_ms + 1.0
