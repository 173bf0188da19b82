"""Random choice of units: the baseline that every other criterion must beat."""

from __future__ import annotations

import torch

from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence
from tombola_host.training.streams import stream


def random(evidence: Evidence) -> Scores:
    """Uniform scores, 0 … 1; equal seeds and equal sizes give equal scores."""
    sizes = " ".join(f"{group.name} {group.size}" for group in evidence.groups)
    rng = stream(evidence.seed, f"random criterion {sizes}")
    return {group.name: torch.from_numpy(rng.random(group.size)) for group in evidence.groups}
