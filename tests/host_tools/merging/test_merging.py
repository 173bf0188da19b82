from __future__ import annotations

import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.generators import family_named
from tombola_host.generators.base import count_parameters
from tombola_host.generators.units import trimmed
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.spectrum import SCALARS
from tombola_host.lottery.ticket import Origin, Ticket
from tombola_host.merging import METHODS, lottery_method, method_named, needs_tickets
from tombola_host.merging.core import merge_core_and_specialists
from tombola_host.merging.joint import joint_network, network_from_scratch
from tombola_host.merging.size import MergedSize
from tombola_host.merging.trained import TrainedTicket

VOICE = family_named("voice")
DENSE = VoiceSize(20, 20)
SMALL = MergedSize(shared=8, core=6, specialists=2)


def dense_voice(seed=0, size=DENSE):
    return VOICE.build(1, size, seed)


def origin_of(size=DENSE, seed=0):
    return Origin("voice", (("input", size.input), ("hidden", size.hidden)), seed, "magnitude", "iterative")


def merged_voice(tickets, size=SMALL, seed=0):
    return merge_core_and_specialists(VOICE, tickets, size, seed)


def drawn(mode, inputs, trunk, shift=0.0, seed=0):
    """A ticket with these units of a dense network; training moved all its weights by ``shift``."""
    dense = dense_voice(seed)
    mask = {"input": torch.zeros(20, dtype=torch.bool), "trunk": torch.zeros(20, dtype=torch.bool)}
    mask["input"][inputs], mask["trunk"][trunk] = True, True
    weights = trimmed(dense.unit_groups(), dense.state_dict(), mask)
    trained = {name: tensor if name == "activity" else tensor + shift for name, tensor in weights.items()}
    return TrainedTicket(Ticket(mode, mask, weights, (), count_parameters(dense), origin_of(seed=seed)), trained)


WIDER = (20 / 10) ** 0.5
"""The merged trunk has 10 of 20 units, so the weights that read it start larger by this factor."""


def places(merged, dense):
    """Index in the dense network of each input unit and trunk unit, recognised by its first bias."""
    units = len(merged["trunk.bias_ih_l0"])
    scale = (20 / units) ** 0.5
    return [
        [int((whole - value).abs().argmin()) for value in part]
        for part, whole in (
            (merged["input.bias"], dense["input.bias"]),
            (merged["trunk.bias_ih_l0"], scale * dense["trunk.bias_ih_l0"]),
        )
    ]


def test_merged_units_are_those_of_the_tickets_rewound_to_the_dense_network():
    """Trained weights, moved by 0.3 here, choose the units; the merged network starts from first weights."""
    tickets = [drawn("a", range(8), range(10), shift=0.3), drawn("b", range(8), range(10), shift=0.3)]
    dense = dense_voice().state_dict()
    merged = merged_voice(tickets).state_dict()
    inputs, trunk = places(merged, dense)
    assert sorted(inputs) == list(range(8))
    assert sorted(trunk) == list(range(10))
    torch.testing.assert_close(merged["trunk.weight_ih_l0"], WIDER * dense["trunk.weight_ih_l0"][trunk][:, inputs])
    torch.testing.assert_close(merged["head.weight"], WIDER * dense["head.weight"][:, trunk])
    assert torch.equal(merged["input.weight"][:, :SCALARS], dense["input.weight"][inputs, :SCALARS])
    for mode in (0, 1):
        assert torch.equal(merged["input.weight"][:, SCALARS + mode], dense["input.weight"][inputs, SCALARS])


def test_first_weights_of_a_merge_spread_as_torch_draws_them_for_its_width():
    tickets = [drawn("a", range(8), range(10)), drawn("b", range(8), range(10))]
    merged = merged_voice(tickets)
    for name in ("trunk.weight_ih_l0", "head.weight"):
        largest = float(merged.state_dict()[name].abs().max())
        assert 0.9 / 10**0.5 < largest <= 1 / 10**0.5


def test_specialists_come_from_the_ticket_of_their_mode():
    first, second = drawn("a", range(8), range(10)), drawn("b", range(8), range(8, 20))
    dense = dense_voice().state_dict()
    _, trunk = places(merged_voice([first, second]).state_dict(), dense)
    assert len(set(trunk)) == 10
    assert set(trunk[6:8]) <= set(range(10))
    assert set(trunk[8:10]) <= set(range(8, 20))


