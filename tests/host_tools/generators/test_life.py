"""Life on notes whose motion is known, because they were made here: noise with the spectra of the recordings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import CENTS, COURSE_FRAMES, LEVEL, SLOW_HZ, band_edges_hz
from tombola_device.engine.life_tables import TAKE_FRAMES, TAKES, played
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.voice.life import FAST_SHARE, MOST_TAKES, TAKES_OF_NOISE, fit_life
from tombola_host.generators.voice.shades import (
    LIFE,
    SETTLED_S,
    X,
    Y,
    fit_directions,
    life_coefficients,
    motion_of,
    shades_of,
)
from tombola_host.generators.voice.spectrum import DIRECTIONS
from tombola_host.generators.voice.wane import fit_wane

NEPER = np.log(10) / 20
HARMONIC = np.arange(1, PARTIALS + 1)
OCTAVES = np.log2(HARMONIC)
LOUD = 10
"""Partials that are compared: those that are heard in every note here."""


def mode_of(*notes: Note) -> ModeData:
    return ModeData("made", 0.0, notes)


def living_of(mode: ModeData) -> torch.Tensor:
    """The directions of its life that a mode is trained beside. Shape (L, H + B)."""
    return fit_directions(mode)[LIFE]


def band_noise(rng, seconds: float, low_hz: float, high_hz: float, spread: float) -> np.ndarray:
    """Noise between two modulation frequencies, of exactly this standard deviation. Shape (F,)."""
    frames = round(seconds * FRAME_RATE_HZ)
    hz = np.fft.rfftfreq(frames, 1 / FRAME_RATE_HZ)
    inside = (hz >= low_hz) & (hz < high_hz)
    spectrum = np.where(inside, np.exp(2j * np.pi * rng.random(len(hz))), 0)
    course = np.fft.irfft(spectrum, frames)
    return course * spread / course.std()


PATTERNS = NEPER * np.stack(
    [np.concatenate([np.sin(np.arange(PARTIALS) + first), np.zeros(NOISE_BANDS)]) for first in (0.3, 1.9)]
)
"""Two ways in which the partials move, 1 dB at most."""
STILL = np.zeros((COURSE_FRAMES, 2 + LIFE.stop - LIFE.start))
"""A course that moves nothing."""
RATES_HZ = (4.2, 4.6, 5.0, 5.4, 5.8, 6.2, 6.6, 7.0)
DEPTHS = (0.5, 0.8, 1.1, 1.4, 0.6, 0.9, 1.2, 1.5)


@pytest.fixture(scope="module")
def living(note) -> tuple[ModeData, list[dict[str, np.ndarray]]]:
    """Eight notes, each with a rate and a depth of its own; what moves in each."""
    rng, seconds, notes, truths = np.random.default_rng(1), 5.0, [], []
    time_s = np.arange(round(seconds * FRAME_RATE_HZ)) / FRAME_RATE_HZ
    for pitch, rate_hz, depth in zip(range(48, 72, 3), RATES_HZ, DEPTHS, strict=True):
        wander = np.cumsum(band_noise(rng, seconds, 0.5, 2.0, 0.02))
        vibrato = 12.0 * depth * np.sqrt(2) * np.sin(2 * np.pi * rate_hz * time_s + wander)
        moved = (
            vibrato[:, None] / 4 * PATTERNS[0]
            + band_noise(rng, seconds, 10.0, 25.0, 1.5 * depth)[:, None] * PATTERNS[1]
        )
        swell = vibrato / 12.0 + band_noise(rng, seconds, 8.0, 20.0, 0.5 * depth)
        notes.append(note(pitch, seconds, cents=vibrato, level_db=swell, moved=moved))
        settled = slice(round(SETTLED_S * FRAME_RATE_HZ), None)
        truths.append({"cents": vibrato[settled], "level": swell[settled], "partials": moved[settled, :LOUD] / NEPER})
    return mode_of(*notes), truths


def test_the_directions_of_life_span_what_moved(living):
    mode, _ = living
    rows = living_of(mode).numpy().astype(np.float64)[:, :LOUD]
    rows = rows - rows.mean(axis=1, keepdims=True)
    for pattern in PATTERNS[:, :LOUD] - PATTERNS[:, :LOUD].mean(axis=1, keepdims=True):
        explained = rows.T @ np.linalg.lstsq(rows.T, pattern, rcond=None)[0]
        assert np.sum((pattern - explained) ** 2) < 0.05 * np.sum(pattern**2)


def test_the_table_moves_level_pitch_and_partials_as_far_as_each_recording_did(living):
    mode, truths = living
    directions = living_of(mode)
    life = fit_life(mode, directions)
    table = played(life).reshape(TAKES, TAKE_FRAMES, -1)
    rows = directions.numpy().astype(np.float64)[:, :LOUD] / NEPER
    for take, truth in zip(table, truths, strict=True):
        assert take[:, CENTS].std() == pytest.approx(truth["cents"].std(), rel=0.15)
        assert take[:, LEVEL].std() == pytest.approx(truth["level"].std(), rel=0.15)
        moved, recorded = take[:, 2:] @ rows, truth["partials"]
        far, true = (np.sqrt(np.mean(around(one).var(axis=0))) for one in (moved, recorded))
        assert far == pytest.approx(true, rel=0.15)


def around(course: np.ndarray) -> np.ndarray:
    """Partials around their common motion, which is the level's."""
    return course - course.mean(axis=1, keepdims=True)


