from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import BadConfig
from tombola_host.generators.units import Axis, UnitGroup, full_mask, trimmed
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.criteria.magnitude import magnitude
from tombola_host.lottery.selection import FEWEST_UNITS, parameters_left, select
from tombola_host.lottery.ticket import count_parameters, dense_voice, find_ticket, settled_loss, train_dense
from tombola_host.training.loop import History
from tombola_host.training.schedule import DENSE_SIZE, EFFORTS, Schedule, effort_named

TINY = VoiceSize(24, 24)
STEPS = Schedule(control_steps=2, audio_steps=0, control_windows=2, audio_windows=1)


@pytest.fixture(scope="module")
def toy(mode):
    return mode()


@pytest.fixture(scope="module")
def trained(toy):
    return train_dense(toy, STEPS, seed=3, size=TINY)


@pytest.fixture(scope="module")
def ticket(toy, trained):
    trainee, history = trained
    return find_ticket(toy, trainee.network, history, STEPS, (0.7, 0.45), seed=3)


def test_a_ticket_s_weights_are_the_trimmed_first_weights_of_the_dense_network(ticket, trained):
    dense = dense_voice(3, TINY)
    weights = {**dense.state_dict(), "spectrum": ticket.weights["spectrum"]}
    expected = trimmed(dense.unit_groups(), weights, ticket.mask)
    assert all(torch.equal(ticket.weights[name], tensor) for name, tensor in expected.items())
    learned = trimmed(dense.unit_groups(), trained[0].network.state_dict(), ticket.mask)
    assert not torch.equal(ticket.weights["trunk.weight_hh_l0"], learned["trunk.weight_hh_l0"])


def test_a_ticket_is_as_small_as_was_asked_for(ticket):
    assert ticket.parameters <= 0.45 * ticket.dense_parameters
    assert ticket.parameters > 0.3 * ticket.dense_parameters  # and not much smaller
    assert ticket.parameters == count_parameters(ticket.network())


def test_each_round_trains_a_smaller_network(ticket, trained):
    assert ticket.rounds[0].parameters == ticket.dense_parameters
    assert ticket.rounds[1].parameters <= 0.7 * ticket.dense_parameters
    assert ticket.rounds[0].loss == settled_loss(trained[1])


def test_a_later_round_keeps_only_units_of_the_round_before(toy, trained, ticket):
    first = find_ticket(toy, trained[0].network, trained[1], STEPS, (0.7,), seed=3)
    for name, mask in ticket.mask.items():
        assert not (mask & ~first.mask[name]).any()
        assert mask.sum() < first.mask[name].sum()


def test_the_same_seed_draws_the_same_ticket(toy, trained, ticket):
    again = find_ticket(toy, trained[0].network, trained[1], STEPS, (0.7, 0.45), seed=3)
    assert all(torch.equal(mask, again.mask[name]) for name, mask in ticket.mask.items())
    assert all(torch.equal(tensor, again.weights[name]) for name, tensor in ticket.weights.items())


def test_a_lottery_without_rounds_is_refused(toy, trained):
    with pytest.raises(BadConfig, match="at least one share"):
        find_ticket(toy, trained[0].network, trained[1], STEPS, (), seed=3)


@given(share=st.floats(0.35, 1.0), seed=st.integers(0, 50))
@settings(max_examples=8)
def test_the_bound_on_parameters_is_kept_at_any_density(share, seed):
    network = dense_voice(seed, TINY)
    groups, weights = network.unit_groups(), network.state_dict()
    most = int(share * count_parameters(network))
    mask = select(groups, weights, magnitude(groups, weights), most)
    left = sum(tensor.numel() for name, tensor in trimmed(groups, weights, mask).items() if name != "activity")
    assert parameters_left(groups, weights, mask) == left <= most
    assert min(int(kept.sum()) for kept in mask.values()) >= FEWEST_UNITS


def test_one_unit_more_would_be_too_many(voice):
    network = voice(1, hidden=16)
    groups, weights = network.unit_groups(), network.state_dict()
    scores = magnitude(groups, weights)
    mask = select(groups, weights, scores, int(0.7 * count_parameters(network)))
    _, name, unit = max(
        (float(score), group, unit)
        for group, values in scores.items()
        for unit, score in enumerate(values)
        if not mask[group][unit]
    )
    mask[name][unit] = True
    assert parameters_left(groups, weights, mask) > int(0.7 * count_parameters(network))


def test_equal_scores_keep_the_units_that_come_first(voice):
    network = voice(1, hidden=20)
    groups, weights = network.unit_groups(), network.state_dict()
    scores = {group.name: torch.ones(group.size) for group in groups}
    mask = select(groups, weights, scores, int(0.6 * count_parameters(network)))
    for kept in mask.values():
        count = int(kept.sum())
        assert FEWEST_UNITS <= count <= 20
        assert kept[:count].all()


@pytest.mark.parametrize("effort", EFFORTS)
def test_at_least_99_percent_of_the_dense_network_are_removed(effort):
    network = dense_voice(0)
    assert network.size == DENSE_SIZE == VoiceSize(1024, 1024)
    groups, weights = network.unit_groups(), network.state_dict()
    dense = count_parameters(network)
    share = effort_named(effort).rounds[-1]
    mask = select(groups, weights, magnitude(groups, weights), int(share * dense))
    assert 1 - parameters_left(groups, weights, mask) / dense >= 0.99
    assert list(EFFORTS[effort].rounds) == sorted(EFFORTS[effort].rounds, reverse=True)


def test_magnitude_is_the_product_of_what_a_unit_hears_and_how_it_is_heard():
    group = UnitGroup("g", 3, (Axis("own", 0), Axis("reader", 1, incoming=False), Axis("constant", 0, learned=False)))
    weights = {
        "own": torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]),  # norms 5, 0, 1
        "reader": torch.tensor([[2.0, 9.0, 1.0]]),
        "constant": torch.tensor([100.0, 100.0, 100.0]),
    }
    score = magnitude((group,), weights)["g"]
    assert score.tolist() == pytest.approx([30 / 11, 0.0, 3 / 11])  # 10, 0, 1 by their mean


def test_all_units_are_left_by_the_full_mask(voice):
    network = voice(2)
    groups, weights = network.unit_groups(), network.state_dict()
    assert parameters_left(groups, weights, full_mask(groups)) == count_parameters(network)


def test_the_settled_loss_is_the_mean_of_the_last_tenth():
    assert settled_loss(History([9.0] * 18 + [1.0, 3.0], [])) == 2.0
    assert settled_loss(History([5.0, 4.0], [])) == 4.0


@pytest.mark.parametrize(("look_up", "known"), [(criterion_named, "magnitude"), (effort_named, "quick, normal, long")])
def test_an_unknown_name_is_refused_in_one_sentence_that_lists_the_known(look_up, known):
    with pytest.raises(BadConfig) as refused:
        look_up("nonsense")
    assert "'nonsense'" in str(refused.value)
    assert known in str(refused.value)
    assert "\n" not in str(refused.value)
