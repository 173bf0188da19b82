"""The lottery's notebooks, run again: all studies, the experiments beside them, and their pictures.

    python -m tombola_host.demo.notebook docs/notebook/studies docs/pictures/lottery build/notebook [--dry-run]

What was done before is kept: cells of studies and trained networks in the runs' folder, whole experiments by the file
that they wrote. So an interrupted notebook goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path
from tombola_device.contract.errors import BadConfig, TombolaError

from tombola_host.corpus.sources import INSTRUMENTS, fetch_demo_sounds
from tombola_host.progress import Reporter, Silent, duration, reporting
from tombola_host.report.page import write_plots, write_report
from tombola_host.report.study_page import study_page
from tombola_host.runs.store import RunStore, write_atomically
from tombola_host.study.experiments import ablation, information_plane, kinship, masking
from tombola_host.study.laboratory.figures import as_csv, measured
from tombola_host.study.laboratory.plan import Study, read_study
from tombola_host.study.laboratory.work import parts_of, place, work
from tombola_host.terminal import Terminal

MASKED = ("voice", "sing", "ddsp", "wavenet")
"""Studies whose dense networks are masked too."""
ABLATED = ("sing", "voice")
"""Studies whose units are removed one by one; those of the others take a quarter of an hour a network."""
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment beside the grid.

    Args:
        written: The file that it writes; where it is, the experiment is done.
        main: Its command.
        arguments: Of its command.
        seconds: Processor seconds on a common computer.
    """

    written: Path
    main: Callable[[Sequence[str]], int]
    arguments: tuple[str, ...]
    seconds: float


def experiments(studies: Path, pictures: Path, output: Path, runs: Path, sounds: Path) -> tuple[Experiment, ...]:
    """Those that the notebooks name, in their order."""
    modes = tuple(f"{each.mode}={sounds / each.mode}" for each in INSTRUMENTS)
    names = ("masking", "ablation", "kinship", "information_plane")
    mask, truth, kin, plane = (output / f"{name}.json" for name in names)
    files = tuple(str(studies / f"{name}.toml") for name in MASKED)
    ablated = tuple(str(studies / f"{name}.toml") for name in ABLATED)
    return (
        Experiment(
            mask,
            masking.main,
            (*files, "--runs", str(runs), "--out", str(pictures / "masking.svg"), "--json", str(mask)),
            500,
        ),
        Experiment(truth, ablation.main, (*ablated, "--runs", str(runs), "--json", str(truth)), 700),
        Experiment(kin, kinship.main, (*modes, "--runs", str(runs), "--out", str(kin)), 1500),
        Experiment(
            plane,
            information_plane.main,
            (modes[0], "--out", str(pictures / "information_plane.svg"), "--json", str(plane)),
            60,
        ),
    )


def read_studies(folder: Path) -> tuple[Study, ...]:
    """All studies of a folder, by name.

    Raises:
        BadConfig: There is none, or one cannot be read.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise BadConfig(f"there is no study in {folder}; name the folder that holds the studies, docs/notebook/studies")
    return tuple(read_study(path) for path in files)


def left_s(studies: Sequence[Study], beside: Sequence[Experiment], store: RunStore) -> float:
    """Processor seconds of what is not done, as on a common computer."""
    cells = sum(part.seconds for study in studies for part in parts_of(study, place(study, store, Silent())))
    return cells + sum(each.seconds for each in beside if not each.written.exists())


def show(study: Study, store: RunStore, pictures: Path, output: Path, reporter: Reporter) -> None:
    """Write a study's page, its CSV and its pictures."""
    placed = place(study, store, reporter)
    page, path = study_page(study, placed), output / f"{study.name.replace(' ', '-')}.html"
    write_report(page, path)
    write_plots(page, pictures)
    write_atomically(path.with_suffix(".csv"), as_csv(measured(placed)).encode())


def main(arguments: Sequence[str]) -> int:
    """0: done, 1: an error that is told in one sentence, 130: interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tombola_host.demo.notebook", description="Run the notebooks again."
    )
    parser.add_argument("studies", type=Path, help="the folder of the studies")
    parser.add_argument("pictures", type=Path, help="the folder that gets the pictures")
    parser.add_argument("output", type=Path, help="the folder that gets pages and tables")
    parser.add_argument("--runs", type=Path, default=user_cache_path("tombola") / "runs", help="where work goes on")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; one a core by default")
    parser.add_argument("--dry-run", action="store_true", help="only say how long it may take")
    options = parser.parse_args(arguments)
    console, store, sounds = Terminal(soft_wrap=True), RunStore(options.runs), user_cache_path("tombola") / "sounds"
    try:
        with reporting(Terminal(stderr=True)) as reporter:
            fetch_demo_sounds(sounds, reporter.task("fetching recordings"))
            studies = read_studies(options.studies)
            beside = experiments(options.studies, options.pictures, options.output, options.runs, sounds)
            left = left_s(studies, beside, store)
            reporter.say(f"{duration(left)} of processor time are left, about {duration(left / options.workers)} here")
            if options.dry_run:
                return 0
            for study in studies:
                reporter.say(f"study {study.name}")
                work(study, store, reporter, options.workers)
                show(study, store, options.pictures, options.output, reporter)
        for each in beside:
            if not each.written.exists() and (status := each.main(each.arguments)):
                return status
    except TombolaError as error:
        console.print(f"notebook: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("notebook: interrupted; the same command goes on from here", markup=False)
        return INTERRUPTED
    console.print(f"pages and tables are in {options.output}, pictures in {options.pictures}", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
