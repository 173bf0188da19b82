"""Networks and curves in run directories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tombola_host.generators.family import Family, GeneratorTrainee
from tombola_host.progress import Step
from tombola_host.runs.store import Run
from tombola_host.training.hooks import Checkpoints, Told
from tombola_host.training.loop import Curves, Loop, Phase


def save_trainee(run: Run, name: str, trainee: GeneratorTrainee) -> None:
    """Write a trainee's tensors into a run."""
    run.save(name, trainee.tensors())


def load_trainee(family: Family, run: Run, name: str) -> GeneratorTrainee:
    """Read a trainee from a run; its weights' shapes give its sizes."""
    return family.restored(run.load(name))


def train_in(run: Run, trainee: GeneratorTrainee, phases: Sequence[Phase], step: Step) -> Curves:
    """Train with checkpoints in a run, and report progress."""
    return Loop(trainee, phases, (Checkpoints(run.checkpoint()), Told(step))).run()


def curve_facts(curves: Curves) -> dict[str, Any]:
    """Curves for a run's result: phase → losses."""
    return {name: [round(loss, 5) for loss in curve] for name, curve in curves.items()}
