"""Commands that make: corpus, build, and its stages.

What they need is imported when one runs: the libraries of training take 1.5 s, which `tombola flash` need not wait for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tombola_host.cli.app import (
    EffortOption,
    Folders,
    JsonOption,
    RunsOption,
    SeedOption,
    WorkersOption,
    app,
    output,
    run_store,
    working,
)
from tombola_host.corpus.folders import parse_folders
from tombola_host.runs.store import Run, RunStore

if TYPE_CHECKING:
    from tombola_host.stages.compare import Row

OutOption = Annotated[Path, typer.Option("--out", "-o", help="The bundle to write.")]


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(help="Any folder of wav, flac, ogg, mp3, aiff or m4a files.")],
    as_json_: JsonOption = False,
) -> None:
    """Say whether a folder is ready to build from: notes, range, loudness, what is left out and why.

    Exits with 0 if it is ready, with 2 if it is not.

    Example:  tombola corpus recordings/violin
    """
    from tombola_host.corpus.corpus import read_corpus
    from tombola_host.corpus.tables import as_json, as_table
    from tombola_host.corpus.verdict import verdict

    with working() as reporter:
        summary = read_corpus(folder, progress=reporter.task(f"read {folder.name}")).summary
    if as_json_:
        output.print_json(as_json(summary))
    else:
        output.print(as_table(summary), soft_wrap=True)
    raise typer.Exit(verdict(summary).exit_code)


@app.command("build")
def build_(
    folders: Folders,
    out: OutOption,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    baselines: Annotated[bool, typer.Option(help="Train and measure what the result is compared with.")] = True,
) -> None:
    """Build a bundle from recordings: analyse, train, draw tickets, merge, export. Run again to resume.

    Example:  tombola build violin=rec/violin bells=rec/bells -o mine.tombola --effort quick
    """
    from tombola_host.stages.bundle import write_bundle
    from tombola_host.stages.compare import load_rows
    from tombola_host.study.build import Settings, build

    modes = parse_folders(folders)
    store = run_store(runs)
    with working() as reporter:
        settings = Settings(effort=effort, seed=seed, workers=workers)
        built = build(out.stem, modes, settings, store, reporter, baselines=baselines)
    write_bundle(built.bundle, out)
    if built.comparison:
        output.print(comparison_table(load_rows(built.comparison)))
    output.print(
        f"{out}: {out.stat().st_size} bytes, {built.bundle.manifest.cost.parameters} parameters. "
        f"Hear it:  tombola render {out} --midi FILE.mid -o OUT.wav   Why:  tombola report {built.run.path}"
    )


@app.command()
def train(
    folders: Folders,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
) -> None:
    """Stage 1: train the dense network of each mode. Prints the run of each.

    Example:  tombola train violin=rec/violin
    """
    _print_runs(_runs_until("train", folders, effort, seed, runs, workers))


@app.command()
def ticket(
    folders: Folders,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
) -> None:
    """Stage 2: draw the ticket of each mode and train it alone; what stage 1 left undone is done first.

    Example:  tombola ticket violin=rec/violin --effort quick
    """
    _print_runs(_runs_until("ticket", folders, effort, seed, runs, workers))


@app.command()
def merge(
    folders: Folders,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
) -> None:
    """Stage 3: merge the tickets and train them together; what is undone before is done first.

    Example:  tombola merge violin=rec/violin bells=rec/bells
    """
    _print_runs(_runs_until("merge", folders, effort, seed, runs, workers))


@app.command()
def export(
    folders: Folders,
    out: OutOption,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
) -> None:
    """Stage 4: write the merged network as a bundle, checked against the network that was trained.

    Example:  tombola export violin=rec/violin bells=rec/bells -o mine.tombola
    """
    from tombola_host.stages.bundle import write_bundle
    from tombola_host.study.build import Settings, build

    with working() as reporter:
        settings = Settings(effort=effort, seed=seed, workers=workers)
        built = build(out.stem, parse_folders(folders), settings, run_store(runs), reporter, baselines=False)
    write_bundle(built.bundle, out)
    output.print(f"{out}: {out.stat().st_size} bytes")


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A build's run: its folder, or its name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    runs: RunsOption = None,
) -> None:
    """Write a page with sound, pictures and figures of a build.

    Example:  tombola report build-0123456789ab -o report.html
    """
    from tombola_host.report.build_page import write_page

    found = run_store(runs).find(run)
    with working() as reporter:
        # A build's other runs lie beside it, wherever that is.
        write_page(found, RunStore(found.path.parent), out, reporter)
    output.print(f"{out}: {out.stat().st_size} bytes")


def comparison_table(rows: tuple[Row, ...]) -> Table:
    """The four-way comparison for a terminal."""
    table = Table(title="error on notes never learned from, lower is better", title_justify="left")
    modes = list(rows[0].errors)
    for column in ("", "parameters", *modes, "mean", "with its timbre", "worst dip"):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        encoded = sum(row.encoded.values()) / max(len(row.encoded), 1)
        dip = f"{row.blend.worst_dip_db:.2f} dB" if row.blend else "–"
        errors_ = [f"{row.errors[mode]:.3f}" for mode in modes]
        table.add_row(row.name, str(row.parameters), *errors_, f"{row.mean:.3f}", f"{encoded:.3f}", dip)
    return table


def _runs_until(
    stage: str, folders: list[str], effort: str, seed: int, runs: Path | None, workers: int | None
) -> tuple[Run, ...]:
    """What a stage finds, after all that comes before it and is undone."""
    from tombola_host.corpus.material import gather
    from tombola_host.study.build import Settings, draw_all, merge_all, train_all

    settings, store = Settings(effort=effort, seed=seed, workers=workers), run_store(runs)
    with working() as reporter:
        materials = gather(parse_folders(folders), reporter)
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
        output.print(str(run.path), soft_wrap=True)
