"""Masks of single weights: how many are left, what goes, and that a training does not bring them back."""

import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.generators.units import Axis, UnitGroup
from tombola_host.study.experiments.masking import Held, gone, largest
from tombola_host.training.loop import Loop, Phase, Turn
from torch import nn

GROUP = UnitGroup("trunk", 4, (Axis("0.weight", 0), Axis("0.bias", 0), Axis("1.weight", 1, incoming=False)))


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def test_the_largest_weights_stay_and_all_parameters_count():
    weights = dict(network().state_dict())
    marks = largest((GROUP,), weights, 0.5)
    # 12 + 4 + 8 weights of units and 2 biases of the head, which stay: 13 of 26 are left.
    assert sum(int(mark.sum()) for mark in marks.values()) == 13 - 2
    kept = torch.cat([weights[name][mark.bool()].abs() for name, mark in marks.items()])
    removed = torch.cat([weights[name][~mark.bool()].abs() for name, mark in marks.items()])
    assert kept.min() > removed.max()


def test_a_density_below_what_cannot_be_masked_is_refused():
    with pytest.raises(BadConfig, match=r"a density of 0\.05 leaves no weight"):
        largest((GROUP,), dict(network().state_dict()), 0.05)


def test_a_unit_goes_when_it_hears_nothing_or_nobody_hears_it():
    marks = {"0.weight": torch.ones(4, 3), "0.bias": torch.ones(4), "1.weight": torch.ones(2, 4)}
    assert gone((GROUP,), marks) == 0.0
    marks["0.weight"][0] = 0.0
    assert gone((GROUP,), marks) == 0.0  # Its bias is left.
    marks["0.bias"][0] = 0.0
    marks["1.weight"][:, 2] = 0.0
    assert gone((GROUP,), marks) == 0.5


class Sum:
    def __init__(self, model):
        self.model = model

    def draw(self, step):
        return torch.full((2, 3), 1.0 + step)

    def loss(self, batch, step):
        return {"square": (self.model(batch) - 1).square().mean()}


class Alone:
    def __init__(self, model):
        self.model = model

    def parts(self):
        return {"network": self.model}


def test_masked_weights_stay_zero_in_training_and_the_others_learn():
    model = network()
    first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    marks = largest((GROUP,), first, 0.5)
    Loop(Alone(model), [Phase("sound", (Turn(Sum(model)),), 5, 0.01)], (Held(model, marks),)).run()
    after = model.state_dict()
    for name, mark in marks.items():
        assert not after[name][mark == 0].any()
    assert not torch.equal(after["1.weight"] * marks["1.weight"], first["1.weight"] * marks["1.weight"])
