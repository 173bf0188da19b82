"""Stage: several tickets into one network, trained on all modes together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from tombola_host.corpus.material import Material
from tombola_host.lottery.ticket import count_parameters
from tombola_host.merging import method_named
from tombola_host.merging.core import MergedSize
from tombola_host.progress import Step
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.ticket import load_ticket
from tombola_host.stages.trainee_files import history_facts, save_trainee, told
from tombola_host.training.loop import Training, new_trainee
from tombola_host.training.schedule import Schedule


def open_run(
    store: RunStore, tickets: Sequence[Run], schedule: Schedule, size: MergedSize, seed: int, method: str
) -> Run:
    """The run of this stage."""
    facts = {"tickets": [run.name for run in tickets], "schedule": asdict(schedule), "size": asdict(size)}
    return store.open("merge", {**facts, "seed": seed, "method": method, "start": "rewound"})


def merge(
    run: Run,
    ticket_runs: Sequence[Run],
    materials: Sequence[Material],
    schedule: Schedule,
    size: MergedSize,
    seed: int,
    method: str,
    step: Step,
) -> None:
    """Merge and train, unless the run is done."""
    if run.done:
        step(1, 1, "done before")
        return
    begun = time.perf_counter()
    tickets = [load_ticket(ticket_run) for ticket_run in ticket_runs]
    network = method_named(method)(tickets, size, seed)
    data = [material.training for material in materials]
    trainee = new_trainee(network, data, seed)
    history = Training(trainee, data, schedule, seed, blends=True).run(told(step), run.checkpoint())
    save_trainee(run, "merged", trainee)
    run.finish(
        {
            "modes": [material.name for material in materials],
            "parameters": count_parameters(network),
            "method": method,
            "seed": seed,
            "seconds": round(time.perf_counter() - begun, 2),
            "history": history_facts(history),
        }
    )
