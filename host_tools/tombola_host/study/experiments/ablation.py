"""Which criterion knows what a unit is worth? Units are removed one by one, and the loss says what each was worth.

    python -m tombola_host.study.experiments.ablation STUDY.toml … --runs DIR --json marks.json

It uses what the studies have done: their dense networks, and the tickets of the row *kept*, whose units are removed
further. A mark is the rank correlation (Spearman) of a criterion's scores with the truth, mean over the unit groups.
The loss is that of the phase that was trained last, on batches that were not drawn in training.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tombola_device.contract.errors import BadConfig

from tombola_host.generators import learnable_named
from tombola_host.lottery.ablation import ablation, agreement
from tombola_host.lottery.criteria import CRITERIA
from tombola_host.lottery.evidence import Evidence
from tombola_host.progress import Reporter, reporting
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore, write_atomically
from tombola_host.stages.ticket import last_objective
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.study.laboratory.figures import standard_error
from tombola_host.study.laboratory.plan import read_study
from tombola_host.study.laboratory.work import Placed, place
from tombola_host.terminal import Terminal, with_exit_code
from tombola_host.training.effort import Length
from tombola_host.training.loop import one_thread

VERSION: Final = 1
FURTHER: Final = "kept"
"""The row whose tickets are judged beside the dense networks."""
JUDGED: Final = tuple(name for name in CRITERIA if name != "information-edge")
"""EDGE takes minutes for a group of 512 units."""
MOST_UNITS: Final = 64


@dataclass(frozen=True, slots=True)
class Judged:
    """The marks of all criteria on one network.

    Args:
        helpful: Share of the tried units whose removal lowers the loss.
        marks: Criterion → mark; a criterion that the family cannot serve has none.
    """

    family: str
    density: float
    seed: int
    units: int
    helpful: float
    marks: dict[str, float]


def evidence_of(each: Placed, length: Length) -> Evidence:
    """A finished cell's network, before and after its training, and what it was trained for last."""
    family, seed = learnable_named(each.cell.family), each.cell.seed
    data, facts = [each.material.training], each.dense.result()
    trained, purpose = (each.dense, "dense") if each.cell.dense else (each.run, "trained")
    trainee = load_trainee(family, trained, purpose)
    phases = family.phases(trainee, data, length, seed, "dense" if each.cell.dense else "ticket")
    first = trainee.network
    if each.cell.dense:
        first = family.trainee(family.build(1, family.size(facts["size"]), facts["seed"]), data, facts["seed"]).network
    groups, objective = trainee.network.unit_groups(), last_objective(phases)
    return Evidence(trainee.network, groups, dict(first.state_dict()), seed=seed, objective=objective)


def judge(run: Run, each: Placed, length: Length, most: int, reporter: Reporter) -> None:
    """Remove units, and mark each criterion, unless it is done."""
    density = 1.0 if each.cell.dense else each.cell.density
    step = reporter.task(f"removing units: {each.cell.family} at {density:g}, seed {each.cell.seed}")
    with run.claimed(step) as todo, one_thread():
        if not todo:
            return
        evidence = evidence_of(each, length)
        truth = ablation(evidence, most)
        found = {}
        for name in JUDGED:
            if name == "movement" and not each.cell.dense:
                continue  # The weights with which a ticket began are not kept.
            try:
                scores = CRITERIA[name](evidence)
            except BadConfig:  # This family has no facts, no normalisation or no second derivative.
                continue
            found[name] = float(np.mean(list(agreement(scores, truth).values())))
        rises = np.concatenate([values[~values.isnan()].numpy() for values in truth.values()])
        run.finish({"units": len(rises), "helpful": float(np.mean(rises < 0)), "marks": found})
        step(1, 1, "")


def judged(paths: Sequence[Path], store: RunStore, most: int, reporter: Reporter) -> Iterator[Judged]:
    """Judge the criteria on each network that the studies have done."""
    for path in paths:
        study = read_study(path)
        for each in place(study, store, reporter):
            if not (each.cell.dense or each.cell.row == FURTHER) or not (each.dense.done and each.run.done):
                continue
            base = each.dense if each.cell.dense else each.run
            run = store.open(Spec("ablation", VERSION, each.cell.family, {"network": base.name, "most": most}))
            judge(run, each, study.steps.length(), most, reporter)
            facts = run.result()
            density = 1.0 if each.cell.dense else each.cell.density
            yield Judged(each.cell.family, density, each.cell.seed, facts["units"], facts["helpful"], facts["marks"])


def table(found: Sequence[Judged]) -> list[str]:
    """Markdown: criteria by family and density, mean mark ± standard error over seeds."""
    columns = sorted({(one.family, one.density) for one in found}, key=lambda column: (column[0], -column[1]))
    lines = ["| criterion | " + " | ".join(f"{family}, {100 * density:g} % left" for family, density in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name in JUDGED:
        cells = []
        for column in columns:
            marks = [one.marks[name] for one in found if (one.family, one.density) == column and name in one.marks]
            spread = f" ± {standard_error(marks):.2f}" if len(marks) > 1 else ""
            cells.append(f"{np.mean(marks):+.2f}{spread}" if marks else "–")
        if any(cell != "–" for cell in cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    shares = [np.mean([one.helpful for one in found if (one.family, one.density) == column]) for column in columns]
    lines.append("| units whose removal helps | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |")
    return lines


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Judge, print a table, keep the marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", metavar="STUDY.toml", type=Path, nargs="+")
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--units", type=int, default=MOST_UNITS, help="units tried of each group, at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with reporting(Terminal(stderr=True)) as reporter:
        found = list(judged(options.studies, RunStore(options.runs), options.units, reporter))
    for line in table(found):
        Terminal(soft_wrap=True).print(line, markup=False)
    if options.json:
        text = json.dumps([{name: getattr(one, name) for name in Judged.__slots__} for one in found], indent=1)
        write_atomically(options.json, (text + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
