"""Rendering of performances without a clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.play.offline import BlendAutomation, PerformedEvent, midi_events, render_performance

NOTES = (PerformedEvent(0.1, "note_on", (69, 1.0)), PerformedEvent(0.6, "note_off", (69,)))

frames, keys = st.integers(0, 150), st.integers(40, 90)
controllers = st.sampled_from([1, 11, 16, 64])
events = st.lists(
    st.one_of(
        st.builds(lambda f, n, v: PerformedEvent(f / 375, "note_on", (n, v)), frames, keys, st.floats(0.1, 1)),
        st.builds(lambda f, n: PerformedEvent(f / 375, "note_off", (n,)), frames, keys),
        st.builds(
            lambda f, c, v: PerformedEvent(f / 375, "midi", (0xB0, c, v)), frames, controllers, st.integers(0, 127)
        ),
        st.builds(lambda f, b: PerformedEvent(f / 375, "pitch_bend", (b,)), frames, st.floats(-1, 1)),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(events=events, bands=st.sampled_from([0, 2]))
def test_rendering_in_periods_of_128_256_and_512_is_identical(make_bundle, events, bands):
    bundle = make_bundle(noise_bands=bands)
    short, middle, long = (
        render_performance(bundle, events, seconds=0.6, period_samples=samples) for samples in (128, 256, 512)
    )
    np.testing.assert_array_equal(short, middle)
    np.testing.assert_array_equal(short, long)


def test_performance_without_a_length_ends_after_its_last_note_has_died(bundle):
    lengths = {len(render_performance(bundle, NOTES, period_samples=samples)) for samples in (128, 256, 512)}
    assert len(lengths) == 1
    assert 0.7 < lengths.pop() / 48_000 < 1.3


def test_note_sounds_in_the_first_period_after_its_time(bundle):
    sound = render_performance(bundle, NOTES)
    first = int(np.flatnonzero(sound)[0])
    assert 4800 <= first < 4800 + 128 + 2


def test_midi_bytes_play_as_calls_do(bundle):
    calls = render_performance(
        bundle,
        [PerformedEvent(0.0, "note_on", (69, 100 / 127)), PerformedEvent(0.3, "program_change", (1,))],
        seconds=1,
    )
    midi = render_performance(bundle, midi_events([(0.0, (0x90, 69, 100)), (0.3, (0xC5, 1))]), seconds=1)
    np.testing.assert_array_equal(calls, midi)


def test_blend_automation_sweeps_a_held_note_through_the_modes_with_a_dip_below_4_db(bundle):
    sweep = BlendAutomation((0.5, 1.5, 2.5), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    sound = render_performance(bundle, [PerformedEvent(0.0, "note_on", (69, 1.0))], blend=sweep, seconds=3.0)
    levels = [10 * np.log10(np.mean(sound[at : at + 4800] ** 2)) for at in range(4800, len(sound) - 4800, 4800)]
    # Two sines in the middle of the blend: each 6 dB lower in amplitude, together 3 dB lower in power.
    assert max(levels) - min(levels) < 3.2
    spectrum = np.abs(np.fft.rfft(sound[-9600:]))
    assert np.argmax(spectrum) * 5 == pytest.approx(1320, abs=5)


def test_no_events_give_silence_of_the_given_length(bundle):
    sound = render_performance(bundle, [], seconds=0.1)
    assert len(sound) == 38 * 128
    assert not sound.any()


def test_unknown_calls_and_times_are_refused():
    with pytest.raises(ShapeError, match="unknown"):
        PerformedEvent(0.0, "__init__", (1,))
    with pytest.raises(ShapeError, match="is at -1"):
        PerformedEvent(-1.0, "note_on", (60, 1.0))
    with pytest.raises(ShapeError, match="must rise"):
        BlendAutomation((1.0, 0.0), ((1,), (1,)))


def test_bundle_that_breaks_is_refused_offline(make_bundle):
    with pytest.raises(BadBundle, match="no numbers"):
        render_performance(make_bundle(poison=np.nan), NOTES)


def test_periods_that_are_not_a_multiple_of_128_are_refused(bundle):
    with pytest.raises(ShapeError, match="multiple of 128"):
        render_performance(bundle, NOTES, period_samples=100)
