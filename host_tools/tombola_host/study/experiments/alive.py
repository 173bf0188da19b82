"""Is it alive? All figures of bundles beside the bars that they are to reach.

    python -m tombola_host.study.experiments.alive BUNDLE … sax=FOLDER violin=FOLDER … [--full] [--out figures.json]

Prints, for each bundle, what `tombola evaluate` prints, and one table of figures in Markdown. --full plays every note
instead of some, and takes several times as long. Where the package ``musicnn`` is installed (``pip install --no-deps
musicnn``), it hears the likeness too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig, TombolaError

from tombola_host.corpus.folders import parse_folders
from tombola_host.corpus.material import gather
from tombola_host.evaluation.frechet import Embedding, Likeness, LogMel
from tombola_host.evaluation.judge import FULL, QUICK, ModeJudgement, judge
from tombola_host.evaluation.motion import Motion
from tombola_host.evaluation.response import MONOTONE
from tombola_host.evaluation.strikes import Compared
from tombola_host.evaluation.tables import as_tables, embeddings_of, network_to_table
from tombola_host.progress import reporting
from tombola_host.study.experiments.musicnn import Musicnn
from tombola_host.terminal import Terminal

ERROR_BAR, LEARNED_BAR, TABLE_BAR, FLOOR_BAR = 0.82, 0.76, 0.88, 0.52
MOVEMENT_BAR = (0.7, 1.3)
_BETWEEN = f"{MOVEMENT_BAR[0]} … {MOVEMENT_BAR[1]}"
MOVED = Motion.__struct_fields__
SLOPE_BAR = 0.15
"""Octaves of centroid per 10 dB."""
TIMBRE_DB_BAR = 4.0
STRIKE_BAR = 0.2
NEAR_SHARE = 0.75
"""Of the modes that are to be nearer to the recordings than the sampler."""

Value = float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line.

    Args:
        what: What is measured.
        bar: What is to be reached, in words.
        cells: For each mode; None: it has none.
        met: Whether it is reached; None: nothing was measured.
    """

    what: str
    bar: str
    cells: tuple[str | None, ...]
    met: bool | None


def figures(judgements: Sequence[ModeJudgement]) -> list[Figure]:
    """All lines, in order."""

    def each(what: str, bar: str, value: Callable[[ModeJudgement], Value], met: Callable[[float], bool]) -> Figure:
        return _each(what, bar, [value(entry) for entry in judgements], met)

    error, learned, floor = (
        [value(entry) for entry in judgements]
        for value in (_error, lambda entry: entry.training_error, lambda entry: entry.ladder["floor"].error)
    )
    within = f"median within {100 * STRIKE_BAR:.0f} %"
    return [
        _mean("held-out error at life 0", ERROR_BAR, error),
        _mean("the same on notes learned from", LEARNED_BAR, learned),
        each("network / table of two notes", f"≤ {TABLE_BAR} in every mode", network_to_table, _most(TABLE_BAR)),
        _mean("floor: analysis → resynthesis", FLOOR_BAR, floor),
        *(each(f"movement of {name}, played / real", _BETWEEN, _movement(name), _alive) for name in MOVED),
        each("velocity brightens: lowest ρ", f"≥ {MONOTONE}", _rho, _least(MONOTONE)),
        each("slope off the recordings', octaves / 10 dB", f"≤ {SLOPE_BAR}", _slope_off, _most(SLOPE_BAR)),
        *(
            each(f"timbre {name}: lowest ρ", f"≥ {MONOTONE}", _order(at), _least(MONOTONE))
            for at, name in enumerate("XY")
        ),
        *(
            each(f"timbre {name}: dB per partial", f"≥ {TIMBRE_DB_BAR:g}", _moved(at), _least(TIMBRE_DB_BAR))
            for at, name in enumerate("XY")
        ),
        *(each(f"{name}, off by", within, value, _most(STRIKE_BAR)) for name, value in STRIKES.items()),
        *(_nearness(name, [entry.likeness.get(name) for entry in judgements]) for name in embeddings_of(judgements)),
    ]


def as_markdown(lines: Sequence[Figure], modes: Sequence[str]) -> str:
    """The table."""
    rows = [["what", *modes, "bar", "met"]]
    for line in lines:
        met = {True: "yes", False: "**no**", None: "–"}[line.met]
        rows.append([line.what, *(cell or "–" for cell in line.cells), line.bar, met])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _mean(what: str, bar: float, values: Sequence[Value]) -> Figure:
    """A figure whose mean over the modes counts."""
    there = [value for value in values if value is not None]
    mean = float(np.mean(there)) if there else float("nan")
    return Figure(f"{what}, mean {mean:.3f}", f"mean ≤ {bar}", _cells(values), mean <= bar if there else None)


