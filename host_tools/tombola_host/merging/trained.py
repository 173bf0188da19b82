"""A ticket with its trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tombola_device.contract.errors import BadConfig

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


def check_same_origin(tickets: Sequence[TrainedTicket]) -> None:
    """Check that all tickets were drawn from one dense network, so that an index means the same unit in each.

    Raises:
        BadConfig: They differ in family, size, seed, criterion or schedule, or there are no tickets.
    """
    if not tickets:
        raise BadConfig("no tickets were given to merge; give one for each mode")
    origins = [replace(entry.ticket.origin, run="") for entry in tickets]
    for entry, origin in zip(tickets, origins, strict=True):
        if origin != origins[0]:
            differing = [name for name in origin.__slots__ if getattr(origin, name) != getattr(origins[0], name)]
            raise BadConfig(
                f"the tickets of {tickets[0].ticket.mode} and {entry.ticket.mode} differ in {', '.join(differing)}, "
                "so their units do not correspond; draw both with the same settings"
            )
