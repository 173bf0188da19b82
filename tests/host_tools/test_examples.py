"""The examples (``>>>``) in the docstrings of the host run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import tombola_host
import torch
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.graph import TIMBRE, block_graph
from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.export.bundle import export_bundle
from tombola_host.generators import family_named
from tombola_host.generators.base import Generator
from tombola_host.generators.voice.family import VoiceFamily
from tombola_host.generators.voice.latents import NoteLatents
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.trainee import VoiceTrainee
from tombola_host.lottery.drum import Drum, Trained, Ways
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.ticket import Origin, Ticket
from tombola_host.merging.size import MergedSize
from tombola_host.merging.trained import TrainedTicket
from tombola_host.training.hooks import Checkpoints
from tombola_host.training.loop import Loop, Phase, Turn
from tombola_host.training.objective import load_parts, part_of, tensors_of
from tombola_host.training.streams import first_weights, torch_stream
from torch import Tensor, nn

ROOT = Path(tombola_host.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"
)

MARKS = (">>> class ", ">>> def ", ">>> @dataclass", ">>> family: ", ">>> learner: ")
"""How an implementation begins, or one that exists is named."""


def source(name: str) -> str:
    return inspect.getsource(importlib.import_module(name))


@dataclass
class One:
    """A trainee with one network; ``Alone`` of ``GeneratorTrainee`` is the same."""

    network: nn.Module

    def parts(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    def tensors(self) -> dict[str, Tensor]:
        return tensors_of(self)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        load_parts(self, tensors)


@dataclass(frozen=True)
class Width:
    hidden: int


class Gains(Generator):
    """As in the docstring of ``Generator``."""

    def __init__(self, modes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(modes))

    @property
    def modes(self):
        return len(self.weight)

    def unit_groups(self):
        return ()

    def forward(self, conditions):
        return (conditions.controls[..., 7:] @ self.weight).repeat_interleave(128, dim=1)


class Towards:
    """Learns to give 1."""

    def draw(self, step):
        return torch.full((2, 4), float(step))

    def loss(self, batch, step):
        del step
        return {"distance": (self.network(batch) - 1).square().mean()}

    network = nn.Linear(4, 4)


class Untrained:
    def round(self, number, weights):
        del number
        return Trained(Voice.of(weights), weights, {"controls": [1.0]})

    def watched(self, weights, watch):
        del watch
        return Trained(Voice.of(weights), weights, {})

    def fresh(self):
        raise NotImplementedError

    early = fresh


@pytest.fixture
def names(voice) -> dict[str, object]:
    """Objects that the examples assume, and names that a reader would import."""
    network = voice(2, hidden=10, activity=MergedSize(shared=10, core=6, specialists=2).activity(2))
    dense = VoiceFamily().build(1, VoiceSize(16, 16), seed=0)
    first = {name: tensor.clone() for name, tensor in dense.state_dict().items()}
    groups = dense.unit_groups()
    drum = Drum(groups, first, Untrained(), Ways(), 0)
    mask = {group.name: torch.ones(group.size, dtype=torch.bool) for group in groups}
    ticket = Ticket("violin", mask, first, (), 0, Origin("voice", {}, 0, "magnitude", "one_shot", "run"))
    envelope = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)
    ranges = dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0))
    return {
        "Alone": One,
        "BadConfig": BadConfig,
        "Checkpoints": Checkpoints,
        "Envelope": Envelope,
        "Gains": Gains,
        "Loop": Loop,
        "MergedSize": MergedSize,
        "Mode": Mode,
        "One": One,
        "Phase": Phase,
        "Turn": Turn,
        "Voice": Voice,
        "Trained": Trained,
        "VoiceFamily": VoiceFamily,
        "VoiceTrainee": VoiceTrainee,
        "family_named": family_named,
        "VoiceSize": VoiceSize,
        "Width": Width,
        "block_graph": block_graph,
        "dataclass": dataclass,
        "drum": drum,
        "evidence": Evidence(dense, groups, first, seed=0),
        "export_bundle": export_bundle,
        "first_weights": first_weights,
        "load_parts": load_parts,
        "math": math,
        "modes": [Mode(name, "#e8a33d", (50.0, 70.0), envelope, ranges) for name in ("a", "b")],
        "network": network,
        "latents": NoteLatents(network.modes, 1, network.size.input),
        "nn": nn,
        "np": np,
        "part_of": part_of,
        "phase": Phase("controls", (Turn(Towards()),), 3, 1e-3),
        "tensors_of": tensors_of,
        "torch": torch,
        "torch_stream": torch_stream,
        "trained_ticket": TrainedTicket(ticket, first),
    }


@pytest.mark.parametrize("name", [name for name in MODULES if ">>>" in source(name)])
def test_examples_print_what_they_say(name, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs=names | vars(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def protocols() -> list[type]:
    kinds = {kind for name in MODULES for kind in vars(importlib.import_module(name)).values() if inspect.isclass(kind)}
    ours = {kind for kind in kinds if kind.__module__ in MODULES and not kind.__name__.startswith("_")}
    return sorted((kind for kind in ours if Protocol in kind.__bases__), key=lambda kind: kind.__qualname__)


def test_every_protocol_shows_a_minimal_implementation():
    found = protocols()
    assert len(found) >= 19
    shown = {kind.__qualname__ for kind in found if any(mark in (kind.__doc__ or "") for mark in MARKS)}
    assert {kind.__qualname__ for kind in found} - shown == set()
