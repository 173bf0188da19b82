"""Keeps the units that know most about what was asked for and what should come out.

Two forms. ``information``: at most four principal components of the facts, the closed form for Gaussian copulas, and
what is left when time is shifted is subtracted. ``information-edge``: the published criterion, which estimates the
information with all facts by hashing. With many dimensions and few examples that estimate is nearly the same for
every unit, which is why the other form exists.

Source: Esling et al. 2020, "Diet deep generative audio models with structured lottery"; Ince et al. 2017, "A
statistical framework for neuroimaging data analysis based on mutual information estimated via a Gaussian copula".
"""

from __future__ import annotations

import torch
from torch import Tensor

from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.mutual_information import edge, gaussian_copula, principal, shifted
from tombola_host.training.streams import stream

TARGETS = 4
SHIFTS = 5
EXAMPLES = 4000
EDGE_EXAMPLES, EDGE_FACTS = 1000, 1000


def information(evidence: Evidence) -> Scores:
    """Bits that each unit shares with the principal facts, less the mean over shifts in time, at least 0."""
    scores = {}
    for group in evidence.groups:
        units, facts = _thinned(*evidence.informed(group.name))
        targets = principal(facts, TARGETS)
        rng = stream(evidence.seed, f"information {group.name}")
        null = torch.stack([gaussian_copula(units, other) for other in shifted(targets, SHIFTS, rng)]).mean(dim=0)
        scores[group.name] = (gaussian_copula(units, targets) - null).clamp(min=0.0)
    return scores


def information_edge(evidence: Evidence) -> Scores:
    """Bits that each unit shares with up to 1000 facts, from at most 1000 examples, by hashing."""
    scores = {}
    for group in evidence.groups:
        units, facts = evidence.informed(group.name)
        rng = stream(evidence.seed, f"information {group.name}")
        chosen = torch.from_numpy(rng.choice(len(units), min(EDGE_EXAMPLES, len(units)), replace=False))
        scores[group.name] = edge(units[chosen], facts[chosen, :EDGE_FACTS], rng)
    return scores


def information_between(units: Tensor, facts: Tensor) -> float:
    """Bits that a whole layer shares with facts, both as their principal components: for the information plane."""
    units, facts = _thinned(units, facts)
    own = principal(units, TARGETS)
    return float(gaussian_copula(own, principal(facts, TARGETS)).sum())


def _thinned(units: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
    every = max(len(units) // EXAMPLES, 1)
    return units[::every], facts[::every]
