"""Networks and histories in run directories."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tombola_host.generators.voice.encoder import TimbreEncoder
from tombola_host.generators.voice.network import Voice
from tombola_host.progress import Step
from tombola_host.runs.store import Run
from tombola_host.training.loop import History, Progress, Trainee


def save_trainee(run: Run, name: str, trainee: Trainee) -> None:
    """Keep a network and its encoder."""
    run.save(name, trainee.tensors())


def load_trainee(run: Run, name: str) -> Trainee:
    """A network and its encoder, their sizes read off their weights."""
    tensors = run.load(name)
    network = Voice.of(_part(tensors, "network."))
    hidden, columns = tensors["encoder.layers.0.weight"].shape
    width = network.partials + network.noise_bands
    trainee = Trainee(network, TimbreEncoder(width, columns - width, hidden))
    trainee.load(tensors)
    return trainee


def history_facts(history: History) -> dict[str, Any]:
    """For a run's result."""
    return {"control": [round(x, 5) for x in history.control], "audio": [round(x, 5) for x in history.audio]}


def told(step: Step, offset: int = 0, total: int | None = None) -> Progress:
    """A training's progress on a bar, perhaps as a part of it."""
    return lambda done, all_steps, loss: step(offset + done, total or all_steps, f"loss {loss:.3f}")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
