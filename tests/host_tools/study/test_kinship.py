"""Kinship of tickets on synthetic notes and a tiny voice; the information plane's figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.generators import presets
from tombola_host.lottery import evidence
from tombola_host.progress import Silent
from tombola_host.runs.store import RunStore
from tombola_host.study.experiments import information_plane, kinship
from tombola_host.study.laboratory import similarity
from tombola_host.training.effort import Length


@pytest.fixture
def modes(monkeypatch, clip):
    """Two modes of six notes, one an octave above the other, and a voice of 24 + 24 units."""
    sizes = {**presets.PRESETS["voice"].sizes, "tiny": {"input": 24, "hidden": 24}}
    monkeypatch.setitem(presets.PRESETS, "voice", replace(presets.PRESETS["voice"], sizes=sizes))
    for module in (kinship, information_plane):
        monkeypatch.setattr(module, "SIZE", "tiny")
        monkeypatch.setattr(module, "LENGTH", Length(4, 0, control_windows=2))
    monkeypatch.setattr(kinship, "DENSITY", 0.6)
    monkeypatch.setattr(kinship, "CURVE_STEPS", 2)
    monkeypatch.setattr(similarity, "LINE_POINTS", 3)
    monkeypatch.setattr(evidence, "BATCHES", 1)
    found = {}
    for name, low in (("low", 48.0), ("high", 60.0)):
        clips = tuple(clip(low + 2 * number, 40) for number in range(12))
        found[name] = from_corpus(name, Corpus(name, clips, (), None), "CC0", fresh=True)
    return found


@pytest.mark.timeout(300)  # some ten seconds of work, whatever runs beside it
def test_kinship_compares_masks_layers_transfers_and_ways_of_every_pair(modes, tmp_path):
    store, seeds = RunStore(tmp_path), [0, 1]
    figures = kinship.found(store, modes, seeds, Silent(), 1)
    overlap = figures["overlap"]
    assert len(overlap["modes"]["low high"]) == len(seeds)
    assert min(overlap["itself"]) > 1.1
    # Four steps change no order: trained masks are still those of the first weights, and other seeds are as chance.
    assert overlap["before training"] == pytest.approx(overlap["itself"], rel=0.15)
    assert np.mean(overlap["other seeds"]) == pytest.approx(1.0, abs=0.2)
    assert {len(found) for found in figures["layers"].values()} == {1, 2}
    for errors in figures["errors"].values():
        assert set(errors) == {"low", "high", kinship.RANDOM, kinship.SCRATCH}
        assert all(len(by_seed) == len(seeds) and all(by_seed[0].values()) for by_seed in errors.values())
    (pair,) = figures["ways"]["two seeds"]
    assert pair["aligned, repaired"] == pytest.approx(pair["aligned"], abs=0.2)


def test_the_effective_rank_counts_equal_directions():
    rows = torch.linalg.qr(torch.randn(200, 5, generator=torch.Generator().manual_seed(0)))[0]
    assert information_plane.effective_rank(rows) == pytest.approx(5, abs=0.1)
    assert information_plane.effective_rank(rows[:, :1] @ torch.ones(1, 7)) == pytest.approx(1, abs=0.01)


def test_the_information_plane_says_in_its_figure_what_it_is_worth(modes, tmp_path, monkeypatch):
    monkeypatch.setattr(information_plane, "LOOKS", 2)
    looks = [information_plane.looks_of(modes["low"], 0)]
    assert [(step, layer) for step, layer, *_ in looks[0]] == [
        (step, layer) for step in (1, 2, 4) for layer in ("input", "trunk")
    ]
    assert all(0 < bits < 30 and 1 <= rank <= 24 for _, _, bits, _, rank in looks[0])
    information_plane.picture(looks, tmp_path / "plane.svg")
    assert "information of a deterministic network is infinite" in (tmp_path / "plane.svg").read_text()
