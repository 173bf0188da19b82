"""Stage: compare the merged network with its baselines, on notes not used for training.

    isolated   each mode has its own ticket
    mixture    the outputs of these tickets mixed by blend weight: in a pure mode the same, in a blend several networks
    joint      a network of the merged size from random weights, trained as long as the merged one
    merged     core and specialists from the tickets

The last must beat the first and the third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tombola_host.corpus.material import Material
from tombola_host.evaluation.blend import BlendQuality, blend_quality, mixture_sweep, trainee_sweep
from tombola_host.evaluation.held_out import mean_error, note_errors, trainee_playback
from tombola_host.generators.base import count_parameters
from tombola_host.generators.family import Family, GeneratorTrainee
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.training.loop import one_thread

VERSION = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One network, or set of networks, in the comparison.

    Args:
        name: Name in the table above.
        parameters: Number of parameters in all.
        errors: Mean multi-scale spectral error per mode at its default timbre; modes without test notes are left out.
        encoded: The same with the timbre and the life that are heard in the recording.
        blend: Quality of its blends.
    """

    name: str
    parameters: int
    errors: dict[str, float]
    encoded: dict[str, float]
    blend: BlendQuality | None

    @property
    def mean(self) -> float:
        """Mean error over modes."""
        return float(np.mean(list(self.errors.values()))) if self.errors else float("nan")


def open_run(store: RunStore, family: Family, merged: Run, joint: Run, tickets: Sequence[Run]) -> Run:
    """The run of this stage."""
    facts = {"merged": merged.name, "joint": joint.name, "tickets": [run.name for run in tickets]}
    return store.open(Spec("compare", VERSION, family.name, facts))


def compare(
    run: Run,
    family: Family,
    merged: Run,
    joint: Run,
    tickets: Sequence[Run],
    materials: Sequence[Material],
    step: Step,
) -> None:
    """Measure all rows, unless the run is done already."""
    with run.claimed(step) as todo, one_thread():
        if not todo:
            return
        alone = [load_trainee(family, ticket, "trained") for ticket in tickets]
        rows = [_tickets_row(family, alone, materials, "isolated")]
        step(1, 4, "isolated tickets")
        mixture = blend_quality(mixture_sweep(family, alone), materials)
        rows.append(Row("mixture", rows[0].parameters, rows[0].errors, rows[0].encoded, mixture))
        step(2, 4, "mixture")
        for done, (name, source) in enumerate((("joint", joint), ("merged", merged))):
            rows.append(_merged_row(family, load_trainee(family, source, "merged"), materials, name))
            step(3 + done, 4, name)
        run.finish({"rows": [asdict(row) for row in rows]})


def load_rows(run: Run) -> tuple[Row, ...]:
    """Read the table from a finished run."""
    return tuple(_row(entry) for entry in run.result()["rows"])


def _row(entry: dict[str, Any]) -> Row:
    blend = BlendQuality(**entry["blend"]) if entry["blend"] else None
    return Row(entry["name"], entry["parameters"], entry["errors"], entry["encoded"], blend)


def _tickets_row(family: Family, alone: Sequence[GeneratorTrainee], materials: Sequence[Material], name: str) -> Row:
    errors, encoded = {}, {}
    for trainee, material in zip(alone, materials, strict=True):
        if material.test.notes:
            errors[material.name], encoded[material.name] = held_out_errors(family, trainee, 0, material)
    return Row(name, sum(count_parameters(trainee.network) for trainee in alone), errors, encoded, None)


def _merged_row(family: Family, trainee: GeneratorTrainee, materials: Sequence[Material], name: str) -> Row:
    errors, encoded = {}, {}
    for mode, material in enumerate(materials):
        if material.test.notes:
            errors[material.name], encoded[material.name] = held_out_errors(family, trainee, mode, material)
    blend = blend_quality(trainee_sweep(family, trainee), materials)
    return Row(name, count_parameters(trainee.network), errors, encoded, blend)


def held_out_errors(family: Family, trainee: GeneratorTrainee, mode: int, material: Material) -> tuple[float, float]:
    """Mean error on held-out notes: at the default timbre, and with the timbre found in each recording."""
    plain, heard = (trainee_playback(family, trainee, mode, heard=heard) for heard in (False, True))
    notes = material.test.notes
    return mean_error(note_errors(plain, notes)), mean_error(note_errors(heard, notes))
