from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tombola_host.corpus.clip import PARTIALS
from tombola_host.corpus.windows import LEVEL, NOTE
from tombola_host.evaluation.frames import DB_PER_NEPER, middle_note
from tombola_host.evaluation.held_out import note_errors
from tombola_host.evaluation.ladder import ladder, others, resynthesised, sampled, spread

PITCHES = (57.0, 60.0, 63.0, 66.0, 69.0)


@pytest.fixture(scope="module")
def moving(sung, recorded_notes):
    """Notes that move, and that grow darker from one to the next, every second one darker than the line."""
    darker_db = {note: (note - 45) / 4 + 0.7 * (note % 2) for note in PITCHES}
    sounds = {note: sung(note, 1.6, life=1.5, seed=int(note), tilt_db=-darker_db[note]) for note in PITCHES}
    material = recorded_notes(sounds)
    return sorted([*material.training.notes, *material.test.notes], key=middle_note)


def split(moving, index=2):
    return [note for at, note in enumerate(moving) if at != index], [moving[index]]


def test_the_rungs_of_a_moving_note_stand_in_their_order(moving):
    known, judged = split(moving)
    rungs = ladder(known, judged, calibration=2)
    assert list(rungs) == ["floor", "own mean", "table", "moving table", "sampler"]
    error = {name: rung.error for name, rung in rungs.items()}
    assert error["floor"] < 0.85 * error["own mean"]
    assert error["own mean"] < error["table"] < error["moving table"]  # Motion at other moments is worse than none.


def test_a_note_never_stands_on_its_own_table_nor_in_its_sampler(moving):
    pitches = [round(middle_note(note)) for note in others(moving[2], moving)]
    assert pitches == [60, 66, 57, 69]


def test_a_table_of_two_equal_notes_is_their_spectrum_and_the_nearer_note_counts_more(moving):
    _, (judged,) = split(moving, 1)
    near, far = (moving[index].relative.clone() for index in (0, 4))
    near[:], far[:] = 0.0, 3.0
    pair = [replace(moving[0], relative=near), replace(moving[4], relative=far)]
    from tombola_host.evaluation.ladder import SPECTRA

    table = SPECTRA["table"](judged, pair)
    weight = 3 / (3 + 9)
    assert table.mean() == pytest.approx(3.0 * weight, abs=0.02)


def test_resynthesis_gives_the_level_and_the_pitch_back(sung, recorded_notes):
    (note,) = recorded_notes({69.0: sung(69.0, 1.0, hiss_db=-90)}).training.notes
    sound = resynthesised(note, note.relative)
    assert sound.shape == note.audio.shape
    power = np.abs(np.fft.rfft(sound[12_000:36_000])) ** 2
    assert 2 * int(power.argmax()) == 440
    assert 10 * np.log10(np.mean(sound**2)) == pytest.approx(float(note.scalars[:, LEVEL].median()), abs=0.2)


def test_noise_that_was_read_too_high_is_lowered_by_as_much(sung, recorded_notes):
    sounds = {note: sung(note, 0.8, seed=int(note), hiss_db=-42) for note in PITCHES[::2]}
    notes = recorded_notes(sounds).training.notes
    over = []
    for note in notes:
        relative = note.relative.clone()
        relative[:, PARTIALS:] += 8 / DB_PER_NEPER
        over.append(replace(note, relative=relative))
    honest, misread = ladder(notes, notes[:1], 1)["floor"], ladder(over, over[:1], 1)["floor"]
    assert misread.noise_db == pytest.approx(honest.noise_db - 8, abs=1.5)
    assert misread.error == pytest.approx(honest.error, rel=0.05)
    assert misread.as_analysed > 1.2 * misread.error


def test_a_sampler_of_the_same_instrument_is_nearly_the_note_and_follows_its_level(sung, recorded_notes):
    fade = np.linspace(-20, -35, 600)
    sounds = {60.0: sung(60.0, 1.6), 63.0: sung(63.0, 1.6, level_db=fade), 66.0: sung(66.0, 1.6)}
    material = recorded_notes(sounds)
    notes = sorted([*material.training.notes, *material.test.notes], key=middle_note)
    sound = sampled(notes[1], [notes[0], notes[2]])
    levels = [10 * np.log10(np.mean(sound[at : at + 4800] ** 2)) for at in (4800, 60_000)]
    assert levels[0] - levels[1] == pytest.approx(15 * 55_200 / 76_800, abs=0.5)
    (follows,) = note_errors(lambda note: sampled(note, [notes[0], notes[2]]), [notes[1]])
    (stays,) = note_errors(lambda note: notes[0].audio.numpy(), [notes[1]])
    assert follows.error < 0.4 * stays.error


def test_with_too_few_notes_there_is_no_table_and_no_sampler(moving):
    assert list(ladder(moving[:2], moving[:1], 1)) == ["floor", "own mean"]


def test_notes_are_thinned_evenly_over_the_range(moving):
    assert [round(middle_note(note)) for note in spread(moving, 3)] == [60, 63, 66]
    assert spread(moving[::-1], 9) == moving
    assert spread(moving, 0) == []
    assert torch.equal(moving[0].scalars[:, NOTE], spread(moving, 5)[0].scalars[:, NOTE])
