from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_host.evaluation.frames import PARTIALS, Frames, Span, common, measured, steady
from tombola_host.evaluation.motion import compared, heard_partials, motion

FRAMES = 1200
TIME_S = np.arange(FRAMES) / FRAME_RATE_HZ
WHOLE = Span(0, FRAMES)
ALL = np.ones(PARTIALS, bool)


def frames(level_db=-20.0, cents=0.0, partials_db=-10.0):
    full = np.zeros(FRAMES)
    return Frames(
        69 + full + np.asarray(cents) / 100, full + level_db, full[:, None] + np.zeros(PARTIALS) + partials_db
    )


def of(found, span=WHOLE, heard=ALL, *, sustained=True):
    return motion(found, span, heard, sustained=sustained)


def played(audio, note=69.0):
    found = measured(audio, note)
    return found, steady(found, sustained=True)


@pytest.mark.parametrize(("hz", "band"), [(1.5, 0), (5.2, 1), (30.0, 2)])
def test_a_sine_has_its_own_deviation_and_all_its_power_in_its_band(hz, band):
    wave = np.sqrt(2) * np.sin(2 * np.pi * hz * TIME_S)
    found = of(frames(-20 + 1.9 * wave, 10 * wave, 4.3 * wave[:, None] + np.zeros(PARTIALS)))
    for one, size in ((found.level, 1.9), (found.f0, 10.0), (found.partials, 4.3)):
        assert one.deviation == pytest.approx(size, rel=0.06)
        powers = [power / size**2 for power in one.bands]
        assert powers.pop(band) == pytest.approx(1.0, abs=0.12)
        assert max(powers) < 0.01


@pytest.mark.parametrize("drop_db", [0.0, 5.0, 40.0])
def test_a_straight_decay_or_a_swell_is_no_motion(drop_db):
    swell = -20 - drop_db * TIME_S / TIME_S[-1] + 3 * np.cos(2 * np.pi * 0.2 * TIME_S)
    found = of(frames(swell))
    assert found.level.deviation < 0.05
    assert max(found.level.bands) < 0.001


def test_the_bend_of_a_struck_notes_decay_counts_for_less_than_a_tenth_of_its_beats():
    bend = 10 * np.log10(10 ** (-6 * TIME_S) + 0.03 * 10 ** (-0.8 * TIME_S))
    beats = 20 * np.log10(np.abs(1 + 0.5 * np.exp(2j * np.pi * 1.1 * TIME_S)))
    decays = of(frames(bend), sustained=False).level.deviation
    beating = of(frames(bend + beats), sustained=False).level.deviation
    assert decays < 0.1 * beating
    assert of(frames(bend)).level.deviation > 2 * decays  # As a held note's, the bend would count.


def test_a_note_that_stands_still_scores_0_and_one_that_moves_at_random_as_the_recordings_do_scores_1(sung):
    real = [played(sung(69.0, 3.5, life=1.0, seed=seed)) for seed in range(3)]
    ratios = {}
    for name, life, first in (("still", 0.0, 10), ("random", 1.0, 20), ("twice", 2.0, 30)):
        ours = [played(sung(69.0, 3.5, life=life, seed=first + seed)) for seed in range(3)]
        spans = [common(a[1], b[1]) for a, b in zip(ours, real, strict=True)]
        heards = [heard_partials(b[0], span) for b, span in zip(real, spans, strict=True)]
        sides = [[of(one[0], *which) for one, *which in zip(side, spans, heards, strict=True)] for side in (ours, real)]
        ratios[name] = compared(*sides).deviation
    assert max(ratios["still"].values()) < 0.03
    for ratio in ratios["random"].values():
        assert 0.8 < ratio < 1.25
    for ratio in ratios["twice"].values():
        assert 1.5 < ratio < 2.6


def test_what_the_analysis_finds_is_what_moved(sung):
    found, span = played(sung(69.0, 4.0, life=1.0, seed=5))
    moved = of(found, span, heard_partials(found, span))
    assert moved.level.deviation == pytest.approx(1.5, rel=0.25)
    assert moved.f0.deviation == pytest.approx(8.0, rel=0.25)
    # Relative to a level that the partials move too.
    assert 2.4 < moved.partials.deviation < 3.6


def test_the_steady_part_lies_between_attack_and_release():
    level = np.interp(TIME_S, [0, 0.3, 2.5, 2.6], [-60, -20, -20, -80])
    span = steady(frames(level), sustained=True)
    assert 0.45 < span.first / FRAME_RATE_HZ < 0.6
    assert 2.3 < span.last / FRAME_RATE_HZ < 2.45
    decaying = np.interp(TIME_S, [0, 0.01, 2.01], [-60, -20, -80])
    span = steady(frames(decaying), sustained=False)
    assert span.last / FRAME_RATE_HZ == pytest.approx(0.01 + 40 / 30 - 0.15, abs=0.05)


def test_partials_below_the_noise_and_holes_between_two_strings_do_not_count(wander):
    levels = np.array([-5.0] * 9 + [-70.0])
    quiet = frames(partials_db=levels + np.c_[np.zeros((FRAMES, 9)), wander(FRAMES, 8.0, 1)])
    heard = heard_partials(quiet, WHOLE)
    assert heard.tolist() == [True] * 9 + [False]
    assert of(quiet, heard=heard).partials.deviation == pytest.approx(0.0, abs=1e-6)
    holes = np.where(np.arange(FRAMES) % 100 == 0, -80.0, -10.0)
    assert of(frames(partials_db=holes[:, None] + np.zeros(PARTIALS))).partials.deviation < 2.1


def test_without_notes_there_is_nothing_to_compare():
    assert compared([], []) is None
