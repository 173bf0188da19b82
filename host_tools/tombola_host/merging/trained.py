"""A ticket together with what it became."""

from __future__ import annotations

from dataclasses import dataclass

from tombola_host.generators.units import Weights
from tombola_host.lottery.ticket import Ticket


@dataclass(frozen=True, slots=True)
class TrainedTicket:
    """A ticket and its trained weights.

    Args:
        ticket: Mask and rewound weights.
        weights: ``state_dict`` of the trimmed network after training.
    """

    ticket: Ticket
    weights: Weights
