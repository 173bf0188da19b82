"""A bundle played live in one process, and what the terminal shows meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import wave
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.contract.words import Stop, Word
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.hal.audio.files import NullOut
from tombola_device.hal.keyboard.port import FakeKeyboard
from tombola_device.hal.midi.port import FakeMidi
from tombola_host.cli import live as command
from tombola_host.cli.app import app
from tombola_host.playing import live as playing_live
from tombola_host.playing.live import TEST_NOTE_S, Live, TypedIn, open_inputs
from tombola_host.playing.screen import KEYS, Seen, picture
from typer.testing import CliRunner

QUARTET_FILE = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
QUARTET = decode_bundle(QUARTET_FILE.read_bytes())
PATIENCE_S = 20.0


class Recorder(FakeOut):
    """Keeps the sound, and takes it in real time."""

    name = "a recorder"

    def __init__(self) -> None:
        super().__init__()
        self.pace = NullOut()

    def wait(self) -> int:
        return self.pace.wait()

    def write(self, block) -> bool:
        return self.pace.write(block) and super().write(block)


@pytest.fixture
def play(monkeypatch):
    """Plays the quartet on a recorder; gives it, the recorder and a MIDI keyboard."""
    made = []

    def make(*sources, clock=time.monotonic, bundle=QUARTET):
        out = Recorder()
        monkeypatch.setattr(playing_live, "open_audio", lambda *_: out)
        made.append(Live(bundle, sources, audio="card", voices=2, buffer_periods=4, clock=clock))
        return made[-1], out

    yield make
    for one in made:
        one.close()


def tick_until(live: Live, condition) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        live.tick()
        time.sleep(0.002)
        assert time.monotonic() < until_s


def test_key_of_a_midi_keyboard_and_a_letter_key_sound_and_end(play):
    midi, keyboard = FakeMidi(), FakeKeyboard(releases=True)
    live, out = play(midi, TypedIn(keyboard))
    assert live.midi == "a fake"
    midi.press(60)
    keyboard.press("e")
    tick_until(live, lambda: sum(level > SILENCE_DB for level in live.status.levels_db) == 2)
    midi.release(60)
    keyboard.lift("e")
    tick_until(live, lambda: max(live.status.levels_db) == SILENCE_DB)
    assert live.loudest_db > -40
    assert live.take_peak_db() > -40
    live.close()
    live.close()
    assert midi.done
    assert keyboard.closed
    assert out.closed
    assert np.abs(out.sound).max() > 0.01
    assert not out.sound[-1]


def test_test_note_sounds_for_its_time_and_ends_by_itself(play):
    now_s = [10.0]
    live, _ = play(clock=lambda: now_s[0])
    live.sound_test_note(57)
    now_s[0] += TEST_NOTE_S - 0.01
    live.tick()
    assert live.player.held == 1
    now_s[0] += 0.02
    live.tick()
    assert live.player.held == 0


def test_controls_that_stand_still_are_published_once(play, monkeypatch):
    live, _ = play()
    sent = []
    monkeypatch.setattr(live._controls, "write", lambda *frame: sent.append(frame))
    for _ in range(10):
        live.tick()
    live.player.morph(1.0)
    for _ in range(10):
        live.tick()
    assert len(sent) == 1


def test_output_that_is_lost_for_good_is_one_sentence(play):
    live, out = play()
    out.unplug()
    with pytest.raises(DeviceUnavailable, match="plug it in"):
        tick_until(live, lambda: False)


def test_neither_a_terminal_nor_a_midi_keyboard_is_an_instruction(monkeypatch):
    monkeypatch.setattr(playing_live, "open_keyboard", lambda: None)
    with pytest.raises(DeviceUnavailable, match="start `tombola play` in a terminal.*or connect a MIDI keyboard"):
        open_inputs("none", "qwerty")
    monkeypatch.setattr(playing_live, "open_keyboard", lambda: pytest.fail("the terminal was opened"))
    with pytest.raises(BadConfig, match="'dvorak'"):
        open_inputs("none", "dvorak")


def test_terminal_alone_is_enough_to_play(monkeypatch):
    monkeypatch.setattr(playing_live, "open_keyboard", FakeKeyboard)
    typed, sources = open_inputs("none", "qwertz")
    assert sources == [typed]


@pytest.fixture
def tombola(monkeypatch):
    """The command, with letter keys that a test plays; gives its result."""
    keyboard = FakeKeyboard()
    monkeypatch.setattr(playing_live, "open_keyboard", lambda: keyboard)
    monkeypatch.setattr(command, "rehearse", lambda *_: None)  # 3 s in a child; tested with `render`.

    def run(*options: str):
        keyboard.press("q", "t")
        return CliRunner().invoke(app, ["play", str(QUARTET_FILE), "--midi", "none", *options])

    return run


def test_command_plays_letter_keys_after_a_test_note_and_sums_up(tombola, tmp_path):
    done = tombola("--audio", f"wav:{tmp_path}/out.wav", "--seconds", "1", "--blend", "harp=1", "--no-test-note")
    assert done.exit_code == 0, done.output
    said = re.search(
        r"out\.wav: peak (-\d+) dBFS, (\d+) gaps?, (\d+) ms from key to card", done.output.replace("\n", "")
    )
    assert said is not None, done.output
    assert "A test note" not in done.output
    with wave.open(str(tmp_path / "out.wav")) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(int(said[1]), abs=1.0)
    assert len(sound) >= 0.9 * 48_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--audio", "loud"), "the audio output 'loud' is unknown"),
        (("--blend", "kazoo=1"), "no mode 'kazoo'"),
        (("--layout", "dvorak"), "the keyboard layout 'dvorak' is unknown"),
    ],
)
def test_wrong_option_of_the_command_is_one_sentence_before_anything_sounds(tombola, options, said):
    done = tombola(*options)
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert "test note" not in done.output


def test_no_sound_output_is_an_instruction_and_no_silent_file(tombola, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tombola_device.hal.audio.alsa.has_card", lambda: False)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    done = tombola()
    assert "pip install sounddevice" in str(done.exception)
    assert isinstance(done.exception, DeviceUnavailable)
    assert list(tmp_path.iterdir()) == []


SEEN = Seen("duo", "a card", ("sax", "harp"), (0.75, 0.25), voices=4, dials=(("timbre x", 0.5), ("life", 2.0)))


def test_picture_says_level_blend_dials_and_what_to_press():
    lines = picture(replace(SEEN, dial="life", octave=-1, peak_db=-15.0, xruns=1, latency_ms=19.4, sounding=2))
    assert lines[0] == "duo on a card: 2 of 4 voices, 1 gap, 19 ms from key to card"
    assert lines[1].count("█") == 30
    assert lines[2] == "blend sax 75 %, harp 25 %"
    assert lines[3] == "keys  timbre x 50 %  [life 200 %]  octave -1  not held"
    assert tuple(lines[4:8]) == KEYS
    assert lines[8].endswith("No MIDI keyboard is connected.")
    assert picture(replace(SEEN, lost=True))[0].startswith("the card is unplugged; the sound comes back with it")
    assert picture(replace(SEEN, midi="keys"))[3] == "keys  MIDI only: keys"


@given(st.floats(-200, 6), st.booleans(), st.sampled_from(["", "life"]), st.integers(-3, 3))
def test_picture_has_always_as_many_lines_and_its_level_stays_in_its_bar(peak_db, lost, dial, octave):
    lines = picture(replace(SEEN, peak_db=peak_db, lost=lost, dial=dial, octave=octave))
    assert len(lines) == 9
    assert 0 <= lines[1].count("█") <= 40


POSIX_ONLY = ("fcntl", "termios", "tty", "pty", "resource", "pwd", "grp", "readline", "curses", "_posixshmem")
BARE = f"""
import sys, typer, rich.live, numpy, onnxruntime, mido, msgspec, sounddevice, soundfile, serial, filelock
for name in {POSIX_ONLY}:
    sys.modules[name] = None
