"""The truth about units: each is removed once, and the loss is measured.

A criterion guesses what a removal would cost. The networks are small, so it can be measured, and each criterion gets
a mark: the rank correlation of its scores with that truth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from tombola_host.generators.units import full_mask, masked
from tombola_host.lottery.criteria.base import Criterion, Scores
from tombola_host.lottery.evidence import Evidence
from tombola_host.training.streams import stream


def ablation(evidence: Evidence, most: int | None = None) -> Scores:
    """How much the loss rises when each unit alone is removed; the network is left as it was.

    Cost: one evaluation of a few batches for each unit.

    Args:
        evidence: The trained network and its objective.
        most: At most so many units of a group are tried, drawn by lot with the evidence's seed; the others are NaN.
    """
    network, groups, weights = evidence.network, evidence.groups, evidence.current
    kept = {name: tensor.clone() for name, tensor in weights.items()}
    whole = evidence.loss()
    rises = {group.name: torch.full((group.size,), torch.nan) for group in groups}
    try:
        for group in groups:
            drawn = stream(evidence.seed, f"ablated units of {group.name}").permutation(group.size)[:most]
            for unit in drawn.tolist():
                mask = full_mask(groups)
                mask[group.name][unit] = False
                network.load_state_dict(masked(groups, kept, mask))
                rises[group.name][unit] = evidence.loss() - whole
    finally:
        network.load_state_dict(kept)
    return rises


def agreement(scores: Scores, truth: Scores) -> dict[str, float]:
    """Rank correlation (Spearman) of scores and truth for each group, on tried units; 0 if either does not vary."""
    found = {}
    for name, values in scores.items():
        known = ~truth[name].isnan()
        found[name] = rank_correlation(values[known].double().numpy(), truth[name][known].double().numpy())
    return found


def marks(evidence: Evidence, criteria: Mapping[str, Criterion], most: int | None = None) -> dict[str, float]:
    """Each criterion's agreement with the truth, mean over groups; ``most`` as in ``ablation``."""
    truth = ablation(evidence, most)
    return {
        name: float(np.mean(list(agreement(criterion(evidence), truth).values())))
        for name, criterion in criteria.items()
    }


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation: that of the ranks, ties at their mean rank."""
    from scipy.stats import rankdata

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