def _each(what: str, bar: str, values: Sequence[Value], met: Callable[[float], bool]) -> Figure:
    """A figure that every mode is to reach."""
    there = [value for value in values if value is not None]
    return Figure(what, bar, _cells(values), all(map(met, there)) if there else None)


def _cells(values: Sequence[Value]) -> tuple[str | None, ...]:
    return tuple(None if value is None else f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}" for value in values)


def _most(bar: float) -> Callable[[float], bool]:
    return lambda value: value <= bar


def _least(bar: float) -> Callable[[float], bool]:
    return lambda value: value >= bar


def _nearness(name: str, found: Sequence[Likeness | None]) -> Figure:
    ratios = [None if one is None else one.ratio for one in found]
    near = [ratio <= 1 for ratio in ratios if ratio is not None]
    met = float(np.mean(near)) >= NEAR_SHARE if near else None
    return Figure(f"Fréchet, {name}: played / sampler", "≤ 1 in three of four modes", _cells(ratios), met)


def _error(entry: ModeJudgement) -> Value:
    return entry.spectral_error


def _rho(entry: ModeJudgement) -> Value:
    return entry.dynamics.rho if entry.dynamics else None


def _slope_off(entry: ModeJudgement) -> Value:
    # Only recordings of one note at several dynamics say it; within a note, vibrato and decay speak louder.
    if entry.dynamics is None or entry.dynamics.real_slope is None or entry.dynamics.real_from != "dynamics":
        return None
    return abs(entry.dynamics.slope - entry.dynamics.real_slope)


def _movement(name: str) -> Callable[[ModeJudgement], Value]:
    return lambda entry: entry.performed.motion.deviation[name] if entry.performed.motion else None


def _alive(ratio: float) -> bool:
    return MOVEMENT_BAR[0] <= ratio <= MOVEMENT_BAR[1]


def _order(axis: int) -> Callable[[ModeJudgement], Value]:
    return lambda entry: abs(entry.timbre[axis].rho[entry.timbre[axis].descriptor]) if entry.timbre else None


def _moved(axis: int) -> Callable[[ModeJudgement], Value]:
    return lambda entry: entry.timbre[axis].moved_db if entry.timbre else None


def _off(compared: Compared | None) -> Value:
    return None if compared is None else compared.off


STRIKES: Mapping[str, Callable[[ModeJudgement], Value]] = {
    "attack": lambda entry: _off(entry.performed.attack),
    "release": lambda entry: _off(entry.performed.release),
    "partials' decay": lambda entry: _off(entry.performed.decays.rate if entry.performed.decays else None),
    "its spread among partials": lambda entry: _off(entry.performed.decays.spread if entry.performed.decays else None),
}


def _embeddings(console: Terminal) -> list[Embedding]:
    try:
        return [LogMel(), Musicnn.installed()]
    except BadConfig as error:
        console.print(f"alive: {error}", markup=False, soft_wrap=True)
        return [LogMel()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge bundles and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("given", nargs="+", metavar="BUNDLE or NAME=FOLDER")
    parser.add_argument("--full", action="store_true", help="play every note")
    parser.add_argument("--out", type=Path, help="all figures as JSON")
    options = parser.parse_args(arguments)
    bundles = [Path(word) for word in options.given if "=" not in word]
    console, out = Terminal(stderr=True), Terminal()
    torch.set_num_threads(1)  # The tensors are small.
    found: dict[str, tuple[ModeJudgement, ...]] = {}
    try:
        folders = parse_folders([word for word in options.given if "=" in word])
        embeddings = _embeddings(console)
        with reporting(console) as reporter:
            materials = gather(folders, reporter)
            for path in bundles:
                step = reporter.task(f"judging {path.name}")
                depth = FULL if options.full else QUICK
                found[str(path)] = judge(decode_bundle(path.read_bytes()), materials, step, depth, embeddings)
        for name, judgements in found.items():
            out.print(name, as_tables(judgements), markup=False, soft_wrap=True)
            for line in as_markdown(figures(judgements), list(folders)).splitlines():
                out.print(line, markup=False, soft_wrap=True)
        if options.out:
            options.out.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    except (OSError, TombolaError) as error:
        console.print(f"alive: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
