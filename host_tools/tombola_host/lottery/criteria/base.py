"""The interface of a criterion."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from tombola_host.lottery.evidence import Evidence

Scores = dict[str, Tensor]
"""Group name → score per unit; units with higher scores are kept. Shape (U,)."""


class Criterion(Protocol):
    """Scores the units of a trained network.

    A minimal one, which keeps the first units:

    >>> def first_come(evidence: Evidence) -> Scores:
    ...     return {group.name: -torch.arange(group.size).float() for group in evidence.groups}
    >>> criterion: Criterion = first_come
    >>> {name: scores.argmax().item() for name, scores in criterion(evidence).items()}
    {'input': 0, 'trunk': 0}
    """

    def __call__(self, evidence: Evidence, /) -> Scores:
        """One score per unit of every group; ``scaling`` makes groups comparable."""
