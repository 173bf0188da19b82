"""Stage: draw one mode's ticket and train it alone."""

from __future__ import annotations

import time
from dataclasses import asdict

import torch
from torch import Tensor

from tombola_host.corpus.material import Material
from tombola_host.lottery.ticket import Round, Ticket, find_ticket
from tombola_host.merging.trained import TrainedTicket
from tombola_host.progress import Step
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.trainee_files import history_facts, load_trainee, save_trainee, told
from tombola_host.training.loop import History, Training, new_trainee
from tombola_host.training.schedule import Effort


def open_run(store: RunStore, material: Material, dense: Run, effort: Effort, seed: int, criterion: str) -> Run:
    """The run of this stage for one mode."""
    facts = {"train": dense.name, "rounds": list(effort.rounds), "ticket": asdict(effort.ticket), "seed": seed}
    return store.open("ticket", {**facts, "mode": material.name, "criterion": criterion})


def draw(run: Run, dense_run: Run, material: Material, effort: Effort, seed: int, criterion: str, step: Step) -> None:
    """Draw and train, unless the run is done."""
    if run.done:
        step(1, 1, "done before")
        return
    begun = time.perf_counter()
    dense = load_trainee(dense_run, "dense")
    facts = dense_run.result()
    history = History(facts["history"]["control"], facts["history"]["audio"])
    ticket = find_ticket(
        material.training,
        dense.network,
        history,
        effort.dense,
        effort.rounds,
        seed,
        criterion=criterion,
        progress=told(step),
    )
    run.save("ticket", ticket_tensors(ticket))
    trainee = new_trainee(ticket.network(), [material.training], seed)
    history = Training(trainee, [material.training], effort.ticket, seed).run(told(step), run.checkpoint())
    save_trainee(run, "trained", trainee)
    run.finish(
        {
            "mode": material.name,
            "parameters": ticket.parameters,
            "dense_parameters": ticket.dense_parameters,
            "removed": round(1 - ticket.parameters / ticket.dense_parameters, 5),
            "rounds": [asdict(entry) for entry in ticket.rounds],
            "criterion": criterion,
            "seed": seed,
            "seconds": round(time.perf_counter() - begun, 2),
            "history": history_facts(history),
        }
    )


def ticket_tensors(ticket: Ticket) -> dict[str, Tensor]:
    """A ticket's mask and rewound weights, for a run."""
    masks = {f"mask.{name}": mask.to(torch.uint8) for name, mask in ticket.mask.items()}
    return {**masks, **{f"weights.{name}": tensor for name, tensor in ticket.weights.items()}}


def load_ticket(run: Run) -> TrainedTicket:
    """The ticket and its trained weights out of a finished run."""
    tensors, facts = run.load("ticket"), run.result()
    ticket = Ticket(
        mode=facts["mode"],
        mask={name[5:]: tensor.bool() for name, tensor in tensors.items() if name.startswith("mask.")},
        weights={name[8:]: tensor for name, tensor in tensors.items() if name.startswith("weights.")},
        rounds=tuple(Round(**entry) for entry in facts["rounds"]),
        dense_parameters=facts["dense_parameters"],
        seed=facts["seed"],
        criterion=facts["criterion"],
    )
    return TrainedTicket(ticket, load_trainee(run, "trained").network.state_dict())
