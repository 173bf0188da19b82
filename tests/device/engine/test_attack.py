"""Attacks: each strike begins as one recording near its note began, and after a quarter of a second nothing is left."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.parser
import pytest
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.graph import SHADES, block_graph
from tombola_device.contract.life import (
    ATTACK_AT,
    ATTACK_CENTS,
    ATTACK_DB,
    ATTACK_POINTS,
    ATTACK_UNIT,
    BANDS,
    Attacks,
    Life,
)
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.engine.attack import FADED_FROM, FRAMES, MOST_CENTS, MOST_DB, SIZES, played
from tombola_device.engine.engine import Engine
from tombola_device.engine.life import LifeFeed
from tombola_device.engine.motion import Motion
from tombola_device.play.player import Player

MODES, LIVING, STRIKES, VOICES = 2, 2, 3, 2
NOTES = [40.0, 52.0, 64.0, 76.0, 88.0]
HELD = Envelope([0.0, 0.02], [-20.0, -20.0], 0.0, -300.0, velocity_db=24.0)
WIDTH = MODES * (len(SHADES) + LIVING) + STRIKES
_GRAPH = """
shaded (float[voices,9] controls, float[voices,3] motion, float[voices,1] level, float[voices,13] shade)
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


@pytest.fixture(autouse=True)
def full_size(monkeypatch) -> None:
    """Strikes have all of their attack, so that they can be compared."""
    monkeypatch.setattr("tombola_device.engine.attack.SIZES", (1.0,))


def attacks(seed: int = 0, notes=NOTES) -> Attacks:
    rng = np.random.default_rng(seed)
    takes = rng.integers(-100, 101, (len(notes), ATTACK_POINTS, 2 + LIVING + STRIKES)).astype(np.int8)
    return Attacks(list(notes), [take.tobytes() for take in takes])


def still_life(own: Attacks | None) -> Life:
    """A life that does not move, so that what moves is the attack."""
    return Life([[0.0] * (2 + LIVING)], [[[0.0] * BANDS]], attacks=own)


def mode(name: str, own: Attacks | None) -> Mode:
    return Mode(name, "#a0b0c0", (36.0, 96.0), HELD, life=still_life(own))


class Struck:
    """A feed, and what it writes of voice 0."""

    def __init__(self, *owns: Attacks | None, blend=(1.0, 0.0), amount: float = 1.0) -> None:
        modes = [mode(f"m{index}", own) for index, own in enumerate(owns)]
        self.shade = np.zeros((VOICES, WIDTH), np.float32)
        self.controls = np.zeros((VOICES, len(SCALAR_COLUMNS) + MODES), np.float32)
        self.controls[:, -MODES:] = blend
        self.motion = Motion(VOICES)
        self.feed = LifeFeed(modes, self.shade, self.controls, self.motion, STRIKES)
        self.amount = amount

    def strike(self, note: float = 64.0, periods: int = FRAMES, velocity: float = 0.8) -> np.ndarray:
        """Semitones, dB, what all modes' directions add up to, and the shared ones. (periods, 2 + LIVING + STRIKES)."""
        player, rows = Player(MODES, VOICES), []
        player.set_life(self.amount)
        player.note_on(note, velocity)
        self.feed.take(player.controls())
        self.feed.place([0.0] * VOICES)
        self.feed.begin(0)
        for _ in range(periods):
            self.feed.advance(1)
            moved = self.motion.voices[0]
            living = self.shade[0, MODES * len(SHADES) : WIDTH - STRIKES].reshape(MODES, LIVING).sum(axis=0)
            bend, gain = 12 * np.log2(moved.bend), 20 * np.log10(moved.gain)
            rows.append([bend, gain, *living, *self.shade[0, WIDTH - STRIKES :]])
        return np.array(rows)


def test_two_strikes_of_a_key_differ_in_the_attack_and_in_nothing_after_it(monkeypatch) -> None:
    monkeypatch.undo()
    one = Struck(attacks(), None)
    strikes = [one.strike(periods=2 * FRAMES) for _ in range(8)]
    differences = [np.abs(strike[:FADED_FROM] - strikes[0][:FADED_FROM]).mean() for strike in strikes]
    assert max(differences) > 4 * ATTACK_UNIT
    for strike in strikes:
        assert np.abs(strike[:FADED_FROM]).mean() > 20 * ATTACK_UNIT
        assert not strike[FRAMES:].any()


def test_the_same_strikes_are_alike_on_every_run() -> None:
    first, again = ([one.strike() for _ in range(5)] for one in (Struck(attacks(), None), Struck(attacks(), None)))
    np.testing.assert_array_equal(first, again)


