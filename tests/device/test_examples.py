"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from tombola_device.contract import bundle, graph, manifest
from tombola_device.contract.controls import PERIOD_SAMPLES, SILENCE_DB, Controls
from tombola_device.engine import engine, renderer
from tombola_device.engine.mixer import DC_ROWS, Mixer
from tombola_device.engine.renderer import Renderer
from tombola_device.play.player import Player

VERSION_1 = Path(__file__).parent / "contract" / "version_1.tombola"
NAMES = {
    "np": np,
    "path": VERSION_1,
    "onset_graph": graph.onset_graph,
    "PERIOD_SAMPLES": PERIOD_SAMPLES,
    "SILENCE_DB": SILENCE_DB,
    "DC_ROWS": DC_ROWS,
    "Controls": Controls,
    "Player": Player,
}


def run(module, **names) -> dict:
    globs = vars(module) | NAMES | names
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__, globs=globs):
        if test.examples:
            results = doctest.DocTestRunner().run(test, clear_globs=False)
            assert results.attempted > 0
            assert results.failed == 0
            return test.globs
    pytest.fail(f"{module.__name__} shows no example")


@pytest.mark.parametrize("module", [bundle, manifest, engine])
def test_the_example_of_an_entry_point_runs(module, make_bundle):
    run(module, bundle=make_bundle())


def test_the_minimal_renderer_renders():
    clicks: Renderer = run(renderer)["Clicks"](voices=2)
    mixer, player, out = Mixer(0.5, clicks.sound), Player(1, 2), np.zeros(128, np.float32)
    player.note_on(60, 0.5)
    controls = player.controls()
    clicks.take(controls, controls.gate.tolist(), controls.velocity.tolist())
    assert clicks.begin(0, 40) == 40
    for expected in (0.25, 0.0):
        clicks.render()
        mixer.mix(out)
        assert out[40] == pytest.approx(expected, abs=1e-4)
        assert np.abs(np.delete(out, 40)).max() < 1e-4
