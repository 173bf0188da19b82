"""Recordings are read by several processes, which may die or be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tombola_device.contract.controls import Float32Array
from tombola_host.corpus.corpus import read_corpus

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]


def _scale(tone: Tone, write: Write, notes: range, seconds: float = 0.3) -> None:
    for note in notes:
        write(f"note_{note:03d}.wav", tone(note, seconds))


def test_two_processes_give_what_one_gives(tone: Tone, write: Write, sounds: Path, tmp_path: Path) -> None:
    _scale(tone, write, range(60, 63))
    one = read_corpus(sounds, tmp_path / "one", processes=1)
    told: list[tuple[int, int]] = []
    two = read_corpus(sounds, tmp_path / "two", lambda done, total, text: told.append((done, total)), processes=2)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [clip.name for clip in one.clips] == [clip.name for clip in two.clips]
    np.testing.assert_array_equal(one.clips[2].partials, two.clips[2].partials)


# Their own processes import these again, so they read as the main one does.
DEADLY = """
import os, signal, sys
from pathlib import Path
from tombola_host.corpus import corpus

def read_or_die(path, label, longest_s, real=corpus.read_file):
    if path.name == "note_061.wav":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(path, label, longest_s)

corpus.read_file = read_or_die
if __name__ == "__main__":
    read = corpus.read_corpus(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)
    print([clip.name for clip in read.clips], [(refusal.path, refusal.reason) for refusal in read.refusals])
"""
SLOW = """
import os, sys, time
from pathlib import Path
from tombola_host.corpus import corpus

def read_slowly(path, label, longest_s):
    Path(sys.argv[2], path.stem).write_text(str(os.getpid()))
    time.sleep(100)

corpus.read_file = read_slowly
if __name__ == "__main__":
    corpus.read_corpus(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)
"""


def test_file_that_ends_its_process_is_found_and_the_others_are_read(
    tone: Tone, write: Write, sounds: Path, tmp_path: Path
) -> None:
    _scale(tone, write, range(60, 64))
    (tmp_path / "deadly.py").write_text(DEADLY)
    command = [sys.executable, str(tmp_path / "deadly.py"), str(sounds), str(tmp_path / "cache")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    kept = ["note_060.wav", "note_062.wav", "note_063.wav"]
    assert told.strip() == f"{kept} {[('note_061.wav', 'reading it ends the process; convert it to wav')]}"


def test_an_interrupt_ends_the_reading_at_once(tone: Tone, write: Write, sounds: Path, tmp_path: Path) -> None:
    _scale(tone, write, range(60, 63))
    (tmp_path / "slow.py").write_text(SLOW)
    begun = tmp_path / "begun"
    begun.mkdir()
    command = [sys.executable, str(tmp_path / "slow.py"), str(sounds), str(begun)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment)
    while sum(path.is_file() and path.read_text() != "" for path in begun.iterdir()) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    for path in begun.iterdir():  # The workers never get the signal, so none of them can print a traceback.
        status = Path("/proc", path.read_text(), "status")
        if status.exists():
            (blocked,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigBlk"))
            assert int(blocked, 16) >> (signal.SIGINT - 1) & 1
    interrupted_s = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert time.monotonic() - interrupted_s < 3.0  # Of the 100 s that each file takes.
    assert told.count("Traceback") == 1
    for path in begun.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def test_where_no_process_starts_the_files_are_read_here_and_not_blamed(
    tone: Tone, write: Write, sounds: Path, tmp_path: Path
) -> None:
    _scale(tone, write, range(60, 62), 0.2)
    script = (
        "import sys; from pathlib import Path; from tombola_host.corpus.corpus import read_corpus\n"
        "corpus = read_corpus(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)\n"
        "print(len(corpus.clips), len(corpus.refusals))"
    )
    arguments = ["-", str(sounds), str(tmp_path / "cache")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, *arguments], input=script, capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["2", "0"]
    assert done.stderr == ""
    # The same script as a file without a main guard: the new process fails at once, this one reads on.
    (tmp_path / "script.py").write_text(script)
    arguments = [str(tmp_path / "script.py"), str(sounds), str(tmp_path / "cache2")]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["2", "0"]
