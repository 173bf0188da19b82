"""Stage: merge several tickets into one network and train it on all modes together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tombola_host.corpus.material import Material
from tombola_host.generators.base import count_parameters
from tombola_host.generators.family import Family
from tombola_host.merging import method_named
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.ticket import load_ticket
from tombola_host.stages.trainee_files import curve_facts, save_trainee, train_in
from tombola_host.training.effort import Length

VERSION = 6


@dataclass(frozen=True, slots=True)
class Joining:
    """Settings of a merge.

    Args:
        length: Length of the merged network's training.
        size: Size of the merged network.
        seed: Seed of all random numbers.
        method: A name in ``METHODS``.
    """

    length: Length
    size: MergedSize
    seed: int
    method: str


def open_run(store: RunStore, family: Family, tickets: Sequence[Run], joining: Joining) -> Run:
    """The run of this stage."""
    facts = {"tickets": [run.name for run in tickets], **asdict(joining)}
    return store.open(Spec("merge", VERSION, family.name, facts))


def merge(
    run: Run,
    family: Family,
    ticket_runs: Sequence[Run],
    materials: Sequence[Material],
    joining: Joining,
    step: Step,
) -> None:
    """Merge and train, unless the run is done already."""
    with run.claimed(step) as todo:
        if not todo:
            return
        begun = time.perf_counter()
        tickets = [load_ticket(family, ticket_run) for ticket_run in ticket_runs]
        seed = joining.seed
        network = method_named(joining.method)(family, tickets, joining.size, seed)
        data = [material.training for material in materials]
        trainee = family.trainee(network, data, seed)
        curves = train_in(run, trainee, family.phases(trainee, data, joining.length, seed, "merge"), step)
        save_trainee(run, "merged", trainee)
        run.finish(
            {
                "modes": [material.name for material in materials],
                "parameters": count_parameters(network),
                "method": joining.method,
                "family": family.name,
                "seed": seed,
                "seconds": round(time.perf_counter() - begun, 2),
                "history": curve_facts(curves),
            }
        )
