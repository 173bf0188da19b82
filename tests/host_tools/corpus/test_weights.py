"""Weights of a training: what they are read from, and that they change the loss as they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.corpus.summary import summarise
from tombola_host.corpus.weights import ModeWeights, read_weights, weighed
from tombola_host.corpus.weights import Weights as Told
from tombola_host.corpus.windows import Band, WindowSampler
from tombola_host.generators.voice.emphasis import amplitudes_hz, band_emphasis
from tombola_host.generators.voice.losses import control_loss
from tombola_host.generators.voice.objective import voice_phases
from tombola_host.generators.voice.trainee import new_trainee
from tombola_host.training.effort import Length

NOTES = (50.0, 57.0, 64.0, 71.0)


@pytest.fixture
def material(clip):
    clips = tuple(clip(note, name=f"{note:g}") for note in NOTES)
    return from_corpus("toy", Corpus("toy", clips, (), summarise("toy", 4, clips, [], [])), "")


def test_a_note_of_weight_3_is_drawn_3_times_as_often(material):
    weighted = weighed([material], Told({"toy": ModeWeights(notes={50.0: 3.0})}))[0].training
    names = [note.name for note in weighted.notes]
    windows = WindowSampler([weighted], 8, np.random.default_rng(0), 0.0).draw(4000)
    counts = np.bincount(windows.places[:, 1].numpy(), minlength=len(names))
    marked = names.index("50")
    assert counts[marked] / np.delete(counts, marked).mean() == pytest.approx(3.0, rel=0.12)


def test_a_mode_of_weight_2_is_drawn_twice_as_often(material):
    weighted = weighed([material], Told({"toy": ModeWeights(weight=2.0)}))[0].training
    modes = WindowSampler([weighted, material.training], 8, np.random.default_rng(0), 0.0).draw(4000).places[:, 0]
    assert float((modes == 0).sum() / (modes == 1).sum()) == pytest.approx(2.0, rel=0.12)


def test_weights_of_1_draw_the_same_windows_and_keep_the_runs(material):
    (same,) = weighed([material], Told({"toy": ModeWeights()}))
    assert same.fingerprint == material.fingerprint
    (other,) = weighed([material], Told({"toy": ModeWeights(notes={50.0: 3.0})}))
    assert other.fingerprint != material.fingerprint
    (elsewhere,) = weighed([material], Told({"harp": ModeWeights(weight=2.0)}))
    assert elsewhere is material


def test_an_error_in_a_band_of_weight_4_costs_4_times_as_much_relative_to_one_outside(voice, mode):
    network, data = voice(1), mode(notes=(57.0,))
    band = Band(1000.0, 2000.0, 4.0)
    windows = WindowSampler([data], 8, np.random.default_rng(0), 0.0).draw(2)
    hz = amplitudes_hz(network, windows.controls)
    weighted = type(data)(data.name, data.gain_db, data.notes, bands=(band,))
    found = band_emphasis(network, windows, [weighted])
    inside = (hz >= 1000) & (hz < 2000)
    assert found.shape == hz.shape
    assert float(inside[0, 0, :100].sum()) == 5.0  # Partials 5 to 9 of A3: 1100 to 1980 Hz.
    assert set(found[inside].tolist()) == {4.0}
    assert set(found[~inside].tolist()) == {1.0}
    assert band_emphasis(network, windows, [data]) is None


def test_an_error_counts_as_much_as_its_band_says():
    audible, weight, target = torch.ones(1, 1, 10), torch.ones(1, 1), torch.full((1, 1, 10), -2.0)
    target -= 0.5 * torch.log(target.exp().square().sum())
    wrong = target.clone()
    wrong[..., 8], wrong[..., 9] = wrong[..., 8] + 0.1, wrong[..., 9] - 0.111  # The level stays.

    def loss(inside: float, outside: float) -> float:
        emphasis = torch.tensor([outside] * 8 + [inside] * 2)[None, None]
        return float(control_loss(wrong, audible, target, weight, emphasis))

    plain, inside, outside = loss(1.0, 1.0), loss(4.0, 1.0), loss(1.0, 4.0)
    assert plain == pytest.approx(float(control_loss(wrong, audible, target, weight)))
    assert inside / plain > 2.2  # 4 · 10 / (8 + 8) = 2.5 of the logarithmic part, 4 of the linear one.
    assert outside / plain < 0.7  # 10 / 34 of the logarithmic part, all of the linear one.


def test_a_training_attends_to_the_bands_and_notes_it_is_given(voice, mode):
    data = mode(notes=(57.0, 64.0))
    length = Length(control_steps=1, audio_steps=0, control_windows=4, audio_windows=1)

    def loss(bands: tuple[Band, ...]) -> float:
        own = type(data)(data.name, data.gain_db, data.notes, bands=bands)
        one = new_trainee(voice(1), [own], 0)
        objective = voice_phases(one, [own], length, 0, "test")[0].turns[0].objective
        return float(objective.loss(objective.draw(0), 0)["amplitudes"].detach())

    whole = Band(0.0, 24_000.0, 4.0)
    # Everywhere alike: the logarithmic part is a mean and stays, the linear part counts four times.
    assert loss(()) < loss((whole,)) < 4 * loss(())
    assert loss((Band(3000.0, 24_000.0, 4.0),)) != pytest.approx(loss((Band(0.0, 3000.0, 4.0),)), rel=0.01)


def test_weights_that_cannot_be_read_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "weights.json"
    with pytest.raises(BadConfig, match="check the path"):
        read_weights(path, ["toy"])
    path.write_text('{"modes": {"toy": {"weight": 99}}}')
    with pytest.raises(BadConfig, match="holds no weights"):
        read_weights(path, ["toy"])
    path.write_text('{"modes": {"harp": {"weight": 2}}}')
    with pytest.raises(BadConfig, match="'harp', which is not built"):
        read_weights(path, ["toy"])
    path.write_text('{"modes": {"toy": {"notes": {"64": 2.5}}}}')
    assert read_weights(path, ["toy"]).modes["toy"].notes == {64.0: 2.5}
