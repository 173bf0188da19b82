"""``tombola play`` as a person meets it: in a terminal, on a card of PortAudio's, with letter keys."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

ALSA_CONF = Path("/usr/share/alsa/alsa.conf")
QUARTET = Path(__file__).parents[2] / "models" / "quartet" / "quartet.tombola"
SPEED = 0.25
"""Of the card's clock: a stall of a shared machine must not empty its buffer. All is heard at this speed."""
PATIENCE_S = 60.0


class Person:
    """Somebody at a terminal, which answers as a plain one does."""

    def __init__(self, folder: Path, plugin: Path, *options: str) -> None:
        rc = folder / "asoundrc"
        rc.write_text(
            f'<{ALSA_CONF}>\npcm_type.vcard {{ lib "{plugin}" }}\n'
            f'pcm.card {{ type vcard file "{folder}/frames" gone "{folder}/gone" speed {SPEED} }}\n'
        )
        self.end, self.terminal = pty.openpty()
        self.before = termios.tcgetattr(self.terminal)
        self.screen = ""
        command = [sys.executable, "-m", "tombola_host", "play", str(QUARTET), "--audio", "portaudio:card", *options]
        command = ["setsid", "--ctty", *command]  # It has this terminal, and Ctrl-C there is for it.
        environment = os.environ | {"ALSA_CONFIG_PATH": str(rc), "TERM": "xterm-256color", "COLUMNS": "120"}
        self.process = subprocess.Popen(
            command,
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            env=environment,
        )

    def look(self, seconds: float = 0.05) -> str:
        if select.select([self.end], [], [], seconds)[0]:
            text = os.read(self.end, 65_536).decode(errors="replace")
            self.screen += text
            if "\x1b[c" in text:
                os.write(self.end, b"\x1b[?62;c")
        return self.screen

    def wait_for(self, pattern: str) -> re.Match[str]:
        until_s = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.look())):
            assert time.monotonic() < until_s, self.screen[-2000:]
        return found

    def type(self, keys: bytes) -> None:
        os.write(self.end, keys)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.end)
        os.close(self.terminal)


@pytest.fixture
def person(tmp_path, plugin):
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"{error}: install sounddevice, and on Debian libportaudio2")
    made = Person(tmp_path, plugin)
    yield made
    made.close()


def pitch_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    return float(np.fft.rfftfreq(8 * len(sound), 1 / 48_000)[np.argmax(spectrum)])


def test_stranger_hears_the_test_note_holds_a_key_and_ends_without_a_gap(person, tmp_path):
    person.wait_for(r"A test note sounds on PortAudio's card")
    person.wait_for(r"q w e r t y u i o p")
    time.sleep(3.6)  # The test note, at a quarter of the speed.
    person.type(b" q")
    person.wait_for(r"1 of 4 voices[^\n]*\n[^\n]*level █+")
    time.sleep(2.0)
    person.type(b"\x1b[C" * 11)
    person.wait_for(r"violin 96 %, flute 4 %")
    person.type(b"\x03")
    said = person.wait_for(r"PortAudio's card: peak (-\d+) dBFS, (\d+) gaps?, (\d+) ms from key to card")
    assert person.process.wait(PATIENCE_S) == 0
    assert termios.tcgetattr(person.terminal)[3] == person.before[3]
    sound = np.fromfile(tmp_path / "frames", "<f4")[::2]
    assert int(said[2]) == 0
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(int(said[1]), abs=1.0)
    loud = np.flatnonzero(np.abs(sound) > 1e-3)
    last = sound[loud[-1] - 12_000 : loud[-1]]
    assert pitch_hz(last) / 261.63 == pytest.approx(round(pitch_hz(last) / 261.63), abs=0.02)  # C4 or a partial of it.
