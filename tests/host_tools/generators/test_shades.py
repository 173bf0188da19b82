"""Shades and life on notes whose timbre, dynamics and motion are known, because they were made here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from tombola_device.contract.controls import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADES
from tombola_device.contract.life import CENTS, LEVEL, SLOW_HZ
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.engine.life_tables import TAKE_FRAMES, TAKES, played
from tombola_device.engine.noise import band_centres_hz
from tombola_device.play.offline import PerformedEvent, render_performance
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import VELOCITY, ModeData, Note
from tombola_host.export.bundle import export_bundle
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.generators.voice.life import FAST_SHARE, TAKES_OF_NOISE, fit_life
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.shades import (
    DYNAMICS,
    LEAST_HEARD_DB,
    LEAST_SLOPE_DB,
    LEAST_X_DB,
    MOST_X_DB,
    PRIOR_SLOPE_DB,
    SETTLED_S,
    as_recorded,
    dynamics_slope_db,
    fit_directions,
    heard_shade,
    life_coefficients,
    motion_of,
    shades_of,
)
from tombola_host.generators.voice.spectrum import DIRECTIONS
from tombola_host.generators.voice.wane import fit_wane

NEPER = np.log(10) / 20
X, Y, LIVING = 0, 1, slice(len(SHADES), None)
HARMONIC = np.arange(1, PARTIALS + 1)
OCTAVES = np.log2(HARMONIC)
LOUD = 10
"""Partials that are compared: those that are heard in every note here."""


def note(
    pitch: float = 60.0,
    seconds: float = 2.0,
    velocity: float = 0.8,
    slope_db: float = -9.0,
    noise_db: float = -50.0,
    cents: np.ndarray | float = 0.0,
    level_db: np.ndarray | float = 0.0,
    moved: np.ndarray | float = 0.0,
) -> Note:
    """A note whose partials fall by so many dB per octave, and what moves it. ``moved``: nepers, (F, H + B)."""
    frames = round(seconds * FRAME_RATE_HZ)
    scalars = np.zeros((frames, len(SCALAR_COLUMNS)))
    scalars[:, SCALAR_COLUMNS.index("note")] = pitch + np.asarray(cents) / 100
    scalars[:, SCALAR_COLUMNS.index("loudness_db")] = -20.0 + np.asarray(level_db)
    scalars[:, VELOCITY] = velocity
    spectrum = np.concatenate([slope_db * OCTAVES, np.full(NOISE_BANDS, noise_db)]) * NEPER
    spectrum -= np.log(np.sum(np.exp(2 * spectrum))) / 2
    relative = np.broadcast_to(spectrum, (frames, len(spectrum))) + moved
    made = (torch.from_numpy(array.astype(np.float32)) for array in (scalars, relative))
    return Note(f"{pitch}", *made, torch.zeros(frames * 128))


def mode_of(*notes: Note) -> ModeData:
    return ModeData("made", 0.0, notes)


SLOPES_DB, NOISES_DB = (-11.0, -7.0), (-52.0, -40.0)


@pytest.fixture(scope="module")
def various() -> ModeData:
    """Dark and bright notes, clean and breathy ones, in equal numbers at every pitch."""
    steps = [(pitch, slope, noise) for pitch in (48, 60, 72) for slope in SLOPES_DB for noise in NOISES_DB]
    return mode_of(*(note(pitch, 1.0, slope_db=slope, noise_db=noise) for pitch, slope, noise in steps))


def power(network, controls, shade) -> np.ndarray:
    """Power of each audible amplitude, in sum 1. Shape (V, H + B)."""
    with torch.no_grad():
        log_amplitude, _ = network.log_amplitudes(controls, shade)
        audible = network.synthesizer.audible(controls[..., :1])
        amplitude = torch.exp(normalized(log_amplitude, audible)) * audible
    return amplitude[:, -1].square().numpy().astype(np.float64)


def turned(network, held, pitch, axis, positions) -> np.ndarray:
    controls = held(4, pitch).repeat(len(positions), 1, 1)
    own = torch.zeros(len(positions), 4, DIRECTIONS)
    own[..., axis] = torch.tensor(positions)[:, None]
    return power(network, controls, network.shade_of(controls[..., len(SCALAR_COLUMNS) :], own))


# Timbre X and Y


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), pitch=st.floats(33.0, 93.0))
def test_x_makes_any_network_brighter_and_y_breathier_at_every_note(voice, held, various, seed, pitch):
    network, positions = voice(1, seed=seed), [-1.0, -0.6, -0.2, 0.0, 0.3, 0.7, 1.0]
    network.directions[0] = fit_directions(various)
    across_x, across_y = (turned(network, held, pitch, axis, positions) for axis in (X, Y))
    partials = across_x[:, :PARTIALS]
    centroid = (partials @ HARMONIC) / partials.sum(axis=1)
    breath = across_y[:, PARTIALS:].sum(axis=1)
    assert spearmanr(positions, centroid).statistic >= 0.95
    assert spearmanr(positions, breath).statistic >= 0.95
    audible = network.synthesizer.audible(torch.tensor([[pitch]]))[0, :PARTIALS].numpy() > 0.5
    ends_db = 10 * np.log10(partials[-1, audible] / partials[0, audible])
    assert np.abs(ends_db[:20]).mean() >= 4.0
    assert 10 * np.log10(breath[-1] / breath[0]) >= 10.0


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), pitch=st.floats(33.0, 93.0), noise_db=st.floats(-20.0, 20.0))
def test_x_and_dynamics_make_noisy_notes_brighter_too(voice, held, various, seed, pitch, noise_db):
    network, positions = voice(1, seed=seed), [-1.0, -0.6, -0.2, 0.0, 0.3, 0.7, 1.0]
    network.directions[0] = fit_directions(various)
    hz = np.concatenate([440 * 2 ** ((pitch - 69) / 12) * HARMONIC, band_centres_hz(NOISE_BANDS)])
    for axis in (X, DYNAMICS):
        powers = turned(network, held, pitch, axis, positions)
        powers[:, PARTIALS:] *= 10 ** (noise_db / 10)
        assert spearmanr(positions, (powers @ hz) / powers.sum(axis=1)).statistic >= 0.95


def test_training_leaves_x_and_y_to_the_player(various):
    for shade in shades_of(various, fit_directions(various)):
        assert not shade[:, : len(SHADES)].any()


def test_the_knobs_reach_as_far_as_the_recordings_within_limits(various):
    alike = mode_of(*(note(pitch, 1.0) for pitch in (48, 60, 72)))
    wide = mode_of(*(note(pitch, 1.0, slope_db=-9 + 6 * way) for pitch in (48, 60, 72) for way in (-1, 1)))
    slopes_db = [float(fit_directions(mode)[X, 1]) / NEPER for mode in (alike, various, wide)]
    assert slopes_db == sorted(slopes_db)
    assert slopes_db[0] == pytest.approx(LEAST_X_DB)
    assert LEAST_X_DB < slopes_db[2] <= MOST_X_DB


def test_x_and_y_of_a_recording_explain_most_of_what_they_moved(voice, held, various):
    network = voice(1)
    network.directions[0] = directions = fit_directions(various)
    with torch.no_grad():
        plain = normalized(network.log_amplitudes(held(375, 60.0))[0][0], torch.ones(1))
    recorded = note(60.0, 1.0)
    for x, y in ((0.8, 0.0), (0.0, -0.7), (-0.5, 0.6)):
        moved = x * directions[X] + y * directions[Y]
        found = heard_shade(Note("", recorded.scalars, plain + moved, recorded.audio), directions, plain)
        left = moved - found[0] @ directions
        assert float((left - left.mean()).norm()) < 0.5 * float((moved - moved.mean()).norm())
        assert not found[:, DYNAMICS].any()
        assert found[0, X] * x >= 0 <= found[0, Y] * y


# Dynamics


@pytest.mark.parametrize("slope_db", [3.0, 3.8])
def test_the_slope_of_the_dynamics_is_found_where_notes_were_played_at_several(slope_db):
    def at(velocity: float) -> float:
        return -9.0 + slope_db * VELOCITY_RANGE_DB * (velocity - 0.7) / 10

    steps = [(pitch, velocity) for pitch in range(48, 72, 2) for velocity in (0.3, 0.55, 0.85, 1.0)]
    mode = mode_of(*(note(pitch, 0.6, velocity, at(velocity)) for pitch, velocity in steps))
    # The prior draws a little; partials from the 16th on, which fall on here, do not count.
    way = (dynamics_slope_db(mode) - PRIOR_SLOPE_DB) / (slope_db - PRIOR_SLOPE_DB)
    assert 0.5 < way <= 1.0


def test_recordings_that_become_duller_with_force_brighten_least_of_all():
    steps = [(pitch, velocity) for pitch in range(48, 72, 2) for velocity in (0.3, 0.55, 0.85, 1.0)]
    said = mode_of(*(note(pitch, 0.6, velocity, -9.0 - 4.0 * velocity) for pitch, velocity in steps))
    hinted = mode_of(
        *(note(pitch, 0.6, velocity, 11.0 - 20.0 * velocity) for pitch, velocity in steps if velocity > 0.8)
    )
    assert (dynamics_slope_db(said), dynamics_slope_db(hinted)) == (LEAST_HEARD_DB, LEAST_SLOPE_DB)


def test_without_several_dynamics_the_prior_is_taken():
    notes = [note(pitch, 0.6, slope_db=-9.0 + 0.1 * (pitch % 5)) for pitch in range(50, 70)]
    assert dynamics_slope_db(mode_of(*notes)) == pytest.approx(PRIOR_SLOPE_DB, abs=1e-6)
    assert dynamics_slope_db(mode_of(notes[0], note(60, 0.6, 0.2, -20.0))) == PRIOR_SLOPE_DB


def test_recordings_stand_at_dynamics_0_however_loud_they_are(voice, held):
    network = voice(2)
    network.recorded_db[:] = torch.tensor([-5.0, -10.0])
    for level_db in (-40.0, -10.0):
        shade = as_recorded(network, held(3, 60.0, blend=(0.5, 0.5), loudness_db=level_db))
        assert shade.shape == (1, 3, 2 * DIRECTIONS)
        assert not shade.any()


def test_dynamics_in_the_shade_raise_the_true_level_and_not_the_column(voice, held):
    network = voice(2)
    controls = held(3, 60.0, blend=(0.5, 0.5), loudness_db=-30.0)
    own = torch.zeros(1, 3, DIRECTIONS)
    own[..., DYNAMICS] = 0.4
    assert network.note_and_level(controls, as_recorded(network, controls, own))[0, 0, :2].tolist() == [60.0, -26.0]


def test_a_harder_strike_is_brighter_at_every_step_when_the_engine_plays(voice, various):
    network = voice(1, noise=False)
    network.directions[0] = fit_directions(various)
    network.recorded_db[:] = -4.0
    envelope = Envelope([0.0, 0.05], [-30.0, -20.0], 0.0, -200.0)
    mode = Mode("a", "#e8a33d", (40.0, 80.0), envelope, recorded_db=-4.0)
    bundle = export_bundle(VoiceExport(network), "dynamics", "voice", [mode], {}, "")
    velocities = np.linspace(0.1, 1.0, 8)
    for pitch in (45, 60, 76):
        centroids = []
        for velocity in velocities:
            events = [PerformedEvent(0.0, "set_life", (0.0,)), PerformedEvent(0.0, "note_on", (pitch, float(velocity)))]
            sound = render_performance(bundle, events, seconds=0.5)[8192:16384]
            spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
            centroids.append(spectrum @ np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ) / spectrum.sum())
        assert min(np.diff(centroids)) > 0
        # 21.6 dB, 1.5 dB per octave in 10 dB: what the direction says, and the network's columns say nothing else.
        assert centroids[-1] > 1.05 * centroids[0]


# Life


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
RATES_HZ = (4.2, 4.6, 5.0, 5.4, 5.8, 6.2, 6.6, 7.0)
DEPTHS = (0.5, 0.8, 1.1, 1.4, 0.6, 0.9, 1.2, 1.5)


@pytest.fixture(scope="module")
def living() -> tuple[ModeData, list[dict[str, np.ndarray]]]:
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
    rows = fit_directions(mode).numpy().astype(np.float64)[LIVING, :LOUD]
    rows = rows - rows.mean(axis=1, keepdims=True)
    for pattern in PATTERNS[:, :LOUD] - PATTERNS[:, :LOUD].mean(axis=1, keepdims=True):
        explained = rows.T @ np.linalg.lstsq(rows.T, pattern, rcond=None)[0]
        assert np.sum((pattern - explained) ** 2) < 0.05 * np.sum(pattern**2)


def test_the_table_moves_level_pitch_and_partials_as_far_as_each_recording_did(living):
    mode, truths = living
    directions = fit_directions(mode)
    life = fit_life(mode, directions)
    table = played(life).reshape(TAKES, TAKE_FRAMES, -1)
    rows = directions.numpy().astype(np.float64)[LIVING, :LOUD] / NEPER
    for take, truth in zip(table, truths, strict=True):
        assert take[:, CENTS].std() == pytest.approx(wanted(truth["cents"][:, None]), rel=0.15)
        assert take[:, LEVEL].std() == pytest.approx(wanted(truth["level"][:, None]), rel=0.15)
        moved, recorded = take[:, 2:] @ rows, truth["partials"]
        assert np.sqrt(np.mean(around(moved).var(axis=0))) == pytest.approx(wanted(around(recorded)), rel=0.15)


def wanted(course: np.ndarray) -> float:
    """How far a recording moves: all of what is slow, and a part of what is fast."""
    power = np.abs(np.fft.rfft(course, axis=0)[1:]) ** 2
    share = np.where(np.fft.rfftfreq(len(course), 1 / FRAME_RATE_HZ)[1:] < SLOW_HZ, 1.0, FAST_SHARE**2)
    return float(np.sqrt(2 * (power.mean(axis=1) @ share)) / len(course))


def around(course: np.ndarray) -> np.ndarray:
    """Partials around their common motion, which is the level's."""
    return course - course.mean(axis=1, keepdims=True)


