"""A small lottery beside a build, so that its maker sees whether tickets pay on these recordings.

It is that of the laboratory, in a minute of one process: one mode, a small dense network, short trainings. A ticket is
drawn by magnitude, one by lot, and a network of that size learns from scratch: for as many steps, and for as long as
dense network, lottery and ticket took together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from tombola_host.corpus.material import Material
from tombola_host.generators.family import Learnable
from tombola_host.lottery.drum import Ways
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.study.laboratory import cell as laboratory
from tombola_host.study.laboratory.plan import Cell
from tombola_host.training.effort import Length

VERSION = 1
SIZE = "small"
DENSITY = 0.1
"""About as many parameters as a bundle's network has."""
LENGTH = Length(100, 40, control_windows=8, audio_windows=4)
DENSE, TICKET, LOT, SCRATCH, AS_LONG = (
    "dense network",
    "ticket: its best units, rewound",
    "random ticket: units drawn by lot",
    "from scratch, as many steps",
    "from scratch, as long as dense network and ticket",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One network of the trial.

    Args:
        name: Of the row.
        parameters: Learned values.
        seconds: For lottery, training and measuring, with the dense training where a row needs one.
        error: Mean error of the mode's held-out notes, at its default timbre.
    """

    name: str
    parameters: int
    seconds: float
    error: float


def chosen(materials: Sequence[Material]) -> Material | None:
    """The mode with the most held-out notes; None if there are none."""
    best = max(materials, key=lambda material: len(material.test.notes))
    return best if best.test.notes else None


def open_run(store: RunStore, family: Learnable, material: Material, seed: int) -> Run:
    """The run of a trial."""
    facts = {"corpus": material.fingerprint, "mode": material.name, "seed": seed, "length": asdict(LENGTH)}
    return store.open(Spec("trial", VERSION, family.name, {**facts, "size": SIZE, "density": DENSITY}))


def attempt(run: Run, family: Learnable, material: Material, seed: int, step: Step) -> None:
    """Train and measure all rows, unless the run is done already; each network is a run of its own."""
    with run.claimed(step) as todo:
        if not todo:
            return
        store, cells = RunStore(run.path.parent), cells_of(family, material, seed)
        dense = laboratory.open_dense(store, cells[0], material, LENGTH, SIZE)
        laboratory.train_dense(dense, cells[0], material, LENGTH, SIZE, _quiet)
        rows = []
        for done, each in enumerate(cells):
            step(done, len(cells), each.row)
            own = laboratory.open_run(store, each, material, LENGTH, dense)
            laboratory.measure(own, each, material, LENGTH, dense, _quiet)
            facts = own.result()
            before_s = dense.result()["seconds"] if each.row in (DENSE, TICKET, LOT) else 0.0
            error = fmean(facts["errors"].values())
            rows.append(Tried(each.row, facts["parameters"], round(before_s + facts["seconds"], 2), error))
        run.finish({"mode": material.name, "rows": [asdict(row) for row in rows]})
        step(1, 1, "")


def cells_of(family: Learnable, material: Material, seed: int) -> tuple[Cell, ...]:
    """The networks of a trial, the dense one first."""
    shared = family.name, material.name
    fresh = Ways(reset="reinitialise")
    return (
        Cell(DENSE, *shared, 1.0, seed),
        Cell(TICKET, *shared, DENSITY, seed),
        Cell(LOT, *shared, DENSITY, seed, ways=Ways(criterion="random")),
        Cell(SCRATCH, *shared, DENSITY, seed, ways=fresh),
        Cell(AS_LONG, *shared, DENSITY, seed, training="equal-cpu", ways=fresh),
    )


def load_rows(run: Run) -> tuple[Tried, ...]:
    """Read the rows of a finished trial."""
    return tuple(Tried(**row) for row in run.result()["rows"])


def verdict(rows: Sequence[Tried]) -> str:
    """What the trial says, in a sentence."""
    error = {row.name: row.error for row in rows}
    ratio = error[TICKET] / error[AS_LONG]
    by_lot = error[TICKET] / error[LOT]
    paid = "paid" if ratio < 1 and by_lot < 1 else "did not pay"
    return (
        f"a lottery {paid} here: the ticket errs {ratio:.2f} × as much as a network from scratch in equal time, "
        f"{by_lot:.2f} × as much as a random ticket"
    )


def _quiet(done: int, total: int, word: str) -> None:
    """The trial's own steps are told, not those within."""
