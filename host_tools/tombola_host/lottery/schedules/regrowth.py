"""Train with few units from the start; now and then the weakest are silenced and the most wanted speak again.

A silent unit keeps its own weights, and those that read it are zero: it is as if removed, and yet the gradient of the
zeros says how much it is wanted. What grows starts at zero, without momentum.

Source: Evci et al. 2020, "Rigging the lottery", on whole units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from tombola_host.generators.units import Groups, Mask, Weights, learned_by_unit
from tombola_host.lottery.drum import Drum, Trained
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.schedules.smart_ratio import smart_ratio

LOOKS = 20
ALPHA, UNTIL = 0.3, 0.75


def regrowth(drum: Drum, shares: Sequence[float]) -> Mask:
    """Exchange a falling share of the units at each of twenty looks. Costs one dense training as it is done here."""
    mask = {name: kept.clone() for name, kept in smart_ratio(drum, shares).items()}
    silenced: _Silenced | None = None

    def look(done: int, total: int, trained: Trained) -> bool:
        nonlocal silenced
        if silenced is None:
            silenced = _Silenced(trained, drum.groups, mask)
        if done % max(total // LOOKS, 1) == 0 and done <= UNTIL * total:
            share = ALPHA / 2 * (1 + math.cos(math.pi * done / (UNTIL * total)))
            with silenced.listening():
                evidence = Evidence(
                    trained.network, drum.groups, drum.first, seed=drum.seed, objective=trained.objective
                )
                exchange(drum.groups, evidence.current, evidence.gradients, mask, share)
        silenced.silence()
        return False

    drum.watched(look)
    if silenced is not None:
        silenced.end()
    return mask


def exchange(groups: Groups, weights: Weights, gradients: Weights, mask: Mask, share: float) -> None:
    """In each group, replace a share of the kept units, those with the smallest readers, by those most wanted."""
    for group in groups:
        kept = mask[group.name]
        count = min(int(share * int(kept.sum())), int((~kept).sum()))
        if count == 0:
            continue
        heard = learned_by_unit(group, weights, incoming=False).norm(dim=1)
        wanted = learned_by_unit(group, gradients, incoming=False).norm(dim=1)
        weakest = heard.masked_fill(~kept, math.inf).argsort(stable=True)[:count]
        grown = wanted.masked_fill(kept, -math.inf).argsort(descending=True, stable=True)[:count]
        kept[weakest] = False
        kept[grown] = True


class _Silenced:
    """Holds the weights that read removed units at zero, and their gradients away from the optimiser."""

    def __init__(self, trained: Trained, groups: Groups, mask: Mask) -> None:
        self._network, self._groups, self._mask = trained.network, groups, mask
        self._open = False
        names = {axis.parameter for group in groups for axis in group.axes if not axis.incoming and axis.learned}
        self._parameters = {name: each for name, each in trained.network.named_parameters() if name in names}
        self._hooks = [
            each.register_hook(lambda grad, name=name: self._without(name, grad))
            for name, each in self._parameters.items()
        ]
        self.silence()

    def silence(self) -> None:
        """Set the weights that read removed units to zero."""
        with torch.no_grad():
            for name, each in self._parameters.items():
                each.copy_(self._zeroed(name, each))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let gradients of zeros be seen while the block runs."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def end(self) -> None:
        """Let go of the network."""
        for hook in self._hooks:
            hook.remove()

    def _without(self, name: str, grad: Tensor) -> Tensor:
        return grad if self._open else self._zeroed(name, grad)

    def _zeroed(self, name: str, tensor: Tensor) -> Tensor:
        result = tensor.clone()
        for group in self._groups:
            for axis in group.axes:
                if axis.parameter == name and not axis.incoming and axis.learned:
                    part = result.narrow(axis.axis, axis.start, axis.blocks * group.size).movedim(axis.axis, -1)
                    part.mul_(self._mask[group.name].repeat(axis.blocks))
        return result
