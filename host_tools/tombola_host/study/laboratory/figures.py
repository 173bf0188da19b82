"""Figures of a study: error multipliers, paired by note and seed, with their standard errors; and all cells as CSV."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tombola_host.study.laboratory.plan import NO_LOTTERY, Cell
from tombola_host.study.laboratory.work import Placed

PLACE = ("family", "corpus", "row", "density", "seed")
WAYS = ("criterion", "scope", "scaling", "reset")


@dataclass(frozen=True, slots=True)
class Measured:
    """A cell and its result.

    Args:
        errors: Held-out note → error.
        trainings: Cost of the lottery in trainings of the dense network; the ticket's own training is not in it.
        seconds: Processor time of lottery, ticket and measurement, without the dense training.
    """

    cell: Cell
    errors: dict[str, float]
    parameters: int
    trainings: float
    seconds: float
    steps: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table.

    Args:
        multiplier: Error relative to the dense network of the same seed: geometric mean over notes and corpora.
        spread: Standard error over seeds; NaN for one seed.
        seeds: Number of seeds.
    """

    family: str
    row: str
    density: float
    multiplier: float
    spread: float
    seeds: int
    parameters: int
    trainings: float
    seconds: float


def measured(placed: Sequence[Placed]) -> tuple[Measured, ...]:
    """The results of all finished cells."""
    found = []
    for each in placed:
        if each.run.done:
            facts = each.run.result()
            found.append(
                Measured(
                    each.cell,
                    facts["errors"],
                    facts["parameters"],
                    facts["trainings"],
                    facts["seconds"],
                    facts["steps"],
                )
            )
    return tuple(found)


def log_ratios(cells: Sequence[Measured]) -> dict[tuple[str, str, float], dict[int, float]]:
    """(family, row, density) → seed → mean over corpora and notes of log(error / dense error of that note and seed).

    A seed counts if it was measured on every corpus that has a dense network of that seed.
    """
    dense = {(m.cell.family, m.cell.corpus, m.cell.seed): m.errors for m in cells if m.cell.row == NO_LOTTERY}
    by_seed: dict[tuple[str, str, float], dict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for m in cells:
        beside = dense.get((m.cell.family, m.cell.corpus, m.cell.seed))
        if beside:
            ratios = [np.log(error / beside[note]) for note, error in m.errors.items()]
            key = m.cell.family, m.cell.row, m.cell.density
            by_seed[key][m.cell.seed][m.cell.corpus] = float(np.mean(ratios))
    whole = {
        (family, seed): len({corpus for name, corpus, other in dense if (name, other) == (family, seed)})
        for family, _, seed in dense
    }
    return {
        key: {
            seed: float(np.mean(list(ratios.values())))
            for seed, ratios in seeds.items()
            if len(ratios) == whole[key[0], seed]
        }
        for key, seeds in by_seed.items()
    }


def lines_of(cells: Sequence[Measured]) -> tuple[Line, ...]:
    """The table: one line for each family, density and row."""
    costs: dict[tuple[str, str, float], list[Measured]] = defaultdict(list)
    for m in cells:
        costs[m.cell.family, m.cell.row, m.cell.density].append(m)
    found = []
    for key, seeds in log_ratios(cells).items():
        if not seeds:
            continue
        values, beside = list(seeds.values()), costs[key]
        found.append(
            Line(
                *key,
                multiplier=float(np.exp(np.mean(values))),
                spread=standard_error(values),
                seeds=len(values),
                parameters=round(float(np.mean([m.parameters for m in beside]))),
                trainings=float(np.mean([m.trainings for m in beside])),
                seconds=float(np.mean([m.seconds for m in beside])),
            )
        )
    return tuple(sorted(found, key=lambda line: (line.family, -line.density, line.multiplier)))


def difference(cells: Sequence[Measured], first: str, second: str, family: str, density: float) -> tuple[float, float]:
    """Mean and standard error over seeds of log(first / second), paired by seed; NaN where a seed is missing."""
    ratios = log_ratios(cells)
    one, other = (ratios.get((family, row, density), {}) for row in (first, second))
    pairs = [one[seed] - other[seed] for seed in one.keys() & other.keys()]
    return (float(np.mean(pairs)), standard_error(pairs)) if pairs else (float("nan"), float("nan"))


def standard_error(values: Sequence[float]) -> float:
    """Standard error of a mean; NaN for fewer than two values."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def as_csv(cells: Sequence[Measured]) -> str:
    """Every note of every cell, one line each."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [*PLACE, *WAYS, "schedule", "training", "parameters", "trainings", "steps", "seconds", "note", "error"]
    )
    for m in cells:
        place = [getattr(m.cell, name) for name in PLACE] + [getattr(m.cell.ways, name) for name in WAYS]
        costs = [m.cell.schedule, m.cell.training, m.parameters, m.trainings, m.steps, m.seconds]
        writer.writerows([*place, *costs, note, error] for note, error in m.errors.items())
    return file.getvalue()
