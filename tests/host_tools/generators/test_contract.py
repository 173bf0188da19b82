"""The contract of every family. A new family in ``FAMILIES`` is tested here without further work."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.bundle import decode_bundle, encode_bundle
from tombola_device.contract.errors import BadConfig, ShapeError
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.play.offline import PerformedEvent, render_performance
from tombola_host.export.bundle import export_bundle
from tombola_host.generators import FAMILIES
from tombola_host.generators.base import count_parameters, size_facts
from tombola_host.generators.units import (
    check_groups,
    full_mask,
    masked,
    places_of,
    rewound,
    shapes_left,
    taken,
    trimmed,
)
from tombola_host.lottery.criteria import CRITERIA, criterion_named
from tombola_host.lottery.evidence import Evidence, Informed
from tombola_host.training.effort import Length
from tombola_host.training.loop import Loop

FRAMES = 24
SHORT = Length(control_steps=2, audio_steps=2, control_windows=2, audio_windows=2)


def small(family):
    """The family's dense size, an eighth as wide."""
    facts = size_facts(family.dense)
    return family.size(
        {name: max(value // 8, 5) if value > 100 else max(value // 4, 5) for name, value in facts.items()}
    )


def build(family, modes=2, seed=0):
    return family.build(modes, small(family), seed).eval()


def random_mask(groups, density, seed):
    generator = torch.Generator().manual_seed(seed)
    mask = {}
    for group in groups:
        mask[group.name] = torch.rand(group.size, generator=generator) < density
        mask[group.name][seed % group.size] = True
    return mask


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(tensor, second[name]) for name, tensor in first.items())


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def test_the_same_seed_builds_the_same_network_and_another_does_not(family):
    first, again, other = (build(family, seed=seed).state_dict() for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


def test_a_network_comes_back_from_its_weights(family):
    network = build(family, modes=3)
    again = family.of(dict(network.state_dict()))
    assert again.modes == network.modes == 3
    assert same(again.state_dict(), network.state_dict())
    assert family.size(size_facts(network.size)) == network.size


def test_the_groups_fit_their_parameters_and_a_wrong_one_is_refused_by_name(family):
    network = build(family)
    groups, weights = network.unit_groups(), dict(network.state_dict())
    check_groups(groups, weights)
    first = groups[0]
    wider = replace(first, size=first.size + 1), *groups[1:]
    with pytest.raises(ShapeError, match=first.axes[0].parameter):
        check_groups(wider, weights)
    lost = {name: tensor for name, tensor in weights.items() if name != first.axes[0].parameter}
    with pytest.raises(ShapeError, match="which does not exist"):
        check_groups(groups, lost)


def test_the_full_mask_changes_nothing(family):
    network = build(family)
    groups, weights = network.unit_groups(), dict(network.state_dict())
    mask = full_mask(groups)
    assert same(masked(groups, weights, mask), weights)
    assert same(trimmed(groups, weights, mask), weights)
    assert same(rewound(groups, weights, places_of(mask)), weights)


@pytest.mark.parametrize("name", FAMILIES)
@given(density=st.floats(0.1, 1.0), seed=st.integers(0, 1000))
@settings(max_examples=8)
def test_masked_and_trimmed_sound_the_same_to_1e5(name, density, seed):
    family = FAMILIES[name]
    network = build(family, seed=seed % 5)
    groups, weights = network.unit_groups(), dict(network.state_dict())
    mask = random_mask(groups, density, seed)
    conditions = family.example(network, 2, FRAMES, seed)
    network.load_state_dict(masked(groups, weights, mask))
    cut = family.of(trimmed(groups, weights, mask)).eval()
    with torch.no_grad():
        whole, small_ = network(conditions), cut(conditions)
    assert whole.abs().max() > 1e-4
    torch.testing.assert_close(small_, whole, atol=1e-5 * max(1.0, float(whole.abs().max())), rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_trimmed_network_is_really_smaller_and_can_be_trimmed_again(name):
    family = FAMILIES[name]
    network = build(family)
    for round_ in range(2):
        groups, weights = network.unit_groups(), dict(network.state_dict())
        mask = random_mask(groups, 0.6, 3 + round_)
        left = sum(int(torch.tensor(shape).prod()) for shape in shapes_left(groups, weights, mask).values())
        before = count_parameters(network)
        network = family.of(trimmed(groups, weights, mask))
        assert count_parameters(network) == left < before


def test_units_in_another_order_are_the_same_network(family):
    """One permutation for every axis of a group: rows, columns, skips and states go together."""
    network = build(family)
    groups, weights = network.unit_groups(), dict(network.state_dict())
    rng = torch.Generator().manual_seed(2)
    order = {group.name: torch.randperm(group.size, generator=rng) for group in groups}
    other = family.of(taken(groups, weights, order)).eval()
    conditions = family.example(network, 2, FRAMES, 0)
    with torch.no_grad():
        torch.testing.assert_close(other(conditions), network(conditions), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
@given(cuts=st.lists(st.integers(1, FRAMES - 1), max_size=6), seed=st.integers(0, 100))
@settings(max_examples=8)
def test_offline_equals_streamed_after_the_declared_delay_at_any_cuts(name, cuts, seed):
    family = FAMILIES[name]
    network = build(family, seed=1)
    conditions = family.example(network, 2, FRAMES, seed)
    places = [0, *sorted(set(cuts)), FRAMES]
    state, parts = network.rest(2), []
    with torch.no_grad():
        whole = network(conditions)
        for start, stop in pairwise(places):
            sound, state = network.stream(conditions.part(start, stop), state)
            parts.append(sound)
    streamed = torch.cat(parts, dim=1)
    late = network.delay_samples
    assert whole.abs().max() > 1e-4
    torch.testing.assert_close(streamed[:, late:], whole[:, : whole.shape[1] - late], atol=2e-5, rtol=0)


def test_a_voice_does_not_depend_on_its_neighbours(family):
    network = build(family)
    conditions = family.example(network, 3, FRAMES, 5)
    parts = {name: _of(getattr(conditions, name), 1) for name in ("noise", "shade")}
    one = replace(conditions, controls=conditions.controls[1:2], **parts)
    with torch.no_grad():
        torch.testing.assert_close(network(conditions)[1:2], network(one), atol=1e-5, rtol=0)


def _of(tensor, voice):
    return None if tensor is None else tensor[voice : voice + 1]


def test_training_lowers_a_loss_and_a_trainee_comes_back_from_its_tensors(family, mode):
    data = [mode("dull", tilt=0.6), mode("bright", tilt=0.15)]
    trainee = family.trainee(family.build(2, small(family), 0), data, 0)
    length = Length(control_steps=20, audio_steps=20, control_windows=4, audio_windows=4, learning_rate=6e-3)
    phases = family.phases(trainee, data, length, 0, "test")
    before = heard_loss(phases[-1])
    Loop(trainee, phases).run()
    assert heard_loss(phases[-1]) < 0.96 * before
    assert same(family.restored(trainee.tensors()).tensors(), trainee.tensors())
    sound = family.play(trainee, family.example(trainee.network, 1, FRAMES, 0).controls[0])
    assert sound.shape == (FRAMES * 128,)
    for values in family.controls(trainee, 0, data[0]).values():
        assert values[0] <= values[1] <= values[2]


def heard_loss(phase):
    """Mean loss over batches that were not used for training."""
    objective = phase.turns[0].objective
    with torch.no_grad():
        losses = [sum(objective.loss(objective.draw(step), step).values()) for step in range(1000, 1006)]
    return float(sum(losses)) / len(losses)


def test_phases_draw_from_streams_of_their_purpose_alone(family, mode):
    data = [mode()]
    found = []
    for purpose in ("a", "a", "b"):
        trainee = family.trainee(family.build(1, small(family), 0), data, 0)
        Loop(trainee, family.phases(trainee, data, SHORT, 0, purpose)).run()
        found.append(trainee.network.state_dict())
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_scores_every_unit(family, criterion, mode):
    data = [mode()]
    trainee = family.trainee(family.build(1, small(family), 0), data, 0)
    phases = family.phases(trainee, data, SHORT, 0, "test")
    network = trainee.network
    first = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    Loop(trainee, phases).run()
    evidence = Evidence(network, network.unit_groups(), first, seed=0, objective=phases[0].turns[0].objective)
    refusals = {}
    if not any(group.scale for group in network.unit_groups()):
        refusals["normalisation"] = "have a normalisation"
    if not isinstance(phases[0].turns[0].objective, Informed):
        refusals |= dict.fromkeys(("information", "information-edge"), "names no facts")
    if criterion in refusals:
        with pytest.raises(BadConfig, match=refusals[criterion]):
            criterion_named(criterion)(evidence)
        return
    scores = criterion_named(criterion)(evidence)
    for group in network.unit_groups():
        assert scores[group.name].shape == (group.size,)
        assert torch.isfinite(scores[group.name]).all()
        few = len(evidence.activations(group.name)) < 100  # a hit is one example: counting cells finds no difference
        assert scores[group.name].std() > 0 or (few and criterion == "information-edge")
        assert evidence.activations(group.name).shape[1] == group.size


def test_first_weights_rewound_to_half_the_units_spread_as_those_of_a_network_of_that_width(family):
    network = build(family, modes=1)
    groups = network.unit_groups()
    mask = {group.name: torch.arange(group.size) % 2 == 0 for group in groups}
    left = rewound(groups, dict(network.state_dict()), places_of(mask))
    fresh = family.build(1, family.of(left).size, 7).state_dict()
    for group in groups:
        for name in group.spreads:
            if fresh[name].numel() > 200 and fresh[name].shape == left[name].shape:
                assert float(left[name].std()) == pytest.approx(float(fresh[name].std()), rel=0.2), name


def exported_bundle(family, network):
    exportable = family.exported(network)
    ((role, exported),) = exportable.graphs().items()
    held = exported.graph.rate == "block"
    envelope = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0) if held else None
    gate = "held" if held else "one_shot"
    modes = [Mode(name, "#e8a33d", (36.0, 72.0), envelope, gate=gate, graph=role) for name in ("a", "b")]
    return export_bundle(exportable, family.name, family.name, modes, {}, "CC0")


def test_a_bundle_of_each_family_plays_on_the_device_as_the_network_does(family):
    """Parity at 1, 2, 3 and 16 voices is checked by the export itself, through the device's own session."""
    bundle = decode_bundle(encode_bundle(exported_bundle(family, build(family))))
    assert bundle.manifest.generator == family.name
    assert bundle.manifest.provenance["parity_onnx"] < 2e-4
    assert bundle.manifest.cost.parameters == count_parameters(build(family))
    events = [PerformedEvent(0.0, "note_on", (note, 0.9)) for note in (48, 55, 60)]
    sound = render_performance(bundle, [*events, PerformedEvent(0.5, "all_notes_off")], seconds=1.0)
    assert len(sound) == 48_000
    assert np.isfinite(sound).all()
    assert np.abs(sound[:2400]).max() > 1e-3
