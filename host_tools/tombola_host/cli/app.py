"""The commands' root, and what they share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from platformdirs import user_cache_path
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, StoreError
from tombola_device.contract.foreign import plain
from typer.core import TyperGroup

from tombola_host import __version__
from tombola_host.link.serial_line import BAUD
from tombola_host.progress import Reporter, reporting
from tombola_host.runs.store import RunStore
from tombola_host.terminal import Terminal
from tombola_host.training.effort import EFFORTS


class _Root(TyperGroup):
    """Quotes arguments that are not understood through ``plain``: typer itself lets marks of direction pass."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - typer does not export the types
        """See TyperGroup: reads the root's arguments."""
        with _quoting_plainly():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """See TyperGroup: reads a command's arguments, and runs it."""
        with _quoting_plainly():
            return super().invoke(ctx)


@contextmanager
def _quoting_plainly() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Typer does not export the root of such errors; they alone have a message.
        if hasattr(error, "message"):
            error.message = plain(error.message)
        raise


app = typer.Typer(
    name="tombola",
    cls=_Root,
    help="Turn folders of recordings into one small network, and flash it to the instrument.\n\n"
    # \b: lines that are not wrapped, so that they can be copied.
    "\b\nFirst steps:\n  tombola corpus violin/\n  tombola build violin=violin/ flute=flute/ -o mine.tombola\n"
    "  tombola flash mine.tombola",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Folders = Annotated[
    list[str], typer.Argument(metavar="NAME=FOLDER…", help="A mode's name and its folder of recordings, once per mode.")
]
EffortOption = Annotated[str, typer.Option("--effort", help=f"How long to train: {', '.join(EFFORTS)}.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Another number, another training.")]
RunsOption = Annotated[
    Path | None, typer.Option("--runs", help="Where to keep what was learned, so that a build can go on.")
]
FamilyOption = Annotated[str, typer.Option("--family", help="Kind of network; an unknown one lists those there are.")]
CriterionOption = Annotated[
    str, typer.Option("--criterion", help="How units are scored; an unknown one lists those there are.")
]
ScheduleOption = Annotated[
    str, typer.Option("--schedule", help="How tickets are drawn; an unknown one lists those there are.")
]
ScopeOption = Annotated[
    str, typer.Option("--scope", help="One threshold for all groups of units, or one share; an unknown one lists them.")
]
ScalingOption = Annotated[
    str, typer.Option("--scaling", help="How scores of different groups are compared; an unknown one lists them.")
]
ResetOption = Annotated[
    str, typer.Option("--reset", help="From which weights a ticket starts; an unknown one lists them.")
]
DensityOption = Annotated[
    float | None, typer.Option("--density", help="Share of the dense network that is kept; the effort's by default.")
]
MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        help="joint: one network from scratch, no ticket in it (build). core: merged from tickets (merge, export).",
    ),
]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A .tombola file.")]
PortOption = Annotated[
    str | None, typer.Option("--port", help="The instrument's serial port, if it is not found by itself.")
]
BaudOption = Annotated[int, typer.Option("--baud", min=300, help="Of a real UART; USB ignores it.")]
DEFAULT_BAUD = BAUD

INTERRUPTED = 130

errors = Terminal(stderr=True)
output = Terminal()


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"tombola {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    del version  # Its callback has printed it.


def say(*lines: str) -> None:
    """Print lines as they are: never wrapped, so that a command in them can be copied, and without markup."""
    for line in lines:
        output.print(line, markup=False, soft_wrap=True)


def run_store(folder: Path | None) -> RunStore:
    """Where runs are kept: the option, else TOMBOLA_RUNS, else the user's cache."""
    chosen = folder or (Path(os.environ["TOMBOLA_RUNS"]) if os.environ.get("TOMBOLA_RUNS") else None)
    return RunStore(chosen or user_cache_path("tombola") / "runs")


def log_path(store: RunStore) -> Path:
    """The log of all work on these runs."""
    return store.root / "tombola.log"


def read_bundle(path: Path) -> Bundle:
    """A bundle's file.

    Raises:
        BadBundle: It cannot be read, or is not a whole bundle.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadBundle(
            f"{path} cannot be read ({error.strerror}); give a bundle that `tombola build` wrote"
        ) from error
    return decode_bundle(data)


def check_output(path: Path) -> None:
    """Make sure that a file can be written, before minutes go into its content.

    Raises:
        BadConfig: It is a folder.
        StoreError: Its folder cannot be written to.
    """
    if path.is_dir():
        raise BadConfig(f"{path} is a folder; name the file that is to be written there, such as {path / 'mine'}")
    _check_writable(path)


def check_runs(store: RunStore) -> None:
    """Make sure that runs can be kept, before minutes go into them.

    Raises:
        StoreError: Their folder cannot be written to.
    """
    _check_writable(store.root / "run")


def _check_writable(path: Path) -> None:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise StoreError(f"cannot write {path}, because {folder} cannot be written to; choose another folder")


def chosen_port(port: str | None) -> str:
    """The serial port that was named, else the one where an instrument is plugged in.

    Raises:
        DeviceUnavailable: No port was given, and no instrument or more than one is plugged in.
    """
    if port is not None:
        return port
    from tombola_host.link.ports import find_port

    return find_port()


@contextmanager
def working(log: Path | None = None) -> Iterator[Reporter]:
    """Show progress while the block runs; interrupted, end with one sentence and exit code 130.

    Args:
        log: A file that keeps the lines.
    """
    try:
        with reporting(errors, log) as reporter:
            yield reporter
    except KeyboardInterrupt:
        errors.print("tombola: interrupted; run the same command again to go on where it stopped", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
