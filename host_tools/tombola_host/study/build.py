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
from tombola_host.lottery.drum import Ways
from tombola_host.merging import default_method, method_named
from tombola_host.merging.size import MergedSize
from tombola_host.progress import Reporter
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
from tombola_host.study import plan
from tombola_host.training.effort import Effort, effort_named

VERSION = 2
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
        method: A name in ``METHODS``; the family's own by default.
        dense: Size of the dense network, from which tickets are drawn; the family's own by default.
        size: Size of the merged network.
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
    method: str = ""
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
        method_named(self.merge_method)

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
    def merge_method(self) -> str:
        """The merge method; by default the family's own."""
        return self.method or default_method(self.networks)


@dataclass(frozen=True, slots=True)
class Built:
    """The results of a build.

    Args:
        materials: The modes.
        dense: Run of each mode's dense network.
        tickets: Run of each mode's ticket.
        merged: Run of the merged network.
        joint: Run of the joint baseline, if it was asked for.
        comparison: Run of the comparison, if it was asked for.
        bundle: The bundle to flash.
        run: The record of the build, for ``tombola report``.
    """

    materials: tuple[Material, ...]
    dense: tuple[Run, ...]
    tickets: tuple[Run, ...]
    merged: Run
    joint: Run | None
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
        compare: Whether to train baselines and compare the merged network with them.

    Raises:
        BadAudio: A folder contains no usable recording.
        BadConfig: There are no modes or too many, or a name or setting is wrong; raised before anything is read.
    """
    plan.check_build(name, folders)
    reporter.plan(plan.build_parts(folders, settings.lengths, settings.workers, compare=compare))
    family = settings.networks
    materials = gather(folders, reporter)
    if settings.weights is not None:
        materials = weighed(materials, settings.weights)
    dense = train_all(materials, settings, store, reporter)
    tickets = draw_all(materials, dense, settings, store, reporter)
    merged, joint = merge_all(materials, tickets, settings, store, reporter, baselines=compare)
    comparison = None
    if joint is not None:
        comparison = compare_stage.open_run(store, family, merged, joint, tickets)
        compare_stage.compare(comparison, family, merged, joint, tickets, materials, reporter.task(plan.COMPARING))
    step = reporter.task(plan.PACKING)
    bundle = bundle_stage.make_bundle(family, merged, materials, name)
    facts = {"name": name, "merged": merged.name, "compare": comparison.name if comparison else ""}
    run = store.open(Spec("build", VERSION, family.name, facts))
    bundle_stage.write_bundle(bundle, run.path / "bundle.tombola")
    built = Built(materials, dense, tickets, merged, joint, comparison, bundle, run)
    run.finish(_record(name, folders, settings, built))
    step(1, 1, "")
    return built


def _record(name: str, folders: Mapping[str, Path], settings: Settings, built: Built) -> dict[str, Any]:
    return {
        "name": name,
        "folders": {mode: str(folder.resolve()) for mode, folder in folders.items()},
        "effort": settings.effort,
        "family": settings.family,
        "seed": settings.seed,
        "weights": msgspec.to_builtins(settings.weights),
        "dense": [run.name for run in built.dense],
        "tickets": [run.name for run in built.tickets],
        "merged": built.merged.name,
        "joint": built.joint.name if built.joint else None,
        "compare": built.comparison.name if built.comparison else None,
    }


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
) -> tuple[Run, Run | None]:
    """Make the merged network, and beside it the joint baseline, on one core each."""
    family, length, method = settings.networks, settings.lengths.merge, settings.merge_method
    methods = [method, *(["joint"] if baselines and method != "joint" else [])]
    joinings = [Joining(length, settings.size, settings.seed, each) for each in methods]
    runs = [merge_stage.open_run(store, family, tickets, joining) for joining in joinings]
    jobs = [
        Job(
            plan.JOINING if joining.method == method else plan.JOINING_TO_COMPARE,
            merge_stage.merge,
            (run, family, tickets, materials, joining),
        )
        for run, joining in zip(runs, joinings, strict=True)
    ]
    run_jobs(jobs, reporter, settings.workers)
    return runs[0], runs[-1] if baselines else None
