"""Single weights masked, beside whole units trimmed: what error remains, and how many units really go.

    python -m tombola_host.study.experiments.masking STUDY.toml --runs DIR --out m.svg --json m.json

It uses a study's dense networks, densities and seeds, and the row *rewound* of what that study has done.

Source: Frankle & Carbin 2019, "The lottery ticket hypothesis"; the comparison is that of Esling et al. 2020, "Diet deep
generative audio models with structured lottery".
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor

from tombola_host.evaluation.held_out import errors_by_note
from tombola_host.generators import learnable_named
from tombola_host.generators.units import Groups, Weights, learned_by_unit
from tombola_host.progress import Reporter, reporting
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore, write_atomically
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.study.laboratory.cell import train_dense
from tombola_host.study.laboratory.figures import log_ratios, measured, standard_error
from tombola_host.study.laboratory.plan import Study, read_study
from tombola_host.study.laboratory.work import Placed, place
from tombola_host.terminal import Terminal, with_exit_code
from tombola_host.training.loop import Loop, Stepped, one_thread

VERSION = 1
TRIMMED = "rewound"
"""The study's row beside which masks stand."""
PUBLISHED_LEFT, PUBLISHED_ERROR = (1.0, 5.0, 20.0), (1.2, 1.0, 0.912)
PUBLISHED_MASKED = 23.9, 0.893
PUBLISHED_GONE = 0.5, 100 / 3
"""Weights left, units gone, %."""
Marks = dict[str, Tensor]
"""Parameter → 1 for a weight that is left, 0 for one that is masked; what no unit group names is left."""


@dataclass(frozen=True, slots=True)
class Masked:
    """One network whose single weights are masked.

    Args:
        ratio: log(error / dense error), mean over notes.
        gone: Share of units that can be removed, because all they read or all that reads them is masked.
    """

    family: str
    density: float
    seed: int
    ratio: float
    gone: float


class Held:
    """Sets masked weights back to zero after each step of a training. See ``Hook``."""

    def __init__(self, network: torch.nn.Module, marks: Marks) -> None:
        self._parameters = [(p, marks[name]) for name, p in network.named_parameters() if name in marks]

    def before(self, loop: Loop) -> None:
        """See Hook."""
        del loop
        self._hold()

    def after(self, loop: Loop, stepped: Stepped) -> None:
        """See Hook."""
        del loop, stepped
        self._hold()

    def _hold(self) -> None:
        with torch.no_grad():
            for parameter, left in self._parameters:
                parameter.mul_(left)


def largest(groups: Groups, weights: Weights, density: float) -> Marks:
    """Keep the largest trained weights under one threshold, so that a share of all the parameters is left.

    Raises:
        BadConfig: What no unit group names is more than that already.
    """
    named = {axis.parameter for group in groups for axis in group.axes if axis.learned}
    sizes = torch.cat([weights[name].abs().flatten() for name in sorted(named)])
    constants = {name for group in groups for name in group.constants}
    constants |= {axis.parameter for group in groups for axis in group.axes if not axis.learned}
    whole = sum(tensor.numel() for name, tensor in weights.items() if name not in constants)
    kept = round(density * whole) - (whole - len(sizes))
    if kept < 1:
        raise BadConfig(f"a density of {density:g} leaves no weight that can be masked; ask for more")
    threshold = sizes.topk(kept).values[-1]
    return {name: (weights[name].abs() >= threshold).float() for name in named}


def gone(groups: Groups, marks: Marks) -> float:
    """The share of units whose own weights, or whose readers' weights, are all masked."""
    idle = [
        ~(
            learned_by_unit(group, marks, incoming=True).any(dim=1)
            & learned_by_unit(group, marks, incoming=False).any(dim=1)
        )
        for group in groups
    ]
    return float(torch.cat(idle).float().mean())


def open_run(store: RunStore, each: Placed, density: float) -> Run:
    """The run of one masked network."""
    return store.open(Spec("masked", VERSION, each.cell.family, {"dense": each.dense.name, "density": density}))


