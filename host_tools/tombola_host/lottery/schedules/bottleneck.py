"""Train the dense network until its layers turn from fitting to compression, then cut once.

The information that a layer shares with the facts is estimated for its principal components. While a network fits,
it rises; the turn is where it has been below its highest value for some looks. A network with saturating activations
can seem to compress, and a deterministic one has no finite information, so the estimate is of what a Gaussian copula
sees. The schedule is worth its name only where it beats ``fixed-step``.

Source: Shwartz-Ziv & Tishby 2017, "Opening the black box of deep neural networks via information"; against it Saxe et
al. 2018, "On the information bottleneck theory of deep learning".
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask
from tombola_host.lottery.criteria.information import information_between
from tombola_host.lottery.drum import Drum, Trained
from tombola_host.lottery.evidence import Evidence

LOOKS = 20
PATIENCE = 3


def bottleneck(drum: Drum, shares: Sequence[float]) -> Mask:
    """Look twenty times; stop three looks after the highest value. Costs at most one dense training."""
    seen: list[float] = []

    def look(done: int, total: int, trained: Trained) -> bool:
        if done % max(total // LOOKS, 1):
            return False
        seen.append(shared_bits(drum, trained))
        return turned(seen)

    return drum.cut(drum.full, drum.watched(look), shares[-1])


def turned(seen: Sequence[float]) -> bool:
    """Whether the highest value was reached some looks ago and not since.

    >>> turned([1.0, 2.0, 1.9, 1.8]), turned([1.0, 2.0, 1.9, 1.8, 1.7])
    (False, True)
    """
    return len(seen) - 1 - max(range(len(seen)), key=lambda at: seen[at]) >= PATIENCE


def shared_bits(drum: Drum, trained: Trained) -> float:
    """Bits that layers share with the facts, mean over groups that name an output."""
    groups = trained.network.unit_groups()
    evidence = Evidence(trained.network, groups, trained.first, seed=drum.seed, objective=trained.objective)
    found = [information_between(*evidence.informed(group.name)) for group in groups if group.output]
    return sum(found) / max(len(found), 1)
