"""The weights from which the units that a mask keeps start again. A new reset is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from tombola_device.contract.errors import BadConfig

from tombola_host.generators.units import Groups, Mask, Weights, places_of, rewound, taken
from tombola_host.training.streams import torch_stream


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the dense network when a ticket starts again.

    Args:
        groups: Its unit groups.
        first: Its first weights.
        fresh: Draws other first weights, as of another seed.
        early: Its weights after so many steps of training.
        trained: The network trained last, and the mask of its units; None before the first training.
        seed: Of what is drawn here.
    """

    groups: Groups
    first: Weights
    fresh: Callable[[], Weights]
    early: Callable[[int], Weights]
    trained: tuple[Mask, Groups, Weights] | None
    seed: int


Reset = Callable[[Past, Mask], Weights]
"""Weights of the network that a mask keeps."""


def rewind(past: Past, mask: Mask) -> Weights:
    """The first weights, scaled to the width that is left.

    Source: Frankle & Carbin 2019, "The lottery ticket hypothesis".
    """
    return rewound(past.groups, past.first, places_of(mask))


def rewind_to(steps: int) -> Reset:
    """The weights after some steps of the dense training, scaled likewise.

    Source: Frankle et al. 2020, "Linear mode connectivity and the lottery ticket hypothesis".
    """

    def reset(past: Past, mask: Mask) -> Weights:
        return rewound(past.groups, past.early(steps), places_of(mask))

    return reset


def reinitialise(past: Past, mask: Mask) -> Weights:
    """Other first weights. As only whole units are removed, this is a small network of that shape from scratch."""
    return rewound(past.groups, past.fresh(), places_of(mask))


def permute(past: Past, mask: Mask) -> Weights:
    """The first weights of the kept units, but each axis in an order of its own: a unit loses its readers."""
    weights = rewind(past, mask)
    left = tuple(group for group in past.groups if int(mask[group.name].sum()) > 1)
    for group in left:
        width = int(mask[group.name].sum())
        for number, axis in enumerate(group.axes):
            if axis.learned:
                rng = torch_stream(past.seed, f"permuted {group.name}", number)
                # Other groups on this axis have been cut, too: only their units stand before the own ones.
                start = axis.start - sum(_cut_before(past.groups, mask, axis.parameter, axis.axis, axis.start))
                order = torch.randperm(width, generator=rng)
                index = torch.arange(weights[axis.parameter].shape[axis.axis])
                for block in range(axis.blocks):
                    at = start + block * width
                    index[at : at + width] = at + order
                weights[axis.parameter] = weights[axis.parameter].index_select(axis.axis, index)
    return weights


def keep(past: Past, mask: Mask) -> Weights:
    """The trained weights: pruning without a lottery.

    Source: Renda et al. 2020, "Comparing rewinding and fine-tuning in neural network pruning".
    """
    if past.trained is None:
        return rewind(past, mask)
    before, groups, weights = past.trained
    return taken(groups, weights, {name: mask[name][kept].nonzero().squeeze(1) for name, kept in before.items()})


def _cut_before(groups: Groups, mask: Mask, parameter: str, at: int, start: int) -> list[int]:
    return [
        axis.blocks * (group.size - int(mask[group.name].sum()))
        for group in groups
        for axis in group.axes
        if (axis.parameter, axis.axis) == (parameter, at) and axis.start < start
    ]


RESETS: dict[str, Reset] = {"rewind": rewind, "reinitialise": reinitialise, "permute": permute, "keep": keep}


def reset_named(name: str) -> Reset:
    """Look a reset up; ``rewind-K`` rewinds to the weights after K steps.

    Raises:
        BadConfig: No reset has that name.
    """
    head, _, steps = name.partition("-")
    if head == "rewind" and steps.isdecimal():
        return rewind_to(int(steps))
    if name not in RESETS:
        raise BadConfig(f"there is no reset {name!r}; choose one of: {', '.join(RESETS)}, rewind-STEPS")
    return RESETS[name]
