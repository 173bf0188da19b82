from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus import corpus as corpus_module
from tombola_host.corpus.cache import default_cache_dir
from tombola_host.corpus.corpus import Corpus, read_corpus
from tombola_host.corpus.reading import FileResult
from tombola_host.corpus.refusals import SEVERAL_NAMES, UNCERTAIN
from tombola_host.corpus.split import held_out_notes, split
from tombola_host.corpus.tables import as_json, as_table, wrong_label_lines

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]


@pytest.fixture
def read(sounds: Path, tmp_path: Path) -> Callable[..., Corpus]:
    def _read(**options: int) -> Corpus:
        return read_corpus(sounds, tmp_path / "cache", **options)

    return _read


Read = Callable[..., Corpus]


def _scale(tone: Tone, write: Write, notes: range, seconds: float = 0.3) -> None:
    for note in notes:
        write(f"note_{note:03d}.wav", tone(note, seconds))


def test_one_two_second_clip_is_a_corpus(tone: Tone, write: Write, read: Read) -> None:
    write("A4.wav", tone(69, 2.0))
    corpus = read()
    (clip,) = corpus.clips
    assert clip.name == "A4.wav"
    assert clip.frames == 750
    assert clip.velocity == 1.0
    assert abs(clip.note - 69) < 0.005
    assert abs(float(np.median(clip.f0_hz)) - 440) < 0.5
    assert split(corpus) == (corpus.clips, ())
    assert corpus.summary.remarks[-1].startswith("no note can be held out")


def test_quieter_clip_has_lower_velocity(tone: Tone, write: Write, read: Read) -> None:
    write("A4_f.wav", tone(69, level=0.4))
    write("A4_p.wav", tone(69, level=0.1))
    velocity = {clip.name: clip.velocity for clip in read().clips}
    assert velocity["A4_f.wav"] == 1.0
    assert abs(velocity["A4_p.wav"] - 0.5) < 0.02


def test_every_kind_of_bad_file_is_counted_and_the_good_ones_are_read(
    tone: Tone, write: Write, read: Read, sounds: Path
) -> None:
    good = tone(69)
    path = write("A4.wav", good)
    write("B4.wav", tone(71))
    write("bad/silent.wav", np.zeros(24_000, np.float32))
    write("bad/clipped.wav", np.clip(20 * good, -1, 1))
    write("bad/nan.wav", np.full(24_000, np.nan, np.float32), subtype="FLOAT")
    write("bad/short.wav", tone(69, 0.1))
    write("bad/C4 noise.wav", 0.1 * np.random.default_rng(1).standard_normal(24_000).astype(np.float32))
    (sounds / "bad" / "cut.wav").write_bytes(path.read_bytes()[:20_000])
    (sounds / "bad" / "empty.wav").write_bytes(b"")
    (sounds / "bad" / "text.mp3").write_text("hello")
    (sounds / "bad" / "readme.md").write_text("hello")
    shutil.copy(path, sounds / "copy of A4.wav")
    write("same.flac", good)
    corpus = read()
    assert [clip.name for clip in corpus.clips] == ["A4.wav", "B4.wav"]
    reasons = {refusal.path: refusal.reason.split(" ", maxsplit=1)[0] for refusal in corpus.refusals}
    assert reasons == {
        "bad/C4 noise.wav": "no",
        "bad/clipped.wav": "clipped;",
        "bad/cut.wav": "truncated;",
        "bad/empty.wav": "empty",
        "bad/nan.wav": "holds",
        "bad/readme.md": "not",
        "bad/short.wav": "too",
        "bad/silent.wav": "silent",
        "bad/text.mp3": "not",
        "copy of A4.wav": "the",
        "same.flac": "the",
    }
    assert corpus.summary.files == 12
    assert len(corpus.summary.refused) == 11


def test_the_same_sound_at_another_level_is_a_velocity_layer(tone: Tone, write: Write, read: Read) -> None:
    sound = tone(69)
    write("A4_v1.wav", sound)
    write("A4_v2.wav", 0.5 * sound)
    assert len(read().clips) == 2


