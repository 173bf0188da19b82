"""Stage: draw one mode's ticket and train it alone. Each round of the lottery is a run of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor

from tombola_host.corpus.material import Material
from tombola_host.generators.base import count_parameters
from tombola_host.generators.family import Family, GeneratorTrainee
from tombola_host.generators.units import Weights, places_of, rewound
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.drum import Drum, Trained
from tombola_host.lottery.schedules import schedule_named
from tombola_host.lottery.ticket import Origin, Round, Ticket
from tombola_host.merging.trained import TrainedTicket
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.trainee_files import curve_facts, load_trainee, save_trainee, train_in
from tombola_host.training.effort import Effort, Length
from tombola_host.training.loop import Phase
from tombola_host.training.objective import Objective

VERSION = 6


@dataclass(frozen=True, slots=True)
class Lot:
    """Settings of a lottery.

    Args:
        effort: Lengths and shares.
        seed: Seed of the dense network and of all trainings.
        criterion: A name in ``CRITERIA``.
        schedule: A name in ``SCHEDULES``.
    """

    effort: Effort
    seed: int
    criterion: str = "magnitude"
    schedule: str = "iterative"

    def check(self) -> None:
        """Check all names before hours are spent.

        Raises:
            BadConfig: A name is unknown, or there is no share.
        """
        criterion_named(self.criterion)
        schedule_named(self.schedule)
        if not self.effort.shares:
            raise BadConfig("a lottery of no rounds draws no ticket; give it at least one share")


def open_run(store: RunStore, family: Family, material: Material, dense: Run, lot: Lot) -> Run:
    """The run of this stage for one mode."""
    facts = {
        "train": dense.name,
        "mode": material.name,
        "shares": list(lot.effort.shares),
        "round": asdict(lot.effort.dense),
        "ticket": asdict(lot.effort.ticket),
        "seed": lot.seed,
        "criterion": lot.criterion,
        "schedule": lot.schedule,
    }
    return store.open(Spec("ticket", VERSION, family.name, facts))


def draw(run: Run, family: Family, dense_run: Run, material: Material, lot: Lot, step: Step) -> None:
    """Draw and train, unless the run is done already."""
    with run.claimed(step) as todo:
        if not todo:
            return
        begun = time.perf_counter()
        ticket = draw_ticket(family, dense_run, material, lot, RunStore(run.path.parent), step)
        run.save("ticket", ticket_tensors(ticket))
        data, seed = [material.training], lot.seed
        trainee = family.trainee(ticket.network(family), data, seed)
        curves = train_in(run, trainee, family.phases(trainee, data, lot.effort.ticket, seed, "ticket"), step)
        save_trainee(run, "trained", trainee)
        left = ticket.parameters(family)
        run.finish(
            {
                "mode": material.name,
                "parameters": left,
                "dense_parameters": ticket.dense_parameters,
                "removed": round(1 - left / ticket.dense_parameters, 5),
                "rounds": [asdict(entry) for entry in ticket.rounds],
                "origin": asdict(ticket.origin),
                "criterion": lot.criterion,
                "schedule": lot.schedule,
                "seed": seed,
                "seconds": round(time.perf_counter() - begun, 2),
                "history": curve_facts(curves),
            }
        )


def draw_ticket(family: Family, dense_run: Run, material: Material, lot: Lot, store: RunStore, step: Step) -> Ticket:
    """Draw a ticket for one mode.

    Raises:
        BadConfig: A name is unknown, or there is no share.
    """
    lot.check()
    facts = dense_run.result()
    data, size = [material.training], family.size(facts["size"])
    # Each mode's own initial values, such as its mean spectrum, are set as in the dense network.
    dense = family.trainee(family.build(1, size, facts["seed"]), data, facts["seed"]).network
    groups, first = dense.unit_groups(), dict(dense.state_dict())
    rounds = _Rounds(family, dense_run, material, lot, store, step)
    drum = Drum(groups, first, rounds.train, criterion_named(lot.criterion), lot.seed)
    mask = schedule_named(lot.schedule)(drum, lot.effort.shares)
    origin = Origin(
        family.name, tuple(facts["size"].items()), facts["seed"], lot.criterion, lot.schedule, dense_run.name
    )
    left = rewound(groups, first, places_of(mask))
    return Ticket(material.name, mask, left, tuple(drum.rounds), count_parameters(dense), origin)


class _Rounds:
    """Trains the rounds of one lottery, each in its own run; round 0 is the dense network's run."""

    def __init__(
        self, family: Family, dense_run: Run, material: Material, lot: Lot, store: RunStore, step: Step
    ) -> None:
        self._family, self._dense_run, self._material = family, dense_run, material
        self._lot, self._store, self._step = lot, store, step

    def train(self, number: int, weights: Weights) -> Trained:
        """See TrainRound."""
        if number == 0:
            return self._trained(self._dense_run, "dense", "dense")
        lot, seed, purpose = self._lot, self._lot.seed, f"round {number}"
        run = self._store.open(Spec("round", VERSION, self._family.name, self._facts(number, weights)))
        with run.claimed(self._step) as todo:
            if todo:
                trainee = self._family.trainee(self._family.of(weights), [self._material.training], seed)
                curves = train_in(run, trainee, self._phases(trainee, lot.effort.dense, purpose), self._step)
                save_trainee(run, "round", trainee)
                run.finish({"history": curve_facts(curves)})
        return self._trained(run, "round", purpose)

    def _facts(self, number: int, weights: Weights) -> dict[str, object]:
        return {
            "train": self._dense_run.name,
            "number": number,
            "length": asdict(self._lot.effort.dense),
            "seed": self._lot.seed,
            "criterion": self._lot.criterion,
            "schedule": self._lot.schedule,
            "shares": list(self._lot.effort.shares),
            "shapes": {name: list(tensor.shape) for name, tensor in weights.items()},
        }

    def _trained(self, run: Run, name: str, purpose: str) -> Trained:
        trainee = load_trainee(self._family, run, name)
        phases = self._phases(trainee, self._lot.effort.dense, purpose)
        objective: Objective | None = next(
            (phase.turns[0].objective for phase in phases if phase.steps), phases[0].turns[0].objective
        )
        return Trained(trainee.network, run.result()["history"], objective)

    def _phases(self, trainee: GeneratorTrainee, length: Length, purpose: str) -> Sequence[Phase]:
        return self._family.phases(trainee, [self._material.training], length, self._lot.seed, purpose)


def ticket_tensors(ticket: Ticket) -> dict[str, Tensor]:
    """A ticket's mask and rewound weights, to be kept in a run."""
    masks = {f"mask.{name}": mask.to(torch.uint8) for name, mask in ticket.mask.items()}
    return {**masks, **{f"weights.{name}": tensor for name, tensor in ticket.weights.items()}}


def load_ticket(family: Family, run: Run) -> TrainedTicket:
    """Read the ticket and its trained weights from a finished run."""
    tensors, facts = run.load("ticket"), run.result()
    origin = facts["origin"]
    ticket = Ticket(
        mode=facts["mode"],
        mask={name[5:]: tensor.bool() for name, tensor in tensors.items() if name.startswith("mask.")},
        weights={name[8:]: tensor for name, tensor in tensors.items() if name.startswith("weights.")},
        rounds=tuple(Round(**entry) for entry in facts["rounds"]),
        dense_parameters=facts["dense_parameters"],
        origin=Origin(**{**origin, "size": tuple((name, value) for name, value in origin["size"])}),
    )
    return TrainedTicket(ticket, dict(load_trainee(family, run, "trained").network.state_dict()))
