"""Commands of the lottery laboratory: run a study, see how far it is, count costs, make its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tombola_device.contract.errors import BadConfig

from tombola_host.cli.app import (
    RunsOption,
    WorkersOption,
    app,
    check_output,
    check_runs,
    log_path,
    run_store,
    say,
    working,
)
from tombola_host.progress import Silent

if TYPE_CHECKING:
    from tombola_host.study.laboratory.plan import Study
    from tombola_host.study.laboratory.work import Placed

study = typer.Typer(help="Run grids of lottery tickets and their controls, and compare them.", no_args_is_help=True)
app.add_typer(study, name="study")

StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The grid; docs/laboratory.md describes it.")]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="Address of a Ray cluster whose hosts share the runs' folder."),
]


@study.command("run")
def run_study(
    file: StudyArgument, runs: RunsOption = None, workers: WorkersOption = None, cluster: ClusterOption = None
) -> None:
    """Train and measure all cells that are not done. Run it again to go on where it stopped.

    Example:  tombola study run honest.toml
    """
    from tombola_host.study.laboratory.plan import read_study
    from tombola_host.study.laboratory.work import work

    chosen, store = read_study(file), run_store(runs)
    check_runs(store)
    pool = None
    if cluster is not None:
        from tombola_host.runs.ray_pool import RayPool

        pool = RayPool(cluster)
    with working(log_path(store)) as reporter:
        placed = work(chosen, store, reporter, workers, pool)
    say(f"{len(placed)} cells are done; `tombola study report {file}` shows them")


@study.command("status")
def show_status(file: StudyArgument, runs: RunsOption = None) -> None:
    """How many cells are done, by family and row.

    Example:  tombola study status honest.toml
    """
    _, placed = _placed(file, runs)
    rows: dict[tuple[str, str], list[bool]] = {}
    for each in placed:
        rows.setdefault((each.cell.family, each.cell.row), []).append(each.run.done)
    for (family, row), done in rows.items():
        say(f"{family:10} {row:40} {sum(done):5} of {len(done)}")
    say(f"{sum(each.run.done for each in placed)} of {len(placed)} cells are done")


@study.command("count")
def count_costs(
    file: StudyArgument,
    arm64: Annotated[Path, typer.Option("--arm64", help="An arm64 tree; `tombola bench --prepare` makes it.")],
    runs: RunsOption = None,
) -> None:
    """Count what the finished networks cost on a Raspberry Pi, for the report's table; half a minute for each shape.

    Example:  tombola study count honest.toml --arm64 arm64/
    """
    from tombola_host.cost.arm64.root import check_root
    from tombola_host.study.laboratory.costs import count_all

    check_root(arm64)
    chosen, placed = _placed(file, runs)
    with working() as reporter:
        shapes = count_all(chosen, placed, arm64, reporter)
    say(f"{shapes} shapes are counted; `tombola study report {file}` shows them")


@study.command("report")
def make_report(
    file: StudyArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The page; a CSV is written beside it.")],
    runs: RunsOption = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="A folder for the page's plots as SVG files, too.")
    ] = None,
) -> None:
    """One page with tables, plots and sounds, and a CSV of every note, from what is done so far.

    Example:  tombola study report honest.toml -o honest.html
    """
    from tombola_host.report.page import write_plots, write_report
    from tombola_host.report.study_page import study_page
    from tombola_host.runs.store import write_atomically
    from tombola_host.study.laboratory.figures import as_csv, measured

    check_output(output)
    chosen, placed = _placed(file, runs)
    if not any(each.run.done for each in placed):
        raise BadConfig(f"no cell of {file} is done; `tombola study run {file}` first")
    page = study_page(chosen, placed)
    write_report(page, output)
    if pictures is not None:
        write_plots(page, pictures)
    write_atomically(output.with_suffix(".csv"), as_csv(measured(placed)).encode())
    say(f"{output}, {output.with_suffix('.csv')}")


def _placed(file: Path, runs: Path | None) -> tuple[Study, tuple[Placed, ...]]:
    from tombola_host.study.laboratory.plan import read_study
    from tombola_host.study.laboratory.work import place

    chosen = read_study(file)
    return chosen, place(chosen, run_store(runs), Silent())
