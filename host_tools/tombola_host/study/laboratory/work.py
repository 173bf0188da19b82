"""Runs a study: what is done is kept, what is left is planned and shared among workers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from tombola_device.contract.errors import BadConfig, StoreError

from tombola_host.corpus.material import Material, gather
from tombola_host.generators import learnable_named
from tombola_host.generators.presets import PRESETS
from tombola_host.lottery.criteria import CRITERIA
from tombola_host.lottery.selection import check_density
from tombola_host.progress import Part, Reporter, duration
from tombola_host.runs.pool import Job, Pool, run_jobs
from tombola_host.runs.store import Run, RunStore
from tombola_host.study.laboratory.cell import measure, open_dense, open_run, size_of, train_dense
from tombola_host.study.laboratory.plan import Cell, Study, cells_of
from tombola_host.training.loop import one_thread

BYTES_A_CELL = 4_000_000
"""Room for a ticket, its checkpoint and its result, with some to spare."""
AUDIO_STEP = 4
"""A step on sound takes as long as this many control steps."""
CELL_SHARES = {"equal-steps": 0.55, "distilled": 0.9, "equal-cpu": 1.9}
"""What a cell takes of the time of its dense training; the remaining time is corrected during the work."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell with what it needs.

    Args:
        dense: The run of the dense network that it draws from.
        run: Its own run.
    """

    cell: Cell
    material: Material
    dense: Run
    run: Run


def place(study: Study, store: RunStore, reporter: Reporter) -> tuple[Placed, ...]:
    """Read the corpora and find the run of each cell."""
    materials = {each.name: each for each in gather(_folders(study), reporter, fresh=True)}
    for name, material in materials.items():
        if not material.test.notes:
            raise BadConfig(f"the corpus {name!r} has too few notes to hold some out; give one with at least five")
    length = study.steps.length()
    placed = []
    for cell in cells_of(study):
        material = materials[cell.corpus]
        dense = open_dense(store, cell, material, length, study.size)
        placed.append(Placed(cell, material, dense, open_run(store, cell, material, length, dense)))
    return tuple(placed)


def work(
    study: Study, store: RunStore, reporter: Reporter, workers: int | None = None, pool: Pool | None = None
) -> tuple[Placed, ...]:
    """Run all cells that are not done; an interrupted study goes on where it stopped.

    Raises:
        BadConfig: Another scheduler works on this study, a density is impossible, or a family cannot serve a criterion.
        StoreError: The disk has no room.
        WorkerEnded: A worker died; all finished cells are kept.
    """
    with _alone(study, store):
        check_served(study)
        placed = place(study, store, reporter)
        dense, left = _to_train(placed)
        _check_room(store.root, len(left))
        _plan(study, placed, reporter, workers)
        length = study.steps.length()
        jobs = [
            Job(_learning(each), train_dense, (each.dense, each.cell, each.material, length, study.size))
            for each in dense
        ]
        run_jobs(jobs, reporter, workers, pool)
        run_jobs(
            [Job(each.cell.title, measure, (each.run, each.cell, each.material, length, each.dense)) for each in left],
            reporter,
            workers,
            pool,
        )
        return placed


def parts_of(study: Study, placed: Sequence[Placed]) -> tuple[Part, ...]:
    """What is left to do, with processor seconds as they are on a common computer."""
    steps = study.steps.control_steps + AUDIO_STEP * study.steps.audio_steps
    dense, left = _to_train(placed)
    return (
        *(Part(_learning(each), steps * PRESETS[each.cell.family].step_s) for each in dense),
        *(
            Part(each.cell.title, steps * PRESETS[each.cell.family].step_s * CELL_SHARES[each.cell.training])
            for each in left
        ),
    )


def _to_train(placed: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """A cell for each dense network that is missing, and all cells that are not done."""
    left = [each for each in placed if not each.run.done]
    return list({each.dense.name: each for each in left if not each.dense.done}.values()), left


def _learning(each: Placed) -> str:
    return f"dense: {each.cell.family} {each.cell.corpus} {each.cell.seed}"


def _plan(study: Study, placed: Sequence[Placed], reporter: Reporter, workers: int | None) -> None:
    """Say what will be done and how long that may take."""
    dense, left = _to_train(placed)
    side_by_side = min(workers or os.cpu_count() or 1, max(len(left), 1))
    parts = [Part(part.title, part.seconds / side_by_side) for part in parts_of(study, placed)]
    reporter.plan(parts)
    reporter.say(
        f"{len(placed)} cells, {len(placed) - len(left)} done before, {len(dense)} dense networks to train: "
        f"about {duration(sum(part.seconds for part in parts))}, {side_by_side} at a time"
    )


def check_served(study: Study) -> None:
    """Refuse densities below what a family's groups allow, and criteria that it cannot serve.

    Raises:
        BadConfig: One of these.
    """
    for name in study.families:
        family = learnable_named(name)
        with one_thread():
            network = family.build(1, size_of(family, study.size), 0)
        groups, weights = network.unit_groups(), dict(network.state_dict())
        for density in sorted({cell.density for cell in cells_of(study) if not cell.dense}):
            check_density(groups, weights, density)
        criteria = {cell.ways.criterion for cell in cells_of(study)}
        if "normalisation" in criteria & CRITERIA.keys() and not any(group.scale for group in groups):
            raise BadConfig(f"the family {name!r} has no normalisation, so the criterion normalisation cannot score it")


@contextmanager
def _alone(study: Study, store: RunStore) -> Iterator[None]:
    """One scheduler for a study; cells are claimed beside that, so several hosts can share the folder by Ray."""
    lock = FileLock(store.root / f".{study.name}.study")
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BadConfig(
            f"another `tombola study run` works on {study.name!r} in {store.root}; wait for it, or choose other --runs"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot write {store.root}: {error.strerror}; choose another folder with --runs") from error
    try:
        yield
    finally:
        lock.release()


def _check_room(root: Path, cells: int) -> None:
    free = shutil.disk_usage(root).free
    if free < cells * BYTES_A_CELL:
        raise StoreError(
            f"{root} has {free / 1e9:.1f} GB free, and {cells} cells need about {cells * BYTES_A_CELL / 1e9:.1f} GB; "
            "free some space, or choose another folder with --runs"
        )


def _folders(study: Study) -> Mapping[str, Path]:
    return {name: Path(folder) for name, folder in study.corpora.items()}


def done(placed: Sequence[Placed]) -> tuple[Placed, ...]:
    """The cells that have a result."""
    return tuple(each for each in placed if each.run.done)
