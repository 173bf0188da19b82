"""How many voices may sound."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.audio.budget import CALM_S, PERIOD_US, Overload, Times, VoiceBudget, voices_that_play
from tombola_device.audio.frames import ControlsWriter, StatusReader, memory_bytes
from tombola_device.audio.process import AudioLoop
from tombola_device.engine.engine import Engine
from tombola_device.hal.audio.files import NullOut
from tombola_device.play.player import Player


def play(budget: VoiceBudget, share: float, periods: int, sounding: int = 4) -> int:
    """Number of changes of the limit."""
    return sum(budget.rendered(share * PERIOD_US, min(sounding, budget.limit)) for _ in range(periods))


def test_three_long_periods_in_a_row_take_a_voice_away():
    budget = VoiceBudget(4)
    assert play(budget, 0.8, 2) == 0
    assert play(budget, 0.8, 1) == 1
    assert (budget.limit, budget.slimmed) == (3, 1)


def test_single_stalls_a_second_apart_take_nothing_away():
    budget = VoiceBudget(4)
    for _ in range(20):
        play(budget, 5.0, 1)
        play(budget, 0.3, 375)
    assert budget.limit == 4


def test_overload_that_lasts_ends_with_one_voice_and_never_none():
    budget = VoiceBudget(16)
    play(budget, 0.9, 200, sounding=16)
    assert budget.limit == 1


def test_voices_that_do_not_sound_are_given_up_first():
    budget = VoiceBudget(16)
    play(budget, 0.9, 3, sounding=4)
    assert budget.limit == 3


def test_calm_gives_back_one_voice_after_five_seconds_and_each_relapse_waits_longer():
    budget = VoiceBudget(2)
    play(budget, 0.9, 3)
    periods = int(CALM_S * 375)
    assert play(budget, 0.3, periods) == 0
    assert play(budget, 0.3, 1) == 1
    play(budget, 0.9, 3)
    assert play(budget, 0.3, periods + 1) == 0
    assert play(budget, 0.3, periods + 1) == 1


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 8)), max_size=200))
def test_limit_stays_between_one_and_the_voices_whatever_comes(periods):
    budget = VoiceBudget(8)
    for share, sounding in periods:
        budget.rendered(share * PERIOD_US, sounding)
        assert 1 <= budget.limit <= 8


@pytest.mark.parametrize(("share", "after_s"), [(0.9, None), (1.05, 1.0), (3.0, 1.0), (40.0, 1.0)])
def test_bundle_over_its_time_for_a_second_is_an_overload_and_one_below_never_is(share, after_s):
    now_s, taken_s = 0.0, share * 8 / 375
    overload = Overload(lambda: now_s)
    overload.rendered(8)
    while now_s < 20.0:
        now_s += taken_s
        if overload.rendered(8):
            assert after_s < now_s <= after_s + taken_s + 1e-6
            return
    assert after_s is None


def test_overload_ends_with_calm_and_is_forgotten_with_another_bundle():
    now_s = 0.0

    def play(overload, share, times):
        nonlocal now_s
        found = False
        for _ in range(times):
            now_s += share * 8 / 375
            found = overload.rendered(8)
        return found

    overload = Overload(lambda: now_s)
    for _ in range(20):
        assert not play(overload, 2.0, 20)  # 0.85 s of overload
        assert not play(overload, 0.5, 80)
    assert not play(overload, 2.0, 20)
    overload.pardon()
    assert not play(overload, 2.0, 20)
    assert play(overload, 2.0, 20)


def test_overloading_bundle_is_muted_and_named_after_a_second_of_its_threads_time(bundle):
    memory, now_s = memoryview(bytearray(memory_bytes(4))), 0.0
    loop, status = AudioLoop(Engine(bundle, 4), "0" * 64, memory, 4), StatusReader(memory, 4)
    loop._overload = Overload(lambda: now_s)
    while not status.latest().fault:
        assert now_s < 2.0
        now_s += 1.5 / 375
        loop._period(NullOut(paced=False))
    assert "takes longer than a period" in status.latest().fault
    assert now_s == pytest.approx(1.0, abs=0.1)


def test_times_give_quantiles_of_the_last_ones_only():
    times = Times(4)
    assert times.quantiles(0.5) == [0.0]
    for value in (100, 1, 2, 3, 4):
        times.add(value)
    assert times.quantiles(0.0, 0.5, 1.0) == [1.0, 3.0, 4.0]


def test_measured_voices_are_at_least_one_and_at_most_those_asked_for(bundle):
    engine = Engine(bundle, 4)
    assert 1 <= voices_that_play(engine, 4) <= 4
    assert engine.idle


def test_limited_engine_silences_the_upper_voices_and_starts_none_there(bundle):
    engine, player, block = Engine(bundle, 4), Player(3, 4), np.zeros(128, np.float32)
    for note in (60, 64, 67, 71):
        player.note_on(note, 1.0)
    controls = player.controls()
    for _ in range(20):
        engine.render(controls, block)
    assert engine.sounding == 4
    engine.limit_voices(2)
    for _ in range(2):
        engine.render(controls, block)
    assert engine.sounding == 2
    player.note_off(71)
    player.note_on(72, 1.0)
    controls = player.controls()
    for _ in range(10):
        engine.render(controls, block)
    assert engine.sounding == 2
    engine.limit_voices(4)
    player.note_off(72)
    player.note_on(74, 1.0)
    controls = player.controls()
    for _ in range(10):
        engine.render(controls, block)
    assert engine.sounding == 4


def test_audio_loop_at_work_allocates_nothing(bundle):
    """Frames of controls arrive all the time; the number of Python objects does not grow."""
    memory = memoryview(bytearray(memory_bytes(4)))
    loop = AudioLoop(Engine(bundle, 4), "0" * 64, memory, 4)
    writer, reader, player, sink = (
        ControlsWriter(memory, 4),
        StatusReader(memory, 4),
        Player(3, 4),
        NullOut(paced=False),
    )
    player.note_on(60, 0.8)
    frames = []
    for step in range(8):
        player.morph(step / 8)
        frames.append(player.packed())
    loop.rehearse()

    def play(periods):
        for period in range(periods):
            writer.write(frames[period % 8], period + 1.0)
            loop._period(sink)

    play(1500)
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(5):
            play(600)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # Stored numbers replace older ones, so a difference counts as growth only if it repeats.
    assert sizes[-1] - sizes[-2] < 100, sizes
    assert reader.latest().periods == 4500 - 4500 % 8
