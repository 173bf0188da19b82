"""Commands that make: corpus, build, its stages, and the report.

What they need is imported when one runs: the libraries of training take 1.5 s, which `tombola flash` need not wait for.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    check_output,
    log_path,
    output,
    run_store,
    say,
    working,
)
from tombola_host.corpus.folders import parse_folders
from tombola_host.progress import Part, Reporter, duration
from tombola_host.runs.store import Run, RunStore
from tombola_host.study.plan import build_parts, check_build, count_recordings
from tombola_host.training.effort import effort_named

if TYPE_CHECKING:
    from tombola_host.stages.compare import Row
    from tombola_host.study.build import Built

OutOption = Annotated[Path, typer.Option("--out", "-o", help="The bundle to write.")]
PLAYING = "playing each mode"
MODE_PLAYED_S = 1.0


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(help="Any folder of wav, flac, ogg, mp3 or aiff files.")],
    as_json_: JsonOption = False,
) -> None:
    """Say what is understood of a folder: clips, notes, range, loudness, and what is refused and why.

    Example:  tombola corpus recordings/violin
    """
    from tombola_host.corpus.corpus import read_corpus
    from tombola_host.corpus.summary import as_json, as_table

    if as_json_:
        output.print_json(as_json(read_corpus(folder, progress=None).summary))
        return
    with working() as reporter:
        step = reporter.task(f"read {folder.name}")
        summary = read_corpus(folder, progress=step).summary
    output.print(as_table(summary))


@app.command("build")
def build_(
    folders: Folders,
    out: OutOption,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also train what the result is measured against, for the report.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how long it takes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a bundle from recordings, and play it into wav files beside it. Run again to go on.

    Example:  tombola build violin=rec/violin bells=rec/bells -o mine.tombola --effort quick
    """
    modes, store = _checked(folders, effort, out), run_store(runs)
    if dry_run:
        from tombola_host.playing.previews import preview_paths

        parts = build_parts(modes, effort_named(effort), workers, compare=compare)
        plan = {
            "bundle": str(out),
            "effort": effort,
            "modes": {
                mode: {"folder": str(path), "recordings": count_recordings(path)} for mode, path in modes.items()
            },
            "seconds": round(sum(part.seconds for part in parts)),
            "sounds": [str(path) for path in preview_paths(out, list(modes))],
            "runs": str(store.root),
            "log": str(log_path(store)),
        }
        _print(plan, _planned_text, as_json=as_json)
        return
    from tombola_host.stages.compare import load_rows

    begun_s = time.monotonic()
    built, sounds = _build(modes, out, effort, seed, store, workers, compare=compare)
    rows = load_rows(built.comparison) if built.comparison else ()
    if rows and not as_json:
        output.print(comparison_table(rows))
    facts = {
        "bundle": str(out),
        "bytes": out.stat().st_size,
        "parameters": built.bundle.manifest.cost.parameters,
        "modes": list(modes),
        "sounds": [str(path) for path in sounds],
        "run": str(built.run.path),
        "seconds": round(time.monotonic() - begun_s, 1),
        "comparison": [{"network": row.name, "parameters": row.parameters, "errors": row.errors} for row in rows],
    }
    _print(facts, _built_text, as_json=as_json)


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
    """Stage 4: write the merged network as a bundle, checked against the network that was trained, and play it.

    Example:  tombola export violin=rec/violin bells=rec/bells -o mine.tombola
    """
    modes = _checked(folders, effort, out)
    _, sounds = _build(modes, out, effort, seed, run_store(runs), workers, compare=False)
    say("\n".join([f"{out}: {out.stat().st_size} bytes", *(str(path) for path in sounds)]))


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A build's run: its folder, or its name.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    runs: RunsOption = None,
) -> None:
    """Write a page with sound, pictures and figures of a build.

    Example:  tombola report build-0123456789ab -o report.html
    """
    found = run_store(runs).find(run)
    check_output(out)
    with working() as reporter:
        from tombola_host.report.build_page import WRITING, write_page

        reporter.plan([Part(WRITING, 40.0)])
        # A build's other runs lie beside it, wherever that is.
        write_page(found, RunStore(found.path.parent), out, reporter)
    say(f"Open {out} in a browser; it is one file of {out.stat().st_size / 1e6:.1f} MB and needs no network.")


