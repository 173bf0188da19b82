"""The minimal renderer that the Protocol shows really renders."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.engine import renderer
from tombola_device.engine.mixer import DC_ROWS, Mixer
from tombola_device.engine.renderer import Renderer
from tombola_device.play.player import Player


def shown() -> type[Renderer]:
    """The class in the docstring of ``Renderer``."""
    names = vars(renderer) | {"DC_ROWS": DC_ROWS, "SILENCE_DB": SILENCE_DB}
    (test,) = (test for test in doctest.DocTestFinder().find(Renderer, "Renderer", globs=names) if test.examples)
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    return test.globs["Clicks"]


def test_the_minimal_renderer_renders():
    clicks: Renderer = shown()(voices=2)
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
