"""What the report of a build lets one hear."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_host.report.build_page import Performed, _listed, _sweep

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"


@pytest.fixture(scope="module")
def bundle():
    return decode_bundle(QUARTET.read_bytes())


def peak_db(audio):
    return 20 * np.log10(np.abs(audio).max())


def test_a_build_that_nobody_performed_has_a_blend_to_hear(bundle):
    sweep = _sweep(bundle, None)
    assert sweep.weights.shape == (len(sweep.time_s), 4)
    assert sweep.weights.sum(axis=1) == pytest.approx(1.0)
    assert sweep.weights.max(axis=0) == pytest.approx(1.0)
    assert peak_db(sweep.audio) == pytest.approx(-1.0, abs=0.01)
    assert len(sweep.audio) / 48_000 == pytest.approx(sweep.time_s[-1], abs=0.1)
    assert sweep.caption == "The blend goes sax → violin → flute → harp."


def test_a_performance_is_as_loud_and_its_caption_tells_no_path(bundle, tmp_path):
    mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("control_change", control=1, value=127, time=480)])]).save(
        tmp_path / "a.mid"
    )
    quiet = (0.01 * np.sin(np.arange(48_000) / 20)).astype(np.float32)
    sweep = _sweep(bundle, Performed(quiet, tmp_path / "a.mid", 1.0, "into a wav file", ""))
    assert peak_db(sweep.audio) == pytest.approx(-1.0, abs=0.01)
    assert sweep.weights[0].argmax() == 0
    assert sweep.weights[-1].argmax() == 3
    assert "into a wav file" in sweep.caption
    assert "/" not in sweep.caption


def test_modes_are_listed_as_one_says_them():
    assert [_listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
