"""The rehearsal: what goes wrong at one note, level, blend or number of voices is found before it is heard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import MAX_VOICES, MOST_LIFE
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.engine import Engine
from tombola_device.engine.life import LifeFeed
from tombola_device.engine.rehearsal import LEAST_PERIODS, rehearse

Build = Callable[..., Bundle]
FACTORY = Path(__file__).parents[3] / "models/quartet/quartet.tombola"
NAN = "nan"


def try_out(bundle: Bundle) -> None:
    engine = Engine(bundle, MAX_VOICES)
    engine.warm_up()
    rehearse(engine)


@pytest.fixture(scope="module")
def tones(make_bundle: Build) -> Bundle:
    return make_bundle(modes=2)


def test_the_factory_bundle_passes() -> None:
    try_out(decode_bundle(FACTORY.read_bytes()))


@pytest.mark.parametrize("modes", [1, 16])
def test_everything_is_played(make_bundle: Build, monkeypatch: pytest.MonkeyPatch, modes: int) -> None:
    engine, seen = Engine(make_bundle(modes=modes), MAX_VOICES), []
    session = engine.renderers[0].session
    run = session.run

    def heard(*given):
        seen.append((given[0], session.controls[0].copy()))
        run(*given)

    monkeypatch.setattr(session, "run", heard)
    rehearse(engine)
    assert len(seen) >= 2 * LEAST_PERIODS
    assert {count for count, _ in seen} == set(range(1, MAX_VOICES + 1))
    first = np.array([controls for _, controls in seen])
    note, level, velocity, timbre = first[:, 0], first[:, 1], first[:, 2], first[:, 5:7]
    assert note.min() <= 0.0
    assert note.max() >= 127.0
    assert (np.sort(note)[1:] - np.sort(note)[:-1]).max() < 5.0
    assert {36.0, 96.0} <= set(note.tolist())
    assert level.min() <= -79.0
    assert level.max() == 0.0
    assert (velocity[level > -79].min(), velocity.max()) == (pytest.approx(0.1), 1.0)
    assert (timbre[:, 0].min(), timbre[:, 0].max()) == pytest.approx((-2.0, 1.0), abs=0.05)
    assert (first[:, 7:].max(axis=0) > 0.999).all()
    if modes > 1:
        assert ((first[:, 7:].max(axis=1) < 0.7).sum()) > 100


AT = {
    "a high note": ("Greater(note, limit)", "125.0"),
    "a low note": ("Less(note, limit)", "2.0"),
    "a loud note": ("Greater(level_db, limit)", "-1.0"),
    "a blend": ("Less(strongest, limit)", "0.8"),
    "the 900th period": ("Greater(count, limit)", "900.0"),
}


@pytest.mark.parametrize("where", AT)
def test_a_graph_that_goes_wrong_at_one_place_is_refused(tones: Bundle, evil_graphs: ModuleType, where: str) -> None:
    condition, number = AT[where]
    nodes = ["strongest = ReduceMax(blend, one)"] if where == "a blend" else []
    wrong = evil_graphs.twisted(tones, *nodes, *evil_graphs.when(condition, NAN, number=number))
    with pytest.raises(BadBundle, match="no usable sound in mode 'mode [01]': .* no numbers"):
        try_out(wrong)


@pytest.mark.parametrize("voices", [1, 3, 16])
def test_a_graph_that_fails_with_one_number_of_voices_only_is_refused(
    tones: Bundle, evil_graphs: ModuleType, voices: int
) -> None:
    wrong = evil_graphs.twisted(
        tones,
        "shape = Shape(controls)",
        "number = Slice(shape, i0, i1)",
        f"bad = Constant<value = int64[1] {{{voices}}}>()",
        "beyond = Constant<value = int64[1] {999}>()",
        "now = Equal(number, bad)",
        "index = Where(now, beyond, i0)",
        "found = Gather(time, index)",
        "extra = Mul(found, zero)",
    )
    with pytest.raises(BadBundle, match=f"cannot be run with {voices} voices .* Gather"):
        try_out(wrong)


def test_a_sound_that_always_stays_the_same_is_refused(tones: Bundle, evil_graphs: ModuleType) -> None:
    still = evil_graphs.twisted(tones, "extra = Constant<value = float[1] {2.0}>()", joined="Max")
    with pytest.raises(BadBundle, match="the sound of mode 'mode 0' stands still"):
        try_out(still)


def test_a_mode_that_is_never_heard_is_refused(tones: Bundle, evil_graphs: ModuleType) -> None:
    wrong = evil_graphs.twisted(tones, "extra = Slice(blend, i0, i1, one)", joined="Mul")
    with pytest.raises(BadBundle, match="no sound in mode 'mode 1'"):
        try_out(wrong)


@pytest.mark.parametrize("extra", ["Add(zero, half_of)", "Mul(sign, half_of)"])
def test_a_sound_that_is_loud_whatever_level_is_asked_of_it_is_refused(
    tones: Bundle, evil_graphs: ModuleType, extra: str
) -> None:
    nodes = ["half_of = Constant<value = float[1] {0.5}>()", "sign = Sign(tone)", f"extra = {extra}"]
    with pytest.raises(BadBundle, match="mode 'mode 0' is loud where it should hardly be heard"):
        try_out(evil_graphs.twisted(tones, *nodes))


def test_a_note_that_would_leap_after_three_seconds_is_refused(
    evil_lives: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps last 21 ms, so no note of the rehearsal would come as far by itself."""
    try_out(evil_lives.alive(evil_lives.life(), evil_lives.life()))
    with pytest.raises(BadBundle, match="no usable sound in mode 'mode 0'"):
        try_out(evil_lives.leaping())
    monkeypatch.setattr(LifeFeed, "leap", lambda *_: None)
    try_out(evil_lives.leaping())