def learn(run: Run, each: Placed, study: Study, density: float, reporter: Reporter) -> None:
    """Mask the dense network, rewind, train and measure, unless it is done."""
    step = reporter.task(f"masked at {density:g}: {each.cell.family} {each.cell.corpus} seed {each.cell.seed}")
    with run.claimed(step) as todo, one_thread():
        if not todo:
            return
        family, data, seed = learnable_named(each.cell.family), [each.material.training], each.cell.seed
        dense = load_trainee(family, each.dense, "dense")
        marks = largest(dense.network.unit_groups(), dict(dense.network.state_dict()), density)
        facts = each.dense.result()
        trainee = family.trainee(family.build(1, family.size(facts["size"]), facts["seed"]), data, facts["seed"])
        Loop(
            trainee,
            family.phases(trainee, data, study.steps.length(), seed, "ticket"),
            (Held(trainee.network, marks),),
        ).run()
        errors = errors_by_note(family, trainee, 0, each.material.test.notes)
        beside = errors_by_note(family, dense, 0, each.material.test.notes)
        ratio = float(np.mean([np.log(error / beside[note]) for note, error in errors.items()]))
        run.finish({"ratio": ratio, "gone": gone(trainee.network.unit_groups(), marks)})
        step(1, 1, "")


def found(study: Study, placed: Sequence[Placed], store: RunStore, reporter: Reporter) -> list[Masked]:
    """Train what is not trained yet."""
    results = []
    for each in placed:
        if each.cell.dense:
            train_dense(each.dense, each.cell, each.material, study.steps.length(), study.size, reporter.task("dense"))
            for density in study.densities:
                run = open_run(store, each, density)
                learn(run, each, study, density, reporter)
                facts = run.result()
                results.append(Masked(each.cell.family, density, each.cell.seed, facts["ratio"], facts["gone"]))
    return results


def table(study: Study, masks: Sequence[Masked], placed: Sequence[Placed]) -> list[dict[str, float | str]]:
    """Family by density: masked and trimmed multiplier with standard errors, and units gone."""
    trimmed, rows = log_ratios(measured(placed)), []
    for family in study.families:
        for density in study.densities:
            own = [each for each in masks if (each.family, each.density) == (family, density)]
            row: dict[str, float | str] = {"family": family, "density": density}
            beside = list(trimmed.get((family, TRIMMED, density), {}).values())
            for name, values in (("masked", [each.ratio for each in own]), ("trimmed", beside)):
                row[name] = float(np.exp(np.mean(values))) if values else float("nan")
                row[f"{name} spread"] = standard_error(values)
            row["gone"] = float(np.mean([each.gone for each in own]))
            rows.append(row)
    return rows


def picture(rows: Sequence[dict[str, float | str]], path: Path) -> None:
    """Error by what is left, and units that really go."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    FigureCanvasSVG(figure)
    error, units = figure.subplots(1, 2)
    for family, color in zip(dict.fromkeys(str(row["family"]) for row in rows), ("C0", "C1", "C2", "C3"), strict=False):
        own = [row for row in rows if row["family"] == family]
        left = [100 * float(row["density"]) for row in own]
        for name, line in (("masked", "-"), ("trimmed", ":")):
            values, spreads = ([float(row[key]) for row in own] for key in (name, f"{name} spread"))
            error.errorbar(left, values, spreads, color=color, linestyle=line, marker="o", label=f"{family}, {name}")
        units.plot(left, [100 * float(row["gone"]) for row in own], color=color, marker="o", label=family)
    grey = {"color": "#808080", "marker": "s"}
    error.plot(PUBLISHED_LEFT, PUBLISHED_ERROR, linestyle="--", label="published, trimmed", **grey)
    error.plot(*PUBLISHED_MASKED, linestyle="", label="published, masked", color="#303030", marker="s")
    units.plot(*PUBLISHED_GONE, linestyle="", label="published", **grey)
    error.set(xlabel="parameters left, %", ylabel="error / dense", xscale="log")
    units.set(xlabel="weights left, %", ylabel="units that really go, %", xscale="log")
    for axes in (error, units):
        axes.legend(frameon=False, fontsize=8)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(visible=True, alpha=0.2)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "masking"}):  # Text stays text.
        figure.savefig(path, format="svg", metadata={"Date": None})


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Mask, train, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", metavar="STUDY.toml", type=Path, nargs="+")
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows = []
    store = RunStore(options.runs)
    with reporting(Terminal(stderr=True)) as reporter:
        for path in options.studies:
            study = read_study(path)
            placed = place(study, store, reporter)
            masks = found(study, placed, store, reporter)
            rows += table(study, masks, placed)
    picture(rows, options.out)
    if options.json:
        write_atomically(options.json, (json.dumps(rows, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
