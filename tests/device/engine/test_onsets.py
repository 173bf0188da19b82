"""The sample of its period at which a note begins after an edge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tombola_device.audio.frames import ControlsWriter, memory_bytes
from tombola_device.audio.process import AudioLoop
from tombola_device.contract.bundle import decode_bundle
from tombola_device.engine.engine import Engine
from tombola_device.engine.onsets import LATEST_SAMPLE, RESERVE_S, OnsetClock
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.play.player import Player

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
BUFFER_PERIODS = 4
PERIOD_S = 128 / 48_000
DELAY_S = BUFFER_PERIODS * PERIOD_S + RESERVE_S
FULL_S = (BUFFER_PERIODS - 1) * PERIOD_S
NEAREST_SAMPLES = 9.6
"""The sample nearest to 119.5, from which the next period is chosen, is 8.5 away; a sine's first sample is 0."""


@pytest.fixture(scope="module")
def quartet():
    return decode_bundle(QUARTET.read_bytes())


def struck(player: Player, time_s: float, note: float = 60.0) -> Player:
    player.cv_pitch(note)
    player.cv_gate(high=True, time_s=time_s)
    return player


def played(bundle, player: Player, samples=None, periods: int = 2, engine: Engine | None = None) -> np.ndarray:
    engine = Engine(bundle, player.voices) if engine is None else engine
    if samples is not None:
        engine.delay_onsets(samples)
    out = np.zeros(periods * 128, np.float32)
    engine.render(player.controls(), out)
    return out


@pytest.mark.parametrize("late", range(LATEST_SAMPLE + 1))
def test_delayed_note_begins_at_its_sample_and_ends_its_first_period_like_an_undelayed_one(bundle, late):
    plain, delayed = (played(bundle, struck(Player(3, 4), 1.0), samples) for samples in ([0] * 4, [late] * 4))
    assert abs(np.flatnonzero(delayed)[0] - late) <= 1
    assert delayed[127] == plain[127]
    # Later, only the rest of the removed mean of the period differs.
    np.testing.assert_allclose(delayed[128:], plain[128:], atol=0.01 * np.abs(plain).max())


@settings(max_examples=25)
@given(late=st.integers(0, LATEST_SAMPLE), note=st.floats(36, 96), mode=st.integers(0, 3), velocity=st.floats(0.2, 1))
def test_delayed_note_jumps_no_more_than_a_note_with_as_short_a_first_period(quartet, late, note, mode, velocity):
    def once(samples):
        player = Player(len(quartet.manifest.modes), 1)
        player.program_change(mode % player.modes)
        player.cv_velocity(velocity)
        return played(quartet, struck(player, 1.0, note), samples)

    plain, delayed = once(None), once([late])
    assert not delayed[:late].any()
    time = np.arange(1, 129)
    full = plain[:128] * 128 / time  # The ramp of the period, at its full height.
    rise_samples = 128 - late
    most = np.abs(full[late:]).max() / rise_samples + np.abs(np.diff(full[late:])).max(initial=0)
    assert np.abs(np.diff(delayed[:128], prepend=0)).max() <= most * 1.001
    across = abs(plain[128] - plain[127])
    assert abs(delayed[128] - delayed[127]) <= across + 0.02 * np.abs(plain).max()


def test_note_delayed_too_far_begins_at_the_last_sample_that_leaves_time_to_rise(bundle):
    late, last = (played(bundle, struck(Player(3, 4), 1.0), [sample] * 4) for sample in (300, LATEST_SAMPLE))
    np.testing.assert_array_equal(late, last)


@settings(max_examples=25)
@given(
    times_s=st.lists(st.floats(0, 1e6), min_size=1, max_size=4), blend=st.floats(0, 1), bands=st.sampled_from([0, 3])
)
def test_time_stamp_of_a_note_changes_no_sample_unless_the_engine_gets_a_delay(make_bundle, times_s, blend, bands):
    bundle = make_bundle(2, bands)
    engines, players = [Engine(bundle, 4) for _ in range(3)], [Player(2, 4) for _ in range(3)]
    for step, time_s in enumerate(times_s):
        sounds = []
        for engine, player, at_s, samples in zip(
            engines, players, (0.0, time_s, time_s), (None, None, [0] * 4), strict=True
        ):
            player.morph(blend)
            player.note_on(50 + step, 0.8)
            struck(player, at_s, 60 + step)
            sounds.append(played(bundle, player, samples, 3, engine))
        np.testing.assert_array_equal(sounds[0], sounds[1])
        np.testing.assert_array_equal(sounds[0], sounds[2])


def test_note_in_a_sounding_voice_is_not_delayed_and_one_beside_it_is(bundle):
    def once(samples):
        engine, player = Engine(bundle, 4), Player(3, 4)
        struck(player, 1.0)
        before = played(bundle, player, None, 8, engine)
        struck(player, 2.0, 61)
        return before, played(bundle, player, samples, 8, engine), engine

    (_, plain, _), (_, told, engine) = once(None), once([50, 0, 0, 0])
    np.testing.assert_array_equal(plain, told)
    assert engine.waited_samples == 0
    player = Player(3, 4)
    struck(player, 1.0)
    pair, alone = Engine(bundle, 4), Engine(bundle, 4)
    for one in (pair, alone):
        played(bundle, player, None, 8, one)
    both = Player(3, 4)
    struck(both, 1.0)
    both.note_on(40, 1.0)
    together = played(bundle, both, [50] * 4, 1, pair)
    np.testing.assert_allclose(together[:50], played(bundle, player, None, 1, alone)[:50], atol=1e-7)
    assert pair.waited_samples == 50