def test_a_strike_begins_as_the_recording_says_point_by_point() -> None:
    own = attacks(notes=[64.0])
    rows = np.frombuffer(own.takes[0], np.int8).reshape(ATTACK_POINTS, -1).astype(float)
    rows[:, 0] = np.clip(ATTACK_CENTS * rows[:, 0], -MOST_CENTS, MOST_CENTS) / 100
    rows[:, 1], rows[:, 2:] = np.clip(ATTACK_DB * rows[:, 1], -MOST_DB, MOST_DB), ATTACK_UNIT * rows[:, 2:]
    full = Struck(own, None).strike()[:FADED_FROM]
    kept = [at for at in ATTACK_AT if at < FADED_FROM]
    np.testing.assert_allclose(full[kept], rows[: len(kept)], atol=1e-4)
    for at, before in ((9, 7), (43, 17)):  # Half way between two points.
        np.testing.assert_allclose(full[at], (rows[before] + rows[before + 1]) / 2, atol=1e-3)


def saying(notes: list[float], velocities: tuple[float, ...] = ()) -> Attacks:
    """Recordings that say their place in cents."""
    takes = [np.full((ATTACK_POINTS, 2 + LIVING + STRIKES), place, np.int8).tobytes() for place in range(len(notes))]
    return Attacks(notes, takes, velocities=list(velocities))


def drawn(own: Attacks, note: float, velocity: float = 0.8, strikes: int = 400) -> Counter[int]:
    one = Struck(own, None)
    return Counter(round(100 * one.strike(note, periods=1, velocity=velocity)[0, 0]) for _ in range(strikes))


@pytest.mark.parametrize(("note", "nearest"), [(36.0, 0), (60.5, 0), (61.0, 1), (65.5, 3), (120.0, 3)])
def test_a_strike_takes_the_nearest_recording(note, nearest) -> None:
    assert set(drawn(saying([60.0, 61.5, 64.0, 66.0]), note, strikes=20)) == {nearest}


def test_each_strike_has_a_little_more_or_less_of_its_attack(monkeypatch) -> None:
    monkeypatch.undo()
    one = Struck(attacks(notes=[64.0]), None)
    strikes = [one.strike(periods=FADED_FROM)[:, 2:] for _ in range(200)]
    sizes = {round(float((strike * strikes[0]).sum() / (strikes[0] ** 2).sum()), 4) for strike in strikes}
    assert len(sizes) == len(set(SIZES))
    assert max(sizes) / min(sizes) == pytest.approx(max(SIZES) / min(SIZES), rel=1e-3)


def test_of_two_recordings_of_a_note_that_is_drawn_which_was_struck_as_hard() -> None:
    own = saying([60.0, 60.0, 72.0], (0.2, 1.0, 0.2))
    assert [drawn(own, 60.0, velocity).most_common(1)[0][0] for velocity in (0.1, 0.3, 0.9, 1.0)] == [0, 0, 1, 1]
    assert set(drawn(own, 70.0, 1.0, strikes=50)) == {2}  # Four semitones are as far as the whole range of velocity.


@pytest.mark.parametrize("note", [float("nan"), float("inf"), -1e30])
def test_what_is_no_note_draws_a_recording_all_the_same(note) -> None:
    feed = Struck(saying(NOTES), None).feed._attack
    assert feed is not None
    assert 0 <= feed.begin(0, note, float("nan"))[0] < len(NOTES)


def test_a_blend_of_two_modes_begins_between_them() -> None:
    one, other = attacks(1, NOTES[:1]), attacks(2, NOTES[:1])
    pure = [Struck(one, other, blend=blend).strike() for blend in ((1.0, 0.0), (0.0, 1.0))]
    between = Struck(one, other, blend=(0.5, 0.5)).strike()
    np.testing.assert_allclose(between, (pure[0] + pure[1]) / 2, atol=1e-3)


def test_a_mode_without_attacks_takes_its_share_of_a_blend() -> None:
    whole, half = (Struck(attacks(notes=[64.0]), None, blend=blend).strike() for blend in ((1.0, 0.0), (0.5, 0.5)))
    np.testing.assert_allclose(half, whole / 2, atol=1e-3)


def test_life_says_how_much_strikes_differ() -> None:
    whole = Struck(attacks(notes=[64.0]), None).strike()
    np.testing.assert_allclose(Struck(attacks(notes=[64.0]), None, amount=0.5).strike(), whole / 2, atol=1e-3)
    assert not Struck(attacks(), None, amount=0.0).strike().any()


