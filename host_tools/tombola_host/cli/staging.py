"""Commands for the stages of a build one by one: train, ticket, merge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tombola_host.cli.app import (
    CriterionOption,
    DensityOption,
    EffortOption,
    FamilyOption,
    Folders,
    MethodOption,
    ResetOption,
    RunsOption,
    ScalingOption,
    ScheduleOption,
    ScopeOption,
    SeedOption,
    WorkersOption,
    app,
    check_runs,
    log_path,
    run_store,
    say,
    working,
)
from tombola_host.cli.making import FROM_TICKETS, settings_of
from tombola_host.corpus.folders import parse_folders
from tombola_host.runs.store import Run
from tombola_host.study.plan import build_parts, check_build

if TYPE_CHECKING:
    from tombola_host.study.build import Settings


@app.command()
def train(
    folders: Folders,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    family: FamilyOption = "voice",
) -> None:
    """Stage 1: train the dense network of each mode. Prints the run of each.

    Example:  tombola train violin=rec/violin
    """
    _print_runs(_runs_until("train", folders, settings_of(effort, seed, workers, family), runs))


@app.command()
def ticket(
    folders: Folders,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    family: FamilyOption = "voice",
    criterion: CriterionOption = "magnitude",
    scope: ScopeOption = "global",
    scaling: ScalingOption = "mean",
    schedule: ScheduleOption = "iterative",
    reset: ResetOption = "rewind",
    density: DensityOption = None,
) -> None:
    """Stage 2: draw the ticket of each mode and train it. What stage 1 left undone is done first.

    Example:  tombola ticket violin=rec/violin --reset keep --density 0.05
    """
    settings = replace(
        settings_of(effort, seed, workers, family, criterion, schedule),
        scope=scope,
        scaling=scaling,
        reset=reset,
        density=density,
    )
    _print_runs(_runs_until("ticket", folders, settings, runs))


@app.command()
def merge(
    folders: Folders,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    family: FamilyOption = "voice",
    criterion: CriterionOption = "magnitude",
    schedule: ScheduleOption = "iterative",
    method: MethodOption = "",
) -> None:
    """Stage 3: merge the tickets and train them together. What is undone before is done first.

    Example:  tombola merge violin=rec/violin flute=rec/flute
    """
    settings = settings_of(effort, seed, workers, family, criterion, schedule, method or FROM_TICKETS)
    _print_runs(_runs_until("merge", folders, settings, runs))


def _runs_until(stage: str, folders: list[str], settings: Settings, runs: Path | None) -> tuple[Run, ...]:
    """What a stage finds, after all that comes before it and is undone."""
    modes, store = parse_folders(folders), run_store(runs)
    check_runs(store)
    check_build(stage, modes)
    with working(log_path(store)) as reporter:
        from tombola_host.corpus.material import gather
        from tombola_host.study.build import draw_all, merge_all, train_all

        reporter.plan(build_parts(modes, settings.lengths, settings.workers, compare=False, until=stage))
        materials = gather(modes, reporter)
        dense = train_all(materials, settings, store, reporter)
        if stage == "train":
            return dense
        tickets = draw_all(materials, dense, settings, store, reporter)
        if stage == "ticket":
            return tickets
        merged, _ = merge_all(materials, tickets, settings, store, reporter, baselines=False)
        return (merged,)


def _print_runs(found: tuple[Run, ...]) -> None:
    for run in found:
        say(str(run.path))