def comparison_table(rows: tuple[Row, ...]) -> Table:
    """The four-way comparison for a terminal."""
    title = "error on notes that were not learned from; lower is better"
    table = Table(title=title, title_justify="left")
    modes = list(rows[0].errors)
    for column in ("", "parameters", *modes, "mean", "with its timbre", "worst dip"):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        encoded = sum(row.encoded.values()) / max(len(row.encoded), 1)
        dip = f"{row.blend.worst_dip_db:.2f} dB" if row.blend else "–"
        errors_ = [f"{row.errors[mode]:.3f}" for mode in modes]
        table.add_row(row.name, str(row.parameters), *errors_, f"{row.mean:.3f}", f"{encoded:.3f}", dip)
    return table


def _checked(folders: list[str], effort: str, out: Path) -> dict[str, Path]:
    """The modes, once all that was asked for can be done."""
    modes = parse_folders(folders)
    check_build(out.stem, modes)
    effort_named(effort)
    check_output(out)
    return modes


def _build(
    modes: Mapping[str, Path],
    out: Path,
    effort: str,
    seed: int,
    store: RunStore,
    workers: int | None,
    *,
    compare: bool,
) -> tuple[Built, tuple[Path, ...]]:
    """Build, write the bundle, and play it into files beside it."""
    with working(log_path(store)) as reporter:
        reporter.plan([*build_parts(modes, effort_named(effort), workers, compare=compare), _playing(len(modes))])
        from tombola_host.playing.previews import write_previews
        from tombola_host.stages.bundle import write_bundle
        from tombola_host.study.build import Settings, build

        settings = Settings(effort=effort, seed=seed, workers=workers)
        built = build(out.stem, modes, settings, store, reporter, compare=compare)
        write_bundle(built.bundle, out)
        sounds = write_previews(built.bundle, out, reporter.task(PLAYING))
    return built, sounds


def _playing(modes: int) -> Part:
    return Part(PLAYING, (modes + 1) * MODE_PLAYED_S)


def _print(facts: Mapping[str, Any], text: Callable[[Mapping[str, Any]], str], *, as_json: bool) -> None:
    if as_json:
        output.print_json(data=facts)
    else:
        say(text(facts))


def _planned_text(plan: Mapping[str, Any]) -> str:
    longest = max(map(len, plan["modes"]))
    return "\n".join(
        [
            f"Would build {plan['bundle']} at effort {plan['effort']}, in about {duration(plan['seconds'])}, out of",
            *(
                f"  {name:{longest}}  {mode['recordings']:4} recordings in {mode['folder']}"
                for name, mode in plan["modes"].items()
            ),
            f"play it to  {', '.join(plan['sounds'])}",
            f"and keep what it learned in {plan['runs']}, with a log in {plan['log']}",
        ]
    )


def _built_text(facts: Mapping[str, Any]) -> str:
    bundle, modes = shlex.quote(facts["bundle"]), len(facts["modes"])
    size = f"{modes} mode{'s' if modes > 1 else ''}, {facts['bytes'] / 1000:.0f} kB"
    lines = [
        f"{facts['bundle']}: {size}, in {duration(facts['seconds'])}",
        *(f"  hear    {path}" for path in facts["sounds"]),
        f"  play    tombola render {bundle} --midi SONG.mid -o SONG.wav",
        f"  look    tombola report {shlex.quote(facts['run'])}",
        f"  flash   tombola flash {bundle}",
    ]
    return "\n".join(lines)


def _runs_until(
    stage: str, folders: list[str], effort: str, seed: int, runs: Path | None, workers: int | None
) -> tuple[Run, ...]:
    """What a stage finds, after all that comes before it and is undone."""
    modes, store = parse_folders(folders), run_store(runs)
    check_build(stage, modes)
    parts = build_parts(modes, effort_named(effort), workers, compare=False, until=stage)
    with working(log_path(store)) as reporter:
        reporter.plan(parts)
        return _stages_until(stage, modes, effort, seed, store, workers, reporter)


def _stages_until(
    stage: str,
    modes: Mapping[str, Path],
    effort: str,
    seed: int,
    store: RunStore,
    workers: int | None,
    reporter: Reporter,
) -> tuple[Run, ...]:
    from tombola_host.corpus.material import gather
    from tombola_host.study.build import Settings, draw_all, merge_all, train_all

    settings = Settings(effort=effort, seed=seed, workers=workers)
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
