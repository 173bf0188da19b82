"""What a family of networks provides, so that training, tickets, merging, export and studies need not know which it is.

A new family is one folder here and one line in ``FAMILIES`` (generators/__init__.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from tombola_device.contract.controls import Float32Array
from tombola_device.contract.manifest import Range
from torch import Tensor

from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.base import Conditions, Generator, Size
from tombola_host.generators.exportable import Exportable
from tombola_host.generators.units import Weights
from tombola_host.training.effort import Length
from tombola_host.training.loop import Phase
from tombola_host.training.objective import Trainee


class GeneratorTrainee(Trainee, Protocol):
    """A generator and whatever is trained beside it."""

    @property
    def network(self) -> Generator:
        """What is pruned, merged and exported."""


class Family(Protocol):
    """One kind of network.

    tests/integration/test_adding.py has a minimal one, in the twelve lines that docs/adding.md shows.
    """

    name: str

    @property
    def dense(self) -> Size:
        """The size that tickets are drawn from."""

    def size(self, facts: Mapping[str, int]) -> Size:
        """A size out of the fields that ``size_facts`` wrote."""

    def build(self, modes: int, size: Size, seed: int) -> Generator:
        """A network with random first weights: the same again for the same seed."""

    def of(self, weights: Weights) -> Generator:
        """A network with these weights, its size read off them."""

    def trainee(self, network: Generator, data: Sequence[ModeData], seed: int) -> GeneratorTrainee:
        """The network ready to learn the modes, one per entry of the blend vector."""

    def restored(self, tensors: Mapping[str, Tensor]) -> GeneratorTrainee:
        """A trainee out of the tensors that ``Trainee.tensors`` gave."""

    def phases(
        self, trainee: GeneratorTrainee, data: Sequence[ModeData], length: Length, seed: int, purpose: str
    ) -> Sequence[Phase]:
        """How it is trained; all that is drawn comes from streams whose purpose begins with ``purpose``."""

    def example(self, network: Generator, voices: int, frames: int, seed: int) -> Conditions:
        """Conditions that move as a player's would, for tests and for export."""

    def play(self, trainee: GeneratorTrainee, controls: Tensor, note: Note | None = None) -> Float32Array:
        """Play controls, (F, 7 + M) → (F * T,); with the timbre that is heard in a recording, if one is given."""

    def controls(self, trainee: GeneratorTrainee, mode: int, data: ModeData) -> dict[str, Range]:
        """The knobs of a mode: name → lowest, default, highest."""

    def exported(self, network: Generator) -> Exportable:
        """What the device can play of it.

        Raises:
            BadConfig: Networks of this family are not for the device.
        """


@runtime_checkable
class Mergeable(Protocol):
    """A family whose tickets can share a core. U: units of the parted group, M: modes."""

    parted: str
    """The group of which every mode uses the core and only some use the specialists."""

    def merged_size(self, units: Mapping[str, int]) -> Size:
        """A size out of the number of units of each group."""

    def joined(self, weights: Weights, activity: Tensor, trained: Sequence[Weights]) -> Generator:
        """One network for all modes.

        Args:
            weights: First weights of one mode's network at the chosen units.
            activity: Which modes use each unit of the parted group. Shape (M, U).
            trained: The trained weights of each mode's ticket, for what belongs to a mode alone.
        """
