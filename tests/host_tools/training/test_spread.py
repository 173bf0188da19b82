"""A training on two processes."""

from __future__ import annotations

import pytest
import torch
from tombola_device.contract.errors import BadConfig
from tombola_host.training.loop import Loop, Phase, Turn
from tombola_host.training.objective import load_parts, tensors_of
from tombola_host.training.spread import Alone, spread
from tombola_host.training.streams import torch_stream
from torch import nn

STEPS = 4


class One:
    def __init__(self, network):
        self.network = network

    def parts(self):
        return {"network": self.network}

    def tensors(self):
        return tensors_of(self)

    def load(self, tensors):
        load_parts(self, tensors)


class Echo:
    """Its batch of a step is the mean over ``together`` draws."""

    def __init__(self, network, together):
        self.network, self.together = network, together

    def draw(self, step):
        draws = range(step * self.together, (step + 1) * self.together)
        return torch.cat([torch.randn(8, 4, generator=torch_stream(0, "echo", draw)) for draw in draws])

    def loss(self, batch, step):
        return {"distance": (self.network(batch) - batch).square().mean()}


def trained(processes, together):
    network = nn.Linear(4, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
    phase = Phase("echo", (Turn(Echo(network, together)),), STEPS, 0.1)
    Loop(One(network), [phase], spread=processes).run()
    return network.weight.detach()


def in_each(processes):
    weight = trained(processes, together=1)
    mean = processes._fabric.all_reduce(weight.clone(), reduce_op="mean")
    return processes.processes, weight.tolist(), mean.tolist()


@pytest.mark.slow
def test_two_processes_train_as_one_does_on_batches_twice_as_large():
    pytest.importorskip("lightning_fabric", reason="only the extra cluster has it")
    processes, weight, mean = spread(2, in_each)
    assert processes == 2
    assert weight == mean
    weight = torch.tensor(weight)
    assert torch.allclose(weight, trained(Alone(), together=2), atol=1e-6)
    assert float((weight - trained(Alone(), together=1)).abs().max()) > 1e-3


def test_without_lightning_fabric_a_spread_training_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightning_fabric", None)
    with pytest.raises(BadConfig, match=r"needs lightning-fabric; run `pip install tombola-host\[cluster\]`"):
        spread(2, in_each)
