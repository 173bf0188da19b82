"""All stages in their order: from folders of sound to one bundle; a build can resume at any point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadConfig

from tombola_host.corpus.material import Material, gather
from tombola_host.corpus.weights import Weights, weighed
from tombola_host.generators import family_named
from tombola_host.generators.base import Size
from tombola_host.generators.family import Family
from tombola_host.generators.presets import PRESETS
from tombola_host.lottery.drum import Ways
from tombola_host.merging import BEST, lottery_method, method_named, needs_tickets
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Part, Reporter
from tombola_host.runs.pool import Job, run_jobs
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages import bundle as bundle_stage
from tombola_host.stages import compare as compare_stage
from tombola_host.stages import merge as merge_stage
from tombola_host.stages import ticket as ticket_stage
from tombola_host.stages import train as train_stage
from tombola_host.stages.merge import Joining
from tombola_host.stages.ticket import Lot
from tombola_host.study import plan, trial
from tombola_host.training.effort import Effort, effort_named

VERSION = 5
WEIGHED = "voice"
"""The family whose training draws windows of notes, so that some can be drawn more often."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a build.

    Args:
        effort: A name in ``EFFORTS``.
        seed: Seed of all trainings; the split of the notes does not depend on it.
        family: A name in ``FAMILIES``.
        criterion: A name in ``CRITERIA``.
        schedule: A name in ``SCHEDULES``.
        scope: A name in ``SCOPES``.
        scaling: A name in ``SCALINGS``.
        reset: A name in ``RESETS``, or ``rewind-STEPS``.
        density: Share of the dense network that a ticket keeps; the effort's by default.
        method: A name in ``METHODS``.
        dense: Size of the dense network, from which tickets are drawn; the family's own by default.
        size: Size of the network for all modes.
        workers: Number of processes; one per core by default.
        weights: What counts more in the trainings; only the family ``voice`` learns by it.

    Raises:
        BadConfig: A name is unknown.
    """

    effort: str = "normal"
    seed: int = 0
    family: str = "voice"
    criterion: str = "magnitude"
    schedule: str = "iterative"
    method: str = BEST
    dense: Size | None = None
    size: MergedSize = field(default_factory=MergedSize)
    workers: int | None = None
    scope: str = "global"
    scaling: str = "mean"
    reset: str = "rewind"
    density: float | None = None
    weights: Weights | None = None

    def __post_init__(self) -> None:
        self.lot.check()
        if self.weights is not None and self.family != WEIGHED:
            raise BadConfig(
                f"the family {self.family!r} cannot be trained by weights; leave --weights out, or build with "
                f"--family {WEIGHED}"
            )
        family_named(self.family)
        method_named(self.method)

    @property
    def networks(self) -> Family:
        """The family."""
        return family_named(self.family)

    @property
    def lengths(self) -> Effort:
        """The effort's lengths and shares."""
        return effort_named(self.effort)

    @property
    def lot(self) -> Lot:
        """The settings of the lottery."""
        return Lot(self.lengths, self.seed, self.ways, self.schedule, self.density)

    @property
    def ways(self) -> Ways:
        """How units are scored and cut, and from which weights they start again."""
        return Ways(self.criterion, self.scope, self.scaling, self.reset)

    @property
    def needs_tickets(self) -> bool:
        """Whether the network of the bundle is made from tickets."""
        return needs_tickets(self.method, self.networks)

    def joining(self, method: str) -> Joining:
        """How the network of a method is made: a network without tickets has their time as well."""
        lengths = self.lengths
        alone = method == self.method and not self.needs_tickets
        return Joining(lengths.scratch if alone else lengths.merge, self.size, self.seed, method)


@dataclass(frozen=True, slots=True)
class Built:
    """The results of a build.

    Args:
        materials: The modes.
        dense: Run of each mode's dense network; none where no ticket was drawn.
        tickets: Run of each mode's ticket; none likewise.
        merged: Run of the network in the bundle.
        other: Run of the network that it is compared with, if it was asked for.
        trial: Run of the small lottery beside it; none without held-out notes.
        comparison: Run of the comparison, if it was asked for.
        bundle: The bundle to flash.
        run: The record of the build, for ``tombola report``.
    """

    materials: tuple[Material, ...]
    dense: tuple[Run, ...]
    tickets: tuple[Run, ...]
    merged: Run
    other: Run | None
    trial: Run | None
    comparison: Run | None
    bundle: Bundle
    run: Run


