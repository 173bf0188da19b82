"""The commands' root, and what they share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_cache_path
from rich.console import Console
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.errors import BadBundle

from tombola_host.progress import Reporter, bars
from tombola_host.runs.store import RunStore
from tombola_host.training.effort import EFFORTS

app = typer.Typer(
    name="tombola",
    help="Turn folders of recordings into one small network, and flash it to the instrument.\n\n"
    "First steps:  tombola corpus violin/   ·   tombola build violin=violin/ bells=bells/ -o mine.tombola   ·   "
    "tombola flash mine.tombola --port /dev/ttyACM0",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Folders = Annotated[
    list[str], typer.Argument(metavar="NAME=FOLDER…", help="A mode's name and its folder of recordings, once per mode.")
]
EffortOption = Annotated[str, typer.Option("--effort", help=f"How long to train: {', '.join(EFFORTS)}.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Of all trainings.")]
RunsOption = Annotated[Path | None, typer.Option("--runs", help="Where runs are kept, to be resumed.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]
BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A .tombola file.")]

INTERRUPTED = 130

errors = Console(stderr=True, highlight=False)
output = Console(highlight=False)


def run_store(folder: Path | None) -> RunStore:
    """Where runs are kept: the option, else TOMBOLA_RUNS, else the user's cache."""
    chosen = folder or (Path(os.environ["TOMBOLA_RUNS"]) if os.environ.get("TOMBOLA_RUNS") else None)
    return RunStore(chosen or user_cache_path("tombola") / "runs")


def read_bundle(path: Path) -> Bundle:
    """A bundle's file.

    Raises:
        BadBundle: It cannot be read, or is no whole bundle.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadBundle(
            f"{path} cannot be read ({error.strerror}); give a bundle that `tombola build` wrote"
        ) from error
    return decode_bundle(data)


@contextmanager
def working() -> Iterator[Reporter]:
    """Progress bars while the block runs; interrupted, one sentence and exit code 130."""
    try:
        with bars(errors) as reporter:
            yield reporter
    except KeyboardInterrupt:
        errors.print("tombola: interrupted; run the same command again to go on where it stopped", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
