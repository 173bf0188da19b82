"""The page of a study: the table of multipliers, density curves, costs, and what the networks sound like."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from tombola_host.corpus.windows import Note
from tombola_host.cost.complexity import playing
from tombola_host.evaluation.held_out import LONGEST_FRAMES, trainee_playback
from tombola_host.generators import FAMILIES
from tombola_host.report.data import ModeSounds, ReportData, Sound, Table
from tombola_host.report.study_plots import study_plots
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.study.laboratory.costs import Cost, Place, costs_of
from tombola_host.study.laboratory.figures import Line, Measured, difference, lines_of, measured
from tombola_host.study.laboratory.plan import NO_LOTTERY, Study, cells_of
from tombola_host.study.laboratory.work import Placed

COLOR = "#e8a33d"
MOST_SOUNDS = 12
MOST_COMPARED = 10
CAPTION = (
    "Multiplier: error relative to the dense network of the same seed, geometric mean over held-out notes and corpora; "
    "± standard error over seeds. The held-out notes chose nothing before. Trainings: cost of the lottery in trainings "
    "of the dense network, without the ticket's own. Seconds: processor time of lottery, ticket and measurement. "
    "The last three are those of the first seed: million floating-point operations for a second of sound; Cortex-A72 "
    "instructions for a period of 128 samples of one held voice, and its paced median time where it was counted; "
    "a dash where `tombola study count` has not counted."
)

NEEDS = (
    "For a second of sound, counted from shapes of the first seed; boards with the operations of one core, disk "
    "and memory for it. ATmega and the first two Raspberry Pi: Esling et al. 2020, table 1; others: datasheets. What a "
    "period of our instrument costs is measured: the column of instructions above."
)


def study_page(study: Study, placed: Sequence[Placed]) -> ReportData:
    """All that is done so far."""
    cells = measured(placed)
    lines, costs = lines_of(cells), costs_of(study, placed)
    return ReportData(
        title=f"Lottery study {study.name}",
        summary=f"{len(cells)} of {len(placed)} cells are done.",
        facts={
            "families": ", ".join(study.families),
            "corpora": ", ".join(study.corpora),
            "seeds": str(len(study.seeds)),
            "steps": f"{study.steps.control_steps} + {study.steps.audio_steps}",
        },
        modes=_sounds(study, placed),
        judged=(
            *(_table(family, lines, costs) for family in study.families),
            *(table for family in study.families if (table := _quotients(study, family, cells))),
            *(table for family in study.families if (table := _needs(family, lines, costs))),
        ),
        plots=study_plots(study, lines, costs),
        provenance={"dense size": study.size, "densities": ", ".join(f"{each:g}" for each in study.densities)},
    )


def _table(family: str, lines: Sequence[Line], costs: Mapping[Place, Cost]) -> Table:
    rows = tuple(
        (
            line.row,
            f"{line.density:g}",
            round(line.multiplier, 4),
            "–" if np.isnan(line.spread) else f"± {line.spread:.4f}",
            line.seeds,
            line.parameters,
            f"{line.trainings:.2f}",
            f"{line.seconds:.1f}",
            *_played(costs.get((line.family, line.row, line.density))),
        )
        for line in lines
        if line.family == family
    )
    errors = ("density", "multiplier", "s. e.", "seeds", "parameters")
    prices = ("trainings", "seconds", "MFLOPS", "A72 instructions", "µs")
    return Table((f"{family}: row", *errors, *prices), rows, CAPTION)


def _played(cost: Cost | None) -> tuple[str, str, str]:
    """Operations, instructions, time; a dash for what is not counted."""
    if cost is None:
        return "–", "–", "–"
    return (
        "–" if cost.needs is None else f"{cost.needs.flops / 1e6:.1f}",
        "–" if cost.instructions is None else f"{cost.instructions:,}".replace(",", " "),
        "–" if cost.us is None else f"{cost.us:.0f}",
    )


def _needs(family: str, lines: Sequence[Line], costs: Mapping[Place, Cost]) -> Table | None:
    """The best row of each density, and the boards that have what it needs."""
    best: dict[float, Line] = {}
    for line in lines:
        if line.family == family and line.multiplier <= best.get(line.density, line).multiplier:
            best[line.density] = line
    found = []
    for density, line in best.items():
        cost = costs.get((family, line.row, density))
        if cost is not None and (needs := cost.needs) is not None:
            sizes = f"{needs.flops / 1e6:.1f}", f"{needs.disk_bytes / 1e3:.0f}", f"{needs.traffic_bytes / 1e6:.1f}"
            found.append((f"{line.row} at {density:g}", line.parameters, *sizes, ", ".join(playing(needs)) or "none"))
    columns = ("parameters", "MFLOPS", "weights, kB", "weights read, MB a second", "boards that have it")
    return Table((f"{family}: best row", *columns), tuple(found), NEEDS) if found else None


def _quotients(study: Study, family: str, cells: Sequence[Measured]) -> Table | None:
    """Each row against each other, where they are few."""
    rows = [row for row in dict.fromkeys(cell.row for cell in cells_of(study)) if row != NO_LOTTERY]
    if not 1 < len(rows) <= MOST_COMPARED:
        return None
    densities = sorted({each.cell.density for each in cells if not each.cell.dense}, reverse=True)
    found = [
        (f"{one} / {other}", *(_quotient(*difference(cells, one, other, family, density)) for density in densities))
        for one, other in itertools.combinations(rows, 2)
    ]
    columns = (f"{family}: quotient of errors", *(f"{100 * density:g} % left" for density in densities))
    return Table(columns, tuple(found), "Paired by seed and note; ± standard error over seeds.")


def _quotient(mean: float, spread: float) -> str:
    """A difference of logarithms as a quotient."""
    if np.isnan(mean):
        return "–"
    return f"{np.exp(mean):.3f}" + ("" if np.isnan(spread) else f" ± {np.exp(mean) * spread:.3f}")


def _sounds(study: Study, placed: Sequence[Placed]) -> tuple[ModeSounds, ...]:
    """For each corpus a held-out note: the recording, the dense network, and rows at the lowest density."""
    found = []
    for corpus in study.corpora:
        chosen = [
            each
            for each in placed
            if each.run.done
            and each.cell.family in FAMILIES
            and (each.cell.corpus, each.cell.seed) == (corpus, study.seeds[0])
            and each.cell.density in (1, min(study.densities))
        ]
        if chosen:
            note = chosen[0].material.test.notes[0]
            heard = note.audio[: LONGEST_FRAMES * 128].numpy()
            sounds = [Sound("recording", heard), *(_sound(each, note) for each in chosen[:MOST_SOUNDS])]
            found.append(ModeSounds(corpus, COLOR, tuple(sounds), chosen[0].material.licence))
    return tuple(found)


def _sound(each: Placed, note: Note) -> Sound:
    family = FAMILIES[each.cell.family]
    run, name = (each.dense, "dense") if each.cell.dense else (each.run, "trained")
    trainee = load_trainee(family, run, name)
    title = each.cell.row if each.cell.dense else f"{each.cell.row} at {each.cell.density:g}"
    return Sound(f"{each.cell.family}: {title}", trainee_playback(family, trainee, 0)(note))
