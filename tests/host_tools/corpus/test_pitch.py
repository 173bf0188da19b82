from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus.melody import split_at_note_changes
from tombola_host.corpus.pitch import Contour, PyinTracker, find_note, note_name

Tone = Callable[..., Float32Array]


@pytest.mark.parametrize("note", [31.4, 45.123, 60.2, 72.77, 90.1, 103.0])
def test_note_near_its_label_is_found_within_half_a_cent(note: float, tone: Tone) -> None:
    finding = find_note(tone(note, 1.0), float(round(note)))
    assert abs(finding.note - note) < 0.005
    assert finding.confidence > 0.4


@settings(max_examples=15, deadline=None)
@given(note=st.floats(33, 100), off=st.floats(-0.9, 0.9), partials=st.integers(3, 20))
def test_any_tone_is_found_from_any_label_within_a_semitone(note: float, off: float, partials: int) -> None:
    time_s = np.arange(36_000) / 48_000
    f0_hz = 440 * 2 ** ((note - 69) / 12)
    heard = [h for h in range(1, partials + 1) if h * f0_hz < 20_000]
    sound = sum(np.sin(2 * np.pi * h * f0_hz * time_s + h) / h for h in heard)
    assert abs(find_note(np.asarray(0.2 * sound, np.float32), note + off).note - note) < 0.01


@pytest.mark.parametrize("shift", [12, -12, -24])
def test_label_an_octave_off_is_corrected(shift: int, tone: Tone) -> None:
    assert abs(find_note(tone(64.1, 0.7), 64.0 + shift).note - 64.1) < 0.01


def test_label_of_another_note_is_corrected(tone: Tone) -> None:
    assert abs(find_note(tone(69), 64.0).note - 69) < 0.01


def test_odd_partials_alone_keep_their_octave(tone: Tone) -> None:
    assert abs(find_note(tone(57, step=2), 57.0).note - 57) < 0.01


def test_missing_fundamental_keeps_its_octave() -> None:
    time_s = np.arange(24_000) / 48_000
    sound = sum(np.sin(2 * np.pi * 110 * h * time_s) / h for h in range(2, 12))
    assert abs(find_note(np.asarray(0.2 * sound, np.float32), 45.0).note - 45) < 0.01


def test_vibrato_gives_its_centre(tone: Tone) -> None:
    time_s = np.arange(72_000) / 48_000
    phase = 2 * np.pi * 440 * time_s + 0.8 * np.sin(2 * np.pi * 5.5 * time_s)
    sound = sum(np.sin(h * phase) / h for h in range(1, 9))
    assert abs(find_note(np.asarray(0.2 * sound, np.float32), 69.0).note - 69) < 0.1


@pytest.mark.parametrize("label", [None, 60.0])
def test_noise_is_refused_with_and_without_label(label: float | None) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(24_000).astype(np.float32)
    wanted = "no pitch: noise" if label is None else r"no pitch near the note in its name.*\(C4\)"
    with pytest.raises(BadAudio, match=wanted):
        find_note(noise, label)


def test_pyin_and_the_spectrum_agree_without_a_label(tone: Tone) -> None:
    finding = find_note(tone(62.3), None)
    assert abs(finding.note - 62.3) < 0.01


def test_trackers_that_disagree_are_refused_with_what_to_do(tone: Tone) -> None:
    contour = Contour(np.full(30, 57.0), 0.016)
    with pytest.raises(BadAudio, match=r"uncertain; put the note into the file's name, .*\(A3 or A4\)"):
        find_note(tone(69), None, (contour,))


def test_silent_contour_is_unpitched(tone: Tone) -> None:
    with pytest.raises(BadAudio, match="no pitch: noise"):
        find_note(tone(69), None, (Contour(np.full(30, np.nan), 0.016),))


def test_label_check_takes_less_than_a_twentieth_of_the_sound(tone: Tone) -> None:
    sound = tone(57, 4.0)
    find_note(sound, 57.0)
    began = time.process_time()
    find_note(sound, 57.0)
    assert time.process_time() - began < 0.05 * 4.0


def test_legato_melody_falls_into_its_notes(tone: Tone) -> None:
    notes = [60.0, 62.0, 64.0]
    melody = np.concatenate([tone(note, 0.5) for note in notes])
    spans = split_at_note_changes(PyinTracker().contour(melody), melody)
    assert len(spans) == 3
    for index, span in enumerate(spans):
        assert abs(span.start / 48_000 - 0.5 * index) < 0.08
        assert span.seconds > 0.4


def test_vibrato_and_short_gaps_leave_a_note_whole() -> None:
    frames = np.arange(200)
    note = 69 + 0.5 * np.sin(frames / 3)
    note[50:53] = np.nan
    assert len(split_at_note_changes(Contour(note, 0.016), np.ones(153_600, np.float32))) == 1
    assert len(split_at_note_changes(Contour(np.full(10, np.nan), 0.016), np.ones(7_680, np.float32))) == 1


def test_partial_that_outlives_its_note_is_no_note_but_an_octave_leap_is() -> None:
    note = np.concatenate([np.full(60, 35.0), np.full(60, 54.02)])
    dying = np.linspace(1, 0.01, 92_160, dtype=np.float32)
    struck = np.concatenate([dying[:46_080], dying[:46_080]])
    assert [span.stop for span in split_at_note_changes(Contour(note, 0.016), dying)] == [46_080]
    assert len(split_at_note_changes(Contour(note, 0.016), struck)) == 2


def test_note_names() -> None:
    assert [note_name(note) for note in (60.0, 69.4, 58.0, 21.0)] == ["C4", "A4", "A#3", "A0"]
