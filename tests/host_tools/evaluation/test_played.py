from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_host.evaluation.played import BundleInstrument, Key, held_note, samples_of

QUARTET = Path(__file__).parents[3] / "models/quartet/quartet.tombola"
VIOLIN = 1


@pytest.fixture(scope="module")
def bundle():
    return decode_bundle(QUARTET.read_bytes())


@pytest.fixture(scope="module")
def violin(bundle):
    return BundleInstrument(bundle, VIOLIN)


def level_db(sound):
    return 10 * np.log10(np.mean(sound**2) + 1e-12)


def test_each_key_is_alone_and_as_long_as_it_was_asked_for(violin):
    keys = [Key(67.0, 1.0, 0.4, life=0.0), Key(72.0, 0.3, 0.25, life=0.0), Key(67.0, 1.0, 0.2, tail_s=0.3, life=0.0)]
    loud, soft, released = violin.play(keys)
    assert [len(sound) for sound in (loud, soft, released)] == [samples_of(key) for key in keys]
    assert len(soft) == 94 * PERIOD_SAMPLES
    # The loud key before it is gone: alone, the soft one is the same.
    (alone,) = violin.play([keys[1]])
    assert level_db(soft[-4800:]) == pytest.approx(level_db(alone[-4800:]), abs=0.1)
    assert level_db(soft[:384]) == pytest.approx(level_db(alone[:384]), abs=6.0)  # The noise is elsewhere.
    assert level_db(released[-4800:]) < level_db(released[4800:9600]) - 20  # The violin rings on, as recorded.


def test_a_key_has_its_pitch_and_velocity_at_the_level_of_its_mode(violin):
    loud, soft = violin.play([Key(69.0, 1.0, 1.0, life=0.0), Key(69.0, 0.5, 1.0, life=0.0)])
    envelope = violin.mode.envelope
    assert level_db(loud[-24_000:]) == pytest.approx(envelope.level_db[-1], abs=0.5)
    assert level_db(loud[-24_000:]) - level_db(soft[-24_000:]) == pytest.approx(envelope.velocity_db / 2, abs=0.5)
    power = np.abs(np.fft.rfft(soft[-24_000:])) ** 2
    assert min(abs(2 * int(power.argmax()) % 440), abs(-2 * int(power.argmax()) % 440)) <= 2


def test_timbre_is_set_for_one_key_alone(violin):
    dark, bright, middle, again = violin.play(
        [Key(67.0, held_s=0.3, timbre=(x, 0.5), life=0.0) for x in (0.0, 1.0, 0.5, 0.0)]
    )
    spectra = [np.abs(np.fft.rfft(sound[-9600:])) for sound in (dark, bright, middle, again)]
    assert np.abs(spectra[0] - spectra[1]).sum() > 5 * np.abs(spectra[0] - spectra[3]).sum()


def test_without_a_control_for_it_life_is_left_alone(violin, bundle, monkeypatch):
    monkeypatch.setattr("tombola_host.evaluation.played.CALLS", ("note_on",))
    as_is, at_0 = (violin.play([Key(67.0, held_s=0.2, life=life)])[0] for life in (None, 0.0))
    assert np.array_equal(as_is, at_0)
    held = held_note(bundle, VIOLIN, 67, 0.2)
    assert np.array_equal(held, held_note(bundle, VIOLIN, 67, 0.2, life=2.0))
    assert level_db(held) == pytest.approx(level_db(held_note(bundle, VIOLIN, 67, 0.2, velocity=0.55)) + 6.0, abs=0.5)


def test_life_is_set_before_the_key_where_there_is_a_control_for_it(violin, monkeypatch):
    given = []

    def render(bundle, events, **how):
        given.extend(events)
        return np.zeros(SAMPLE_RATE_HZ, np.float32)

    monkeypatch.setattr("tombola_host.evaluation.played.render_performance", render)
    monkeypatch.setattr("tombola_host.evaluation.played.PerformedEvent", lambda *fields: fields)
    monkeypatch.setattr("tombola_host.evaluation.played.CALLS", ("set_life",))
    violin.play([Key(67.0, life=0.0), Key(67.0)])
    calls = [event[1] for event in given]
    assert (0.0, "set_life", (0.0,)) in given
    assert calls.count("set_life") == 1
    assert calls.index("set_life") < calls.index("note_on")
