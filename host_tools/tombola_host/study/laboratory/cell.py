"""One cell: a ticket is drawn, trained and measured on notes that chose nothing before. Each cell is a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from tombola_host.corpus.material import Material
from tombola_host.evaluation.held_out import errors_by_note
from tombola_host.generators import learnable_named
from tombola_host.generators.base import Size, count_parameters
from tombola_host.generators.family import Learnable, Learner
from tombola_host.generators.presets import PRESETS, size_named
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages import train as train_stage
from tombola_host.stages.ticket import Lot, draw_ticket
from tombola_host.stages.trainee_files import curve_facts, load_trainee, save_trainee
from tombola_host.study.laboratory.distilled import distilled
from tombola_host.study.laboratory.plan import Cell
from tombola_host.training.effort import Effort, Length
from tombola_host.training.hooks import Checkpoints, Told
from tombola_host.training.loop import Loop, Phase, one_thread

VERSION = 1
PUBLISHED_ROUND = 0.7
"""What an iterative lottery leaves in each round. Source: Esling et al. 2020, 30 % removed fifteen times."""
MOST_TIMES = 20.0
"""Equal processor time is at most this many times the ticket's steps."""
TIMED_STEPS = 4


def size_of(family: Learnable, name: str) -> Size:
    """The dense network's size."""
    return family.size(size_named(family.name, name))


def open_dense(store: RunStore, cell: Cell, material: Material, length: Length, size: str) -> Run:
    """The run of the dense network that a cell draws from."""
    family = learnable_named(cell.family)
    return train_stage.open_run(store, family, material, length, size_of(family, size), cell.seed)


def train_dense(run: Run, cell: Cell, material: Material, length: Length, size: str, step: Step) -> None:
    """Train the dense network, unless it is done."""
    family = learnable_named(cell.family)
    train_stage.train(run, family, material, length, size_of(family, size), cell.seed, step)
    step(1, 1, "")


def open_run(store: RunStore, cell: Cell, material: Material, length: Length, dense: Run) -> Run:
    """The run of a cell; its name in the study does not matter."""
    facts = {
        "dense": dense.name,
        "corpus": material.fingerprint,
        "length": asdict(length),
        "density": cell.density,
        "seed": cell.seed,
        "schedule": cell.schedule,
        "training": cell.training,
        **asdict(cell.ways),
    }
    return store.open(Spec("cell", VERSION, cell.family, facts))


def measure(run: Run, cell: Cell, material: Material, length: Length, dense: Run, step: Step) -> None:
    """Draw, train and measure, unless the cell is done."""
    with run.claimed(step) as todo, one_thread():
        if not todo:
            return
        begun, family = time.process_time(), learnable_named(cell.family)
        trainings, curves, steps = 0.0, {}, 0
        if cell.dense:
            trainee = load_trainee(family, dense, "dense")
        else:
            lot = Lot(_effort(length, cell.density), cell.seed, cell.ways, cell.schedule, cell.density)
            ticket, trainings = draw_ticket(family, dense, material, lot, RunStore(run.path.parent), step)
            trainee = family.trainee(ticket.network(family), [material.training], cell.seed)
            phases = _phases(family, trainee, cell, material, length, dense, trainings)
            steps = sum(phase.steps for phase in phases)
            curves = Loop(trainee, phases, (Checkpoints(run.checkpoint()), Told(step))).run()
            save_trainee(run, "trained", trainee)
        run.finish(
            {
                "parameters": count_parameters(trainee.network),
                "errors": errors_by_note(family, trainee, 0, material.test.notes),
                "trainings": round(trainings, 4),
                "steps": steps,
                "seconds": round(time.process_time() - begun, 2),
                "history": curve_facts(curves),
            }
        )
        step(1, 1, "")


def _effort(length: Length, density: float) -> Effort:
    shares, share = [], PUBLISHED_ROUND
    while share > density:
        shares.append(round(share, 5))
        share *= PUBLISHED_ROUND
    return Effort(length, (*shares, density), ticket=length, merge=length, scratch=length)


def _phases(
    family: Learnable,
    trainee: Learner,
    cell: Cell,
    material: Material,
    length: Length,
    dense: Run,
    trainings: float,
) -> Sequence[Phase]:
    data = [material.training]
    if cell.training == "equal-cpu":
        dense_s = _pace(family, load_trainee(family, dense, "dense"), material, length)
        length = _longer(length, 1 + trainings * dense_s / _pace(family, trainee, material, length))
    own = family.phases(trainee, data, length, cell.seed, "ticket")
    if cell.training != "distilled":
        return own
    teacher = load_trainee(family, dense, "dense")
    theirs = family.phases(teacher, data, length, cell.seed, "ticket")
    taught = PRESETS[cell.family].taught
    return distilled(own, theirs, trainee.network.get_submodule(taught), teacher.network.get_submodule(taught))


def _longer(length: Length, times: float) -> Length:
    times = min(times, MOST_TIMES)
    return replace(
        length,
        control_steps=round(length.control_steps * times),
        audio_steps=round(length.audio_steps * times),
    )


def _pace(family: Learnable, trainee: Learner, material: Material, length: Length) -> float:
    """Processor seconds of a training of this length, from a few steps of a copy."""
    copy = family.restored({name: tensor.clone() for name, tensor in trainee.tensors().items()})
    phases = family.phases(copy, [material.training], length, 0, "timed")
    seconds = 0.0
    for phase in phases:
        if phase.steps:
            loop = Loop(copy, [replace(phase, steps=1)])
            loop.run()
            begun = time.process_time()
            Loop(copy, [replace(phase, steps=TIMED_STEPS)]).run()
            seconds += (time.process_time() - begun) / TIMED_STEPS * phase.steps
    return seconds
