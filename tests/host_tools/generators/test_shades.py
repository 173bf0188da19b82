"""Shades on notes whose timbre and dynamics are known, because they were made here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from tombola_device.contract.controls import SAMPLE_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADES
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.engine.noise import band_centres_hz
from tombola_device.play.offline import PerformedEvent, render_performance
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import ModeData, Note
from tombola_host.export.bundle import export_bundle
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.shades import (
    DYNAMICS,
    LEAST_HEARD_DB,
    LEAST_SLOPE_DB,
    LEAST_X_DB,
    LIFE,
    MOST_LIFE,
    MOST_SHADE,
    MOST_X_DB,
    PRIOR_SLOPE_DB,
    as_recorded,
    dynamics_slope_db,
    fit_directions,
    heard_shade,
    shades_of,
)
from tombola_host.generators.voice.spectrum import DIRECTIONS

NEPER = np.log(10) / 20
X, Y, LIVING = 0, 1, slice(len(SHADES), None)
HARMONIC = np.arange(1, PARTIALS + 1)
OCTAVES = np.log2(HARMONIC)
LOUD = 10
"""Partials that are compared: those that are heard in every note here."""


def mode_of(*notes: Note) -> ModeData:
    return ModeData("made", 0.0, notes)


SLOPES_DB, NOISES_DB = (-11.0, -7.0), (-52.0, -40.0)


@pytest.fixture(scope="module")
def various(note) -> ModeData:
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


def test_the_knobs_reach_as_far_as_the_recordings_within_limits(various, note):
    alike = mode_of(*(note(pitch, 1.0) for pitch in (48, 60, 72)))
    wide = mode_of(*(note(pitch, 1.0, slope_db=-9 + 6 * way) for pitch in (48, 60, 72) for way in (-1, 1)))
    slopes_db = [float(fit_directions(mode)[X, 1]) / NEPER for mode in (alike, various, wide)]
    assert slopes_db == sorted(slopes_db)
    assert slopes_db[0] == pytest.approx(LEAST_X_DB)
    assert LEAST_X_DB < slopes_db[2] <= MOST_X_DB


def test_x_and_y_of_a_recording_explain_most_of_what_they_moved(voice, held, various, note):
    network = voice(1)
    network.directions[0] = directions = fit_directions(various)
    with torch.no_grad():
        plain = normalized(network.log_amplitudes(held(375, 60.0))[0][0], torch.ones(1))
    recorded = note(60.0, 1.0)
    for x, y in ((0.8, 0.0), (0.0, -0.7), (-0.5, 0.6)):
        moved = x * directions[X] + y * directions[Y]
        near = Note("", recorded.scalars, plain + moved, recorded.audio)
        (at_x, at_y), _ = heard_shade(near, directions[[X, Y]], directions[LIFE], plain)
        left = moved - at_x * directions[X] - at_y * directions[Y]
        assert float((left - left.mean()).norm()) < 0.5 * float((moved - moved.mean()).norm())
        assert at_x * x >= 0 <= at_y * y


def test_what_is_heard_of_a_recording_is_all_that_its_life_can_hold_frame_by_frame(voice, held, various, note):
    """At rest and in motion, beside X and Y; once only motion around a trend was, and grew in 0.1 s."""
    network, recorded, frames = voice(1), note(60.0, 1.0), 375
    directions, rng = fit_directions(various), np.random.default_rng(4)
    directions[LIFE, :LOUD] = torch.from_numpy(NEPER * rng.normal(0.0, 2.0, (LIFE.stop - LIFE.start, LOUD))).float()
    with torch.no_grad():
        plain = normalized(network.log_amplitudes(held(frames, 60.0))[0][0], torch.ones(1))
    life = np.zeros((frames, LIFE.stop - LIFE.start))
    life[:, 0], life[:, 1] = 0.8, np.sin(np.arange(frames) / 5.0)
    moved = torch.from_numpy(life).float() @ directions[LIFE]
    near = Note("", recorded.scalars, plain + moved, recorded.audio)
    at, living = heard_shade(near, directions[[X, Y]], directions[LIFE], plain)
    left = (moved - at @ directions[[X, Y]] - living @ directions[LIFE])[:, :LOUD] / NEPER
    left, true = (one - one.mean(dim=1, keepdim=True) for one in (left, moved[:, :LOUD] / NEPER))
    far = left.square().mean(dim=1).sqrt() / true.square().mean(dim=1).sqrt()
    assert float(far.max()) < 0.15


def test_a_recording_that_is_quite_another_sound_is_bounded(voice, held, various, note):
    network, recorded = voice(1), note(60.0, 1.0)
    directions = fit_directions(various)
    directions[LIFE.start, :LOUD] = NEPER * torch.linspace(-0.5, 0.5, LOUD)
    with torch.no_grad():
        plain = normalized(network.log_amplitudes(held(375, 60.0))[0][0], torch.ones(1))
    wild = 60.0 * directions[LIFE.start] + 9.0 * directions[X] - 9.0 * directions[Y]
    other = Note("", recorded.scalars, plain + wild, recorded.audio)
    at, living = heard_shade(other, directions[[X, Y]], directions[LIFE], plain)
    assert float(living.abs().max()) == pytest.approx(MOST_LIFE)
    assert float(at.abs().max()) == pytest.approx(MOST_SHADE)


# Dynamics


@pytest.mark.parametrize("slope_db", [3.0, 3.8])
def test_the_slope_of_the_dynamics_is_found_where_notes_were_played_at_several(slope_db, note):
    def at(velocity: float) -> float:
        return -9.0 + slope_db * VELOCITY_RANGE_DB * (velocity - 0.7) / 10

    steps = [(pitch, velocity) for pitch in range(48, 72, 2) for velocity in (0.3, 0.55, 0.85, 1.0)]
    mode = mode_of(*(note(pitch, 0.6, velocity, at(velocity)) for pitch, velocity in steps))
    # The prior draws a little; partials from the 16th on, which fall on here, do not count.
    way = (dynamics_slope_db(mode) - PRIOR_SLOPE_DB) / (slope_db - PRIOR_SLOPE_DB)
    assert 0.5 < way <= 1.0


def test_recordings_that_become_duller_with_force_brighten_least_of_all(note):
    steps = [(pitch, velocity) for pitch in range(48, 72, 2) for velocity in (0.3, 0.55, 0.85, 1.0)]
    said = mode_of(*(note(pitch, 0.6, velocity, -9.0 - 4.0 * velocity) for pitch, velocity in steps))
    hinted = mode_of(
        *(note(pitch, 0.6, velocity, 11.0 - 20.0 * velocity) for pitch, velocity in steps if velocity > 0.8)
    )
    assert (dynamics_slope_db(said), dynamics_slope_db(hinted)) == (LEAST_HEARD_DB, LEAST_SLOPE_DB)


def test_without_several_dynamics_the_prior_is_taken(note):
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
