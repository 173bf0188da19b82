"""Commands that make: corpus, build, export, and the report.

What they need is imported when one runs: the libraries of training take 1.5 s, which `tombola flash` need not wait for.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tombola_host.cli.app import (
    CriterionOption,
    EffortOption,
    FamilyOption,
    Folders,
    JsonOption,
    MethodOption,
    RunsOption,
    ScheduleOption,
    SeedOption,
    WorkersOption,
    app,
    check_output,
    check_runs,
    log_path,
    output,
    run_store,
    say,
    working,
)
from tombola_host.corpus.folders import parse_folders
from tombola_host.playing.rehearsal import CHECKED_S, CHECKING, rehearse
from tombola_host.progress import Part, duration
from tombola_host.runs.store import RunStore
from tombola_host.study.plan import check_build, count_recordings
from tombola_host.training.effort import effort_named

if TYPE_CHECKING:
    from tombola_host.stages.compare import Row
    from tombola_host.study.build import Built, Settings

OutOption = Annotated[Path, typer.Option("--out", "-o", help="The bundle to write.")]
PLAYING = "playing each mode"
MODE_PLAYED_S = 1.0
FROM_TICKETS = "from tickets"


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(help="Any folder of wav, flac, ogg, mp3, aiff or m4a files.")],
    as_json_: JsonOption = False,
) -> None:
    """Say whether a folder is ready to build from: notes, range, loudness, what is left out and why.

    Also how near to the recordings a build can come at best, and what it cannot render well.

    Exits with 0 if it is ready, with 2 if it is not.

    Example:  tombola corpus recordings/violin
    """
    from tombola_host.corpus.corpus import read_corpus
    from tombola_host.corpus.tables import as_json, as_table
    from tombola_host.corpus.verdict import verdict

    with working() as reporter:
        found = read_corpus(folder, progress=reporter.task(f"listening to {folder.name}"))
        from tombola_host.evaluation.floor import floors

        reached = floors(found.clips, reporter.task(f"playing {folder.name} back"))
    summary, by_name = found.summary, dict(zip([clip.name for clip in found.clips], reached, strict=True))
    if as_json_:
        output.print_json(as_json(summary, by_name))
    else:
        output.print(as_table(summary, by_name), soft_wrap=True)
    raise typer.Exit(verdict(summary).exit_code)


@app.command("build")
def build_(
    folders: Folders,
    out: OutOption,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    family: FamilyOption = "voice",
    criterion: CriterionOption = "magnitude",
    schedule: ScheduleOption = "iterative",
    method: MethodOption = "",
    compare: Annotated[
        bool, typer.Option("--compare", help="Also train what the result is measured against, for the report.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="What counts more, as `tombola session apply` writes it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how long it takes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a bundle out of recordings, and hear it. Wav files are written beside it. Run again to go on.

    One small network learns all sounds from scratch. No lottery ticket is in it: tickets took time and gained nothing.
    --method core merges tickets instead. The report shows, by a small lottery, whether tickets pay on these sounds.

    \b
    Example:  tombola build violin=rec/violin flute=rec/flute -o mine.tombola --effort quick
    """
    modes, store = _checked(folders, out), run_store(runs)
    check_runs(store)
    settings = settings_of(effort, seed, workers, family, criterion, schedule, method)
    if weights is not None:
        from tombola_host.corpus.weights import read_weights

        settings = replace(settings, weights=read_weights(weights, list(modes)))
    if dry_run:
        from tombola_host.playing.previews import preview_paths
        from tombola_host.study.build import parts_of

        parts = parts_of(modes, settings, compare=compare)
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
        _print(plan, _planned_lines, as_json=as_json)
        return
    from tombola_host.stages.compare import load_rows

    begun_s = time.monotonic()
    built, sounds = _build(modes, out, settings, store, compare=compare)
    rows = load_rows(built.comparison) if built.comparison else ()
    if rows and not as_json:
        output.print(comparison_table(rows))
    from tombola_host.study import trial

    tried = trial.load_rows(built.trial) if built.trial else ()
    facts = {
        "bundle": str(out),
        "method": settings.method,
        "bytes": out.stat().st_size,
        "parameters": built.bundle.manifest.cost.parameters,
        "modes": list(modes),
        "sounds": [str(path) for path in sounds],
        "left_out": {material.name: list(material.left_out) for material in built.materials},
        "doubts": {material.name: list(material.doubts) for material in built.materials},
        "run": str(built.run.path),
        "seconds": round(time.monotonic() - begun_s, 1),
        "comparison": [{"network": row.name, "parameters": row.parameters, "errors": row.errors} for row in rows],
        "lottery": [asdict(row) for row in tried],
        "verdict": trial.verdict(tried) if tried else "",
    }
    _print(facts, _built_lines, as_json=as_json)


