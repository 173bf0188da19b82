"""Are the tickets of different modes kin? Masks, layers, transfer, and the ways between networks.

    python -m tombola_host.study.experiments.kinship sax=FOLDER violin=FOLDER … --seeds 0 1 2 --runs DIR --out kin.json

Dense networks of a seed have equal first weights, whatever their mode, so masks of their units can be compared.

    overlap     units that both masks keep / the number that chance gives; beside it modes of different seeds, and the
                mask of the untrained network
    layers      debiased CKA of the trained tickets' trunks, on the held-out notes of both modes
    transfer    the error of a mode learned by the ticket of another, / that of its own ticket; random units, scratch
    ways        rise of the held-out loss between two dense networks of one mode: straight, aligned, repaired, curved
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tombola_device.contract.errors import TombolaError

from tombola_host.corpus.folders import parse_folders
from tombola_host.corpus.material import Material, gather
from tombola_host.evaluation.held_out import errors_by_note
from tombola_host.generators import learnable_named
from tombola_host.generators.family import Learnable, Learner
from tombola_host.generators.units import Mask, Weights, full_mask
from tombola_host.lottery.budget import Budget, cost_left
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.drum import Ways
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.selection import select
from tombola_host.lottery.ticket import Ticket
from tombola_host.progress import Reporter, Step, reporting
from tombola_host.runs.pool import Job, run_jobs
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore, write_atomically
from tombola_host.stages.ticket import Lot, draw_ticket
from tombola_host.stages.trainee_files import load_trainee, save_trainee, train_in
from tombola_host.study.laboratory import cell as laboratory
from tombola_host.study.laboratory.paths import aligned, bent, curved, repaired, straight
from tombola_host.study.laboratory.plan import NO_LOTTERY, Cell
from tombola_host.study.laboratory.similarity import debiased_cka, height, overlap
from tombola_host.terminal import Terminal
from tombola_host.training.effort import Effort, Length
from tombola_host.training.objective import Objective

VERSION = 1
FAMILY, SIZE, DENSITY = "voice", "small", 0.05
LENGTH = Length(150, 20, control_windows=8, audio_windows=4)
LAYER = "trunk"
EVERY = 4
"""Frames of a layer that are compared: neighbours are too alike to count."""
CURVE_STEPS, CURVE_RATE = 150, 1e-3
RANDOM, SCRATCH = "random units", "scratch"
DRAWN = {RANDOM: Ways(criterion="random"), SCRATCH: Ways(reset="reinitialise")}
Named = Mapping[str, Material]


def dense_run(store: RunStore, material: Material, seed: int) -> Run:
    """The dense network of a mode: a run of the laboratory."""
    return laboratory.open_dense(store, Cell(NO_LOTTERY, FAMILY, material.name, 1.0, seed), material, LENGTH, SIZE)


def train_dense(run: Run, material: Material, seed: int, step: Step) -> None:
    """Train it, unless it is done."""
    laboratory.train_dense(run, Cell(NO_LOTTERY, FAMILY, material.name, 1.0, seed), material, LENGTH, SIZE, step)


def ticket_of(store: RunStore, material: Material, seed: int, ways: Ways) -> Ticket:
    """The ticket of a mode's dense network, one-shot."""
    lot = Lot(Effort(LENGTH, (DENSITY,), LENGTH, LENGTH, LENGTH), seed, ways, "one-shot", DENSITY)
    return draw_ticket(learnable_named(FAMILY), dense_run(store, material, seed), material, lot, store, _quiet)[0]


def open_kin(store: RunStore, source: str, target: Material, origin: Run, seed: int) -> Run:
    """The run of a mode that is learned by some ticket."""
    facts = {"source": source, "target": target.fingerprint, "dense": origin.name, "seed": seed, "density": DENSITY}
    return store.open(Spec("kin", VERSION, FAMILY, facts))


def learn(run: Run, source: Material, ways: Ways, target: Material, seed: int, step: Step) -> None:
    """Train the ticket of one mode on another; its own mean spectrum and directions are set before."""
    with run.claimed(step) as todo:
        if todo:
            family = learnable_named(FAMILY)
            ticket = ticket_of(RunStore(run.path.parent), source, seed, ways)
            trainee = family.trainee(ticket.network(family), [target.training], seed)
            train_in(run, trainee, family.phases(trainee, [target.training], LENGTH, seed, "ticket"), step)
            save_trainee(run, "trained", trainee)
            run.finish({"errors": errors_by_note(family, trainee, 0, target.test.notes)})
            step(1, 1, "")


