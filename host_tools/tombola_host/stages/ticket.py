"""Stage: draw one mode's ticket and train it alone. Each round of the lottery is a run of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor

from tombola_host.corpus.material import Material
from tombola_host.generators.base import count_parameters
from tombola_host.generators.family import Learnable, Learner
from tombola_host.generators.units import Weights
from tombola_host.lottery.drum import Drum, Trained, Watch, Ways
from tombola_host.lottery.schedules import schedule_named
from tombola_host.lottery.selection import check_density
from tombola_host.lottery.ticket import Origin, Round, Ticket
from tombola_host.lottery.watching import Ended, Watched
from tombola_host.merging.trained import TrainedTicket
from tombola_host.progress import Step
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import Run, RunStore
from tombola_host.stages.trainee_files import curve_facts, load_trainee, save_trainee, train_in
from tombola_host.training.effort import Effort, Length
from tombola_host.training.hooks import Told
from tombola_host.training.loop import Loop, Phase
from tombola_host.training.objective import Objective
from tombola_host.training.streams import stream

VERSION = 6


@dataclass(frozen=True, slots=True)
class Lot:
    """Settings of a lottery.

    Args:
        effort: Lengths and shares.
        seed: Seed of the dense network and of all trainings.
        ways: How units are scored and cut, and from which weights they start again.
        schedule: A name in ``SCHEDULES``.
        density: Share of the dense network's cost that is left; the effort's last share by default.
    """

    effort: Effort
    seed: int
    ways: Ways = Ways()  # noqa: RUF009 - it is frozen
    schedule: str = "iterative"
    density: float | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """What is left after each round: the effort's shares down to the density."""
        if self.density is None:
            return self.effort.shares
        return (*(share for share in self.effort.shares if share > self.density), self.density)

    def check(self) -> None:
        """Check all names before hours are spent.

        Raises:
            BadConfig: A name is unknown, there is no share, or the density is no share.
        """
        self.ways.check()
        schedule_named(self.schedule)
        if self.density is not None and not 0 < self.density <= 1:
            raise BadConfig(f"a density of {self.density} is no share; give one above 0 and up to 1, such as 0.05")
        if not self.shares:
            raise BadConfig("a lottery of no rounds draws no ticket; give it at least one share")


def open_run(store: RunStore, family: Learnable, material: Material, dense: Run, lot: Lot) -> Run:
    """The run of this stage for one mode."""
    facts = {
        "train": dense.name,
        "mode": material.name,
        "shares": list(lot.shares),
        "round": asdict(lot.effort.dense),
        "ticket": asdict(lot.effort.ticket),
        "seed": lot.seed,
        **asdict(lot.ways),
        "schedule": lot.schedule,
    }
    return store.open(Spec("ticket", VERSION, family.name, facts))


def draw(run: Run, family: Learnable, dense_run: Run, material: Material, lot: Lot, step: Step) -> None:
    """Draw and train, unless the run is done already."""
    with run.claimed(step) as todo:
        if not todo:
            return
        begun = time.perf_counter()
        ticket, trainings = draw_ticket(family, dense_run, material, lot, RunStore(run.path.parent), step)
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
                **asdict(lot.ways),
                "schedule": lot.schedule,
                "trainings": round(trainings, 4),
                "seed": seed,
                "seconds": round(time.perf_counter() - begun, 2),
                "history": curve_facts(curves),
            }
        )


def draw_ticket(
    family: Learnable, dense_run: Run, material: Material, lot: Lot, store: RunStore, step: Step
) -> tuple[Ticket, float]:
    """Draw a ticket for one mode; beside it, what that cost in trainings of the dense network.

    Raises:
        BadConfig: A name is unknown, there is no share, or the density is lower than the family's groups allow.
    """
    lot.check()
    facts = dense_run.result()
    data, size = [material.training], family.size(facts["size"])
    # Each mode's own initial values, such as its mean spectrum, are set as in the dense network.
    dense = family.trainee(family.build(1, size, facts["seed"]), data, facts["seed"]).network
    groups, first = dense.unit_groups(), {name: tensor.clone() for name, tensor in dense.state_dict().items()}
    if lot.density is not None:
        check_density(groups, first, lot.density)
    drum = Drum(groups, first, _Rounds(family, dense_run, material, lot, store, step), lot.ways, lot.seed)
    mask = schedule_named(lot.schedule)(drum, lot.shares)
    ways = lot.ways
    origin = Origin(
        family.name,
        tuple(facts["size"].items()),
        facts["seed"],
        ways.criterion,
        lot.schedule,
        f"{ways.scope} {ways.scaling} {ways.reset}",
        dense_run.name,
    )
    left = drum.kept(mask)
    return Ticket(material.name, mask, left, tuple(drum.rounds), count_parameters(dense), origin), drum.trainings


