"""Commands for what is kept between builds: cache list, cache clear."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from platformdirs import user_cache_path
from tombola_device.contract.errors import BadConfig, StoreError

from tombola_host.cli.app import JsonOption, RunsOption, app, log_path, output, run_store, say
from tombola_host.runs.store import SPEC_FILE, RunStore

cache_app = typer.Typer(help="What is kept so that work need not be done twice.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")

ANALYSES, RUNS, SOUNDS = "analyses", "runs", "sounds"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of what is kept.

    Args:
        name: By which it is cleared.
        what: In a few words.
        folder: Where it lies.
        files: How many.
        bytes: Of them all.
    """

    name: str
    what: str
    folder: str
    files: int
    bytes: int


@cache_app.command("list")
def list_(runs: RunsOption = None, as_json: JsonOption = False) -> None:
    """List what is kept, where, and how much of the disk it takes.

    Example:  tombola cache list
    """
    kept = [_kept(name, folder) for name, folder in _folders(run_store(runs)).items()]
    if as_json:
        output.print_json(msgspec.json.encode(kept).decode())
        return
    for entry in kept:
        say(f"{entry.name:9} {entry.bytes / 1e6:8.1f} MB   {entry.what:32} {entry.folder}")


@cache_app.command()
def clear(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=f"{ANALYSES}, {RUNS}, {SOUNDS} or {ALL}.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs: RunsOption = None,
) -> None:
    """Delete what is kept. Your recordings and bundles stay; what is needed again is made or fetched again.

    Example:  tombola cache clear runs
    """
    store = run_store(runs)
    folders = _folders(store)
    if what not in (*folders, ALL):
        raise BadConfig(f"nothing that is kept is called {what!r}; clear {', '.join(folders)} or {ALL}")
    chosen = [_kept(name, folder) for name, folder in folders.items() if what in (name, ALL)]
    size = f"{sum(entry.bytes for entry in chosen) / 1e6:.1f} MB"
    if not yes and not typer.confirm(f"Delete {', '.join(entry.what for entry in chosen)}, {size}?"):
        say("Nothing was deleted.")
        return
    for entry in chosen:
        _delete(entry.name, Path(entry.folder), store)
    say(f"{size} freed.")


def _folders(store: RunStore) -> Mapping[str, Path]:
    from tombola_host.corpus.cache import default_cache_dir

    return {ANALYSES: default_cache_dir(), RUNS: store.root, SOUNDS: user_cache_path("tombola") / "sounds"}


def _kept(name: str, folder: Path) -> Kept:
    what = {
        ANALYSES: "recordings that were listened to",
        RUNS: "what builds learned",
        SOUNDS: "the factory set's recordings",
    }[name]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Kept(name, what, str(folder), len(files), sum(path.stat().st_size for path in files))


def _delete(name: str, folder: Path, store: RunStore) -> None:
    """Delete a kind; of the folder of runs, which may be any folder, only the runs in it and their log."""
    doomed = [folder]
    if name == RUNS:
        doomed = [path.parent for path in folder.glob(f"*/{SPEC_FILE}")]
    try:
        for path in doomed:
            if path.exists():
                shutil.rmtree(path)
        if name == RUNS:
            log_path(store).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot delete {error.filename}: {error.strerror}; see to its permissions") from error