def build(
    name: str,
    folders: Mapping[str, Path],
    settings: Settings,
    store: RunStore,
    reporter: Reporter,
    *,
    compare: bool = False,
) -> Built:
    """Make a bundle from recordings.

    Args:
        name: The bundle's name.
        folders: Mode name → folder of recordings, in the order of the blend vector.
        compare: Whether to train and measure what else could have been made of the same recordings.

    Raises:
        BadAudio: A folder contains no usable recording.
        BadConfig: There are no modes or too many, or a name or setting is wrong; raised before anything is read.
    """
    plan.check_build(name, folders)
    reporter.plan(parts_of(folders, settings, compare=compare))
    family = settings.networks
    materials = gather(folders, reporter)
    if settings.weights is not None:
        materials = weighed(materials, settings.weights)
    dense: tuple[Run, ...] = ()
    tickets: tuple[Run, ...] = ()
    if settings.needs_tickets or compare:
        dense = train_all(materials, settings, store, reporter)
        tickets = draw_all(materials, dense, settings, store, reporter)
    tried, trying = _trial(materials, settings, store)
    merged, other = merge_all(materials, tickets, settings, store, reporter, baselines=compare, beside=trying)
    if tried is None:
        reporter.task(plan.TRYING)(1, 1, "no held-out notes, or no small size of this family")
    comparison = None
    if other is not None:
        of_joint, of_core = (merged, other) if settings.method == "joint" else (other, merged)
        comparison = compare_stage.open_run(store, family, of_core, of_joint, tickets)
        compare_stage.compare(comparison, family, of_core, of_joint, tickets, materials, reporter.task(plan.COMPARING))
    step = reporter.task(plan.PACKING)
    bundle = bundle_stage.make_bundle(family, merged, materials, name)
    facts = {"name": name, "merged": merged.name, "compare": comparison.name if comparison else ""}
    run = store.open(Spec("build", VERSION, family.name, facts))
    bundle_stage.write_bundle(bundle, run.path / "bundle.tombola")
    built = Built(materials, dense, tickets, merged, other, tried, comparison, bundle, run)
    run.finish(_record(name, folders, settings, built))
    step(1, 1, "")
    return built


def _record(name: str, folders: Mapping[str, Path], settings: Settings, built: Built) -> dict[str, Any]:
    return {
        "name": name,
        "folders": {mode: str(folder.resolve()) for mode, folder in folders.items()},
        "effort": settings.effort,
        "method": settings.method,
        "family": settings.family,
        "seed": settings.seed,
        "weights": msgspec.to_builtins(settings.weights),
        "dense": [run.name for run in built.dense],
        "tickets": [run.name for run in built.tickets],
        "merged": built.merged.name,
        "other": built.other.name if built.other else None,
        "trial": built.trial.name if built.trial else None,
        "compare": built.comparison.name if built.comparison else None,
    }


def _trial(materials: Sequence[Material], settings: Settings, store: RunStore) -> tuple[Run | None, tuple[Job, ...]]:
    """The small lottery beside a build, if there are notes to measure it on and the family has a small size."""
    material = trial.chosen(materials)
    if material is None or settings.family not in PRESETS:
        return None, ()
    family, seed = settings.networks, settings.seed
    run = trial.open_run(store, family, material, seed)
    return run, (Job(plan.TRYING, trial.attempt, (run, family, material, seed)),)


def train_all(
    materials: Sequence[Material], settings: Settings, store: RunStore, reporter: Reporter
) -> tuple[Run, ...]:
    """Train the dense network of each mode."""
    family, length, seed = settings.networks, settings.lengths.dense, settings.seed
    size = family.fitted(settings.dense or family.dense, [material.training for material in materials])
    runs = tuple(train_stage.open_run(store, family, material, length, size, seed) for material in materials)
    jobs = [
        Job(plan.learning(material.name), train_stage.train, (run, family, material, length, size, seed))
        for run, material in zip(runs, materials, strict=True)
    ]
    run_jobs(jobs, reporter, settings.workers)
    return runs


def draw_all(
    materials: Sequence[Material], dense: Sequence[Run], settings: Settings, store: RunStore, reporter: Reporter
) -> tuple[Run, ...]:
    """Draw the ticket of each mode."""
    family, lot = settings.networks, settings.lot
    runs = tuple(
        ticket_stage.open_run(store, family, material, source, lot)
        for material, source in zip(materials, dense, strict=True)
    )
    jobs = [
        Job(plan.condensing(material.name), ticket_stage.draw, (run, family, source, material, lot))
        for run, source, material in zip(runs, dense, materials, strict=True)
    ]
    run_jobs(jobs, reporter, settings.workers)
    return runs


def merge_all(
    materials: Sequence[Material],
    tickets: Sequence[Run],
    settings: Settings,
    store: RunStore,
    reporter: Reporter,
    *,
    baselines: bool,
    beside: Sequence[Job] = (),
) -> tuple[Run, Run | None]:
    """Make the network for all modes, and what it is compared with, on one core each.

    Args:
        tickets: One of each mode, if the network is made from them or compared with one that is.
        beside: Other work for the cores that are left.
    """
    family = settings.networks
    like = family.fitted(settings.dense or family.dense, [material.training for material in materials])
    rival = lottery_method(family) if settings.method == "joint" else "joint"
    runs, jobs = [], []
    for method in dict.fromkeys([settings.method, *([rival] if baselines else [])]):
        joining, first = settings.joining(method), method == settings.method
        if first and not settings.needs_tickets:
            runs.append(merge_stage.open_scratch(store, family, materials, joining, like))
            jobs.append(Job(plan.LEARNING_ALL, merge_stage.learn, (runs[-1], family, materials, joining, like)))
        else:
            runs.append(merge_stage.open_run(store, family, tickets, joining))
            title = plan.JOINING if first else plan.JOINING_TO_COMPARE
            jobs.append(Job(title, merge_stage.merge, (runs[-1], family, tickets, materials, joining)))
    run_jobs([*jobs, *beside], reporter, settings.workers)
    return runs[0], runs[-1] if baselines else None


def parts_of(folders: Mapping[str, Path], settings: Settings, *, compare: bool) -> tuple[Part, ...]:
    """The parts of this build; see ``plan.build_parts``."""
    tickets = settings.needs_tickets
    return plan.build_parts(folders, settings.lengths, settings.workers, compare=compare, tickets=tickets)
