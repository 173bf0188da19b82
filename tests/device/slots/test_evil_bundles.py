"""Bundles that mean harm (tests/fuzz/evil_*.py): each is refused, or plays without doing any."""

from __future__ import annotations

import logging
import resource
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES
from tombola_device.contract.errors import TombolaError
from tombola_device.engine.engine import Engine
from tombola_device.engine.probe import probe_bundle
from tombola_device.engine.probe_child import probe_in_child
from tombola_device.play.player import Player

_LOG = logging.getLogger(__name__)
VOICES = 4
FACTORY = Path(__file__).parents[3] / "models/quartet/quartet.tombola"
HEARD = ("value:", "shape: fails", "life:", "large:")
"""Rules whose kinds are found only when the graph runs."""
PLAYED_S = 600.0
SHORT_S = 2.0
REHEARSED = 12
"""Kinds that the short form rehearses and plays; a rehearsal takes a second."""


@pytest.fixture(scope="module")
def good(make_bundle) -> Bundle:
    return make_bundle(modes=2)


@pytest.fixture(scope="module")
def kinds(
    good: Bundle,
    evil_files: ModuleType,
    evil_lives: ModuleType,
    evil_bundles: ModuleType,
    evil_graphs: ModuleType,
    spellings: ModuleType,
):
    return [
        *evil_files.kinds(good),
        *evil_lives.kinds(decode_bundle(FACTORY.read_bytes())),
        *evil_bundles.kinds(good, evil_graphs, spellings),
    ]


def play(bundle: Bundle, seconds: float) -> str:
    """Play at random; gives the engine's fault. Whatever comes out is finite and within full scale."""
    engine, player, rng = Engine(bundle, VOICES), Player(len(bundle.manifest.modes), VOICES), np.random.default_rng(1)
    engine.warm_up()
    out = np.zeros(PERIOD_SAMPLES, np.float32)
    held: list[int] = []
    for period in range(int(seconds * FRAME_RATE_HZ)):
        if period % 40 == 0:
            player.hear(engine.levels_db)
            if len(held) > 2:
                player.note_off(held.pop(0))
            held.append(int(rng.integers(0, 128)))
            player.note_on(held[-1], float(rng.uniform(0.05, 1.0)))
            player.set_blend(rng.dirichlet(np.ones(len(bundle.manifest.modes))).astype(np.float32))
            for axis in range(2):
                player.set_timbre(axis, float(rng.uniform(0, 1)))
            player.set_loudness(float(rng.uniform(-60, 12)))
            controls = player.controls()
        engine.render(controls, out)
        assert np.abs(out).max() <= 1.0  # False for NaN.
        if engine.fault:
            return engine.fault
    return ""


def refusal(work: Callable[[], object]) -> str:
    """Why something is refused, in one sentence; empty: it is not."""
    try:
        work()
    except TombolaError as error:
        return str(error)
    return ""


def is_one_sentence(text: str) -> bool:
    return "\n" not in text and 20 < len(text) < 1000


def test_the_grammar_makes_over_300_kinds(kinds) -> None:
    names = [name for name, _ in kinds]
    assert len(set(names)) == len(names) >= 300
    rules = Counter(name.split(":")[0] for name in names)
    assert min(rules[rule] for rule in ("file", "manifest", "spelling", "operator", "shape", "value", "life")) >= 12


def test_what_can_be_seen_without_playing_is_refused_in_a_sentence(good: Bundle, kinds) -> None:
    assert not play(good, SHORT_S)
    for name, make in kinds:
        if not name.startswith(HEARD):
            why = refusal(lambda make=make: Engine(decode_bundle(make()), VOICES))
            assert is_one_sentence(why), name


@pytest.mark.parametrize("number", range(REHEARSED))
def test_what_is_to_be_heard_is_refused_in_the_rehearsal_or_plays_within_full_scale(kinds, number: int) -> None:
    heard = [kind for kind in kinds if kind[0].startswith(HEARD[:3])]
    name, make = heard[(number * 61 + 7) % len(heard)]
    bundle = decode_bundle(make())
    if why := refusal(lambda: probe_bundle(bundle)):
        assert is_one_sentence(why), name
    else:
        play(bundle, SHORT_S)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_kind_is_refused_or_harmless_for_ten_minutes(kinds) -> None:
    """Half an hour; ``-o log_cli=true -o log_cli_level=INFO`` shows how each kind ends."""
    ended: dict[str, list[str]] = {"refused": [], "muted": [], "harmless": []}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, make in kinds:
        data = make()
        if why := refusal(lambda data=data: probe_in_child(decode_bundle(data))):
            assert is_one_sentence(why), name
            end = "refused"
        else:
            end = "muted" if play(decode_bundle(data), PLAYED_S) else "harmless"
        ended[end].append(name)
        _LOG.info("%s: %s", name, end)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(ended["refused"]) >= 300
    assert grown_kib < 600 << 10
