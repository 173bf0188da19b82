"""The interface of a family of networks; training, tickets, merging, export and studies use nothing else of it.

A new family is one folder here and one line in ``FAMILIES`` (generators/__init__.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tombola_device.contract.controls import Float32Array
from tombola_device.contract.life import Life
from tombola_device.contract.manifest import Envelope, Range, Recording
from torch import Tensor

from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.base import Conditions, Generator, Prunable, Size
from tombola_host.generators.exportable import Exportable
from tombola_host.generators.units import Weights
from tombola_host.training.effort import Length
from tombola_host.training.loop import Phase
from tombola_host.training.objective import Trainee


@dataclass(frozen=True, slots=True)
class Described:
    """What the manifest says of a mode that only its family knows; see ``tombola_device.contract.manifest.Mode``."""

    life: Life | None = None
    recorded_db: float = 0.0
    wane: float | None = None
    knobs: Mapping[str, str] = field(default_factory=dict)
    recordings: Sequence[Recording] = ()


class Learner(Trainee, Protocol):
    """A trainee of which the lottery knows only that its network can be pruned.

    >>> learner: Learner = VoiceTrainee(network, latents)
    >>> [group.name for group in learner.network.unit_groups()]
    ['input', 'trunk']
    """

    @property
    def network(self) -> Prunable:
        """The network to prune."""


class Learnable(Protocol):
    """What training, tickets and studies use of a family; ``Family`` has more, for what an instrument plays.

    Networks and trainees are its own, so only it looks inside them.

    >>> family: Learnable = VoiceFamily()
    >>> [group.size for group in family.build(1, VoiceSize(16, 12), seed=0).unit_groups()]
    [16, 12]
    """

    name: str

    @property
    def dense(self) -> Size:
        """The size of the dense network, from which tickets are drawn."""

    def size(self, facts: Mapping[str, int]) -> Size:
        """A size from the fields that ``size_facts`` wrote."""

    def build(self, modes: int, size: Size, seed: int) -> Prunable:
        """A network with random first weights; equal seeds give equal weights."""

    def of(self, weights: Weights) -> Prunable:
        """A network with these weights; their shapes give its size."""

    def trainee(self, network: Any, data: Sequence[ModeData], seed: int) -> Learner:  # noqa: ANN401
        """A trainee that can learn the modes."""

    def restored(self, tensors: Mapping[str, Tensor]) -> Learner:
        """A trainee from the tensors of ``Trainee.tensors``."""

    def phases(
        self,
        trainee: Any,  # noqa: ANN401
        data: Sequence[ModeData],
        length: Length,
        seed: int,
        purpose: str,
    ) -> Sequence[Phase]:
        """The training; random numbers come only from streams whose purpose begins with ``purpose``."""


class GeneratorTrainee(Trainee, Protocol):
    """A generator, and the networks that are trained beside it.

    A minimal one, without networks beside it:

    >>> @dataclass
    ... class Alone:
    ...     network: Generator
    ...
    ...     def parts(self) -> dict[str, nn.Module]:
    ...         return {"network": self.network}
    ...
    ...     def tensors(self) -> dict[str, Tensor]:
    ...         return tensors_of(self)
    ...
    ...     def load(self, tensors: dict[str, Tensor]) -> None:
    ...         load_parts(self, tensors)
    >>> trainee: GeneratorTrainee = Alone(network)
    >>> sorted(trainee.tensors()) == sorted(f"network.{name}" for name in network.state_dict())
    True
    """

    @property
    def network(self) -> Generator:
        """The network to prune, merge and export."""


class Family(Protocol):
    """One kind of network.

    A minimal one, for the generator ``Gains`` of ``Generator`` and the trainee ``Alone`` of ``GeneratorTrainee``:

    >>> class GainsFamily:
    ...     name, dense = "gains", Width(hidden=1)
    ...
    ...     def size(self, facts: Mapping[str, int]) -> Size:
    ...         return Width(**facts)
    ...
    ...     def fitted(self, size: Size, data: Sequence[ModeData]) -> Size:
    ...         return size
    ...
    ...     def build(self, modes: int, size: Size, seed: int) -> Generator:
    ...         with first_weights(seed, "gains"):
    ...             return Gains(modes)
    ...
    ...     def of(self, weights: Weights) -> Generator:
    ...         network = Gains(modes=len(weights["weight"]))
    ...         network.load_state_dict(weights)
    ...         return network
    ...
    ...     def trainee(self, network: Generator, data: Sequence[ModeData], seed: int) -> GeneratorTrainee:
    ...         return Alone(network)
    ...
    ...     def restored(self, tensors: Mapping[str, Tensor]) -> GeneratorTrainee:
    ...         return Alone(self.of(part_of(tensors, "network")))
    ...
    ...     def phases(self, trainee, data, length, seed, purpose) -> Sequence[Phase]:
    ...         return (Phase("sound", (Turn(objective),), length.audio_steps, length.learning_rate),)
    ...
    ...     def example(self, network: Generator, voices: int, frames: int, seed: int) -> Conditions:
    ...         generator = torch.Generator().manual_seed(seed)
    ...         return Conditions(torch.rand((voices, frames, 7 + network.modes), generator=generator))
    ...
    ...     def play(self, trainee: GeneratorTrainee, controls: Tensor, note: Note | None = None) -> Float32Array:
    ...         return trainee.network(Conditions(controls[None]))[0].detach().numpy()
    ...
    ...     def controls(self, trainee: GeneratorTrainee, mode: int, data: ModeData) -> dict[str, Range]:
    ...         return {}
    ...
    ...     def finish(self, trainee: GeneratorTrainee, data: Sequence[ModeData]) -> None:
    ...         pass
    ...
    ...     def described(self, trainee, mode, data, envelope=None) -> Described:
    ...         return Described()
    ...
    ...     def exported(self, network: Generator) -> Exportable:
    ...         raise BadConfig("the family 'gains' is not for the device; choose another")
    >>> family: Family = GainsFamily()
    >>> trainee = family.trainee(family.build(2, family.dense, seed=0), [], seed=0)
    >>> family.play(family.restored(trainee.tensors()), torch.ones(3, 9)).shape
    (384,)
    """

    name: str

    @property
    def dense(self) -> Size:
        """The size of the dense network, from which tickets are drawn."""

    def size(self, facts: Mapping[str, int]) -> Size:
        """A size from the fields that ``size_facts`` wrote."""

    def fitted(self, size: Size, data: Sequence[ModeData]) -> Size:
        """A size that these modes, those of one build, need."""

    def build(self, modes: int, size: Size, seed: int) -> Generator:
        """A network with random first weights; equal seeds give equal weights."""

    def of(self, weights: Weights) -> Generator:
        """A network with these weights; their shapes give its size."""

    def trainee(self, network: Generator, data: Sequence[ModeData], seed: int) -> GeneratorTrainee:
        """A trainee that can learn the modes, one per entry of the blend vector."""

    def restored(self, tensors: Mapping[str, Tensor]) -> GeneratorTrainee:
        """A trainee from the tensors of ``Trainee.tensors``."""

    def phases(
        self, trainee: GeneratorTrainee, data: Sequence[ModeData], length: Length, seed: int, purpose: str
    ) -> Sequence[Phase]:
        """The training; random numbers come only from streams whose purpose begins with ``purpose``."""

    def example(self, network: Generator, voices: int, frames: int, seed: int) -> Conditions:
        """Conditions that change like a player's, for tests and for export."""

    def play(self, trainee: GeneratorTrainee, controls: Tensor, note: Note | None = None) -> Float32Array:
        """Play controls, (F, 7 + M) → (F * T,); with ``note``, use that recording's timbre."""

    def controls(self, trainee: GeneratorTrainee, mode: int, data: ModeData) -> dict[str, Range]:
        """The knobs of a mode: name → (lowest, default, highest)."""

    def finish(self, trainee: GeneratorTrainee, data: Sequence[ModeData]) -> None:
        """Fit what needs all of a trained network, before it is described and exported; data are those of all modes."""

    def described(
        self, trainee: GeneratorTrainee, mode: int, data: ModeData, envelope: Envelope | None = None
    ) -> Described:
        """How a mode's notes move, and what its knobs do.

        Args:
            trainee: Trained.
            mode: Its index in the network.
            data: Its recordings.
            envelope: The course of level that the engine plays; None: the graph sets the level.
        """

    def exported(self, network: Generator) -> Exportable:
        """The network in the form that the device can play.

        Raises:
            BadConfig: The device cannot play networks of this family.
        """


@runtime_checkable
class Mergeable(Protocol):
    """A family whose tickets can share a core. U: units of the parted group, M: modes.

    A minimal one, for networks with a single group of units:

    >>> class Shared:
    ...     parted = "trunk"
    ...
    ...     def merged_size(self, units: Mapping[str, int]) -> Size:
    ...         return VoiceSize(input=units["trunk"], hidden=units["trunk"])
    ...
    ...     def joined(self, weights: Weights, activity: Tensor, trained: Sequence[Weights]) -> Generator:
    ...         return Voice.of(weights)
    >>> Shared().merged_size({"trunk": 24}).hidden
    24
    """

    parted: str
    """The group with core and specialists: every mode uses the core, only some modes use a specialist."""

    def merged_size(self, units: Mapping[str, int]) -> Size:
        """A size from the number of units of each group."""

    def joined(self, weights: Weights, activity: Tensor, trained: Sequence[Weights]) -> Generator:
        """One network for all modes.

        Args:
            weights: First weights at the chosen units, from the network of one mode.
            activity: Which modes use each unit of the parted group. Shape (M, U).
            trained: Trained weights of each mode's ticket, for weights that belong to one mode alone.
        """
