"""Train the dense network once, cut once.

Source: the baseline of Frankle & Carbin 2019, "The lottery ticket hypothesis".
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum


def one_shot(drum: Drum, shares: Sequence[float]) -> Mask:
    """Cut directly to the last share."""
    return drum.cut(drum.full, drum.train(drum.full), shares[-1])
