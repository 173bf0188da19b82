"""What every family of networks provides, so that tickets, merging and export need not know which it is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from tombola_host.generators.units import UnitGroup

State = tuple[Tensor, ...]
"""What voices carry from period to period: the tensors of ``Generator.state_shapes`` in their order, shapes
(V, *shape), then the noise bands' gains (V, 1, 1, B), turns and pace (V, 1), double."""


class Generator(Protocol):
    """Controls in, sound out, one period at a time.

    Offline output equals streamed output after ``delay_samples``, at any block size: the property test of every
    generator. V voices, F frames, T samples a period, M modes, B noise bands.
    """

    delay_samples: int
    noise_bands: int

    @property
    def modes(self) -> int:
        """M, the length of the blend vector."""

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the tensors that the graph carries from period to period for each voice."""

    def rest(self, voices: int) -> State:
        """The state of voices at rest: zeros."""

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """What can be removed together."""

    def step(self, controls: Tensor, state: State, noise: Tensor) -> tuple[Tensor, State]:
        """One period: (V, 7 + M), state, (V, 1, B, T) → audio (V, 1, 1, T), next state."""

    def frame(
        self, controls: Tensor, motion: Tensor, level: Tensor, noise: Tensor, state: State
    ) -> tuple[Tensor, Tensor, State]:
        """The part of ``step`` that is exported: phase, pace and level are given, as the device keeps them.

        (V, 7 + M), (V, 3), (V, 1), noise of this period and the next (V, 1, B, 2 T), what ``state_shapes`` says → audio
        (V, 1, 1, T), what is added to this period and the next (V, 1, 1, 2 T), next state.
        """

    def render(self, controls: Tensor, noise: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """F periods: (V, F, 7 + M), (V, F, B, T) → audio (V, F * T), next state."""