def test_recording_of_several_notes_becomes_several_clips(tone: Tone, write: Write, read: Read) -> None:
    gap = np.zeros(24_000, np.float32)
    write("session.wav", np.concatenate([tone(60), gap, tone(64), gap, tone(67)]))
    corpus = read()
    assert [clip.name for clip in corpus.clips] == ["session.wav #1", "session.wav #2", "session.wav #3"]
    assert [round(clip.note) for clip in corpus.clips] == [60, 64, 67]
    assert "session.wav: holds 3 notes: each is a clip" in corpus.summary.remarks


def test_wrong_octave_in_a_name_is_said_in_the_summary(tone: Tone, write: Write, read: Read) -> None:
    write("As3.wav", tone(70))
    corpus = read()
    assert abs(corpus.clips[0].note - 70) < 0.01
    (wrong,) = corpus.summary.wrong_labels
    assert (wrong.file, wrong.label, round(wrong.note)) == ("As3.wav", 58.0, 70)
    assert wrong_label_lines([wrong]) == ("As3.wav: labelled A#3, but sounds as A#4; A#4 is used",)


def test_note_a_semitone_off_its_label_is_said_and_one_out_of_tune_is_not(tone: Tone, write: Write, read: Read) -> None:
    write("Fs6.wav", tone(89))
    write("G5.wav", tone(79.4))
    summary = read().summary
    assert wrong_label_lines(summary.wrong_labels) == ("Fs6.wav: labelled F#6, but sounds as F6; F6 is used",)
    figures = json.loads(as_json(summary))["wrong_labels"]
    assert [(entry["file"], entry["label"], round(entry["note"])) for entry in figures] == [("Fs6.wav", 90.0, 89)]


def test_many_labels_that_are_off_by_as_much_are_one_line(tone: Tone, write: Write, read: Read) -> None:
    for name, note in (("C4", 72), ("D4", 74), ("E4", 76), ("F4", 77)):
        write(f"{name}.wav", tone(note))
    write("G4.wav", tone(68))
    assert wrong_label_lines(read().summary.wrong_labels) == (
        "4 files sound 1 octave higher than labelled; what sounds is used (C4.wav, D4.wav, E4.wav and 1 more)",
        "G4.wav: labelled G4, but sounds as G#4; G#4 is used",
    )


def test_files_of_one_name_in_two_folders_stay_apart(tone: Tone, write: Write, read: Read) -> None:
    write("soft/A4.wav", tone(69, level=0.1))
    write("loud/A4.wav", tone(69, 0.4))
    assert sorted(clip.name for clip in read().clips) == ["loud/A4.wav", "soft/A4.wav"]


def test_second_reading_comes_from_the_cache_and_is_equal(
    tone: Tone, write: Write, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scale(tone, write, range(60, 63))
    first = read()
    monkeypatch.setattr(corpus_module, "read_file", None)  # would be a refusal if it were called
    again = read()
    assert again.summary == first.summary
    for a, b in zip(first.clips, again.clips, strict=True):
        assert (a.name, a.note, a.velocity) == (b.name, b.note, b.velocity)
        for name in ("f0_hz", "level_db", "partials", "noise", "audio"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "text"])
def test_damaged_cache_entry_is_rebuilt(damage: str, tone: Tone, write: Write, read: Read, tmp_path: Path) -> None:
    write("A4.wav", tone(69))
    first = read()
    (entry,) = (tmp_path / "cache").rglob("*.npz")
    whole = entry.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    entry.write_bytes({"empty": b"", "truncated": whole[:middle], "flipped": flipped, "text": b"x" * 99}[damage])
    again = read()
    np.testing.assert_array_equal(first.clips[0].partials, again.clips[0].partials)
    assert entry.stat().st_size == len(whole)


def test_changed_file_or_label_is_read_anew(tone: Tone, write: Write, read: Read, tmp_path: Path) -> None:
    path = write("A4.wav", tone(69))
    read()
    path = path.rename(path.with_name("A3.wav"))
    assert read().summary.wrong_labels[0].label == 57.0
    write("A3.wav", tone(57))
    assert round(read().clips[0].note) == 57
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 3


def test_cache_that_cannot_be_written_is_done_without(tone: Tone, write: Write, sounds: Path, tmp_path: Path) -> None:
    write("A4.wav", tone(69))
    (tmp_path / "file").write_text("in the way")
    assert len(read_corpus(sounds, tmp_path / "file").clips) == 1


