from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.generators.units import Axis, UnitGroup
from tombola_host.lottery.ablation import ablation, agreement, marks, rank_correlation
from tombola_host.lottery.criteria import CRITERIA, criterion_named
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.mutual_information import edge, gaussian_copula, principal
from torch import nn

INSIDE = (Axis("0.weight", 0), Axis("0.bias", 0), Axis("2.weight", 1, incoming=False))
GROUPS = (UnitGroup("hidden", 6, INSIDE, output="1"),)


class Known:
    """A regression whose batches and facts are fixed: y = a weighted sum of what comes in."""

    def __init__(self, network):
        self.network = network

    def draw(self, step):
        return torch.randn(64, 1, 3, generator=torch.Generator().manual_seed(step))

    def facts(self, batch):
        return batch

    def loss(self, batch, step):
        return {"error": (self.network(batch) - batch.sum(-1, keepdim=True)).square().mean()}


def network(activation=nn.Tanh, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 6), activation(), nn.Linear(6, 1))


def evidence_of(net, groups=GROUPS):
    first = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    return Evidence(net, groups, first, seed=0, objective=Known(net))


def scored(name, net):
    return criterion_named(name)(evidence_of(net))["hidden"]


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.7, 0.95])
def test_the_copula_estimate_is_the_closed_form_of_correlated_gaussians(rho):
    pairs = np.random.default_rng(3).multivariate_normal([0, 0], [[1, rho], [rho, 1]], 8000)
    units, facts = (torch.from_numpy(pairs[:, [column]]) for column in (0, 1))
    bits = -0.5 * math.log2(1 - rho**2)
    assert float(gaussian_copula(units, facts)) == pytest.approx(bits, abs=0.02 + 0.03 * bits)
    assert float(gaussian_copula(units.exp(), facts)) == pytest.approx(
        bits, abs=0.02 + 0.03 * bits
    )  # ranks alone count


def test_hashing_finds_one_bit_and_little_where_there_is_none():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1000, 1))
    y = 0.9 * x + math.sqrt(1 - 0.81) * rng.standard_normal((1000, 1))
    other = rng.standard_normal((1000, 1))
    found = [float(edge(torch.from_numpy(x), torch.from_numpy(known), rng)) for known in (y, other)]
    assert found[0] == pytest.approx(-0.5 * math.log2(1 - 0.81), abs=0.3)
    assert found[1] < 0.25


def told_apart(scores):
    """Share of pairs (informative, independent) in the right order: the area under the ROC curve."""
    return float((scores[:12, None] > scores[None, 12:]).double().mean())


def test_with_many_targets_hashing_finds_bits_that_are_not_there_and_principal_targets_do_not():
    """Twelve units follow what 256 noisy facts have in common, and twelve follow none."""
    rng = np.random.default_rng(5)
    hidden = rng.standard_normal((1000, 4))
    facts = hidden @ rng.standard_normal((4, 256)) + 3.0 * rng.standard_normal((1000, 256))
    followed = 0.7 * hidden[:, rng.integers(4, size=12)] + rng.standard_normal((1000, 12))
    units = torch.from_numpy(np.concatenate([followed, rng.standard_normal((1000, 12))], axis=1))
    published = edge(units, torch.from_numpy(facts), np.random.default_rng(0))
    ours = gaussian_copula(units, principal(torch.from_numpy(facts), 4))
    assert told_apart(ours) == 1.0
    assert told_apart(published) < 1.0
    assert float(published[12:].mean()) > 0.7  # bits that are not there
    assert float(ours[12:].mean()) < 0.01


def test_ablation_measures_each_unit_and_leaves_the_network_as_it_was():
    net = network()
    with torch.no_grad():
        net[2].weight[0, 3] = 0.0  # nobody reads this unit
        net[2].weight[0, 5] = 3.0  # this one is loud, and the output is far off with and without it
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    evidence = evidence_of(net)
    truth = ablation(evidence)
    assert truth["hidden"][3] == 0.0
    assert truth["hidden"].abs().argmax() == 5
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert agreement(truth, truth)["hidden"] == pytest.approx(1.0)
    assert agreement({"hidden": -truth["hidden"]}, truth)["hidden"] == pytest.approx(-1.0)


def test_only_units_that_were_tried_count_for_a_mark():
    evidence = evidence_of(network())
    whole, some = ablation(evidence)["hidden"], ablation(evidence, most=4)["hidden"]
    tried = ~some.isnan()
    assert int(tried.sum()) == 4
    assert torch.equal(some[tried], whole[tried])
    misled = torch.where(tried, whole, -1e9 * torch.arange(len(whole)))
    assert agreement({"hidden": misled}, {"hidden": some})["hidden"] == pytest.approx(1.0)
    assert agreement({"hidden": misled}, {"hidden": whole})["hidden"] < 0.9