def test_activity_is_the_core_for_all_modes_then_specialists_for_one_mode_each():
    assert MergedSize(shared=4, core=2, specialists=2).activity(2).tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 1, 1]]
    network = merged_voice([drawn("a", range(8), range(9)), drawn("b", range(8), range(9))])
    assert torch.equal(network.activity, SMALL.activity(2))
    forgotten = network.readable() == 0
    assert torch.count_nonzero(network.trunk.weight_hh_l0[forgotten]) == 0
    assert int(forgotten.sum()) == 6 * 4 + 2 * 4  # core from specialists, specialists from each other


def test_a_spectrum_of_each_mode_is_kept():
    first, second = drawn("a", range(8), range(8), 0.2), drawn("b", range(8), range(8), 0.6)
    network = merged_voice([first, second])
    assert torch.equal(network.spectrum, torch.cat([first.weights["spectrum"], second.weights["spectrum"]]))


def test_the_same_seed_merges_to_the_same_network():
    tickets = [drawn("a", range(5), range(5)), drawn("b", range(9), range(4, 9))]
    first, again = (merged_voice(tickets, seed=2).state_dict() for _ in range(2))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())


@pytest.mark.parametrize("method", METHODS)
def test_four_modes_have_at_most_16_000_parameters_at_the_default_size(method):
    size = VoiceSize(96, 96)
    dense = dense_voice(0, size)
    mask = {name: torch.arange(96) < 60 for name in ("input", "trunk")}
    weights = trimmed(dense.unit_groups(), dense.state_dict(), mask)
    ticket = TrainedTicket(Ticket("a", mask, weights, (), count_parameters(dense), origin_of(size)), weights)
    network = method_named(method)(VOICE, [ticket] * 4, MergedSize(), 0)
    assert network.modes == 4
    assert 14_000 < count_parameters(network) <= 16_000


def test_the_joint_baseline_has_the_merged_size_and_every_unit_for_every_mode():
    tickets = [drawn("a", range(8), range(8)), drawn("b", range(8), range(8))]
    joint, merged = joint_network(VOICE, tickets, SMALL, 0), merged_voice(tickets)
    assert count_parameters(joint) == count_parameters(merged)
    assert joint.activity.min() == 1.0


def test_a_network_from_scratch_has_the_size_of_a_joint_one_without_a_ticket_to_copy():
    tickets = [drawn("a", range(8), range(8)), drawn("b", range(8), range(8))]
    joint, alone = joint_network(VOICE, tickets, SMALL, 3), network_from_scratch(VOICE, VoiceSize(40, 30), 2, SMALL, 3)
    assert all(torch.equal(tensor, alone.state_dict()[name]) for name, tensor in joint.state_dict().items())
    free = network_from_scratch(VOICE, VoiceSize(40, 30, 5), 2, SMALL, 3)
    assert (free.size.input, free.size.hidden, free.size.free) == (alone.size.input, alone.size.hidden, 5)


def test_an_unknown_method_is_refused_in_one_sentence():
    with pytest.raises(BadConfig, match="no merge method 'stitch'; choose one of: core, joint"):
        method_named("stitch")


def test_tickets_of_different_seeds_do_not_merge():
    """Their units do not correspond; once such tickets were merged without an error."""
    tickets = [drawn("a", range(8), range(10)), drawn("b", range(8), range(10), seed=1)]
    with pytest.raises(BadConfig, match="the tickets of a and b differ in seed"):
        merged_voice(tickets)


def test_no_unit_of_a_merged_trunk_occurs_twice():
    tickets = [drawn(name, range(8), range(10)) for name in "abcdef"]
    size = MergedSize(shared=8, core=8, specialists=2)
    _, trunk = places(merged_voice(tickets, size).state_dict(), dense_voice().state_dict())
    assert len(set(trunk)) == len(trunk) == 20


def test_more_core_and_specialists_than_the_dense_network_has_units_are_refused():
    """24 units from 20: once, four of them occurred twice."""
    tickets = [drawn(name, range(8), range(10)) for name in "abcdefgh"]
    with pytest.raises(BadConfig, match=r"8 modes need 24 units, but the dense network's group 'trunk' has 20"):
        merged_voice(tickets, MergedSize(shared=8, core=8, specialists=2))


def test_tickets_merge_into_core_and_specialists_where_a_family_can_share_them():
    class Alone:
        name = "alone"

    assert (lottery_method(VOICE), lottery_method(Alone())) == ("core", "joint")
    asked = [needs_tickets(method, family) for method in ("joint", "core") for family in (VOICE, Alone())]
    assert asked == [False, True, True, True]
    with pytest.raises(BadConfig, match="networks of the family 'alone' cannot share a core; choose the method joint"):
        merge_core_and_specialists(Alone(), [drawn("a", range(8), range(8))], SMALL, 0)
