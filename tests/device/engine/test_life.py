"""Life: held notes move as their manifest says, never more than they may, and not at all at 0."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS, SILENCE_DB
from tombola_device.contract.graph import SHADES, block_graph
from tombola_device.contract.life import BANDS, Life, band_edges_hz
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.engine.engine import Engine
from tombola_device.engine.life import GROWTH_FRAMES, LifeFeed
from tombola_device.engine.life_tables import MOST_CENTS, MOST_DB, TAKE_FRAMES, TAKES, played
from tombola_device.engine.motion import Motion
from tombola_device.play.player import Player

LEVEL, COLUMNS = SCALAR_COLUMNS.index("loudness_db"), len(SCALAR_COLUMNS)
LIVING = 2
SPREAD = 0.5
HELD = Envelope([0.0, 0.02], [-20.0, -20.0], 0.0, -300.0, velocity_db=24.0)
_GRAPH = """
shaded (float[voices,9] controls, float[voices,3] motion, float[voices,1] level, float[voices,10] shade)
   => (float[voices,128] audio)
{
   pace = Slice(motion, i1, i2, i1)
   start = Slice(motion, i0, i1, i1)
   moved = Mul(pace, time)
   turns = Add(start, moved)
   angle = Mul(turns, circle)
   wave = Sin(angle)
   shift = MatMul(shade, share)
   colour = Exp(shift)
   loud = Mul(level, colour)
   audio = Mul(wave, loud)
}
"""


def life(spread: float = SPREAD, onset_s: float = 0.0, takes: int = 1) -> Life:
    """Two latents of equal spread in all bands: 10 cents and 1 dB each way, and the two directions."""
    mixing = [[10.0, 0.5, 1.0, 0.3], [-4.0, 1.0, 0.2, -1.0]]
    spreads = [[[spread * (1 + take + latent) / BANDS**0.5] * BANDS for latent in range(2)] for take in range(takes)]
    return Life(mixing, spreads, onset_s)


def mode(name: str, own: Life | None, recorded_db: float = 0.0) -> Mode:
    return Mode(name, "#a0b0c0", (36.0, 96.0), HELD, life=own, recorded_db=recorded_db)


class Bench:
    """A ``LifeFeed`` alone, with what it writes."""

    def __init__(self, *lives: Life | None, voices: int = 2, amount: float = 1.0, blend=None):
        self.modes = [mode(f"m{index}", own) for index, own in enumerate(lives)]
        count = len(lives)
        self.shade = np.zeros((voices, count * (len(SHADES) + LIVING)), np.float32)
        self.controls = np.zeros((voices, COLUMNS + count), np.float32)
        self.controls[:, COLUMNS:] = [1.0] + [0.0] * (count - 1) if blend is None else blend
        self.motion = Motion(voices)
        self.feed = LifeFeed(self.modes, self.shade, self.controls, self.motion)
        self.voices = voices
        self.set(amount)

    def set(self, amount: float) -> None:
        player = Player(len(self.modes), self.voices)
        player.set_life(amount)
        self.feed.take(player.controls())
        self.feed.place([0.0] * self.voices)

    def play(self, periods: int) -> np.ndarray:
        """Semitones, dB and living directions of voice 0. Shape (periods, 2 + LIVING)."""
        rows, feed, count = [], self.feed, len(self.modes)
        for _ in range(periods):
            feed.advance(self.voices)
            living = self.shade[0, count * len(SHADES) :].reshape(count, LIVING).sum(axis=0)
            moved = self.motion.voices[0]
            rows.append([12 * np.log2(moved.bend), 20 * np.log10(moved.gain), *living])
        return np.array(rows)

    def amplitudes(self, periods: int, level_db: float) -> list[float]:
        """What the graph is told of voice 0 in each period."""
        told = []
        for _ in range(periods):
            self.feed.advance(self.voices)
            self.motion.step([60.0] * self.voices, [level_db] * self.voices, self.voices)
            told.append(float(self.motion.amplitude[0, 0]))
        return told

    def strike(self, periods: int) -> np.ndarray:
        self.feed.begin(0)
        return self.play(periods)


def grown(moved: np.ndarray) -> np.ndarray:
    return moved[2 * GROWTH_FRAMES :]


def test_the_same_strikes_move_in_the_same_way_on_every_run():
    first, again = ([bench.strike(300) for _ in range(3)] for bench in (Bench(life()), Bench(life())))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(played(life()), played(life()))


def test_each_voice_moves_in_each_period():
    # Held for two periods, fast motion would have images between the partials.
    moved = grown(Bench(life()).strike(300))
    assert (np.diff(moved, axis=0) != 0).all()


def test_no_two_strikes_of_a_key_are_alike():
    bench = Bench(life())
    one, other = (grown(bench.strike(1500))[:, 1] for _ in range(2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.4


@pytest.mark.parametrize(
    ("note", "near"),
    [(36.0, {0, 1}), (66.0, {3, 4, 5}), (96.0, {TAKES - 2, TAKES - 1}), (120.0, {TAKES - 2, TAKES - 1})],
)
def test_a_strike_draws_among_the_takes_of_the_notes_near_it_each_from_any_place(note, near):
    bench = Bench(life())
    player = Player(1, 2)
    player.note_on(note, 0.8)
    bench.feed.take(player.controls())
    takes, places = [], []
    for _ in range(200):
        bench.feed.begin(0)
        voice = bench.feed._voices[0]
        takes.append(bench.feed._tables[0].rows.index(voice.rows[0]))
        places.append(voice.at)
    assert set(takes) == near
    assert len(set(places)) > 180


@pytest.mark.parametrize("note", [float("nan"), float("inf"), -1e30])
def test_what_is_no_note_draws_a_take_all_the_same(note):
    assert 0 <= Bench(life()).feed._nearest(0, note) < TAKES


def test_a_note_moves_as_far_as_its_life_says_and_at_200_percent_twice_as_far():
    takes = played(life())
    once, twice = (grown(Bench(life(), amount=amount).strike(1500)) for amount in (1.0, 2.0))
    np.testing.assert_allclose(twice, 2 * once, atol=1e-5)
    expected = takes.std(axis=0) * [0.01, 1, 1, 1]
    assert once.std(axis=0) == pytest.approx(expected, rel=0.35)  # 4 of a take's 5.5 s.
    assert expected == pytest.approx(SPREAD * np.hypot([0.1, 0.5, 1, 0.3], [0.08, 2, 0.4, 2]), rel=0.02)


def test_at_0_nothing_moves_and_a_note_that_sounds_comes_to_rest_within_a_step():
    assert not Bench(life(), amount=0.0).strike(400).any()
    bench = Bench(life())
    assert bench.strike(200).any()
    bench.set(0.0)
    assert not bench.play(200).any()


@pytest.mark.parametrize("amount", [1.0, 2.0])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_a_blend_of_two_modes_of_equal_life_moves_as_much_as_either(share, amount):
    pure = Bench(life(), life(), amount=amount).strike(1000)
    blended = Bench(life(), life(), amount=amount, blend=[share, 1 - share]).strike(1000)
    np.testing.assert_allclose(blended, pure, atol=1e-5)


def test_the_life_of_a_blend_lies_between_those_of_its_modes():
    pure = Bench(life(), life(SPREAD / 2)).strike(1000)
    for share in (0.0, 0.25, 0.5):
        blended = Bench(life(), life(SPREAD / 2), blend=[share, 1 - share]).strike(1000)
        np.testing.assert_allclose(blended, (share + (1 - share) / 2) * pure, atol=1e-5)
    still = Bench(life(), None, blend=[0.5, 0.5]).strike(1000)
    np.testing.assert_allclose(still, 0.5 * pure, atol=1e-5)


def test_what_one_mode_moved_is_gone_when_the_blend_has_left_it():
    bench = Bench(life(), None)
    assert bench.strike(100).any()
    bench.controls[:, COLUMNS:] = [0.0, 1.0]
    bench.set(1.0)
    assert not bench.play(100).any()


def test_a_wild_bundle_moves_a_note_by_no_more_than_the_limits():
    wild = Life([[1e4, 1e4, 0.0, 0.0]], [[[1e4] * BANDS]])
    for amount in (1.0, 2.0):
        moved = Bench(wild, amount=amount).strike(1500)
        assert np.abs(moved[:, 0]).max() == pytest.approx(amount * MOST_CENTS / 100)
        assert moved[:, 1].min() == pytest.approx(-amount * MOST_DB)
    loud = Bench(wild)
    loud.feed.begin(0)
    assert max(loud.amplitudes(500, level_db=-1.0)) == 1.0  # Full scale is not passed.


def test_a_silent_voice_is_not_woken():
    bench = Bench(Life([[0.0, 1e4, 0.0, 0.0]], [[[1.0] * BANDS]]))
    bench.feed.begin(0)
    assert not any(bench.amplitudes(300, SILENCE_DB))


def test_a_take_has_no_seam_where_it_begins_anew():
    table = played(life()).reshape(TAKES, TAKE_FRAMES, -1)
    inside = np.abs(np.diff(table, axis=1)).max(axis=1)
    assert (np.abs(table[:, 0] - table[:, -1]) <= inside).all()
    bench = Bench(life())
    moved = grown(bench.strike(2 * TAKE_FRAMES + 100))
    np.testing.assert_array_equal(moved[:TAKE_FRAMES], moved[TAKE_FRAMES : 2 * TAKE_FRAMES])


@pytest.mark.parametrize("onset_s", [0.0, 0.3, 1.0])
def test_life_grows_from_nothing_in_the_time_of_its_onset(onset_s):
    full, growing = Bench(life()).strike(600), Bench(life(onset_s=onset_s)).strike(600)
    frames = max(onset_s * FRAME_RATE_HZ, 1)
    share = growing[2 * GROWTH_FRAMES :, 1] / full[2 * GROWTH_FRAMES :, 1]
    expected = np.minimum(np.arange(2 * GROWTH_FRAMES, 600) / frames, 1.0)
    assert np.abs(share - expected).max() <= 1.25 * GROWTH_FRAMES / frames
    assert not growing[: GROWTH_FRAMES - 2].any()


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), takes=st.integers(1, 4))
def test_the_tables_have_the_spreads_of_the_manifest_in_every_band(seed, takes):
    rng = np.random.default_rng(seed)
    spreads = rng.uniform(0.1, 3.0, (takes, 2, BANDS))
    table = played(Life([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], spreads.tolist())).reshape(TAKES, TAKE_FRAMES, 3)
    hz = np.fft.rfftfreq(TAKE_FRAMES, 1 / FRAME_RATE_HZ)
    variance = 2 * np.abs(np.fft.rfft(table, axis=1)) ** 2 / TAKE_FRAMES**2
    # Below 1 Hz a band is narrower than the distance of two frequencies of a take, 0.18 Hz: these count together.
    edges = [0.0, *(edge for edge in band_edges_hz() if edge > 1.0)]
    wide = len(edges) - 2
    wanted = np.concatenate([(spreads[..., :-wide] ** 2).sum(-1, keepdims=True), spreads[..., -wide:] ** 2], axis=-1)
    for take in range(TAKES):
        for latent in range(2):
            found = [variance[take, (hz >= low) & (hz < high), latent].sum() ** 0.5 for low, high in pairwise(edges)]
            assert found == pytest.approx(np.sqrt(wanted[take * takes // TAKES, latent]), rel=0.05)
    assert np.abs(table.mean(axis=1)).max() < 1e-9


# In an engine


def shaded(*lives: Life | None, recorded_db: float = 0.0) -> Bundle:
    """Two modes whose graph reads a shade: a sine at the level that it is told, coloured by all directions alike."""
    graph = onnx.parser.parse_graph(_GRAPH)
    constants = {
        "time": np.arange(128, dtype=np.float32)[None],
        "circle": np.float32(2 * np.pi),
        "share": np.full((10, 1), 0.01, np.float32),
    }
    constants |= {f"i{index}": np.array([index]) for index in range(3)}
    graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    data = bytes(model.SerializeToString())
    return Bundle(manifest_of(lives, recorded_db, len(data)), {"frame": data})


def manifest_of(lives, recorded_db, size):
    modes = [mode(f"m{index}", own, recorded_db) for index, own in enumerate(lives)]
    ports = {"frame": block_graph(2, motion=True, directions=len(SHADES) + LIVING)}
    return Manifest("shaded", "test", modes, ports, Cost(0, size, 9, 0))


def sound(bundle: Bundle, amount: float, periods: int = 300) -> np.ndarray:
    engine, player = Engine(bundle, 2), Player(2, 2)
    player.set_life(amount)
    player.note_on(60, 0.8)
    out = np.zeros(periods * 128, np.float32)
    engine.render(player.controls(), out)
    return out


def test_at_0_the_sound_is_that_of_a_bundle_without_life_bit_for_bit():
    alive, still = shaded(life(), life()), shaded(None, None)
    np.testing.assert_array_equal(sound(alive, 0.0), sound(still, 1.0))
    assert np.abs(sound(alive, 1.0) - sound(still, 1.0)).max() > 1e-3
    np.testing.assert_array_equal(sound(alive, 1.0), sound(alive, 1.0))


def test_a_released_note_ends_in_exact_silence_however_much_it_moves():
    engine, player = Engine(shaded(life(4.0), life(4.0)), 2), Player(2, 2)
    player.set_life(2.0)
    player.note_on(60, 0.8)
    out = np.zeros(200 * 128, np.float32)
    engine.render(player.controls(), out)
    player.note_off(60)
    engine.render(player.controls(), out)
    assert engine.idle
    engine.render(player.controls(), out)  # The offset that the DC block tracked is still leaving.
    assert np.abs(out).max() < 5e-4
    for _ in range(2):
        engine.render(player.controls(), out)
    assert not out.any()


# Dynamics


def column(bundle: Bundle, velocity: float, offset_db: float = 0.0) -> tuple[float, float, list[float]]:
    """The level column, the level that the graph is told beside it in dB, and the shade of the first mode."""
    engine, player = Engine(bundle, 1), Player(len(bundle.manifest.modes), 1)
    player.set_life(0.0)
    player.set_loudness(offset_db)
    player.note_on(60, velocity)
    engine.render(player.controls(), np.zeros(300 * 128, np.float32))
    session = engine.renderers[0].session
    told = 20 * np.log10(session.motion.amplitude[0, 0] + 1e-4) if session.motion else np.nan
    return float(session.controls[0, LEVEL]), float(told), session.shade[0, : len(SHADES)].tolist()


@pytest.mark.parametrize(("velocity", "offset_db"), [(1.0, 0.0), (0.6, 0.0), (0.25, -6.0), (0.5, 6.0)])
def test_how_hard_a_note_is_played_is_in_the_shade_and_not_in_the_level_column(velocity, offset_db):
    level_db, told_db, (x, y, dynamics) = column(shaded(None, None, recorded_db=-5.0), velocity, offset_db)
    played_db = 24 * (velocity - 1) + offset_db
    assert level_db == pytest.approx(-20 - 5, abs=1e-4)  # As the recordings, whatever is played.
    assert told_db == pytest.approx(-20 + played_db, abs=1e-2)
    assert (x, y, dynamics) == pytest.approx((0.0, 0.0, (played_db + 5) / 10), abs=1e-5)


@pytest.mark.parametrize("velocity", [1.0, 0.6, 0.25])
def test_a_graph_that_is_told_no_level_beside_its_columns_finds_the_velocity_there(bundle, velocity):
    modes = [msgspec.structs.replace(mode, recorded_db=-5.0) for mode in bundle.manifest.modes]
    old = Bundle(msgspec.structs.replace(bundle.manifest, modes=modes), bundle.graphs)
    assert column(old, velocity)[0] == pytest.approx(-20 + 24 * (velocity - 1), abs=1e-4)


def test_a_mode_far_from_its_recordings_changes_its_spectrum_no_more():
    quiet, quieter = (column(shaded(None, None), 0.5, offset_db)[2][2] for offset_db in (-28.0, -40.0))
    assert (quiet, quieter) == pytest.approx((-4.0, -4.0))
    louder = column(shaded(None, None, recorded_db=-30.0), 1.0)[2][2]
    assert louder == pytest.approx(2.0)
