from __future__ import annotations

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.engine.noise import noise_table
from tombola_host.corpus.clip import NOISE_BANDS
from tombola_host.generators import family_named
from tombola_host.generators.voice.noise import NoiseSource
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.training.effort import Length
from tombola_host.training.hooks import Checkpoints, Told
from tombola_host.training.loop import Loop, Phase, Turn, one_cycle

SHORT = Length(control_steps=5, audio_steps=3, control_windows=2, audio_windows=2)
VOICE = family_named("voice")


class Memory:
    """A checkpoint in memory."""

    def __init__(self):
        self.saved = None

    def load(self):
        return self.saved

    def save(self, tensors):
        self.saved = {name: tensor.clone() for name, tensor in tensors.items()}


class Interrupted(Exception):
    pass


def trainee_of(data, seed=0):
    return VOICE.trainee(VOICE.build(len(data), VoiceSize(8, 8), seed), data, seed)


def train(data, length=SHORT, seed=0, hooks=(), purpose="test"):
    trainee = trainee_of(data, seed)
    curves = Loop(trainee, VOICE.phases(trainee, data, length, seed, purpose), hooks).run()
    return trainee.tensors(), curves


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
def test_an_interrupted_training_resumes_to_the_same_bits(two_modes, uninterrupted, every, dies_after):
    checkpoint, done = Memory(), []

    def die(step, total, word):
        done.append(step)
        if step == dies_after + 1 and len(done) == step:
            raise Interrupted

    hooks = Told(die), Checkpoints(checkpoint, every)
    with pytest.raises(Interrupted):
        train(two_modes, hooks=hooks)
    tensors, curves = train(two_modes, hooks=hooks)
    weights, whole = uninterrupted
    assert done[dies_after + 1] == dies_after // every * every + 1  # it continued
    assert same(tensors, weights)
    assert curves == whole


def test_the_same_seed_gives_the_same_weights_and_another_seed_or_purpose_does_not(two_modes, uninterrupted):
    weights, _ = uninterrupted
    assert same(train(two_modes)[0], weights)
    assert not same(train(two_modes, seed=1)[0], weights)
    assert not same(train(two_modes, purpose="another")[0], weights)


def test_weights_do_not_depend_on_how_many_threads_the_process_has(two_modes, uninterrupted):
    """A stage runs alone or beside others in a build; one run name must mean one set of weights."""
    torch.set_num_threads(2)
    try:
        tensors, _ = train(two_modes)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert same(tensors, uninterrupted[0])


def test_the_loss_goes_down_on_a_toy_corpus(mode):
    _, curves = train([mode(notes=(45.0, 57.0, 69.0, 88.0))], Length(60, 8, 4, 2, learning_rate=1e-2))
    assert {name: len(curve) for name, curve in curves.items()} == {"control": 60, "audio": 8}
    assert np.mean(curves["control"][-10:]) < 0.7 * np.mean(curves["control"][:5])
    assert np.all(np.isfinite(curves["audio"]))


def test_a_hook_gets_every_step_and_each_loss(two_modes):
    heard = []

    class Listen:
        def before(self, loop):
            heard.append(("before", loop.done))

        def after(self, loop, stepped):
            heard.append((stepped.done, stepped.phase))
            assert stepped.total == loop.done + 8 - stepped.done
            assert sum(stepped.losses.values()) == pytest.approx(stepped.loss, rel=1e-5)
            assert {"amplitudes", "sound"} & stepped.losses.keys()

    train(two_modes, hooks=(Listen(),))
    assert heard == [("before", 0), *((n, "control") for n in range(1, 6)), *((n, "audio") for n in range(6, 9))]


def test_each_of_two_turns_updates_its_own_part():
    """A generator and a critic: two objectives, two optimisers, one step."""

    class Pair:
        def __init__(self):
            self.maker, self.critic = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

        def parts(self):
            return {"maker": self.maker, "critic": self.critic}

        def tensors(self):
            return {}

        def load(self, tensors):
            pass

    class Far:
        def __init__(self, pair):
            self.pair = pair

        def draw(self, step):
            return torch.ones(4, 1)

        def loss(self, batch, step):
            return {"distance": self.pair.critic(self.pair.maker(batch)).square().mean()}

    pair = Pair()
    before = [parameter.clone() for parameter in (*pair.maker.parameters(), *pair.critic.parameters())]
    Loop(pair, [Phase("critic only", (Turn(Far(pair), ("critic",)),), 3, 0.1)]).run()
    after = [*pair.maker.parameters(), *pair.critic.parameters()]
    assert [bool(torch.equal(*both)) for both in zip(before, after, strict=True)] == [True, True, False, False]
    curves = Loop(pair, [Phase("both", (Turn(Far(pair), ("critic",)), Turn(Far(pair), ("maker",))), 20, 0.1)]).run()
    assert curves["both"][-1] < curves["both"][0]
    assert not torch.equal(before[0], pair.maker.weight)


def test_a_network_starts_at_the_mean_spectrum_of_each_mode(two_modes):
    trainee = trainee_of(two_modes)
    means = [torch.cat([note.relative for note in mode.notes]).mean(0) for mode in two_modes]
    assert torch.equal(trainee.network.spectrum, torch.stack(means))


def test_tensors_of_a_trainee_load_into_another_and_restore_one(two_modes):
    first, second = trainee_of(two_modes, 0), trainee_of(two_modes, 1)
    assert not same(first.tensors(), second.tensors())
    second.load(first.tensors())
    assert same(first.tensors(), second.tensors())
    assert same(first.tensors(), VOICE.restored(first.tensors()).tensors())


def test_training_noise_is_the_devices_and_loops():
    table = noise_table(NOISE_BANDS)
    drawn, again = (NoiseSource(NOISE_BANDS).draw(3, 1100, np.random.default_rng((0, 1))) for _ in range(2))
    assert drawn.shape == (3, 1100, NOISE_BANDS, PERIOD_SAMPLES)  # more frames than the table has
    band = drawn[0, :, 4].reshape(-1).numpy()
    assert np.array_equal(band[: len(band) - table.shape[1]], band[table.shape[1] :])
    start = int(np.flatnonzero(table[4] == band[0])[0])
    assert np.array_equal(np.roll(table[4], -start)[:2000], band[:2000])
    assert torch.equal(drawn, again)


def test_the_learning_rate_rises_for_a_tenth_and_falls_to_zero():
    assert one_cycle(0.0) < 0.1
    assert one_cycle(0.1) == pytest.approx(1.0)
    assert one_cycle(1.0) == pytest.approx(0.0, abs=1e-9)
    rates = [one_cycle(step / 100) for step in range(101)]
    assert max(np.diff(rates[10:])) < 0 < min(np.diff(rates[:10]))
