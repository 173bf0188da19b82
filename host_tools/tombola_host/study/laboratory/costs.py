"""What the networks of a study cost where they play: operations, instructions of a Raspberry Pi, and time here.

A cost depends on the shape of a network and not on its weights, so each shape is counted once, and one seed is enough.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import nn

from tombola_host.cost.arm64.count import count
from tombola_host.cost.bench import bench
from tombola_host.cost.complexity import Complexity, complexity
from tombola_host.generators import FAMILIES, learnable_named
from tombola_host.generators.family import Learner
from tombola_host.progress import Reporter
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.bundle import bundle_of, write_bundle
from tombola_host.stages.trainee_files import load_trainee
from tombola_host.study.laboratory.plan import Study
from tombola_host.study.laboratory.work import Placed

VERSION = 1
CPU = "a72"
"""Raspberry Pi 4."""
VOICES = 1
BENCH_S = 2.0

Place = tuple[str, str, float]
"""Family, row, density."""


@runtime_checkable
class Counted(Protocol):
    """A network that knows how often it uses its parameters.

    >>> class Gain(nn.Linear):
    ...     def uses_per_s(self) -> Mapping[str, float]:
    ...         return {"weight": 375.0}
    >>> isinstance(Gain(1, 1), Counted)
    True
    """

    def uses_per_s(self) -> Mapping[str, float]:
        """Parameter → how often it is used in a second of sound."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one network costs.

    Args:
        needs: Counted from shapes; None for a family that does not say how often it uses its parameters.
        instructions: Cortex-A72 instructions a period of 128 samples, one held voice; None before it was counted.
        us: Paced median time of such a period on the machine that counted, µs.
    """

    needs: Complexity | None
    instructions: int | None = None
    us: float | None = None


def chosen(study: Study, placed: Sequence[Placed]) -> dict[Place, Placed]:
    """The finished cells whose cost stands for their row: those of the first seed and the first corpus."""
    corpus, seed = next(iter(study.corpora)), study.seeds[0]
    return {
        (each.cell.family, each.cell.row, each.cell.density): each
        for each in placed
        if each.run.done and (each.cell.corpus, each.cell.seed) == (corpus, seed)
    }


def count_all(study: Study, placed: Sequence[Placed], root: Path, reporter: Reporter) -> int:
    """Count every shape that the instrument can play, unless it was counted before; returns the number of shapes.

    Args:
        root: An arm64 tree, see ``tombola_host.cost.arm64``.

    Raises:
        BadConfig: The tree or the emulator is missing.
    """
    cells = [each for each in chosen(study, placed).values() if each.cell.family in FAMILIES]
    step, runs = reporter.task("counting instructions"), set()
    for done, each in enumerate(cells):
        step(done, len(cells), each.cell.title)
        trainee = trainee_of(each)
        run = _run(each, trainee)
        runs.add(run.name)
        with run.claimed(lambda done, total, word: None) as todo:
            if todo:
                run.finish(_counted(each, trainee, root))
    step(1, 1, "")
    return len(runs)


def costs_of(study: Study, placed: Sequence[Placed]) -> dict[Place, Cost]:
    """What is known of each row's cost."""
    return {place: _cost(each) for place, each in chosen(study, placed).items()}


def trainee_of(each: Placed) -> Learner:
    """The trained network of a finished cell."""
    family = learnable_named(each.cell.family)
    return load_trainee(family, each.dense, "dense") if each.cell.dense else load_trainee(family, each.run, "trained")


def _cost(each: Placed) -> Cost:
    trainee = trainee_of(each)
    network, run = trainee.network, _run(each, trainee)
    needs = complexity(_shapes(network), network.uses_per_s()) if isinstance(network, Counted) else None
    if not run.done:
        return Cost(needs)
    facts = run.result()
    return Cost(needs, facts["instructions"], facts["us"])


def _counted(each: Placed, trainee: Learner, root: Path) -> dict[str, float]:
    family = FAMILIES[each.cell.family]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell.tombola"
        write_bundle(bundle_of(family, family.restored(trainee.tensors()), [each.material], "cell", {}), path)
        instructions = count(path, root, CPU, (VOICES,)).first
        (timing,) = bench(path, (VOICES,), BENCH_S).timings
    return {"instructions": instructions, "us": timing.p50_us}


def _run(each: Placed, trainee: Learner) -> Run:
    shapes = {name: list(shape) for name, shape in _shapes(trainee.network).items()}
    facts = {"shapes": shapes, "cpu": CPU, "voices": VOICES}
    return RunStore(each.run.path.parent).open(Spec("count", VERSION, each.cell.family, facts))


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
