"""Stage: train the dense network of one mode, from which its ticket is drawn."""

from __future__ import annotations

import time
from dataclasses import asdict

from tombola_host.corpus.material import Material
from tombola_host.generators.base import Size, count_parameters, size_facts
from tombola_host.generators.family import Learnable
from tombola_host.lottery.ticket import settled_loss
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.trainee_files import curve_facts, save_trainee, train_in
from tombola_host.training.effort import Length

VERSION = 6


def open_run(store: RunStore, family: Learnable, material: Material, length: Length, size: Size, seed: int) -> Run:
    """The run of this stage for one mode."""
    facts = {"mode": material.name, "corpus": material.fingerprint, "length": asdict(length), "seed": seed}
    return store.open(Spec("train", VERSION, family.name, {**facts, "size": size_facts(size)}))


def train(run: Run, family: Learnable, material: Material, length: Length, size: Size, seed: int, step: Step) -> None:
    """Train, unless the run is done already."""
    with run.claimed(step) as todo:
        if not todo:
            return
        begun = time.process_time()  # Beside other work, as in a trial, the clock says little.
        data = [material.training]
        trainee = family.trainee(family.build(1, size, seed), data, seed)
        curves = train_in(run, trainee, family.phases(trainee, data, length, seed, "dense"), step)
        save_trainee(run, "dense", trainee)
        run.finish(
            {
                "mode": material.name,
                "parameters": count_parameters(trainee.network),
                "size": size_facts(size),
                "seed": seed,
                "loss": settled_loss(curves),
                "seconds": round(time.process_time() - begun, 2),
                "history": curve_facts(curves),
            }
        )
