"""Finding a ticket: train, score, select, rewind; again, on what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor

from tombola_host.corpus.windows import ModeData
from tombola_host.generators.units import Mask, full_mask, trimmed
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.selection import select
from tombola_host.training.loop import Checkpoint, History, Progress, Trainee, Training, new_trainee
from tombola_host.training.schedule import DENSE_SIZE, Schedule


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the lottery, for the density curve.

    Args:
        parameters: Of the network that was trained in this round.
        loss: Mean control loss over the last tenth of its steps.
    """

    parameters: int
    loss: float


@dataclass(frozen=True, slots=True)
class Ticket:
    """A mask over the dense network and the rewound weights that it leaves.

    Args:
        mode: The mode's name.
        mask: Over the dense network's units.
        weights: Of the trimmed network, as they were when the lottery began.
        rounds: One entry per round, the dense network first.
        dense_parameters: Of the network that the ticket was found in.
        seed: Of the dense network.
        criterion: How units were scored.
    """

    mode: str
    mask: Mask
    weights: dict[str, Tensor]
    rounds: tuple[Round, ...]
    dense_parameters: int
    seed: int
    criterion: str

    @property
    def parameters(self) -> int:
        """Learned parameters of the trimmed network."""
        return count_parameters(self.network())

    def network(self) -> Voice:
        """The trimmed network with the ticket's rewound weights."""
        return Voice.of(self.weights)


def dense_voice(seed: int, size: VoiceSize = DENSE_SIZE) -> Voice:
    """The dense network that every ticket of a build is drawn from: the same seed gives the same weights."""
    torch.manual_seed(seed)
    return Voice(1, size)


def count_parameters(network: torch.nn.Module) -> int:
    """All learned numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def train_dense(
    data: ModeData,
    schedule: Schedule,
    seed: int,
    size: VoiceSize = DENSE_SIZE,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Trainee, History]:
    """Train the dense network on one mode."""
    trainee = new_trainee(dense_voice(seed, size), [data], seed)
    return trainee, Training(trainee, [data], schedule, seed).run(progress, checkpoint)


def find_ticket(
    data: ModeData,
    dense: Voice,
    dense_history: History,
    schedule: Schedule,
    shares: Sequence[float],
    seed: int,
    *,
    criterion: str = "magnitude",
    progress: Progress | None = None,
) -> Ticket:
    """Draw a ticket for one mode.

    Each round scores the units of the network that is left, keeps the best of them so that a share of the dense
    network's parameters is left, rewinds those, and trains the really smaller network for the next round: rounds get
    cheaper as they go. The trained dense network is the first round.

    Args:
        data: The mode's training notes.
        dense: The trained dense network.
        dense_history: Of its training.
        schedule: Of each further round.
        shares: Fractions of the dense network's parameters, falling; the last is the ticket's. At least one.
        seed: Of the dense network and the training.
        criterion: A name in ``CRITERIA``.

    Raises:
        BadConfig: There are no shares, or no criterion of that name.

    Source: Frankle & Carbin 2019, "The lottery ticket hypothesis"; the few steps a round after You et al. 2020,
    "Drawing early-bird tickets": the mask settles long before the weights do.
    """
    if not shares:
        raise BadConfig("a lottery of no rounds draws no ticket; give it at least one share")
    groups, scorer = dense.unit_groups(), criterion_named(criterion)
    rewound = new_trainee(dense_voice(seed, dense.size), [data], seed).network.state_dict()
    dense_parameters = count_parameters(dense)
    mask, kept, rounds = full_mask(groups), rewound, []
    network, history = dense, dense_history
    for number, share in enumerate(shares):
        if number > 0:
            trainee = new_trainee(Voice.of(kept), [data], seed)
            network, history = trainee.network, Training(trainee, [data], schedule, seed + number).run(progress)
        rounds.append(Round(count_parameters(network), settled_loss(history)))
        left, weights = network.unit_groups(), network.state_dict()
        chosen = select(left, weights, scorer(left, weights), int(share * dense_parameters))
        mask = {name: _narrowed(mask[name], chosen[name]) for name in mask}
        kept = trimmed(groups, rewound, mask)
    return Ticket(data.name, mask, kept, tuple(rounds), dense_parameters, seed, criterion)


def settled_loss(history: History) -> float:
    """Mean control loss over the last tenth of a training."""
    last = history.control[-max(len(history.control) // 10, 1) :]
    return sum(last) / len(last)


def _narrowed(mask: Tensor, chosen: Tensor) -> Tensor:
    """A mask over a mask's survivors, as a mask over the whole."""
    narrowed = mask.clone()
    narrowed[mask.nonzero().squeeze(1)] = chosen
    return narrowed