def test_each_criterion_gets_a_mark_and_the_worst_gets_the_opposite_of_magnitude():
    net = network()
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    known = Known(net)
    for step in range(150):
        optimiser.zero_grad()
        known.loss(known.draw(step), step)["error"].backward()
        optimiser.step()
    found = marks(
        evidence_of(net), {name: criterion for name, criterion in CRITERIA.items() if name != "normalisation"}
    )
    assert found["magnitude"] > 0.7
    assert found["worst"] == pytest.approx(-found["magnitude"])
    assert found["activation"] > found["random"]


def test_synflow_is_the_gradient_of_the_flow_times_the_weight():
    net = network(nn.Identity).double()
    flow = nn.Sequential(nn.Linear(3, 6, bias=False), nn.Linear(6, 1, bias=False)).double()
    with torch.no_grad():
        flow[0].weight.copy_(net[0].weight.abs())
        flow[1].weight.copy_(net[2].weight.abs())
    flow(torch.ones(1, 3, dtype=torch.double)).sum().backward()
    wanted = (flow[0].weight.grad * flow[0].weight).sum(dim=1).detach()
    found = scored("synflow", net.float())
    torch.testing.assert_close(found / found.mean(), wanted / wanted.mean())


def test_synflow_counts_the_blocks_of_a_flattened_layer_and_the_parts_of_a_joined_one():
    one, two, three = torch.rand(2, 3), torch.rand(4, 5), torch.rand(3, 4)
    groups = (
        UnitGroup("a", 2, (Axis("one", 0), Axis("two", 1, blocks=2, incoming=False))),
        UnitGroup("b", 4, (Axis("two", 0), Axis("three", 1, incoming=False))),
    )
    net = nn.ParameterDict({"one": one, "two": two, "three": three})
    into_a = one.sum(dim=1)
    into_b = two[:, :2] @ into_a + two[:, 2:4] @ into_a
    found = criterion_named("synflow")(Evidence(net, groups, {}, seed=0))["b"].float()
    wanted = into_b * three.sum(dim=0)
    torch.testing.assert_close(found / found.mean(), wanted / wanted.mean())


def test_grasp_is_weight_times_hessian_times_gradient():
    """For 4 batches of ½ k w², the gradient is 4 k w and the Hessian 4 k: w · 4 k · 4 k w = 16 k² w²."""

    class Bowl(Known):
        def loss(self, batch, step):
            return {"error": 0.5 * (torch.arange(1.0, 7.0) * self.network[0].bias.square()).sum()}

    net = network()
    found = criterion_named("grasp")(Evidence(net, GROUPS, {}, seed=0, objective=Bowl(net)))["hidden"]
    torch.testing.assert_close(found, 16 * torch.arange(1.0, 7.0).square() * net[0].bias.detach().square())


def test_fisher_squares_each_batch_so_that_opposite_gradients_do_not_cancel():
    class Seesaw(Known):
        def loss(self, batch, step):
            return {"error": (-1) ** step * self.network[0].bias.sum()}

    net = network()
    evidence = Evidence(net, GROUPS, {}, seed=0, objective=Seesaw(net))
    assert criterion_named("gradient")(evidence)["hidden"].abs().max() == 0
    torch.testing.assert_close(criterion_named("fisher")(evidence)["hidden"], 4 * net[0].bias.detach().square())


def test_cost_prefers_a_unit_that_saves_less():
    def costly(shapes):
        return 10.0 * shapes["0.weight"][0]

    net = network()
    evidence = Evidence(net, GROUPS, {}, seed=0, objective=Known(net), count=costly)
    torch.testing.assert_close(
        criterion_named("cost")(evidence)["hidden"], criterion_named("gradient")(evidence)["hidden"] / 10
    )


def test_a_criterion_that_the_family_cannot_serve_is_refused_in_a_sentence():
    net = network()
    with pytest.raises(BadConfig, match="no units of this family have a normalisation that could score them"):
        scored("normalisation", net)
    silent = Evidence(net, GROUPS, {}, seed=0, objective=None)
    with pytest.raises(BadConfig, match="this family names no facts"):
        criterion_named("information")(silent)


def test_rank_correlation_of_what_does_not_vary_is_zero():
    assert rank_correlation(np.ones(4), np.arange(4.0)) == 0.0