def test_pitch_goes_up_with_the_latent_of_the_vibrato_in_every_mode(living):
    """The sign of a principal component is arbitrary: the vibrato of two modes of unlike signs cancels in a blend."""
    modes = [mode_of(*living[0].notes[first : first + count]) for first in range(8) for count in (1, 3)]
    for mode in modes:
        mixing = np.array(fit_life(mode, living_of(mode)).mixing)
        vibrato = mixing[np.abs(mixing[:, CENTS]).argmax()]
        assert vibrato[CENTS] > 0
        assert vibrato[LEVEL] > 0  # As in these notes.


def test_each_take_has_the_vibrato_rate_of_its_recording(living):
    mode, _ = living
    table = played(fit_life(mode, living_of(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    hz = np.fft.rfftfreq(TAKE_FRAMES, 1 / FRAME_RATE_HZ)
    strength = np.abs(np.fft.rfft(table[..., CENTS], axis=1)) ** 2
    means_hz = (strength @ hz) / strength.sum(axis=1)
    assert means_hz.tolist() == pytest.approx(RATES_HZ, rel=0.1)


def test_what_moves_together_in_the_recordings_moves_together_in_the_table(living):
    """Level and pitch share the vibrato here, with a correlation of 1 / √1.25."""
    mode, truths = living
    table = played(fit_life(mode, living_of(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    found = [np.corrcoef(take[:, CENTS], take[:, LEVEL])[0, 1] for take in table]
    true = [np.corrcoef(truth["cents"], truth["level"])[0, 1] for truth in truths]
    assert np.mean(found) == pytest.approx(np.mean(true), abs=0.1)


def test_the_manifest_has_a_take_for_each_recording_and_no_more_latents_than_there_are_motions(living):
    mode, _ = living
    life = fit_life(mode, living_of(mode))
    assert (len(life.takes), life.courses, life.attacks) == (MOST_TAKES, [], None)
    assert life.directions == LIFE.stop - LIFE.start
    assert len(life.mixing) <= 2 + life.directions
    assert len(fit_life(mode_of(*mode.notes[:3]), living_of(mode)).takes) == 3


def test_takes_stand_in_the_order_of_their_notes(note):
    """Each recording has more vibrato than the one below."""
    turns = 2 * np.pi * 5.0 * np.arange(1125) / FRAME_RATE_HZ
    made = [note(pitch, 3.0, cents=cents * np.sin(turns)) for pitch, cents in ((84, 32), (50, 4), (48, 2), (52, 8))]
    mode = mode_of(*made)
    table = played(fit_life(mode, living_of(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    assert (np.sqrt(2) * table[::2, :, CENTS].std(axis=1)).tolist() == pytest.approx([2, 4, 8, 32], rel=0.15)


# Beside courses


def test_beside_courses_noise_is_half_of_what_is_faster_than_they_hold(living):
    mode, _ = living
    directions = living_of(mode)
    alone, beside = fit_life(mode, directions), fit_life(mode, directions, [STILL] * 8)
    fast_hz = np.array(band_edges_hz()[1:]) >= SLOW_HZ
    assert len(beside.takes) == TAKES_OF_NOISE
    assert not np.array(beside.takes)[..., ~fast_hz].any()
    drawn = np.linspace(0, MOST_TAKES - 1, TAKES_OF_NOISE).round().astype(int)
    powers = [
        np.einsum("pqb,qc->pc", np.array(takes)[..., fast_hz] ** 2, np.array(life.mixing) ** 2)
        for takes, life in ((np.array(alone.takes)[drawn], alone), (beside.takes, beside))
    ]
    recorded, kept = (np.sqrt(power[:, [CENTS, LEVEL]]) for power in powers)
    assert (kept[:, LEVEL] <= 1.05 * FAST_SHARE * recorded[:, LEVEL]).all()
    usual = drawn < 3  # The others flutter more than is kept.
    assert kept[usual, LEVEL] == pytest.approx(FAST_SHARE * recorded[usual, LEVEL], rel=0.1)


def test_flutter_of_one_recording_is_the_analysis_and_does_not_sound(note):
    rng = np.random.default_rng(3)
    flutter = [rng.standard_normal(1125) * db for db in (3.0, 0.1, 0.1, 0.1, 0.1)]
    mode = mode_of(*(note(50 + 2 * at, 3.0, level_db=-20 + course) for at, course in enumerate(flutter)))
    table = played(fit_life(mode, living_of(mode), [STILL] * 5))[:, LEVEL]
    assert 0.02 < table.std() < 0.15  # 1.0 in two of eight takes with it.


def test_courses_alone_are_a_life_with_as_many_latents_as_move(note):
    """Recordings too short to show motion have courses none the less: they say how each goes on."""
    mode = mode_of(note(60, 0.4))
    course = np.zeros_like(STILL)
    course[:, LEVEL] = -3.0
    life = fit_life(mode, living_of(mode), [course])
    (moves,) = np.array(life.mixing)
    assert np.flatnonzero(moves).tolist() == [LEVEL]
    assert not np.array(life.takes).any()


# What is no life


def test_still_notes_move_by_nothing(note):
    mode = mode_of(*(note(pitch, 3.0) for pitch in (50, 55, 60)))
    directions = living_of(mode)
    life = fit_life(mode, directions)
    assert float(directions.abs().max()) < 1e-3
    assert life is None or np.abs(played(life)).max() < 1e-3


def test_a_straight_decay_is_no_motion(note):
    falling = note(60, 3.0, level_db=-8.0 * np.arange(1125) / FRAME_RATE_HZ)
    assert np.abs(motion_of(falling).level_db).max() < 0.05


def test_how_a_note_dies_away_is_no_life(note):
    """Two slopes: a decay that bends after 0.4 s, as two strings give."""
    seconds = np.arange(1125) / FRAME_RATE_HZ
    mode = mode_of(*(note(pitch, 3.0, level_db=-10 * seconds + 9 * np.exp(-seconds / 0.3)) for pitch in (50, 60, 70)))
    assert fit_wane(mode) is not None
    life = fit_life(mode, living_of(mode))
    assert life is None or np.abs(played(life)[:, LEVEL]).max() < 0.1


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.9])
def test_short_notes_give_no_life_and_training_is_told_of_none_in_the_attack(seconds, note):
    rng = np.random.default_rng(0)
    frames = round(seconds * FRAME_RATE_HZ)
    mode = mode_of(*(note(pitch, seconds, cents=rng.standard_normal(frames)) for pitch in (50, 55, 60)))
    directions = fit_directions(mode)
    assert fit_life(mode, living_of(mode)) is None
    for shade in shades_of(mode, directions):
        assert shade.shape == (frames, DIRECTIONS)
        assert not shade[: round(SETTLED_S * FRAME_RATE_HZ), LIFE].any()
    if seconds < 0.5:
        assert life_coefficients(mode.notes[0], living_of(mode)) is None


def test_one_note_is_enough_to_fit(living):
    mode = mode_of(living[0].notes[3])
    directions = fit_directions(mode)
    life, (shade,) = fit_life(mode, living_of(mode)), shades_of(mode, directions)
    assert torch.isfinite(directions).all()
    assert len(life.takes) == 1
    assert played(life).shape == (TAKES * TAKE_FRAMES, 2 + life.directions)
    assert shade[:, [X, Y]].abs().max() < 1e-5  # The only recording is the typical one.
    assert shade[:, LIFE].std(dim=0).max() > 0.5
