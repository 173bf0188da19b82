"""Ways between networks: alignment, repair, and a trained curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from tombola_host.generators.units import Axis, UnitGroup, taken
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.study.laboratory.paths import aligned, bent, curved, repaired, straight
from tombola_host.study.laboratory.similarity import height
from torch import nn


def voice(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Voice(1, VoiceSize(12, 10))


def test_a_network_whose_units_were_shuffled_is_put_back_in_order():
    """Rows, columns and state of the recurrent layer go together, so the order is found over both groups."""
    network = voice(0)
    weights, groups = dict(network.state_dict()), network.unit_groups()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        orders = {group.name: torch.randperm(group.size) for group in groups}
    shuffled = taken(groups, weights, orders)
    assert not torch.equal(shuffled["trunk.weight_hh_l0"], weights["trunk.weight_hh_l0"])
    back = aligned(groups, weights, shuffled)
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_alignment_changes_no_output_and_never_ends_farther_away():
    first, second = voice(0), voice(1)
    weights = dict(second.state_dict())
    moved = aligned(first.unit_groups(), dict(first.state_dict()), weights)
    controls = torch.rand(2, 5, 8, generator=torch.Generator().manual_seed(2))
    expected, _ = second.log_amplitudes(controls)
    found, _ = Voice.of(moved).log_amplitudes(controls)
    torch.testing.assert_close(found, expected)
    assert distance(first.state_dict(), moved) < distance(first.state_dict(), weights)


def distance(first, second):
    return sum(float((first[name] - second[name]).square().sum()) for name in first)


@dataclass
class Copying:
    """The output of a network towards that of a fixed one, on random inputs."""

    network: nn.Module
    towards: nn.Module

    def draw(self, step):
        return torch.randn(256, 6, generator=torch.Generator().manual_seed(step))

    def loss(self, batch, step):
        return {"distance": (self.network(batch) - self.towards(batch)).square().mean()}


def layers(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))


def test_a_repaired_average_has_units_that_vary_as_those_of_the_ends():
    network, first, second = (layers(seed) for seed in (0, 1, 2))
    group = UnitGroup(
        "hidden", 16, (Axis("0.weight", 0), Axis("0.bias", 0), Axis("2.weight", 1, incoming=False)), output="0"
    )
    ends, objective = (dict(first.state_dict()), dict(second.state_dict())), Copying(network, first)
    spreads = {}
    for name, weights in (
        ("first", ends[0]),
        ("second", ends[1]),
        ("average", straight(*ends, 0.5)),
        ("repaired", repaired(network, objective, (group,), ends, 0.5)),
    ):
        said = objective.draw(9) @ weights["0.weight"].T + weights["0.bias"]
        spreads[name] = said.std(0)
    wanted = (spreads["first"] + spreads["second"]) / 2
    assert float((spreads["average"] / wanted).mean()) < 0.85
    torch.testing.assert_close(spreads["repaired"], wanted, rtol=0.15, atol=0.0)


class Ring(nn.Module):
    """Two numbers whose loss is their distance from a ring."""

    def __init__(self):
        super().__init__()
        self.at = nn.Parameter(torch.zeros(2))


class OnTheRing:
    def __init__(self, network):
        self.network = network

    def draw(self, step):
        return None

    def loss(self, batch, step):
        return {"off": (self.network.at.norm() - 1).square()}


def test_a_trained_curve_goes_round_what_the_straight_line_crosses():
    network = Ring()
    objective = OnTheRing(network)
    ends = tuple({"at": torch.tensor([math.cos(turn), math.sin(turn)])} for turn in (0.0, 2.0))
    middle = bent(network, objective, ends, steps=300, rate=0.05, seed=0)

    def rise(way):
        def loss(at):
            network.load_state_dict(way(at))
            return float(objective.loss(None, 0)["off"].detach())

        return height(loss)

    across = rise(lambda at: straight(*ends, at))
    around = rise(lambda at: curved(ends[0], middle, ends[1], at))
    assert across == pytest.approx((1 - math.cos(1.0)) ** 2, abs=1e-3)
    assert around < 0.2 * across
    assert torch.equal(curved(ends[0], middle, ends[1], 0.0)["at"], ends[0]["at"])
