"""The baseline that every merge must beat: the same size from scratch, every unit for every mode."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tombola_host.generators.voice.network import Voice
from tombola_host.merging.core import MergedSize
from tombola_host.merging.trained import TrainedTicket


def joint_network(tickets: Sequence[TrainedTicket], size: MergedSize, seed: int) -> Voice:
    """A network of the merged size with random weights; of the tickets it takes only their number."""
    torch.manual_seed(seed)
    return Voice(len(tickets), size.voice(len(tickets)))