class _Rounds:
    """Trains the rounds of one lottery, each in its own run; round 0 is the dense network's run. See ``Trainer``."""

    def __init__(
        self, family: Learnable, dense_run: Run, material: Material, lot: Lot, store: RunStore, step: Step
    ) -> None:
        self._family, self._dense_run, self._material = family, dense_run, material
        self._lot, self._store, self._step = lot, store, step

    def round(self, number: int, weights: Weights) -> Trained:
        """See Trainer."""
        if number == 0:
            return self._trained(self._dense_run, "dense", "dense", weights)
        lot, purpose = self._lot, f"round {number}"
        run = self._store.open(Spec("round", VERSION, self._family.name, self._facts(number, weights)))
        with run.claimed(self._step) as todo:
            if todo:
                trainee = self._trainee(weights)
                curves = train_in(run, trainee, self._phases(trainee, lot.effort.dense, purpose), self._step)
                save_trainee(run, "round", trainee)
                run.finish({"history": curve_facts(curves)})
        return self._trained(run, "round", purpose, weights)

    def watched(self, weights: Weights, watch: Watch | None) -> Trained:
        """See Trainer: the dense training again, from the same random numbers; not kept, as a watch may change it."""
        trainee = self._trainee(weights)
        phases = self._phases(trainee, self._lot.effort.dense, "dense")
        trained = Trained(trainee.network, weights, {}, last_objective(phases))
        if watch is None:
            return trained
        loop = Loop(trainee, phases, (Told(self._step), Watched(watch, trained)))
        with suppress(Ended):
            loop.run()
        return replace(trained, curves=loop.curves)

    def fresh(self) -> Weights:
        """See Trainer."""
        facts = self._dense_run.result()
        other = int(stream(facts["seed"], "fresh dense").integers(2**31))
        network = self._family.build(1, self._family.size(facts["size"]), other)
        return dict(self._family.trainee(network, [self._material.training], other).network.state_dict())

    def early(self, steps: int) -> Weights:
        """See Trainer."""
        facts = self._dense_run.result()
        first = self._family.build(1, self._family.size(facts["size"]), facts["seed"]).state_dict()
        trained = self.watched(dict(first), lambda done, total, trained: done >= steps)
        return {name: tensor.clone() for name, tensor in trained.network.state_dict().items()}

    def _trainee(self, weights: Weights) -> Learner:
        copied = {name: tensor.clone() for name, tensor in weights.items()}
        return self._family.trainee(self._family.of(copied), [self._material.training], self._lot.seed)

    def _facts(self, number: int, weights: Weights) -> dict[str, object]:
        return {
            "train": self._dense_run.name,
            "number": number,
            "length": asdict(self._lot.effort.dense),
            "seed": self._lot.seed,
            **asdict(self._lot.ways),
            "schedule": self._lot.schedule,
            "shares": list(self._lot.shares),
            "shapes": {name: list(tensor.shape) for name, tensor in weights.items()},
        }

    def _trained(self, run: Run, name: str, purpose: str, first: Weights) -> Trained:
        trainee = load_trainee(self._family, run, name)
        phases = self._phases(trainee, self._lot.effort.dense, purpose)
        return Trained(trainee.network, first, run.result()["history"], last_objective(phases))

    def _phases(self, trainee: Learner, length: Length, purpose: str) -> Sequence[Phase]:
        return self._family.phases(trainee, [self._material.training], length, self._lot.seed, purpose)


def last_objective(phases: Sequence[Phase]) -> Objective:
    """The objective of the last phase that has steps: what the network was trained for when it is scored.

    By the loss of an earlier phase, most units of a voice seem harmful (docs/notebook/0011-lottery-voice.md).
    """
    return next((phase for phase in reversed(phases) if phase.steps), phases[0]).turns[0].objective


def ticket_tensors(ticket: Ticket) -> dict[str, Tensor]:
    """A ticket's mask and rewound weights, to be kept in a run."""
    masks = {f"mask.{name}": mask.to(torch.uint8) for name, mask in ticket.mask.items()}
    return {**masks, **{f"weights.{name}": tensor for name, tensor in ticket.weights.items()}}


def load_ticket(family: Learnable, run: Run) -> TrainedTicket:
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
