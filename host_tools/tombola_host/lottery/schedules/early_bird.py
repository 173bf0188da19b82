"""Train the dense network until the mask that it would give no longer changes, then cut once.

The distance of two masks is divided by what two random masks of the same densities would differ by. The published
limit of 0.1 on the plain distance says nothing at high sparsity: random masks that keep 5 % differ in 0.095 of the
places, so it always fires.

Source: You et al. 2020, "Drawing early-bird tickets", with the distance corrected for chance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum, Trained

LOOKS = 20
REMEMBERED = 5
SETTLED = 0.1


def early_bird(drum: Drum, shares: Sequence[float]) -> Mask:
    """Look twenty times; stop when the last five masks are settled. Costs at most one dense training."""
    seen: deque[Mask] = deque(maxlen=REMEMBERED + 1)

    def look(done: int, total: int, trained: Trained) -> bool:
        if done % max(total // LOOKS, 1):
            return False
        seen.append(drum.cut(drum.full, trained, shares[-1]))
        return len(seen) > REMEMBERED and all(corrected(mask, seen[-1]) <= SETTLED for mask in list(seen)[:-1])

    trained = drum.watched(look)
    return drum.cut(drum.full, trained, shares[-1])


def corrected(first: Mask, second: Mask) -> float:
    """Share of units on which two masks differ, by that of two random masks of their densities: 0 equal, 1 chance."""
    one, other = (torch.cat([mask[name] for name in sorted(mask)]) for mask in (first, second))
    kept, kept_too = float(one.double().mean()), float(other.double().mean())
    chance = kept * (1 - kept_too) + kept_too * (1 - kept)
    return float((one != other).double().mean()) / chance if chance > 0 else 0.0
