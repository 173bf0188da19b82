"""What the published families share: how they are built, trained on excerpts, and judged by their own loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.alone import NetworkAlone
from tombola_host.generators.base import Prunable, Size
from tombola_host.generators.research.excerpts import Excerpts, ExcerptSampler, excerpt
from tombola_host.generators.units import Weights
from tombola_host.training.effort import Length
from tombola_host.training.loop import Phase, Turn
from tombola_host.training.objective import Losses, part_of
from tombola_host.training.streams import first_weights, stream

JUDGED_BLOCKS = 100
"""1 s from the onset: what follows is more of the same."""


class Published(Prunable):
    """A published network, as far as the laboratory knows it."""

    excerpt_blocks: int
    """Length of an excerpt in training."""

    @classmethod
    @abstractmethod
    def of_size(cls, size: Size) -> Self:
        """A network with first weights."""

    @classmethod
    @abstractmethod
    def of(cls, weights: Weights) -> Self:
        """A network with these weights; their shapes give its widths."""

    @abstractmethod
    def loss(self, given: Excerpts) -> Tensor:
        """The published loss, one value an excerpt. Shape (B,)."""

    @abstractmethod
    def render(self, given: Excerpts) -> Tensor:
        """Sound for the excerpts' controls, at 16 kHz. Shape (B, T)."""

    @abstractmethod
    def uses_per_s(self) -> dict[str, float]:
        """How often each parameter is used in a second of sound, for ``multiply_adds``."""


P = TypeVar("P", bound=Published)


class _Learning:
    """Draws excerpts and gives the network's own loss. See ``Objective`` and ``Informed``."""

    def __init__(self, network: Published, data: Sequence[ModeData], count: int, seed: int, purpose: str) -> None:
        self._network, self._count, self._seed, self._purpose = network, count, seed, purpose
        self._sampler = ExcerptSampler(data, network.excerpt_blocks)

    def draw(self, step: int) -> Excerpts:
        """See Objective."""
        return self._sampler.draw(self._count, stream(self._seed, f"{self._purpose} excerpts", step))

    def facts(self, batch: Excerpts) -> Tensor:
        """See Informed."""
        return batch.facts()

    def loss(self, batch: Excerpts, step: int) -> Losses:
        """See Objective."""
        del step
        return {"error": self._network.loss(batch).mean()}


class PublishedFamily(Generic[P]):
    """A family of published networks; modes are learned one by one. See ``Learnable``.

    Args:
        name: Of the family.
        kind: Its networks' class.
        dense: The published size.
        size_type: Class of its sizes.
    """

    def __init__(self, name: str, kind: type[P], dense: Size, size_type: type[Size]) -> None:
        self.name, self.dense = name, dense
        self._kind, self._size_type = kind, size_type

    def size(self, facts: Mapping[str, int]) -> Size:
        """See Learnable."""
        return self._size_type(**facts)

    def build(self, modes: int, size: Size, seed: int) -> P:
        """See Learnable."""
        del modes
        with first_weights(seed, self.name):
            return self._kind.of_size(size)

    def of(self, weights: Weights) -> P:
        """See Learnable."""
        return self._kind.of(weights)

    def trainee(self, network: P, data: Sequence[ModeData], seed: int) -> NetworkAlone[P]:
        """See Learnable."""
        del data, seed
        return NetworkAlone(network)

    def restored(self, tensors: Mapping[str, Tensor]) -> NetworkAlone[P]:
        """See Learnable."""
        return NetworkAlone(self._kind.of(part_of(tensors, "network")))

    def phases(
        self, trainee: NetworkAlone[P], data: Sequence[ModeData], length: Length, seed: int, purpose: str
    ) -> tuple[Phase, ...]:
        """See Learnable: all steps are on sound."""
        learning = _Learning(trainee.network, data, length.audio_windows, seed, purpose)
        return (Phase("sound", (Turn(learning),), length.control_steps + length.audio_steps, length.learning_rate),)

    def judge(self, trainee: NetworkAlone[P], notes: Sequence[Note]) -> dict[str, float]:
        """See Judging: the network's own loss on the first second of each note."""
        found = {}
        with torch.no_grad():
            for number, note in enumerate(notes):
                given = excerpt(note, 0, JUDGED_BLOCKS)
                found[f"{number} {note.name}"] = float(trainee.network.loss(given)[0])
        return found
