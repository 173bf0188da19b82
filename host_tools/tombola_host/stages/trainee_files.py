"""Networks and curves in run directories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor

from tombola_host.progress import Step
from tombola_host.runs.store import Run
from tombola_host.training.hooks import Checkpoints, Told
from tombola_host.training.loop import Curves, Loop, Phase
from tombola_host.training.objective import Trainee

T_co = TypeVar("T_co", bound=Trainee, covariant=True)
T = TypeVar("T", bound=Trainee)


class Restoring(Protocol[T_co]):
    """A family, as far as it makes a trainee from tensors.

    >>> family: Restoring[VoiceTrainee] = VoiceFamily()
    >>> family.restored(VoiceTrainee(network, latents).tensors()).network.modes
    2
    """

    def restored(self, tensors: Mapping[str, Tensor]) -> T_co:
        """A trainee from the tensors of ``Trainee.tensors``."""


def save_trainee(run: Run, name: str, trainee: Trainee) -> None:
    """Write a trainee's tensors into a run."""
    run.save(name, trainee.tensors())


def load_trainee(family: Restoring[T], run: Run, name: str) -> T:
    """Read a trainee from a run; its weights' shapes give its sizes."""
    return family.restored(run.load(name))


def train_in(run: Run, trainee: Trainee, phases: Sequence[Phase], step: Step) -> Curves:
    """Train with checkpoints in a run, and report progress."""
    return Loop(trainee, phases, (Checkpoints(run.checkpoint()), Told(step))).run()


def curve_facts(curves: Curves) -> dict[str, Any]:
    """Curves for a run's result: phase → losses."""
    return {name: [round(loss, 5) for loss in curve] for name, curve in curves.items()}