def grown(run: Run, material: Material, seed: int, step: Step) -> None:
    """Train a dense network from the first weights of its seed on batches in another order."""
    with run.claimed(step) as todo:
        if todo:
            family, data = learnable_named(FAMILY), [material.training]
            trainee = family.trainee(family.build(1, laboratory.size_of(family, SIZE), seed), data, seed)
            train_in(run, trainee, family.phases(trainee, data, LENGTH, seed, "other order"), step)
            save_trainee(run, "dense", trainee)
            run.finish({"seed": seed})
            step(1, 1, "")


def masks(store: RunStore, modes: Named, seeds: Sequence[int]) -> dict[str, Any]:
    """Overlap between two modes of a seed, between seeds of one mode, and between both."""
    found: dict[tuple[str, int], Mask] = {
        (name, seed): ticket_of(store, modes[name], seed, Ways()).mask for name in modes for seed in seeds
    }
    pairs = list(itertools.combinations(modes, 2))
    own = {f"{a} {b}": [overlap(found[a, seed], found[b, seed]) for seed in seeds] for a, b in pairs}
    apart = [overlap(found[a, s], found[b, t]) for a, b in pairs for s, t in itertools.combinations(seeds, 2)]
    most = [overlap(mask, mask) for mask in found.values()]
    before = [overlap(found[name, seed], first_mask(seed)) for name in modes for seed in seeds]
    return {"modes": own, "other seeds": apart, "itself": most, "before training": before}


def first_mask(seed: int) -> Mask:
    """The largest units of a dense network that has learned nothing: what the first weights alone say."""
    family = learnable_named(FAMILY)
    network = family.build(1, laboratory.size_of(family, SIZE), seed)
    groups, weights = network.unit_groups(), dict(network.state_dict())
    scores = criterion_named("magnitude")(Evidence(network, groups, weights, seed=seed))
    whole = cost_left(groups, weights, full_mask(groups))
    return select(groups, weights, scores, Budget(DENSITY * whole))


def layers(store: RunStore, modes: Named, seeds: Sequence[int]) -> dict[str, Any]:
    """CKA between the trained tickets of two modes; between two seeds of one mode; between untrained tickets."""
    trained = {(name, seed): _own(store, modes, name, seed) for name in modes for seed in seeds}
    pairs = list(itertools.combinations(modes, 2))

    def alike(one: tuple[str, int], other: tuple[str, int]) -> float:
        heard = [(_layer(trained[one], modes[at]), _layer(trained[other], modes[at])) for at in (one[0], other[0])]
        return debiased_cka(*(torch.cat(parts) for parts in zip(*heard, strict=True)))

    own = {f"{a} {b}": [alike((a, seed), (b, seed)) for seed in seeds] for a, b in pairs}
    seeds_apart = [alike((name, s), (name, t)) for name in modes for s, t in itertools.combinations(seeds, 2)]
    both = [alike((a, s), (b, t)) for a, b in pairs for s, t in itertools.combinations(seeds, 2)]
    return {"modes": own, "one mode, other seeds": seeds_apart, "other seeds": both}


def ways(store: RunStore, material: Material, seeds: Sequence[int], ordered: Mapping[int, Run]) -> dict[str, Any]:
    """Rises of the held-out loss between pairs of dense networks: one seed in two orders of batches, and two seeds."""
    family = learnable_named(FAMILY)
    dense = {seed: load_trainee(family, dense_run(store, material, seed), "dense") for seed in seeds}
    pairs = {
        "one seed, other order": [(dense[seed], load_trainee(family, ordered[seed], "dense")) for seed in seeds],
        "two seeds": [(dense[a], dense[b]) for a, b in itertools.combinations(seeds, 2)],
    }
    return {
        kind: [_rises(family, material, *(dict(each.network.state_dict()) for each in pair)) for pair in both]
        for kind, both in pairs.items()
    }


