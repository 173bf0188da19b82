from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_host.corpus.labels import note_from_name, states_several_notes


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("A4", 69),
        ("A4.wav", 69),
        ("As3.wav", 58),
        ("Bb2.flac", 46),
        ("F#5.wav", 78),
        ("Cs3.wav", 49),
        ("C4.aiff", 60),
        ("Cb4.wav", 59),
        ("B#3.wav", 60),
        ("C♯4.wav", 61),
        ("B♭3.ogg", 58),
        ("Csharp4.wav", 61),
        ("Eflat4.wav", 63),
        ("violin_A4_ff.wav", 69),
        ("piano-C#5-v3.flac", 73),
        ("Flute G4 (legato).mp3", 67),
        ("harp.E1.wav", 28),
        ("A4v3.wav", 69),
        ("Gs5rr2.wav", 80),
        ("C3pp.wav", 48),
        ("take2_A4.wav", 69),
        ("2021-04-03_A4.wav", 69),
        ("take a2 - D4.wav", 62),
        ("cello_bb2.wav", 46),
        ("some/folder/C5.wav", 72),
        ("some\\folder\\C5.wav", 72),
        ("A4_A4.wav", 69),
        ("060.wav", 60),
        ("note_60.wav", 60),
        ("note60.wav", 60),
        ("midi-60.wav", 60),
        ("Key 72.wav", 72),
        ("violin_060.wav", 60),
        ("guitar_acoustic_001-082-050.wav", 82),
    ],
)
def test_note_is_read_from_the_name(name: str, note: float) -> None:
    assert note_from_name(name) == note


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".wav",
        "take2.wav",
        "take_A2.wav",
        "side B1.wav",
        "CD1_opening.wav",
        "Band1.wav",
        "handD1ed.wav",
        "F16_jet.wav",
        "E2E_test.wav",
        "C3PO.wav",
        "B12.wav",
        "song.mp3",
        "mp3.wav",
        "A440.wav",
        "H4.wav",
        "2021-04-03.wav",
        "20210403.wav",
        "track_012.wav",
        "12.wav",
        "5.wav",
        "999.wav",
        "note_200.wav",
        "C4_E4_G4.wav",
        "audio_2024_060.wav",
        "G.wav",
        "C-sharp.wav",
    ],
)
def test_no_note_is_read_from_a_name_that_states_none(name: str) -> None:
    assert note_from_name(name) is None


def test_a_name_that_states_several_notes_is_told_apart() -> None:
    names = ("C4_E4.wav", "a4 c5", "A4_a4.wav", "take A2", "x")
    assert [states_several_notes(name) for name in names] == [True, True, False, False, False]


@given(
    note=st.integers(12, 127),
    before=st.sampled_from(["", "violin_", "x - ", "soft."]),
    end=st.sampled_from([".wav", ""]),
)
def test_every_note_name_is_understood_anywhere_in_a_name(note: int, before: str, end: str) -> None:
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    written = f"{names[note % 12]}{note // 12 - 1}"
    assert note_from_name(f"{before}{written}{end}") == note
    assert note_from_name(f"{before}{written.replace('#', 's')}{end}") == note


@given(st.text())
def test_any_name_gives_a_midi_number_or_none(name: str) -> None:
    note = note_from_name(name)
    assert note is None or 0 <= note <= 127
