"""int8 rows of the cost table, on the factory bundle and a few synthetic notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.evaluation.held_out import bundle_playback
from tombola_host.study.experiments.quantisation import WAYS, Played, quantised

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"


@pytest.fixture
def quartet():
    return decode_bundle(QUARTET.read_bytes())


@pytest.fixture
def materials(clip):
    clips = tuple(clip(52.0 + 3 * number, 40) for number in range(6))
    return [from_corpus(name, Corpus(name, clips, (), None), "CC0") for name in ("sax", "violin", "flute", "harp")]


def test_calibration_plays_notes_of_every_mode_with_the_state_that_the_graph_left(quartet, materials):
    feeds = list(iter(Played(quartet, materials).get_next, None))
    modes = {int(np.argmax(each["controls"][0, -4:])) for each in feeds}
    assert modes == {0, 1, 2, 3}
    states = np.array([each["state_trunk"][0] for each in feeds[:40]])
    assert not states[0].any()
    assert np.abs(np.diff(states, axis=0)).max() > 0.01


def test_a_wavetable_in_int8_plays_nearly_the_same_sound(quartet, materials):
    way, chosen = WAYS["int8 static, wavetable"]
    small = quantised(quartet, materials, way, chosen)
    (graph,), (whole,) = small.graphs.values(), quartet.graphs.values()
    tensors = onnx.load_from_string(graph).graph.initializer
    weights = [each for each in tensors if each.data_type == onnx.TensorProto.INT8]
    assert any(list(each.dims) == [100, 257] for each in weights)
    assert len(graph) < len(whole)
    note = materials[0].training.notes[0]
    before, after = (bundle_playback(each, 0)(note) for each in (quartet, small))
    assert 20 * np.log10(np.std(before - after) / np.std(before)) < -20