@app.command()
def export(
    folders: Folders,
    out: OutOption,
    effort: EffortOption = "normal",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    workers: WorkersOption = None,
    family: FamilyOption = "voice",
    criterion: CriterionOption = "magnitude",
    schedule: ScheduleOption = "iterative",
    method: MethodOption = "",
) -> None:
    """Stage 4 of a lottery: write the merged network as a bundle. It is checked against what was trained, and played.

    \b
    Example:  tombola export violin=rec/violin flute=rec/flute -o mine.tombola
    """
    modes, store = _checked(folders, out), run_store(runs)
    check_runs(store)
    settings = settings_of(effort, seed, workers, family, criterion, schedule, method or FROM_TICKETS)
    _, sounds = _build(modes, out, settings, store, compare=False)
    say(f"{out}: {out.stat().st_size} bytes", *(str(path) for path in sounds))


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

        reporter.plan([Part(WRITING, 55.0)])
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


def _checked(folders: list[str], out: Path) -> dict[str, Path]:
    """The modes, once they can be and the bundle can be written."""
    modes = parse_folders(folders)
    check_build(out.stem, modes)
    check_output(out)
    return modes


def settings_of(
    effort: str,
    seed: int,
    workers: int | None,
    family: str,
    criterion: str = "magnitude",
    schedule: str = "iterative",
    method: str = "",
) -> Settings:
    """What a build is told; an unknown name is refused here, before anything is analysed.

    Args:
        method: A name in ``METHODS``; ``FROM_TICKETS``: the family's own way to merge tickets; empty: the build's own.
    """
    effort_named(effort)  # Before the libraries of training are loaded.
    from tombola_host.generators import family_named
    from tombola_host.merging import BEST, lottery_method
    from tombola_host.study.build import Settings

    method = lottery_method(family_named(family)) if method == FROM_TICKETS else method or BEST
    return Settings(effort, seed, family, criterion, schedule, method, workers=workers)


def _build(
    modes: Mapping[str, Path], out: Path, settings: Settings, store: RunStore, *, compare: bool
) -> tuple[Built, tuple[Path, ...]]:
    """Build, rehearse as an instrument does, write the bundle, and play it into files beside it."""
    with working(log_path(store)) as reporter:
        from tombola_host.study.build import build, parts_of

        parts = parts_of(modes, settings, compare=compare)
        reporter.plan([*parts, Part(CHECKING, CHECKED_S), _playing(len(modes))])
        from tombola_host.playing.previews import write_previews
        from tombola_host.stages.bundle import write_bundle

        built = build(out.stem, modes, settings, store, reporter, compare=compare)
        rehearse(built.bundle, reporter)
        write_bundle(built.bundle, out)
        sounds = write_previews(built.bundle, out, reporter.task(PLAYING))
    return built, sounds


def _playing(modes: int) -> Part:
    return Part(PLAYING, (modes + 1) * MODE_PLAYED_S)


def _print(facts: Mapping[str, Any], lines: Callable[[Mapping[str, Any]], list[str]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(data=facts)
    else:
        say(*lines(facts))


def _planned_lines(plan: Mapping[str, Any]) -> list[str]:
    longest = max(map(len, plan["modes"]))
    return [
        f"Would build {plan['bundle']} at effort {plan['effort']}, in about {duration(plan['seconds'])}, out of",
        *(
            f"  {name:{longest}}  {mode['recordings']:4} recordings in {mode['folder']}"
            for name, mode in plan["modes"].items()
        ),
        f"play it to  {', '.join(plan['sounds'])}",
        f"and keep what it learned in {plan['runs']}, with a log in {plan['log']}",
    ]


def _built_lines(facts: Mapping[str, Any]) -> list[str]:
    bundle, modes = shlex.quote(facts["bundle"]), len(facts["modes"])
    size = f"{modes} mode{'s' if modes > 1 else ''}, {facts['bytes'] / 1000:.0f} kB"
    return [
        f"{facts['bundle']}: {size}, in {duration(facts['seconds'])}",
        *(f"  hear    {path}" for path in facts["sounds"]),
        f"  play    tombola render {bundle} --midi SONG.mid -o SONG.wav",
        f"  look    tombola report {shlex.quote(facts['run'])}",
        f"  flash   tombola flash {bundle}",
        *([f"  {facts['verdict']}"] if facts["verdict"] else []),
        *(f"  {mode} was learned without {line}" for mode, left_out in facts["left_out"].items() for line in left_out),
        *(f"  {mode}: {sentence}" for mode, sentences in facts["doubts"].items() for sentence in sentences),
    ]
