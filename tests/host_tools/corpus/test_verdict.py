from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tombola_device.contract.controls import Float32Array
from tombola_host.cli import making
from tombola_host.cli.app import app
from tombola_host.corpus.corpus import read_corpus
from tombola_host.corpus.melody import wanders
from tombola_host.corpus.pitch import Contour
from tombola_host.corpus.refusals import CLIPPED, Refusal, grouped
from tombola_host.corpus.summary import Summary
from tombola_host.corpus.tables import as_json, as_table
from tombola_host.corpus.verdict import NOT_READY, verdict
from typer.testing import CliRunner

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]
Summarised = Callable[[], Summary]
del making  # imported for its commands


@pytest.fixture
def summarised(sounds: Path, tmp_path: Path) -> Summarised:
    return lambda: read_corpus(sounds, tmp_path / "cache", processes=1).summary


def _noise(seed: int) -> Float32Array:
    return 0.1 * np.random.default_rng(seed).standard_normal(24_000).astype(np.float32)


def _printed(summary: Summary) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(as_table(summary))
    return console.export_text()


def test_eleven_notes_are_ready(tone: Tone, write: Write, summarised: Summarised) -> None:
    for note in range(60, 71):
        write(f"note_{note:03d}.wav", tone(note, 0.4))
    found = verdict(summarised())
    assert (found.ready, found.exit_code) == (True, 0)
    assert found.sentence == "Ready: 11 notes, about 4 seconds of sound."
    assert _printed(summarised()).strip().endswith(found.sentence)
    assert json.loads(as_json(summarised()))["verdict"] == {"ready": True, "sentence": found.sentence}


def test_a_drum_kit_with_one_usable_file_is_not_ready(tone: Tone, write: Write, summarised: Summarised) -> None:
    write("bell.wav", tone(76, 0.5))
    for number in range(1, 27):
        write(f"drum {number}.wav", _noise(number)[:12_000])
    summary = summarised()
    found = verdict(summary)
    assert (found.ready, found.exit_code) == (False, NOT_READY)
    assert found.sentence == (
        "Not ready, because no pitch is heard in 26 of 27 files, as in drums, noise or chords; "
        "give single notes of one pitched instrument."
    )
    assert json.loads(as_json(summary))["verdict"] == {"ready": False, "sentence": found.sentence}
    (line,) = [line for line in _printed(summary).splitlines() if "drum " in line]
    assert line.strip() == (
        "26 files: no pitch: noise, a chord or percussion, which this generator cannot learn "
        "(drum 1.wav, drum 10.wav, drum 11.wav and 23 more)"
    )


def test_speech_is_not_ready_and_said_to_be_speech(speech: Float32Array, write: Write, summarised: Summarised) -> None:
    write("memo.wav", speech)
    summary = summarised()
    assert summary.clips == 0
    assert summary.refused[0].reason.startswith("speech, or another sound whose pitch never rests")
    assert verdict(summary).sentence == (
        "Not ready, because the pitch never rests in the only file, as in speech; record held notes, one after another."
    )


def test_a_melody_with_vibrato_is_not_taken_for_speech() -> None:
    time_s = np.arange(1500) * 0.016
    melody = 60 + 2.0 * np.floor(time_s / 0.5 % 4) + 0.4 * np.sin(2 * np.pi * 5.5 * time_s)
    assert not wanders([Contour(melody, 0.016)])
    assert wanders([Contour(60 + 3 * np.sin(2 * np.pi * 0.8 * time_s), 0.016)])
    assert not wanders([Contour(np.full(1500, np.nan), 0.016)])
    assert not wanders([])


def test_an_empty_folder_says_what_to_put_there(summarised: Summarised) -> None:
    found = verdict(summarised())
    assert not found.ready
    assert found.sentence.startswith("Not ready, because there is no sound file in it; put recordings of single notes")


def test_a_single_note_is_ready_and_two_of_many_files_are_not(tone: Tone, write: Write, summarised: Summarised) -> None:
    write("A4.wav", tone(69, 1.0))
    assert verdict(summarised()).sentence == "Ready: 1 note, about 1 second of sound."
    for number in range(3):
        write(f"B4 {number}.wav", np.clip(20 * tone(71 + 0.01 * number), -1, 1))
    assert verdict(summarised()).sentence == (
        "Not ready, because only 1 of 4 files can be used; 3 files: clipped; record it at a lower level "
        "(B4 0.wav, B4 1.wav, B4 2.wav)."
    )


def test_what_is_no_sound_file_is_not_the_reason(write: Write, sounds: Path, summarised: Summarised) -> None:
    write("A4.wav", np.zeros(24_000, np.float32))
    for number in range(5):
        (sounds / f"{number}.txt").write_text("x")
    assert verdict(summarised()).sentence == (
        "Not ready, because none of 1 file can be used; A4.wav: silent (never above -66 dBFS)."
    )


def test_files_left_out_are_counted_where_enough_are_left(tone: Tone, write: Write, summarised: Summarised) -> None:
    for note in range(60, 63):
        write(f"note_{note:03d}.wav", tone(note, 0.4))
    write("C5.wav", np.zeros(24_000, np.float32))
    assert verdict(summarised()).sentence == "Ready: 3 notes, about 1 second of sound. 1 file is left out."


def test_one_reason_is_one_line_and_a_single_file_keeps_its_figures() -> None:
    many = [Refusal(f"{number}.wav", CLIPPED, f"{number} %") for number in range(17)]
    assert grouped([Refusal("a.wav", "silent"), *many]) == (
        "17 files: clipped; record it at a lower level (0.wav, 1.wav, 2.wav and 14 more)",
        "a.wav: silent",
    )
    assert grouped([Refusal("b.wav", CLIPPED, "3.0 %", 2)]) == (
        "b.wav #2: clipped; record it at a lower level (3.0 %)",
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_exits_with_the_verdict(
    options: list[str], tone: Tone, write: Write, sounds: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    empty = CliRunner().invoke(app, ["corpus", str(sounds), *options])
    assert empty.exit_code == NOT_READY
    assert "Not ready, because there is no sound file in it" in empty.stdout
    write("A4.wav", tone(69, 1.0))
    good = CliRunner().invoke(app, ["corpus", str(sounds), *options])
    assert good.exit_code == 0
    assert "Ready: 1 note, about 1 second of sound." in good.stdout
    if options:
        assert json.loads(good.stdout)["verdict"]["ready"] is True
