"""Phase, pace and amplitude of the voices, and sound that continues into the next period."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import PERIOD_SAMPLES, SILENCE_DB
from tombola_device.contract.graph import block_graph
from tombola_device.engine.engine import Engine
from tombola_device.engine.motion import LEAST_START, Motion
from tombola_device.engine.noise import noise_table, overlapping
from tombola_device.engine.session import Session
from tombola_device.engine.sound import Sound
from tombola_device.play.player import Player

BANDS = 2
_GRAPH = """
hiss (float[voices,8] controls, float[voices,3] motion, float[voices,1] level, float[voices,2,256] noise,
      float[voices,1] state, float[voices,1] unread)
   => (float[voices,128] audio, float[voices,256] overlap, float[voices,1] state_out)
{
   audio = MatMul(motion, nothing)
   bands = ReduceSum<keepdims=0>(noise, one)
   overlap = Mul(bands, level)
   state_out = Identity(state)
}
"""


@pytest.fixture(scope="module")
def hissing(bundle):
    """Noise at the level that is asked for, and nothing else."""
    graph = onnx.parser.parse_graph(_GRAPH)
    constants = {"nothing": np.zeros((3, 128), np.float32), "one": np.array([1])}
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    manifest = msgspec.structs.replace(
        bundle.manifest,
        modes=bundle.manifest.modes[:1],
        graphs={"frame": block_graph(1, 1, BANDS, overlap=True, motion=True)},
    )
    return Bundle(manifest, {"frame": bytes(model.SerializeToString())})


def cents(hertz: float, note: float) -> float:
    return 1200 * math.log2(hertz / (440 * 2 ** ((note - 69) / 12)))


@given(note=st.floats(0, 130), periods=st.integers(2, 300))
def test_phase_of_a_held_note_is_its_frequency_times_its_time(note, periods):
    motion = Motion(1)
    for _ in range(periods):
        motion.step([note], [-20.0], 1)
    turns, start, pace = motion.places[0].astype(float)
    assert start == pace
    assert abs(cents(pace * 48_000, note)) < 1e-3
    exact = 440 * 2 ** ((note - 69) / 12) / 48_000 * PERIOD_SAMPLES
    first = (1 + LEAST_START) / 2 * exact  # It starts a semitone below.
    off = turns - (first + (periods - 2) * exact)
    assert abs(off - round(off)) < 1e-6


def test_pace_moves_from_its_old_value_and_a_silent_level_has_amplitude_zero():
    motion = Motion(2)
    motion.step([60.0, 48.0], [-20.0, SILENCE_DB], 2)
    assert motion.amplitude[:, 0] == pytest.approx([0.1 - 1e-4, 0.0], abs=1e-7)
    motion.step([48.0, 48.0], [-20.0, SILENCE_DB], 2)
    assert motion.places[0, 1] == pytest.approx(2 * motion.places[0, 2])
    motion.step([48.0, 48.0], [-20.0, SILENCE_DB], 2)
    assert motion.places[0, 1] == motion.places[0, 2]
    motion.reset(0)
    motion.step([48.0, 48.0], [-20.0, SILENCE_DB], 2)
    assert motion.places[0, 0] == 0.0


def test_voice_that_is_bent_a_semitone_up_has_the_pace_of_the_next_note_and_never_exceeds_full_scale():
    motion = Motion(2)
    motion.voices[0].bend, motion.voices[0].gain = 2 ** (1 / 12), 2.0
    for _ in range(2):
        motion.step([60.0, 61.0], [-20.0, -20.0], 2)
    np.testing.assert_allclose(motion.places[0], motion.places[1], rtol=1e-6)
    assert motion.amplitude[0, 0] == pytest.approx(2 * motion.amplitude[1, 0])
    motion.voices[0].bend = 1.0  # The bend alone moves, then the gain alone.
    motion.step([60.0, 61.0], [-20.0, -20.0], 2)
    assert cents(motion.places[0, 2] * 48_000, 60) == pytest.approx(0.0, abs=1e-2)
    motion.voices[0].gain = 1000.0
    motion.step([60.0, 61.0], [-20.0, SILENCE_DB], 2)
    assert motion.amplitude[0, 0] == 1.0
    motion.step([60.0, 61.0], [SILENCE_DB, SILENCE_DB], 2)
    assert motion.amplitude[0, 0] == 0.0
    motion.reset(0)
    assert motion.voices[0].gain == 1.0


@pytest.mark.parametrize("note", [math.nan, math.inf, 1e9, -1e9])
def test_note_that_is_nan_does_not_stop_the_engine(note):
    motion = Motion(1)
    for _ in range(3):
        motion.step([note], [-20.0], 1)
    assert np.isfinite(motion.places).all()
    assert motion.places[0, 2] < 0.5


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_share_sums_this_periods_sound_and_the_rest_of_the_last_one(rows):
    sound = Sound(3, overlap=True, spare=2)
    sound.rows[:] = 2.0 ** np.arange(len(sound.rows))[:, None]
    before, now = sound.overlaps[0], sound.overlaps[1]
    expected = sound.audio[:rows].sum(0) + now[:rows, :128].sum(0) + before[:rows, 128:].sum(0)
    np.testing.assert_array_equal(sound.share(rows, 1) @ sound.rows, expected)


def test_noise_that_overlaps_is_the_noise_at_a_gain_that_moves_in_straight_lines(hissing):
    session = Session(hissing.graphs["frame"], hissing.manifest.graphs["frame"], 2)
    periods = noise_table(BANDS)[:, : 6 * 128].reshape(BANDS, 6, 128).transpose(1, 0, 2)
    levels = [SILENCE_DB, -20.0, -10.0, -10.0, SILENCE_DB, SILENCE_DB]
    gains = [max(10 ** (level / 20) - 1e-4, 0.0) for level in levels]
    rise = np.arange(1, 129) / 128
    before = 0.0
    for index, gain in enumerate(gains):
        session.noise[:] = overlapping(periods[index], periods[(index + 1) % 6])
        session.run(2, [60.0, 60.0], [SILENCE_DB, levels[index]])
        exact = periods[index].sum(0) * (before + (gain - before) * rise)
        np.testing.assert_allclose(session.sound.of(1), exact, atol=1e-6)
        assert not session.sound.of(0).any()
        before = gain
    assert not session.sound.of(1).any()


def test_voice_that_is_put_to_rest_has_no_sound_left(hissing):
    session = Session(hissing.graphs["frame"], hissing.manifest.graphs["frame"], 2)
    session.noise[:] = 1.0
    session.run(2, [60.0, 60.0], [-20.0, -20.0])
    session.reset(1)
    session.run(1, [60.0, 60.0], [-20.0, -20.0])
    assert session.sound.of(0).any()
    session.run(2, [60.0, 60.0], [-20.0, SILENCE_DB])
    assert not session.sound.of(1).any()


def test_engine_plays_a_chord_of_noise_that_begins_and_ends_in_silence(hissing):
    engine, player = Engine(hissing, 3), Player(1, 3)
    engine.warm_up()
    out = np.zeros(128, np.float32)
    engine.render(player.controls(), out)
    assert not out.any()
    for note in (50, 60, 70):
        player.note_on(note, 1.0)
    held = player.controls()
    peaks = []
    for _ in range(20):
        engine.render(held, out)
        peaks.append(np.abs(out).max())
    assert min(peaks) > 0.01
    player.panic()
    for _ in range(120):
        engine.render(player.controls(), out)
    assert engine.idle
    assert not out.any()