def test_delays_of_one_frame_do_not_apply_to_the_next(bundle):
    engine, player = Engine(bundle, 4), Player(3, 4)
    played(bundle, struck(player, 1.0), [50] * 4, 1, engine)
    player.note_on(40, 1.0)
    again, fresh = Engine(bundle, 4), Player(3, 4)
    played(bundle, struck(fresh, 1.0), [50] * 4, 1, again)
    fresh.note_on(40, 1.0)
    np.testing.assert_array_equal(played(bundle, player, None, 2, engine), played(bundle, fresh, [0] * 4, 2, again))


# When


@given(
    edges=st.lists(st.tuples(st.floats(0.02, 0.08), st.floats(0.0002, RESERVE_S)), min_size=1, max_size=20),
    buffer_periods=st.integers(2, 8),
)
def test_every_note_begins_a_fixed_delay_after_its_edge(edges, buffer_periods):
    player, full_s = Player(1, 1), (buffer_periods - 1) * PERIOD_S
    clock = OnsetClock(buffer_periods, player.controls())
    edge_s, period = 1.0, 0
    for pause_s, told_s in edges:
        edge_s += pause_s
        newest = struck(player, edge_s).controls()
        period = int(np.ceil((edge_s + told_s) / PERIOD_S))
        while not clock.take(newest, period * PERIOD_S + full_s):
            period += 1
        begin_s = period * PERIOD_S + full_s + min(clock.samples[0], LATEST_SAMPLE) / 48_000
        assert abs(begin_s - edge_s - clock.delay_s) <= NEAREST_SAMPLES / 48_000
    assert clock.delay_s <= (buffer_periods + 1) * PERIOD_S


@given(heard_s=st.floats(0, 1e6), time_s=st.floats(0, 1e6))
def test_a_frame_waits_at_most_one_period_for_any_time_stamp(heard_s, time_s):
    player = Player(1, 2)
    clock = OnsetClock(BUFFER_PERIODS, player.controls())
    newest = struck(player, time_s).controls()
    if not clock.take(newest, heard_s):
        assert clock.frame is not newest
        assert clock.take(struck(player, time_s).controls(), heard_s)
    assert all(sample >= 0 for sample in clock.samples)


@pytest.mark.parametrize("time_s", [0.0, 100 - 1.0, 100 + 1.0])
def test_note_with_an_unknown_time_stamp_or_one_of_another_clock_begins_at_once(time_s):
    player = Player(1, 2)
    clock = OnsetClock(BUFFER_PERIODS, player.controls())
    assert clock.take(struck(player, time_s).controls(), 100 + FULL_S)
    assert clock.samples == [0, 0]


def test_frame_without_a_new_note_never_waits():
    player = Player(1, 2)
    clock = OnsetClock(BUFFER_PERIODS, player.controls())
    clock.take(struck(player, 100.0).controls(), 100 + FULL_S + PERIOD_S)
    frame = player.controls()
    assert clock.take(replace(frame, onset_s=frame.onset_s + 5 * PERIOD_S), 100 + FULL_S + PERIOD_S)
    assert clock.samples == [0, 0]


class Jack(FakeOut):
    """A card with a full buffer; an edge may arrive some time before each period has room."""

    def __init__(self, memory) -> None:
        super().__init__()
        self.fill((BUFFER_PERIODS - 1) * 128)
        self.now_s = 1.0
        self._writer, self.player = ControlsWriter(memory, 4), Player(3, 4)

    def edge(self, age_s: float) -> None:
        edge_s = self.now_s + PERIOD_S - age_s
        self._writer.write(struck(self.player, edge_s).packed(), edge_s)

    def wait(self) -> int:
        self.now_s += PERIOD_S
        return super().wait()

    monotonic = property(lambda self: lambda: self.now_s)

    @staticmethod
    def perf_counter() -> float:
        return 0.0


@given(age_s=st.floats(0.0002, PERIOD_S + RESERVE_S))
@example(age_s=0.0021750365997060925)
def test_audio_loop_outputs_first_samples_after_a_fixed_delay_and_reports_it(bundle, age_s):
    memory = memoryview(bytearray(memory_bytes(4)))
    jack = Jack(memory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tombola_device.audio.process.time", jack)
        loop = AudioLoop(Engine(bundle, 4), "0" * 64, memory, 4)
        loop._period(jack)
        jack.edge(age_s)
        for _ in range(3):
            loop._period(jack)
    first = int(np.flatnonzero(jack.sound)[0]) - 128
    assert abs(first / 48_000 + FULL_S + age_s - DELAY_S) <= NEAREST_SAMPLES / 48_000
    told_ms = loop._latencies.quantiles(0.5)[0]
    assert told_ms == pytest.approx((first / 48_000 + FULL_S + age_s) * 1e3, abs=0.03)
