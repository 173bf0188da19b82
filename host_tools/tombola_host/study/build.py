"""All stages in their order: folders of sound in, one bundle out, resumable anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tombola_device.contract.bundle import Bundle

from tombola_host.corpus.material import Material, gather
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.merging.core import MergedSize
from tombola_host.progress import Reporter
from tombola_host.runs.pool import Job, run_jobs
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages import bundle as bundle_stage
from tombola_host.stages import compare as compare_stage
from tombola_host.stages import merge as merge_stage
from tombola_host.stages import ticket as ticket_stage
from tombola_host.stages import train as train_stage
from tombola_host.study import plan
from tombola_host.training.schedule import DENSE_SIZE, Effort, effort_named


@dataclass(frozen=True, slots=True)
class Settings:
    """What a build can be told.

    Args:
        effort: A name in ``EFFORTS``.
        seed: Of all trainings; the split of the notes does not depend on it.
        criterion: A name in ``CRITERIA``.
        method: A name in ``METHODS``.
        dense: Size of the network that the tickets are drawn from.
        size: Of the merged network.
        workers: Processes; one per core by default.
    """

    effort: str = "normal"
    seed: int = 0
    criterion: str = "magnitude"
    method: str = "core"
    dense: VoiceSize = DENSE_SIZE
    size: MergedSize = field(default_factory=MergedSize)
    workers: int | None = None

    @property
    def schedule(self) -> Effort:
        """The effort's schedules."""
        return effort_named(self.effort)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build went through.

    Args:
        materials: The modes.
        dense: Run of each mode's dense network.
        tickets: Run of each mode's ticket.
        merged: Run of the merged network.
        joint: Run of the joint baseline, where it was asked for.
        comparison: Run of the comparison, where it was asked for.
        bundle: What is flashed.
        run: The record of all this, for ``tombola report``.
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
    """From recordings to a bundle.

    Args:
        name: The bundle's name.
        folders: Mode name → folder of recordings, in the order of the blend vector.
        compare: Whether to train and measure what the merged network is compared with.

    Raises:
        BadAudio: A folder has nothing that can be learned from.
        BadConfig: There are no modes or too many, or a name or a setting cannot be; said before anything is read.
    """
    plan.check_build(name, folders)
    reporter.plan(plan.build_parts(folders, settings.schedule, settings.workers, compare=compare))
    materials = gather(folders, reporter)
    dense = train_all(materials, settings, store, reporter)
    tickets = draw_all(materials, dense, settings, store, reporter)
    merged, joint = merge_all(materials, tickets, settings, store, reporter, baselines=compare)
    comparison = None
    if joint is not None:
        comparison = compare_stage.open_run(store, merged, joint, tickets)
        compare_stage.compare(comparison, merged, joint, tickets, materials, reporter.task(plan.COMPARING))
    step = reporter.task(plan.PACKING)
    bundle = bundle_stage.make_bundle(merged, materials, name)
    run = store.open("build", {"name": name, "merged": merged.name, "compare": comparison.name if comparison else ""})
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
        "seed": settings.seed,
        "dense": [run.name for run in built.dense],
        "tickets": [run.name for run in built.tickets],
        "merged": built.merged.name,
        "joint": built.joint.name if built.joint else None,
        "compare": built.comparison.name if built.comparison else None,
    }


def train_all(
    materials: Sequence[Material], settings: Settings, store: RunStore, reporter: Reporter
) -> tuple[Run, ...]:
    """The dense network of each mode."""
    schedule, size, seed = settings.schedule.dense, settings.dense, settings.seed
    runs = tuple(train_stage.open_run(store, material, schedule, size, seed) for material in materials)
    jobs = [
        Job(plan.learning(material.name), train_stage.train, (run, material, schedule, size, seed))
        for run, material in zip(runs, materials, strict=True)
    ]
    run_jobs(jobs, reporter, settings.workers)
    return runs


def draw_all(
    materials: Sequence[Material], dense: Sequence[Run], settings: Settings, store: RunStore, reporter: Reporter
) -> tuple[Run, ...]:
    """The ticket of each mode."""
    effort, seed, criterion = settings.schedule, settings.seed, settings.criterion
    runs = tuple(
        ticket_stage.open_run(store, material, source, effort, seed, criterion)
        for material, source in zip(materials, dense, strict=True)
    )
    jobs = [
        Job(plan.condensing(material.name), ticket_stage.draw, (run, source, material, effort, seed, criterion))
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
    """The merged network, and beside it the joint baseline: one core each."""
    schedule = settings.schedule.merge
    methods = [settings.method, "joint"] if baselines else [settings.method]
    runs = [merge_stage.open_run(store, tickets, schedule, settings.size, settings.seed, method) for method in methods]
    jobs = [
        Job(
            plan.JOINING if method == settings.method else plan.JOINING_TO_COMPARE,
            merge_stage.merge,
            (run, tickets, materials, schedule, settings.size, settings.seed, method),
        )
        for run, method in zip(runs, methods, strict=True)
    ]
    run_jobs(jobs, reporter, settings.workers)
    return runs[0], runs[1] if baselines else None
