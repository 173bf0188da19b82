from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tombola_host.corpus.character import Character
from tombola_host.corpus.doubts import doubts
from tombola_host.corpus.tables import floor_line

ENDED = Character(release_db_per_s=-100.0)


@pytest.fixture
def note(clip):
    def _note(number, slope_db=-6.0, character=ENDED, velocity=1.0):
        """A note whose partials fall by so much from one to the next."""
        blank = clip(float(number), frames=20)
        partials = np.zeros_like(blank.partials)
        partials[:, :12] = 0.1 * 10 ** (slope_db * np.arange(12) / 20)
        return replace(blank, partials=partials, character=character, velocity=velocity, name=f"{number}.wav")

    return _note


def test_a_folder_of_plain_notes_has_none(note):
    assert doubts([note(60), note(62), note(64)]) == ()
    assert doubts([]) == ()


def test_bells_are_named_with_the_worst_first(note):
    bells = [note(60 + at, character=replace(ENDED, off_harmonic=share)) for at, share in enumerate((0.05, 0.2, 0.4))]
    (sentence,) = doubts(bells)
    assert "up to 40 %" in sentence
    assert sentence.endswith("(62.wav, 61.wav)")


def test_stretched_partials_are_told_in_cents(note):
    (sentence,) = doubts([note(60), note(72, character=replace(ENDED, stretch_cents=31.0))])
    assert "up to 31 cents" in sentence
    assert "72.wav" in sentence


def test_two_instruments_in_one_folder_are_noticed(note):
    organ = [note(number, slope) for number in (60, 64, 67) for slope in (-3.0, -8.0)]
    (sentence,) = doubts(organ)
    assert "several stops" in sentence


def test_two_takes_or_two_dynamics_of_one_instrument_are_no_two(note):
    assert doubts([note(number, slope) for number in (60, 64) for slope in (-6.0, -6.5)]) == ()
    assert doubts([note(60, -3.0, velocity=1.0), note(60, -8.0, velocity=0.3)]) == ()


def test_a_folder_without_one_recorded_end_says_so(note):
    (sentence,) = doubts([note(60, character=Character()), note(62, character=Character())])
    assert "assumed" in sentence
    assert doubts([note(60, character=Character()), note(62)]) == ()


def test_the_files_that_spoil_the_floor_are_named():
    assert floor_line({"a": 0.5, "b": 0.5, "c": 0.6}) == "0.53, no build comes nearer"
    assert floor_line({"a": 0.5, "b": 0.5, "c": 1.1}) == "0.70, no build comes nearer; spoilt by c (1.10)"
