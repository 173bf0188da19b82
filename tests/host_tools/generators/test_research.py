"""The published families: masked = trimmed, offline = streamed; the published sizes are built, trained and counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.generators import FAMILIES, RESEARCH
from tombola_host.generators.base import count_parameters, size_facts
from tombola_host.generators.presets import PRESETS
from tombola_host.generators.research.ddsp import BLOCK_SAMPLES, LATENT, PARTIALS, TAPS
from tombola_host.generators.research.excerpts import Excerpts, excerpt
from tombola_host.generators.research.wavenet import compressed, conditions_of, expanded
from tombola_host.generators.units import check_groups, masked, shapes_left, trimmed
from tombola_host.lottery.budget import multiply_adds
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.evidence import Evidence
from tombola_host.training.effort import Length
from tombola_host.training.loop import Loop

TINY = {
    "ddsp": {"gru": 12, "mlp": 10, "encoder": 9},
    "wavenet": {"layers": 6, "trunk": 10, "gated": 12, "skip": 14, "hidden": 16},
    "sing": {"channels": 20, "code": 6},
}
STEPS = Length(control_steps=20, audio_steps=0, audio_windows=3, learning_rate=3e-3)


def build(name, facts=None, seed=0):
    family = RESEARCH[name]
    return family.build(1, family.size(facts or TINY[name]), seed).eval()


def given(blocks=8, count=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    audio = 0.3 * torch.randn(count, blocks * BLOCK_SAMPLES, generator=rng)
    note = 50 + 20 * torch.rand(count, 1, generator=rng) + torch.zeros(count, blocks)
    return Excerpts(audio, note, -40 + 30 * torch.rand(count, blocks, generator=rng))


def heard(name, network, what):
    with torch.no_grad():
        if name == "wavenet":
            return network.logits(compressed(what.audio), conditions_of(what))
        return network.render(what)


def random_mask(groups, seed):
    rng = torch.Generator().manual_seed(seed)
    mask = {group.name: torch.rand(group.size, generator=rng) < 0.6 for group in groups}
    for group in groups:
        mask[group.name][seed % group.size] = True
    return mask


@pytest.fixture(params=RESEARCH)
def name(request):
    return request.param


@pytest.mark.parametrize("seed", range(4))
def test_masked_and_trimmed_networks_give_the_same(name, seed):
    network, what = build(name, seed=seed), given()
    with torch.no_grad():
        for parameter in network.parameters():  # biases and rooms start at zero, which would hide a mistake
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
    groups, weights = network.unit_groups(), dict(network.state_dict())
    check_groups(groups, weights)
    mask = random_mask(groups, seed)
    cut = RESEARCH[name].of(trimmed(groups, weights, mask)).eval()
    network.load_state_dict(masked(groups, weights, mask))
    whole = heard(name, network, what)
    assert whole.abs().max() > 1e-3
    torch.testing.assert_close(heard(name, cut, what), whole, atol=2e-5 * float(whole.abs().max().clamp(min=1)), rtol=0)
    left = sum(int(torch.tensor(shape).prod()) for shape in shapes_left(groups, weights, mask).values())
    assert count_parameters(cut) == left


@pytest.mark.parametrize("cuts", [(1, 7), (3, 1, 4), (2,) * 4])
def test_ddsp_streamed_in_pieces_is_the_same_as_offline(cuts):
    network, what = build("ddsp"), given(sum(cuts))
    with torch.no_grad():
        network.room += 0.01 * torch.randn(network.room.shape, generator=torch.Generator().manual_seed(1))
        noise = torch.rand(2, sum(cuts), BLOCK_SAMPLES, generator=torch.Generator().manual_seed(2))
        whole, _ = network.stream(what, noise, network.rest(2))
        state, pieces, at = network.rest(2), [], 0
        for blocks in cuts:
            part = Excerpts(
                what.audio[:, at * BLOCK_SAMPLES : (at + blocks) * BLOCK_SAMPLES],
                what.note[:, at : at + blocks],
                what.level_db[:, at : at + blocks],
            )
            piece, state = network.stream(part, noise[:, at : at + blocks], state)
            pieces.append(piece)
            at += blocks
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=2e-5, rtol=0)


@pytest.mark.parametrize("cuts", [(1, 9), (3, 3, 4), (10,)])
def test_sing_decoded_in_pieces_is_the_same_as_offline(cuts):
    network = build("sing")
    codes = torch.randn(2, 10, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole, _ = network.stream(codes, network.rest(2))
        state, pieces, at = network.rest(2), [], 0
        for count in cuts:
            piece, state = network.stream(codes[:, at : at + count], state)
            pieces.append(piece)
            at += count
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=1e-6, rtol=0)


def test_wavenet_sampled_with_queues_gives_the_logits_of_the_whole():
    network, what = build("wavenet"), given(1)
    classes, conditions = compressed(what.audio), conditions_of(what)
    with torch.no_grad():
        whole = network.logits(classes, conditions)
        queues = network.queues(2)
        steps = [network.step(classes[:, at], conditions[:, at], queues, at) for at in range(classes.shape[1])]
    torch.testing.assert_close(torch.stack(steps, 1), whole, atol=1e-5, rtol=0)


def test_wavenet_does_not_see_the_sample_that_it_predicts():
    network, what = build("wavenet"), given(1)
    classes, conditions = compressed(what.audio), conditions_of(what)
    other = classes.clone()
    other[:, 100:] = 0
    with torch.no_grad():
        first, second = (network.logits(each, conditions) for each in (classes, other))
    assert torch.equal(first[:, :100], second[:, :100])
    assert not torch.equal(first[:, 100:], second[:, 100:])


def test_mu_law_comes_back_within_one_of_256_steps():
    audio = torch.linspace(-1, 1, 1001)
    back = expanded(compressed(audio))
    assert float((compressed(back) - compressed(audio)).abs().max()) <= 1
    assert float((back - audio).abs().max()) < 0.025
    assert float((back - audio).abs()[audio.abs() < 0.01].max()) < 4e-4


def test_training_lowers_the_family_s_own_error_on_a_held_out_note(name, mode):
    family, data = RESEARCH[name], mode("toy", (57.0, 62.0, 69.0), frames=400)
    held_out = mode("test", (64.0,), frames=400).notes
    trainee = family.trainee(build(name), [data], 0)
    before = family.judge(trainee, held_out)
    Loop(trainee, family.phases(trainee, [data], STEPS, 0, "test")).run()
    after = family.judge(trainee, held_out)
    assert before.keys() == after.keys()
    assert sum(after.values()) < 0.95 * sum(before.values())
    again = family.restored(trainee.tensors())
    assert family.judge(again, held_out) == after


@pytest.mark.parametrize("criterion", ["magnitude", "fisher", "grasp", "information", "synflow", "normalisation"])
def test_a_criterion_scores_every_unit_or_is_refused(name, criterion, mode):
    family, few = RESEARCH[name], replace(STEPS, audio_windows=1)
    network = build(name)
    objective = family.phases(family.trainee(network, [mode()], 0), [mode()], few, 0, "test")[0].turns[0].objective
    evidence = Evidence(network, network.unit_groups(), dict(network.state_dict()), seed=0, objective=objective)
    if criterion == "normalisation" and name != "ddsp":
        with pytest.raises(BadConfig, match="have a normalisation"):
            criterion_named(criterion)(evidence)
        return
    scores = criterion_named(criterion)(evidence)
    for group in network.unit_groups():
        assert scores[group.name].shape == (group.size,)
        assert torch.isfinite(scores[group.name]).all()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("ddsp", 6_000_000), ("wavenet", 5_000_000), pytest.param("sing", 90_000_000, marks=pytest.mark.slow)],
)
def test_the_published_size_is_built_takes_a_step_is_trimmed_rendered_and_counted(name, parameters, mode):
    family = RESEARCH[name]
    facts = PRESETS[name].sizes["published"]
    assert size_facts(family.dense) == facts
    trainee = family.trainee(family.build(1, family.dense, 0), [mode()], 0)
    network = trainee.network
    assert 0.5 * parameters < count_parameters(network) < 1.5 * parameters
    one = Length(control_steps=1, audio_steps=0, audio_windows=1)
    first = next(network.parameters()).clone()
    Loop(trainee, family.phases(trainee, [mode()], one, 0, "test")).run()
    assert not torch.equal(next(network.parameters()), first)
    groups, weights = network.unit_groups(), dict(network.state_dict())
    mask = {group.name: torch.arange(group.size) % 16 == 0 for group in groups}
    count = multiply_adds(network.uses_per_s())
    full = {group.name: torch.ones(group.size, dtype=torch.bool) for group in groups}
    whole, left = (count(shapes_left(groups, weights, each)) for each in (full, mask))
    assert left < 0.2 * whole
    small = family.of(trimmed(groups, weights, mask))
    with torch.no_grad():
        sound = small.render(given(2, 1))
    assert sound.shape == (1, 2 * BLOCK_SAMPLES)
    assert torch.isfinite(sound).all()


def test_the_published_figures_are_those_of_the_paper():
    assert (LATENT, PARTIALS, TAPS) == (16, 100, 160)
    wavenet = build("wavenet", PRESETS["wavenet"].sizes["published"])
    dilations = [layer.dilation for layer in wavenet.layers]
    assert len(dilations) == 40
    assert max(dilations) == 512


def test_an_excerpt_has_the_note_and_the_level_of_its_time(mode):
    note = mode("toy", (57.0,), frames=400).notes[0]
    found = excerpt(note, 10, 20)
    assert found.audio.shape == (1, 20 * BLOCK_SAMPLES)
    assert found.note.unique().tolist() == pytest.approx([57.0])
    assert float(found.audio.square().mean()) == pytest.approx(float(note.audio.square().mean()), rel=0.05)
    assert excerpt(note, 0, 200).audio[0, -1000:].abs().max() == 0


def test_small_presets_exist_for_every_family():
    assert set(PRESETS) == {*FAMILIES, *RESEARCH}
    for name, preset in PRESETS.items():
        family = {**FAMILIES, **RESEARCH}[name]
        network = family.build(1, family.size(preset.sizes["small"]), 0)
        assert network.get_submodule(preset.taught) is not None