def test_pitch_goes_up_with_the_latent_of_the_vibrato_in_every_mode(living):
    """The sign of a principal component is arbitrary: the vibrato of two modes of unlike signs cancels in a blend."""
    modes = [mode_of(*living[0].notes[first : first + count]) for first in range(8) for count in (1, 3)]
    for mode in modes:
        mixing = np.array(fit_life(mode, fit_directions(mode)).mixing)
        vibrato = mixing[np.abs(mixing[:, CENTS]).argmax()]
        assert vibrato[CENTS] > 0
        assert vibrato[LEVEL] > 0  # As in these notes.


def test_each_take_has_the_vibrato_rate_of_its_recording(living):
    mode, _ = living
    table = played(fit_life(mode, fit_directions(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    hz = np.fft.rfftfreq(TAKE_FRAMES, 1 / FRAME_RATE_HZ)
    strength = np.abs(np.fft.rfft(table[..., CENTS], axis=1)) ** 2
    means_hz = (strength @ hz) / strength.sum(axis=1)
    assert means_hz.tolist() == pytest.approx(RATES_HZ, rel=0.1)


def test_the_table_moves_slowly_as_each_recording_did_moment_by_moment(living):
    """From 0.15 s on; noise of the same spectrum would have nothing in common with it."""
    mode, truths = living
    table = played(fit_life(mode, fit_directions(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    inside = slice(100, 1600)  # Where the loop is not faded into itself, and is no part of what a trend takes out.
    for take, truth in zip(table, truths, strict=True):
        assert np.corrcoef(take[inside, CENTS], truth["cents"][inside])[0, 1] > 0.98
        assert np.corrcoef(take[inside, LEVEL], truth["level"][inside])[0, 1] > 0.85  # Part of it is faster.


@pytest.mark.parametrize("seconds", [1.3, 2.0, 5.4, 5.7, 9.0])
def test_a_recording_of_any_length_is_a_loop_that_moves_as_it_did(seconds):
    rng = np.random.default_rng(2)
    vibrato = band_noise(rng, seconds, 4.0, 7.0, 20.0)
    mode = mode_of(note(60, seconds, cents=vibrato))
    loop = played(fit_life(mode, fit_directions(mode)))[:TAKE_FRAMES, CENTS]
    assert loop.std() == pytest.approx(20.0, rel=0.15)
    assert np.abs(np.diff(loop, append=loop[0])).max() < 1.2 * np.abs(np.diff(vibrato)).max()


def test_a_loop_does_not_let_the_note_go_again_and_again():
    """Three seconds held with a swell of half a dB, then a release of 80 dB in a second."""
    seconds = np.arange(1400) / FRAME_RATE_HZ
    level_db = 0.5 * np.sin(2 * np.pi * seconds) - 80.0 * np.maximum(seconds - 3.0, 0.0)
    mode = mode_of(*(note(pitch, 1400 / FRAME_RATE_HZ, level_db=level_db) for pitch in (50, 60, 70)))
    table = played(fit_life(mode, fit_directions(mode)))[:, LEVEL]
    assert 0.3 < table.std() < 0.6
    assert np.abs(table).max() < 3.0


def test_what_moves_together_in_the_recordings_moves_together_in_the_table(living):
    """Level and pitch share the vibrato here, with a correlation of 1 / √1.25."""
    mode, truths = living
    table = played(fit_life(mode, fit_directions(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    found = [np.corrcoef(take[:, CENTS], take[:, LEVEL])[0, 1] for take in table]
    true = [np.corrcoef(truth["cents"], truth["level"])[0, 1] for truth in truths]
    assert np.mean(found) == pytest.approx(np.mean(true), abs=0.1)


def test_the_manifest_has_a_take_for_each_recording_and_no_more_latents_than_there_are_motions(living):
    mode, _ = living
    life = fit_life(mode, fit_directions(mode))
    assert (len(life.courses), len(life.takes)) == (8, TAKES_OF_NOISE)
    assert life.directions == DIRECTIONS - len(SHADES)
    assert len(life.mixing) <= 2 + life.directions
    few = fit_life(mode_of(*mode.notes[:3]), fit_directions(mode))
    assert (len(few.courses), len(few.takes)) == (3, 3)


def test_still_notes_move_by_nothing():
    mode = mode_of(*(note(pitch, 3.0) for pitch in (50, 55, 60)))
    directions = fit_directions(mode)
    life = fit_life(mode, directions)
    assert float(directions[LIVING].abs().max()) < 1e-3
    assert life is None or np.abs(played(life)).max() < 1e-3


def test_a_straight_decay_is_no_motion():
    falling = note(60, 3.0, level_db=-8.0 * np.arange(1125) / FRAME_RATE_HZ)
    assert np.abs(motion_of(falling).level_db).max() < 0.05


def test_a_take_stands_where_its_recording_stands_in_the_range_of_the_mode():
    """Three low recordings and a high one, each with more vibrato than the one below."""
    turns = 2 * np.pi * 5.0 * np.arange(1125) / FRAME_RATE_HZ
    pitches = (48, 50, 52, 84)
    mode = mode_of(
        *(note(pitch, 3.0, cents=depth * np.sin(turns)) for pitch, depth in zip(pitches, (2, 4, 8, 32), strict=True))
    )
    table = played(fit_life(mode, fit_directions(mode))).reshape(TAKES, TAKE_FRAMES, -1)
    # Four takes at 48, 60, 72 and 84; the nearest recordings are those of 48, 52, 84 (at a distance of 12) and 84.
    assert (np.sqrt(2) * table[::2, :, CENTS].std(axis=1)).tolist() == pytest.approx([2, 8, 32, 32], rel=0.15)


def test_flutter_of_one_recording_is_the_analysis_and_does_not_sound():
    rng = np.random.default_rng(3)
    flutter = [rng.standard_normal(1125) * db for db in (0.1, 0.1, 3.0, 0.1, 0.1)]
    mode = mode_of(*(note(50 + 2 * at, 3.0, level_db=-20 + course) for at, course in enumerate(flutter)))
    table = played(fit_life(mode, fit_directions(mode)))[:, LEVEL]
    assert table.std() < 0.35  # 1.1 with it; slow motion is not judged.


def test_how_a_note_dies_away_is_no_life():
    """Two slopes: a decay that bends after 0.4 s, as two strings give."""
    seconds = np.arange(1125) / FRAME_RATE_HZ
    mode = mode_of(*(note(pitch, 3.0, level_db=-10 * seconds + 9 * np.exp(-seconds / 0.3)) for pitch in (50, 60, 70)))
    assert fit_wane(mode) is not None
    life = fit_life(mode, fit_directions(mode))
    assert life is None or np.abs(played(life)[:, LEVEL]).max() < 0.1


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.9])
def test_short_notes_give_no_life_and_training_is_told_of_none_in_the_attack(seconds):
    rng = np.random.default_rng(0)
    frames = round(seconds * FRAME_RATE_HZ)
    mode = mode_of(*(note(pitch, seconds, cents=rng.standard_normal(frames)) for pitch in (50, 55, 60)))
    directions = fit_directions(mode)
    assert fit_life(mode, directions) is None
    for shade in shades_of(mode, directions):
        assert shade.shape == (frames, DIRECTIONS)
        assert not shade[: round(SETTLED_S * FRAME_RATE_HZ), LIVING].any()
    if seconds < 0.5:
        assert life_coefficients(mode.notes[0], directions) is None


def test_one_note_is_enough_to_fit(living):
    mode = mode_of(living[0].notes[3])
    directions = fit_directions(mode)
    life, (shade,) = fit_life(mode, directions), shades_of(mode, directions)
    assert torch.isfinite(directions).all()
    assert len(life.takes) == 1
    assert played(life).shape == (TAKES * TAKE_FRAMES, 2 + life.directions)
    assert shade[:, [X, Y]].abs().max() < 1e-5  # The only recording is the typical one.
    assert shade[:, LIVING].std(dim=0).max() > 0.5
