"""Stage: make one network, from tickets or from scratch, and train it on all modes together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tombola_host.corpus.material import Material
from tombola_host.generators.base import Generator, Size, count_parameters, size_facts
from tombola_host.generators.family import Family
from tombola_host.merging import method_named
from tombola_host.merging.joint import network_from_scratch
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
    """How a network for all modes is made.

    Args:
        length: Length of its training.
        size: Its size.
        seed: Seed of all random numbers.
        method: A name in ``METHODS``.
    """

    length: Length
    size: MergedSize
    seed: int
    method: str


def open_run(store: RunStore, family: Family, tickets: Sequence[Run], joining: Joining) -> Run:
    """The run of this stage, from tickets."""
    facts = {"tickets": [run.name for run in tickets], **asdict(joining)}
    return store.open(Spec("merge", VERSION, family.name, facts))


def open_scratch(store: RunStore, family: Family, materials: Sequence[Material], joining: Joining, like: Size) -> Run:
    """The run of this stage, from scratch."""
    corpora = [[material.name, material.fingerprint] for material in materials]
    return store.open(
        Spec("merge", VERSION, family.name, {"corpora": corpora, "like": size_facts(like), **asdict(joining)})
    )


def merge(
    run: Run,
    family: Family,
    ticket_runs: Sequence[Run],
    materials: Sequence[Material],
    joining: Joining,
    step: Step,
) -> None:
    """Merge tickets and train, unless the run is done already."""
    with run.claimed(step) as todo:
        if todo:
            begun = time.perf_counter()
            tickets = [load_ticket(family, ticket_run) for ticket_run in ticket_runs]
            network = method_named(joining.method)(family, tickets, joining.size, joining.seed)
            _train(run, family, network, materials, joining, begun, step)


def learn(run: Run, family: Family, materials: Sequence[Material], joining: Joining, like: Size, step: Step) -> None:
    """Train from scratch, unless the run is done already."""
    with run.claimed(step) as todo:
        if todo:
            begun = time.perf_counter()
            network = network_from_scratch(family, like, len(materials), joining.size, joining.seed)
            _train(run, family, network, materials, joining, begun, step)


def _train(
    run: Run,
    family: Family,
    network: Generator,
    materials: Sequence[Material],
    joining: Joining,
    begun: float,
    step: Step,
) -> None:
    seed, data = joining.seed, [material.training for material in materials]
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
