"""The training loop: phase after phase, step after step; it can resume at any step.

Batches and all random numbers depend only on the step, so a resumed training gives the same weights as one that was
never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from tombola_host.training.objective import Losses, Objective, Trainee
from tombola_host.training.spread import Alone, Spread

WARM_UP_SHARE = 0.1
LARGEST_GRADIENT = 1.0

Curves = dict[str, list[float]]
"""Phase → the minimised loss, one value per step."""
Optimiser = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Adam that averages squared gradients over fewer steps than torch's default, because the trainings are short."""
    return torch.optim.Adam(parameters, betas=(0.9, 0.99))


@dataclass(frozen=True, slots=True)
class Turn:
    """One update within a step. A plain training has one turn per step; a generator with a critic has two.

    Args:
        objective: The objective to minimise.
        parts: Names of the trainee's parts to update; if empty, all.
        optimiser: Makes the optimiser when the phase begins.
    """

    objective: Objective
    parts: tuple[str, ...] = ()
    optimiser: Optimiser = adam


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a training.

    Args:
        name: Name of its curve.
        turns: The updates of each step, in this order.
        steps: Number of steps.
        peak_rate: The highest learning rate; ``one_cycle`` gives its course over the phase.
    """

    name: str
    turns: tuple[Turn, ...]
    steps: int
    peak_rate: float


@dataclass(frozen=True, slots=True)
class Stepped:
    """The position of a training after a step.

    Args:
        done: Number of steps done, over all phases.
        total: Number of steps in all phases.
        phase: The phase of the step.
        loss: The minimised loss, summed over turns.
        losses: Each loss by name.
    """

    done: int
    total: int
    phase: str
    loss: float
    losses: Mapping[str, float]


class Hook(Protocol):
    """Observes a training, saves it, or changes it.

    A minimal one:

    >>> class Losses:
    ...     def __init__(self) -> None:
    ...         self.seen: list[float] = []
    ...
    ...     def before(self, loop: Loop) -> None:
    ...         pass
    ...
    ...     def after(self, loop: Loop, stepped: Stepped) -> None:
    ...         self.seen.append(stepped.loss)
    >>> hook: Hook = Losses()
    >>> _ = Loop(One(nn.Linear(4, 4)), [phase], [hook]).run()
    >>> len(hook.seen)
    3
    """

    def before(self, loop: Loop) -> None:
        """Called once before the first step; may call ``restore`` on the loop."""

    def after(self, loop: Loop, stepped: Stepped) -> None:
        """Called after each step."""


class Loop:
    """The training of one trainee.

    Args:
        trainee: Changed in place.
        phases: In their order; phases without steps are skipped.
        hooks: Called in this order.
        spread: The processes that share this training.
    """

    def __init__(
        self, trainee: Trainee, phases: Sequence[Phase], hooks: Sequence[Hook] = (), spread: Spread | None = None
    ) -> None:
        self.trainee = trainee
        self._spread = spread or Alone()
        self.curves: Curves = {phase.name: [] for phase in phases}
        self.done = 0
        self._phases, self._hooks = list(phases), list(hooks)
        self._total = sum(phase.steps for phase in phases)
        self._phase: Phase | None = None
        self._optimisers: list[torch.optim.Optimizer] = []

    def run(self) -> Curves:
        """Train to the end.

        torch uses one thread: a second one gains little with small networks, and the last bits of a sum depend on the
        number of threads. With more threads a run would give other weights alone than beside other runs.
        """
        with one_thread():
            for hook in self._hooks:
                hook.before(self)
            while self.done < self._total:
                stepped = self._step()
                for hook in self._hooks:
                    hook.after(self, stepped)
        return self.curves

    def _step(self) -> Stepped:
        phase, step = self._at(self.done)
        self._enter(phase)
        losses: dict[str, float] = {}
        total = 0.0
        for turn, optimiser in zip(phase.turns, self._optimisers, strict=True):
            drawn = self.done * self._spread.processes + self._spread.rank
            found = turn.objective.loss(turn.objective.draw(drawn), self.done)
            loss = _sum(found)
            for group in optimiser.param_groups:
                group["lr"] = phase.peak_rate * one_cycle(step / phase.steps)
            optimiser.zero_grad()
            loss.backward()
            self._spread.average(_parameters(optimiser))
            # Each part is clipped on its own, so that large gradients in one part do not slow the others down.
            for module in self._moving(turn).values():
                nn.utils.clip_grad_norm_(module.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            losses |= {name: float(value.detach()) for name, value in found.items()}
            total += float(loss.detach())
        self.curves[phase.name].append(total)
        self.done += 1
        return Stepped(self.done, self._total, phase.name, total, losses)

    def _at(self, step: int) -> tuple[Phase, int]:
        """The phase of a step, and the step's number within the phase."""
        for phase in self._phases:
            if step < phase.steps:
                return phase, step
            step -= phase.steps
        raise AssertionError(f"step {step} is beyond the last phase")

    def _enter(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase = phase
            self._optimisers = [
                turn.optimiser([p for module in self._moving(turn).values() for p in module.parameters()])
                for turn in phase.turns
            ]

    def _moving(self, turn: Turn) -> dict[str, nn.Module]:
        parts = self.trainee.parts()
        return {name: parts[name] for name in turn.parts} if turn.parts else dict(parts)

    # For checkpoints

    def snapshot(self) -> dict[str, Tensor]:
        """The tensors that ``restore`` needs to continue from here."""
        tensors = {f"weights.{name}": tensor for name, tensor in self.trainee.tensors().items()}
        for turn, optimiser in enumerate(self._optimisers):
            for index, parameter in enumerate(_parameters(optimiser)):
                for key, value in optimiser.state.get(parameter, {}).items():
                    tensors[f"optimiser.{turn}.{index}.{key}"] = torch.as_tensor(value).detach().clone()
        for name, curve in self.curves.items():
            tensors[f"curve.{name}"] = torch.tensor(curve, dtype=torch.float64)
        return {**tensors, "step": torch.tensor([self.done])}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from a snapshot of a training with the same phases."""
        self.done = int(tensors["step"].item())
        self.trainee.load({name[8:]: tensor for name, tensor in tensors.items() if name.startswith("weights.")})
        for name in self.curves:
            self.curves[name] = tensors[f"curve.{name}"].tolist()
        # A snapshot is taken after a step, so its optimisers belong to the phase of that step.
        self._enter(self._at(self.done - 1)[0])
        for turn, optimiser in enumerate(self._optimisers):
            for index, parameter in enumerate(_parameters(optimiser)):
                prefix = f"optimiser.{turn}.{index}."
                state = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
                if state:
                    optimiser.state[parameter] = state


@contextmanager
def one_thread() -> Iterator[None]:
    """Restrict torch to one thread while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_cycle(done: float) -> float:
    """Learning rate during a phase, relative to its peak: a linear rise, then half a cosine down to zero.

    Source: Smith & Topin 2018, "Super-convergence".
    """
    if done < WARM_UP_SHARE:
        return (done + 0.01) / (WARM_UP_SHARE + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE))


def _sum(losses: Losses) -> Tensor:
    first, *others = losses.values()
    for other in others:
        first = first + other
    return first


def _parameters(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
