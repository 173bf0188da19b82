"""Stage: train the dense network of one mode, out of which its ticket is drawn."""

from __future__ import annotations

import time
from dataclasses import asdict

from tombola_host.corpus.material import Material
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.lottery.ticket import count_parameters, settled_loss, train_dense
from tombola_host.progress import Step
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.trainee_files import history_facts, save_trainee, told
from tombola_host.training.schedule import Schedule


def open_run(store: RunStore, material: Material, schedule: Schedule, size: VoiceSize, seed: int) -> Run:
    """The run of this stage for one mode."""
    facts = {"mode": material.name, "corpus": material.fingerprint, "schedule": asdict(schedule), "seed": seed}
    return store.open("train", {**facts, "size": asdict(size)})


def train(run: Run, material: Material, schedule: Schedule, size: VoiceSize, seed: int, step: Step) -> None:
    """Train, unless the run is done."""
    if run.done:
        step(1, 1, "done before")
        return
    begun = time.perf_counter()
    trainee, history = train_dense(material.training, schedule, seed, size, told(step), run.checkpoint())
    save_trainee(run, "dense", trainee)
    run.finish(
        {
            "mode": material.name,
            "parameters": count_parameters(trainee.network),
            "loss": settled_loss(history),
            "seconds": round(time.perf_counter() - begun, 2),
            "history": history_facts(history),
        }
    )
