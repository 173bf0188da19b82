"""Commands of listening sessions: make one, run it in a browser, report it, and let it change the instrument."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Annotated

import typer
from tombola_device.contract.errors import BadConfig

from tombola_host.cli.app import app, check_output, say, working
from tombola_host.progress import Part

session = typer.Typer(help="Let people listen and vote, and learn from what they say.", no_args_is_help=True)
app.add_typer(session, name="session")

SessionArgument = Annotated[Path, typer.Argument(metavar="SESSION", help="A session's folder, as `new` makes it.")]
ENDING = ".session"
RENDERING_S = 2.0


@session.command("new")
def new(
    source: Annotated[
        Path,
        typer.Argument(metavar="SESSION.toml", help="What is compared; or a folder with bundles, for pairs of all."),
    ],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The folder; by default beside the file.")] = None,
) -> None:
    """Render everything that a session compares, all equally loud. docs/sessions.md describes the file.

    Example:  tombola session new blind.toml
    """
    from tombola_host.study.sessions.making import RENDERING, make_session
    from tombola_host.study.sessions.plan import plan_of_folder, read_plan
    from tombola_host.study.sessions.trials import planned_s, trial_s, trials_of, tuning_votes

    plan = plan_of_folder(source) if source.is_dir() else read_plan(source)
    folder = out or source.with_name(f"{source.stem}{ENDING}")
    count = max(len(plan.passage), 1) * (len(plan.stimulus) + plan.settings)
    with working() as reporter:
        reporter.plan([Part(RENDERING, count * RENDERING_S)])
        made = make_session(plan, source.parent, folder, reporter.task(RENDERING))
    sheet, trials = made.sheet, trials_of(made.sheet, "")
    if sheet.kind == "tune":
        votes = tuning_votes(sheet)
        say(f"{folder}: {votes} votes")
    else:
        whole = sum(len(each) for each in sheet.sounds.values())
        minutes = max(planned_s(sheet, trials) / 60, 1)
        say(f"{folder}: {whole} sounds; {len(trials)} trials for each listener, about {minutes:.0f} min")
        if trials and planned_s(sheet, trials) > 60 * sheet.minutes:
            raise BadConfig(f"one trial takes {trial_s(sheet, trials[0]) / 60:.0f} minutes; compare fewer at once")
    say(f"  next   tombola session run {shlex.quote(str(folder))}")


@session.command("run")
def run(
    folder: SessionArgument,
    port: Annotated[int, typer.Option("--port", help="Of this computer.")] = 8663,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page at once.")] = True,
) -> None:
    """Serve the session's page on this computer until Ctrl-C. Every listener gets a file; run it again to go on.

    Example:  tombola session run blind.session
    """
    import contextlib
    import webbrowser

    from tombola_host.study.sessions.desk import Desk
    from tombola_host.study.sessions.serving import serve
    from tombola_host.study.sessions.session import open_session

    desk = Desk(open_session(folder))

    def ready(address: str) -> None:
        say(f"open {address}", "Ctrl-C ends; every answer is kept at once")
        if browser:
            webbrowser.open(address)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(desk, port, ready, asyncio.Event()))
    say(f"  next   tombola session report {shlex.quote(str(folder))}")


@session.command("report")
def report(
    folder: SessionArgument,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The page; a CSV is written beside it.")] = None,
) -> None:
    """One page to read and hear, and a CSV of all votes.

    Example:  tombola session report blind.session -o blind.html
    """
    from tombola_host.report.page import write_report
    from tombola_host.report.session_page import session_page
    from tombola_host.runs.store import write_atomically
    from tombola_host.study.sessions.results import as_csv, read_results
    from tombola_host.study.sessions.session import open_session

    page = out or folder / "report.html"
    check_output(page)
    results = read_results(open_session(folder))
    if not results.votes:
        raise BadConfig(f"nobody has voted in {folder} so far; `tombola session run {folder}` first")
    write_report(session_page(results), page)
    write_atomically(page.with_suffix(".csv"), as_csv(results).encode())
    say(f"{page}, {page.with_suffix('.csv')}")


@session.command("hear")
def hear(
    folder: SessionArgument,
    listener: Annotated[str, typer.Argument(help="Who voted.")],
    trial: Annotated[int, typer.Argument(min=1, help="Number of the trial, as in the report and the CSV.")],
    letter: Annotated[str, typer.Option("--letter", help="What lay behind this letter.")] = "A",
    out: Annotated[Path, typer.Option("-o", "--out", help="The sound file to write.")] = Path("heard.wav"),
) -> None:
    """Render again what a vote was about, from the bundle, setting and notes that the vote names.

    Example:  tombola session hear blind.session anna 3 --letter B -o heard.wav
    """
    from tombola_host.playing.performance import check_sound_path, write_sound
    from tombola_host.study.sessions.ballot import ballot_of
    from tombola_host.study.sessions.session import open_session

    check_sound_path(out)
    opened = open_session(folder)
    vote = ballot_of(opened.listeners, listener).votes.get(trial - 1)
    if vote is None or letter not in vote.heard:
        raise BadConfig(f"{listener} has no vote on {letter} of trial {trial}; the report's CSV lists all votes")
    write_sound(opened.play([vote.heard[letter]])[0], out)
    heard = vote.heard[letter]
    say(f"{out}: {heard.name}, {heard.setting.words if heard.setting else ''}, bundle {heard.bundle[:12]}")


@session.command("apply")
def apply(
    folder: SessionArgument,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where to write; by default `learned` in the session's folder.")
    ] = None,
) -> None:
    """Turn votes into scenes, a default timbre, a knob for a word, weights for the next build, and the next session.

    Example:  tombola session apply tune.session -o learned
    """
    from tombola_host.study.sessions.applying import NEXT, WEIGHTS, learn, write_learned
    from tombola_host.study.sessions.results import read_results
    from tombola_host.study.sessions.session import open_session

    results = read_results(open_session(folder))
    learned = learn(results)
    target = out or folder / "learned"
    paths = write_learned(learned, results, target)
    say(*learned.said, *(f"  wrote  {path}" for path in paths))
    if learned.weights is not None:
        say(f"  build  tombola build NAME=FOLDER … --weights {shlex.quote(str(target / WEIGHTS))} -o after.tombola")
    if learned.next:
        say(f"  then   tombola session new {shlex.quote(str(target / NEXT))}")