def test_no_attack_bends_or_swells_beyond_its_bounds_and_each_ends_where_the_note_goes_on() -> None:
    takes = [np.full((ATTACK_POINTS, 2 + LIVING + STRIKES), step, np.int8).tobytes() for step in (-128, 127)]
    directions, bent, gained = played(Attacks(NOTES[:2], takes))
    assert np.abs(1200 * np.log2(bent)).max() <= MOST_CENTS + 1e-3
    assert np.abs(20 * np.log10(gained)).max() <= MOST_DB + 1e-3
    assert np.abs(directions).max() == 128 * ATTACK_UNIT
    last = slice(FRAMES - 1, None, FRAMES)
    assert np.abs(20 * np.log10(gained[last])).max() < 0.41
    assert np.abs(directions[last]).max() < 0.026 * 128 * ATTACK_UNIT


def test_a_second_strike_within_the_attack_begins_anew() -> None:
    one = Struck(attacks(notes=[64.0]), None)
    first = one.strike(periods=20)
    np.testing.assert_array_equal(one.strike(periods=20), first)


def test_a_voice_that_the_graph_does_not_run_waits_with_its_attack() -> None:
    one = Struck(attacks(notes=[64.0]), None)
    alone = one.strike()
    other = Struck(attacks(notes=[64.0]), None)
    other.strike(periods=1)
    for _ in range(50):
        other.feed.advance(0)
    other.feed.advance(1)
    assert 20 * np.log10(other.motion.voices[0].gain) == pytest.approx(alone[1, 1], abs=1e-5)


# In an engine


def shaded(*owns: Attacks | None) -> Bundle:
    """Two modes whose graph reads a shade: a sine at the level that it is told, coloured by all directions alike."""
    graph = onnx.parser.parse_graph(_GRAPH)
    constants = {
        "time": np.arange(128, dtype=np.float32)[None],
        "circle": np.float32(2 * np.pi),
        "share": np.full((WIDTH, 1), 0.01, np.float32),
    }
    constants |= {f"i{index}": np.array([index]) for index in range(3)}
    graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    data = bytes(model.SerializeToString())
    ports = {"frame": block_graph(MODES, motion=True, directions=len(SHADES) + LIVING, strikes=STRIKES)}
    modes = [mode(f"m{index}", own) for index, own in enumerate(owns)]
    return Bundle(Manifest("shaded", "test", modes, ports, Cost(0, len(data), 9, 0)), {"frame": data})


def sound(bundle: Bundle, amount: float, strikes: int = 1, periods: int = 150) -> np.ndarray:
    engine, player = Engine(bundle, 2), Player(2, 2)
    player.set_life(amount)
    heard = []
    for _ in range(strikes):
        player.note_on(64, 0.8)
        out = np.zeros(periods * 128, np.float32)
        engine.render(player.controls(), out)
        heard.append(out.copy())
        player.note_off(64)
        engine.render(player.controls(), np.zeros(200 * 128, np.float32))
    return np.array(heard)


def test_at_life_0_the_sound_is_that_of_a_bundle_without_attacks_bit_for_bit() -> None:
    struck, plain = shaded(attacks(), attacks(1)), shaded(None, None)
    np.testing.assert_array_equal(sound(struck, 0.0), sound(plain, 1.0))
    assert np.abs(sound(struck, 1.0) - sound(plain, 1.0)).max() > 1e-3


def test_after_the_attack_a_note_has_the_level_that_it_has_without() -> None:
    bundles = shaded(attacks(), None), shaded(None, None)
    struck, plain = (np.abs(sound(bundle, 1.0)[0, (FRAMES + 2) * 128 :]) for bundle in bundles)
    assert struck.max() == pytest.approx(plain.max(), rel=0.01)


def test_strikes_are_heard_to_differ(monkeypatch) -> None:
    monkeypatch.undo()
    heard = sound(shaded(attacks(), None), 1.0, strikes=6)
    level_db = 20 * np.log10(np.sqrt(np.mean(heard[:, : FADED_FROM * 128].reshape(6, -1, 1024) ** 2, axis=2)))
    assert np.ptp(level_db, axis=0).mean() > 1.0


def test_even_the_wildest_attack_ends_in_exact_silence() -> None:
    wild = msgspec.structs.replace(attacks(), takes=[b"\x7f" * (ATTACK_POINTS * (2 + LIVING + STRIKES))] * len(NOTES))
    engine, player = Engine(shaded(wild, wild), 2), Player(2, 2)
    player.set_life(2.0)
    player.note_on(60, 1.0)
    out = np.zeros(20 * 128, np.float32)
    engine.render(player.controls(), out)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1.0
    player.note_off(60)
    rest = np.zeros(3000 * 128, np.float32)
    engine.render(player.controls(), rest)
    assert not rest[-128:].any()
