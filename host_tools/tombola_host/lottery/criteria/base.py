"""What a criterion is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from tombola_host.lottery.evidence import Evidence

Scores = dict[str, Tensor]
"""Group name → score per unit, higher is kept. Shape (U,)."""


class Criterion(Protocol):
    """Scores the units of a trained network.

    A minimal one:

        def first_come(evidence):
            return {group.name: -torch.arange(group.size).float() for group in evidence.groups}
    """

    def __call__(self, evidence: Evidence, /) -> Scores:
        """One score per unit of every group; comparable between groups."""