def test_nothing_is_left_half_written(tone: Tone, write: Write, read: Read, tmp_path: Path) -> None:
    write("A4.wav", tone(69))
    read()
    assert [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".npz"]


def test_a_bug_in_one_file_is_a_refusal_and_not_the_end(
    tone: Tone, write: Write, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("A4.wav", tone(69))

    def broken(*_: object) -> object:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(corpus_module, "read_file", broken)
    corpus = read()
    assert corpus.clips == ()
    assert corpus.refusals[0].reason == "could not be analysed; please report it with the file"
    assert corpus.refusals[0].detail == "ZeroDivisionError: by zero"


def test_empty_folder_is_an_empty_corpus(read: Read) -> None:
    corpus = read()
    assert corpus.clips == ()
    assert corpus.summary.clips == 0
    assert split(corpus) == ((), ())


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="is not a folder"):
        read_corpus(tmp_path / "nothing", tmp_path / "cache")


def test_cache_follows_xdg_unless_it_is_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "tombola" / "corpus"
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert default_cache_dir() == Path.home() / ".cache" / "tombola" / "corpus"


def test_split_is_by_note_inside_the_range_and_repeats(tone: Tone, write: Write, read: Read) -> None:
    for note in range(60, 65):
        write(f"note_{note:03d}_soft.wav", tone(note, 0.2, level=0.1))
        write(f"note_{note:03d}_loud.wav", tone(note, 0.25))
    corpus = read(processes=1)
    train, test = split(corpus, 0.2, 1)
    train_notes, held_out = ({round(clip.note) for clip in part} for part in (train, test))
    assert len(train) == 8
    assert len(test) == 2
    assert not train_notes & held_out
    assert {60, 64} <= train_notes
    assert [clip.name for clip in split(corpus, 0.2, 1)[1]] == [clip.name for clip in test]


def test_notes_on_both_sides_of_a_rounding_are_one_note(tone: Tone, write: Write, read: Read) -> None:
    for note in range(60, 64):
        write(f"note_{note:03d}_1.wav", tone(note + 0.48, 0.2))
        write(f"note_{note:03d}_2.wav", tone(note + 0.52, 0.2))
    train, test = split(read(processes=1), 0.25, 0)
    assert len(test) == 2
    assert min(abs(a.note - b.note) for a in train for b in test) > 0.9


@given(numbers=st.lists(st.integers(20, 108), max_size=40), share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_held_out_notes_are_some_but_never_the_extremes(numbers: list[int], share: float, seed: int) -> None:
    held_out = held_out_notes(numbers, share, seed)
    notes = sorted(set(numbers))
    assert held_out <= set(notes[1:-1])
    assert bool(held_out) == (len(notes) >= 3 and share > 0)
    assert held_out == held_out_notes(numbers[::-1], share, seed)


def test_summary_is_one_json_object_and_one_table(tone: Tone, write: Write, read: Read, sounds: Path) -> None:
    _scale(tone, write, range(60, 63), 0.4)
    (sounds / "[red]strange.txt").write_text("x")
    summary = read().summary
    figures = json.loads(as_json(summary))
    assert figures["clips"] == 3
    assert figures["notes"] == 3
    assert abs(figures["seconds"] - 1.2) < 0.03
    assert abs(figures["tuning_cents"]) < 0.5
    assert abs(figures["lowest_note"] - 60) < 0.01
    assert figures["refused"] == [
        {"path": "[red]strange.txt", "reason": "not a sound file", "detail": ".txt", "part": 0}
    ]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(as_table(summary))
    text = console.export_text()
    assert "C4 … D4" in text
    assert "[red]strange.txt: not a sound file (.txt)" in text


def test_nobody_is_asked_for_a_note_s_name_who_gave_two(
    tone: Tone, write: Write, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def uncertain(*_: object) -> FileResult:
        return FileResult((), ((0, UNCERTAIN, "A3 or A4"),), ())

    monkeypatch.setattr("tombola_host.corpus.corpus.read_file", uncertain)
    write("A3 A4.wav", tone(69))
    write("untitled.wav", tone(57))
    assert [refusal.reason for refusal in read().refusals] == [SEVERAL_NAMES, UNCERTAIN]