del __import__("select").poll, __import__("signal").alarm, __import__("os").sched_setscheduler
sys.platform = "win32"
from types import SimpleNamespace
sys.modules["msvcrt"] = SimpleNamespace(kbhit=lambda: False)
from pathlib import Path
from tombola_host.cli import live
from tombola_host.playing.live import Live, TypedIn
from tombola_device.contract.bundle import decode_bundle
from tombola_device.hal.keyboard.windows import WindowsKeyboard
bundle = decode_bundle(Path(sys.argv[1]).read_bytes())
playing = Live(bundle, [TypedIn(WindowsKeyboard())], audio="null", voices=1, buffer_periods=4)
playing.sound_test_note(57)
while playing.loudest_db < -40:
    playing.tick()
playing.close()
print("played")
"""


def test_live_play_needs_nothing_that_only_posix_has():
    done = subprocess.run(
        [sys.executable, "-c", BARE, QUARTET_FILE], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.stdout == "played\n", done.stderr


def test_playing_begins_with_the_blend_that_the_bundle_states(play):
    manifest = msgspec.structs.replace(QUARTET.manifest, blend=[0.5, 0.0, 0.0, 0.5])
    live, _ = play(FakeMidi(), bundle=replace(QUARTET, manifest=manifest))
    assert live.player.blend.tolist() == [0.5, 0.0, 0.0, 0.5]


def test_words_of_the_bundle_are_dials_of_the_letter_keys(play):
    words = [Word("scary", [Stop([1, 0, 0, 0], 0.5, 0.5, 1.0), Stop([0, 0, 0, 1], 1.0, 0.5, 0.0)])]
    bundle = replace(QUARTET, manifest=msgspec.structs.replace(QUARTET.manifest, words=words))
    keyboard = FakeKeyboard(releases=True)
    typed = TypedIn(keyboard, words=[word.name for word in words])
    live, _ = play(typed, bundle=bundle)
    assert [dial.name for dial in typed.dials] == ["timbre x", "timbre y", "life", "level", "scary"]
    keyboard.press(*["tab"] * 4, *["up"] * 40)
    live.tick()
    assert (typed.dial.name, live.player.words) == ("scary", (("scary", 1.0),))
    assert live.player.blend.tolist() == [0, 0, 0, 1]
    keyboard.press("tab", "down")
    live.tick()
    assert (typed.dial.name, live.player.words) == ("timbre x", (("scary", None),))


def test_picture_shows_a_word_that_has_not_set_what_sounds_as_a_dash():
    lines = picture(replace(SEEN, dials=(("life", 2.0), ("scary", None)), dial="scary"))
    assert "life 200 %  [scary ·]" in lines[3]
    assert "[scary 40 %]" in picture(replace(SEEN, dials=(("scary", 0.4),), dial="scary"))[3]
