from __future__ import annotations

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.engine.noise import noise_table
from tombola_host.corpus.clip import NOISE_BANDS
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.training import loop as fit
from tombola_host.training.loop import NoiseSource, Training, new_trainee, one_cycle
from tombola_host.training.schedule import Schedule

SHORT = Schedule(control_steps=5, audio_steps=3, control_windows=2, audio_windows=2)


class Memory:
    """A checkpoint that forgets nothing but its last state."""

    def __init__(self):
        self.saved = None

    def load(self):
        return self.saved

    def save(self, tensors):
        self.saved = {name: tensor.clone() for name, tensor in tensors.items()}


class Interrupted(Exception):
    pass


def trainee_of(data, seed=0):
    torch.manual_seed(seed)
    return new_trainee(Voice(len(data), VoiceSize(8, 8)), data, seed)


def train(data, schedule=SHORT, seed=0, **options):
    trainee = trainee_of(data, seed)
    history = Training(trainee, data, schedule, seed, blends=len(data) > 1).run(**options)
    return trainee.tensors(), history


def same(first, second):
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


@pytest.fixture(scope="module")
def two_modes(mode):
    return [mode("dull", tilt=0.6), mode("bright", tilt=0.15)]


@pytest.fixture(scope="module")
def uninterrupted(two_modes):
    return train(two_modes)


# Saved in the control domain, exactly between the two domains, and in the sound.
@pytest.mark.parametrize(("every", "dies_after"), [(2, 3), (5, 5), (7, 7)])
def test_an_interrupted_training_resumes_to_the_same_bits(monkeypatch, two_modes, uninterrupted, every, dies_after):
    monkeypatch.setattr(fit, "CHECKPOINT_STEPS", every)
    checkpoint, done = Memory(), []

    def die(step, total, loss):
        done.append(step)
        if step == dies_after + 1 and len(done) == step:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(two_modes, progress=die, checkpoint=checkpoint)
    tensors, history = train(two_modes, progress=die, checkpoint=checkpoint)
    weights, whole = uninterrupted
    assert done[dies_after + 1] == dies_after // every * every + 1  # it did not begin again
    assert same(tensors, weights)
    assert (history.control, history.audio) == (whole.control, whole.audio)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(two_modes, uninterrupted):
    weights, _ = uninterrupted
    assert same(train(two_modes)[0], weights)
    assert not same(train(two_modes, seed=1)[0], weights)


def test_the_loss_goes_down_on_a_toy_corpus(mode):
    _, history = train([mode(notes=(57.0, 60.0, 64.0))], Schedule(60, 8, 4, 2, learning_rate=1e-2))
    assert (len(history.control), len(history.audio)) == (60, 8)
    assert np.mean(history.control[-10:]) < 0.7 * np.mean(history.control[:5])
    assert np.all(np.isfinite(history.audio))


def test_progress_is_told_after_every_step(mode):
    told = []
    train([mode()], Schedule(2, 1, 1, 1), progress=lambda *word: told.append(word[:2]))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_network_starts_at_the_mean_spectrum_of_each_mode(two_modes):
    trainee = trainee_of(two_modes)
    means = [torch.cat([note.relative for note in mode.notes]).mean(0) for mode in two_modes]
    assert torch.equal(trainee.network.spectrum, torch.stack(means))


def test_tensors_of_a_trainee_load_into_another(two_modes):
    first, second = trainee_of(two_modes, 0), trainee_of(two_modes, 1)
    assert not same(first.tensors(), second.tensors())
    second.load(first.tensors())
    assert same(first.tensors(), second.tensors())


def test_noise_is_the_device_s_own_and_loops():
    table = noise_table(NOISE_BANDS)
    drawn = NoiseSource(NOISE_BANDS).draw(3, 1100, (0, 1))  # more frames than the table has
    assert drawn.shape == (3, 1100, NOISE_BANDS, PERIOD_SAMPLES)
    band = drawn[0, :, 4].reshape(-1).numpy()
    assert np.array_equal(band[: len(band) - table.shape[1]], band[table.shape[1] :])
    start = int(np.flatnonzero(table[4] == band[0])[0])
    assert np.array_equal(np.roll(table[4], -start)[:2000], band[:2000])
    assert torch.equal(drawn, NoiseSource(NOISE_BANDS).draw(3, 1100, (0, 1)))


def test_the_learning_rate_rises_for_a_tenth_and_falls_to_zero():
    assert one_cycle(0.0) < 0.1
    assert one_cycle(0.1) == pytest.approx(1.0)
    assert one_cycle(1.0) == pytest.approx(0.0, abs=1e-9)
    rates = [one_cycle(step / 100) for step in range(101)]
    assert max(np.diff(rates[10:])) < 0 < min(np.diff(rates[:10]))
