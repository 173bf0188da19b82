"""The factory set, built anew.

    python -m tombola_host.demo.factory models [--effort normal] [--seed 0] [--runs FOLDER] [BUNDLE …]

Fetches the recordings, builds each bundle into its folder of ``models`` and brings the figures in its card up to date.
An interrupted build goes on where it stopped.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from platformdirs import user_cache_path
from tombola_device.contract.errors import BadConfig, StoreError, TombolaError

from tombola_host.corpus.factory_sounds import BUNDLES, fetch_factory_sounds
from tombola_host.corpus.pitch import note_name
from tombola_host.cost.inspect import inspect_bundle
from tombola_host.progress import Reporter, reporting
from tombola_host.runs.store import RunStore, write_atomically
from tombola_host.stages.bundle import write_bundle
from tombola_host.study.build import Settings, build
from tombola_host.study.plan import count_recordings
from tombola_host.terminal import Terminal
from tombola_host.training.effort import EFFORTS

FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
"""The part of a card that is written here."""


def build_bundle(
    models: Path, name: str, folders: Mapping[str, Path], settings: Settings, store: RunStore, reporter: Reporter
) -> Path:
    """Build one bundle of the set, and its card's figures.

    Args:
        models: The folder of the set; the bundle goes into its folder ``name``.
        name: Of the bundle.
        folders: Mode → recordings.
        settings: Of the build.
        store: Where it goes on if it was interrupted.
        reporter: Told of the progress.

    Returns:
        The bundle's file.

    Raises:
        TombolaError: A step failed; the bundle before stays.
    """
    path = models / name / f"{name}.tombola"
    card = path.with_name("README.md")
    _text_of(card)
    built = build(name, folders, settings, store, reporter)
    write_bundle(built.bundle, path)
    counts = {mode: count_recordings(folder) for mode, folder in folders.items()}
    figures = figures_of(path, counts, settings)
    # Read again: a build takes minutes, in which somebody may have written the card.
    write_atomically(card, FIGURES.sub(lambda _: figures, _text_of(card)).encode())
    return path


def _text_of(card: Path) -> str:
    try:
        text = card.read_text("utf-8")
    except OSError as error:
        raise StoreError(f"{card} cannot be read ({error.strerror}); every bundle of the set has a card") from error
    if not FIGURES.search(text):
        raise BadConfig(f"{card} has no lines <!-- figures --> and <!-- end of figures -->; put them where figures go")
    return text


def figures_of(bundle: Path, recordings: Mapping[str, int], settings: Settings) -> str:
    """A table of the modes, and the size: for the card, in Markdown."""
    inspection = inspect_bundle(bundle)
    manifest, graphs = inspection.manifest, inspection.graphs.values()
    rows = [
        f"| {mode.name} | {note_name(mode.note_range[0])} – {note_name(mode.note_range[1])} | {recordings[mode.name]} |"
        for mode in manifest.modes
    ]
    nodes = sum(graph.nodes for graph in graphs)
    size = (
        f"{manifest.cost.parameters:,} parameters, {nodes} nodes, {inspection.bytes / 1000:.0f} kB; "
        f"effort {settings.effort}, seed {settings.seed}.\n"
    ).replace(",", " ", 1)
    return "\n".join(("| mode | range | recordings |", "|---|---|---|", *rows, "", size))


def main(arguments: Sequence[str]) -> int:
    """Build the set, or the bundles that are named. 0: done, 1: an error that is told in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m tombola_host.demo.factory", description="Build the factory set.")
    parser.add_argument("models", type=Path, help="the folder of the set")
    parser.add_argument("bundles", nargs="*", metavar="BUNDLE", help=f"{', '.join(BUNDLES)}; all by default")
    parser.add_argument("--effort", default="normal", help=", ".join(EFFORTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=user_cache_path("tombola") / "runs", help="where builds go on")
    options = parser.parse_args(arguments)
    console = Terminal(soft_wrap=True)
    try:
        settings, store = Settings(effort=options.effort, seed=options.seed), RunStore(options.runs)
        with reporting(Terminal(stderr=True)) as reporter:
            names = tuple(options.bundles or BUNDLES)
            step = reporter.task("fetching recordings")
            for name, folders in fetch_factory_sounds(names, user_cache_path("tombola") / "sounds", step).items():
                path = build_bundle(options.models, name, folders, settings, store, reporter)
                console.print(f"{path}: {path.stat().st_size} bytes")
    except (OSError, TombolaError) as error:
        console.print(f"factory: {error}", style="red", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