def test_each_moment_at_which_a_mode_moves_furthest_is_rehearsed_at_full_life(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, leap, reached = Engine(decode_bundle(FACTORY.read_bytes()), MAX_VOICES), LifeFeed.leap, []

    def leaps(feed: LifeFeed, voice: int, take: int, period: int) -> None:
        leap(feed, voice, take, period)
        assert sum(share for _, share in feed._voices[voice].moves) == pytest.approx(MOST_LIFE)
        reached.append((feed._voices[voice].blend.index(1.0), take, period))

    monkeypatch.setattr(LifeFeed, "leap", leaps)
    rehearse(engine)
    life = engine.renderers[0].life
    wanted = {(mode, *moment) for mode in range(engine.modes) for moment in life.furthest(mode)}
    assert set(reached) == wanted
    for mode in range(engine.modes):
        rows = np.array([[np.frombuffer(row, np.float32) for row in take] for take in life._tables[mode].rows])
        met = np.array([rows[take, period] for own, take, period in wanted if own == mode])
        np.testing.assert_array_equal(met.max(axis=0), rows.max(axis=(0, 1)))
        np.testing.assert_array_equal(met.min(axis=0), rows.min(axis=(0, 1)))


def test_a_hit_that_goes_wrong_in_its_last_sample_is_refused(make_struck: Build) -> None:
    bundle = make_struck(samples=6000)
    model = onnx.load_from_string(bundle.graphs["onset"])
    fall = next(tensor for tensor in model.graph.initializer if tensor.name == "fall")
    values = onnx.numpy_helper.to_array(fall).copy()
    values[..., -1] = np.nan
    fall.CopyFrom(onnx.numpy_helper.from_array(values, "fall"))
    try_out(bundle)
    with pytest.raises(BadBundle, match="no usable sound in mode 'hit 0'"):
        try_out(dataclasses.replace(bundle, graphs={"onset": model.SerializeToString()}))