def _rises(family: Learnable, material: Material, first: Weights, second: Weights) -> dict[str, float]:
    learner = _deaf(family, family.of(first), material)
    network, groups = learner.network, learner.network.unit_groups()
    network.load_state_dict(first)
    training, held_out = (_objective(family, learner, data) for data in (material.training, material.test))

    def rise(at: Callable[[float], Weights]) -> float:
        def loss(share: float) -> float:
            network.load_state_dict(at(share))
            return Evidence(network, groups, first, seed=0, objective=held_out).loss()

        return height(loss)

    ends = first, aligned(groups, first, second)
    far, near = (bent(network, training, pair, CURVE_STEPS, CURVE_RATE, 0) for pair in ((first, second), ends))
    return {
        "straight": rise(lambda at: straight(first, second, at)),
        "aligned": rise(lambda at: straight(*ends, at)),
        "aligned, repaired": rise(lambda at: repaired(network, training, groups, ends, at)),
        "curve": rise(lambda at: curved(first, far, second, at)),
        "aligned, curve": rise(lambda at: curved(ends[0], near, ends[1], at)),
    }


def _own(store: RunStore, modes: Named, name: str, seed: int) -> Learner:
    run = open_kin(store, name, modes[name], dense_run(store, modes[name], seed), seed)
    return load_trainee(learnable_named(FAMILY), run, "trained")


def _layer(learner: Learner, material: Material) -> torch.Tensor:
    """What a trunk says to the held-out notes of a mode. Shape (n, U)."""
    family = learnable_named(FAMILY)
    weights = dict(learner.network.state_dict())
    deaf = _deaf(family, family.of(weights), material)
    deaf.network.load_state_dict(weights)
    objective = _objective(family, deaf, material.test)
    evidence = Evidence(deaf.network, deaf.network.unit_groups(), weights, seed=0, objective=objective)
    return evidence.activations(LAYER)[::EVERY]


def _deaf(family: Learnable, network: Any, material: Material) -> Learner:  # noqa: ANN401 - the family's own kind
    """A trainee that is told nothing of single recordings."""
    trainee = family.trainee(network, [material.training], 0)
    with torch.no_grad():
        for name, part in trainee.parts().items():
            for parameter in part.parameters() if name != "network" else ():
                parameter.zero_()
    return trainee


def _objective(family: Learnable, learner: Learner, data: Any) -> Objective:  # noqa: ANN401 - as ModeData
    return family.phases(learner, [data], LENGTH, 0, "ways")[0].turns[0].objective


def found(store: RunStore, modes: Named, seeds: Sequence[int], reporter: Reporter, workers: int) -> dict[str, Any]:
    """Train what is not trained, and compare."""
    everyone = list(itertools.product(modes.values(), seeds))
    dense = [
        Job(f"dense: {each.name} {seed}", train_dense, (dense_run(store, each, seed), each, seed))
        for each, seed in everyone
    ]
    run_jobs(dense, reporter, workers)
    kin: dict[tuple[str, str, int], Run] = {}
    jobs = []
    for target, seed in everyone:
        drawn = [(source.name, source, Ways()) for source in modes.values()]
        for name, source, chosen in [*drawn, *((name, target, chosen) for name, chosen in DRAWN.items())]:
            run = kin[target.name, name, seed] = open_kin(store, name, target, dense_run(store, source, seed), seed)
            jobs.append(Job(f"{target.name} by {name} {seed}", learn, (run, source, chosen, target, seed)))
    first = next(iter(modes.values()))
    ordered = {
        seed: store.open(Spec("grown", VERSION, FAMILY, {"dense": dense_run(store, first, seed).name}))
        for seed in seeds
    }
    jobs += [Job(f"other order {seed}", grown, (run, first, seed)) for seed, run in ordered.items()]
    run_jobs(jobs, reporter, workers)
    errors: dict[str, dict[str, list[dict[str, float]]]] = {}
    for (target_name, source_name, _), run in kin.items():
        errors.setdefault(target_name, {}).setdefault(source_name, []).append(run.result()["errors"])
    return {
        "overlap": masks(store, modes, seeds),
        "layers": layers(store, modes, seeds),
        "errors": errors,
        "ways": ways(store, first, seeds, ordered),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, compare, and write all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modes", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        with reporting(terminal) as reporter:
            modes = {each.name: each for each in gather(parse_folders(options.modes), reporter, fresh=True)}
            figures = found(RunStore(options.runs), modes, options.seeds, reporter, options.workers)
        write_atomically(options.out, json.dumps(figures, indent=1).encode())
    except TombolaError as error:
        terminal.print(f"kinship: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


def _quiet(done: int, total: int, word: str) -> None:
    """Steps within a step are not told."""


if __name__ == "__main__":
    sys.exit(main())
