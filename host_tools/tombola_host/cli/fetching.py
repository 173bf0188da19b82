"""The command that fetches the recordings of the factory bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_cache_path

from tombola_host.cli.app import app, say, working
from tombola_host.corpus.factory_sounds import BUNDLES, fetch_factory_sounds


@app.command()
def fetch(
    bundles: Annotated[
        list[str] | None, typer.Argument(metavar="BUNDLE…", help=f"{', '.join(BUNDLES)}; all of them by default.")
    ] = None,
    font: Annotated[
        Path | None, typer.Option("--font", help="MuseScore_General_Full.sf2, where apt-get cannot fetch it.")
    ] = None,
) -> None:
    """Fetch what the factory bundles learn from.

    The folders of the recordings are printed. What is there already is kept.

    Example:  tombola fetch struck
    """
    names = tuple(bundles or BUNDLES)
    with working() as reporter:
        folders = fetch_factory_sounds(
            names, user_cache_path("tombola") / "sounds", reporter.task("fetching recordings"), font=font
        )
    for name in names:
        say(f"{name}:")
        for mode, folder in folders[name].items():
            say(f"  {mode}={folder}")
