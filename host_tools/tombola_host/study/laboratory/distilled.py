"""An objective that also follows a teacher: the output of one layer, on the same batch.

Source: Hinton et al. 2015, "Distilling the knowledge in a neural network"; L1 in the control domain as for distilled
DDSP networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tombola_host.training.loop import Phase
from tombola_host.training.objective import Losses, Objective


@dataclass(frozen=True, slots=True)
class Distilled:
    """The pupil's own losses, and its distance from the teacher's output.

    Args:
        own: The pupil's objective.
        teachers: The teacher's objective, with the same streams: it draws the same batches.
        pupil: The pupil's layer.
        teacher: The teacher's layer; its output has the same shape.
    """

    own: Objective
    teachers: Objective
    pupil: nn.Module
    teacher: nn.Module

    def draw(self, step: int) -> tuple[Any, Any]:
        """See Objective: the same batch for both."""
        return self.own.draw(step), self.teachers.draw(step)

    def loss(self, batch: tuple[Any, Any], step: int) -> Losses:
        """See Objective."""
        with torch.no_grad():
            _, wanted = _heard(self.teacher, self.teachers, batch[1], step)
        losses, said = _heard(self.pupil, self.own, batch[0], step)
        return {**losses, "distilled": (said - wanted).abs().mean()}


def distilled(own: Sequence[Phase], teachers: Sequence[Phase], pupil: nn.Module, teacher: nn.Module) -> list[Phase]:
    """Phases of a pupil that follows a teacher; both have one turn a phase."""
    found = []
    for mine, theirs in zip(own, teachers, strict=True):
        objective = Distilled(mine.turns[0].objective, theirs.turns[0].objective, pupil, teacher)
        found.append(replace(mine, turns=(replace(mine.turns[0], objective=objective),)))
    return found


def _heard(module: nn.Module, objective: Objective, batch: object, step: int) -> tuple[Losses, Tensor]:
    """The losses, and what the module said first."""
    said: list[Tensor] = []

    def listen(_: nn.Module, __: object, output: Tensor) -> None:
        said.append(output)

    handle = module.register_forward_hook(listen)
    try:
        losses = objective.loss(batch, step)
    finally:
        handle.remove()
    return losses, said[0]
