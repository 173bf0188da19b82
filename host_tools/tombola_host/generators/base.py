"""What every family of networks provides, so that tickets, merging and export need not know which it is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from tombola_host.generators.units import UnitGroup

State = tuple[Tensor, ...]
"""What voices carry from period to period, in the order of ``Generator.state_shapes``. Shapes (V, *shape)."""


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
        """Names and shapes of the tensors that one voice carries from period to period."""

    def rest(self, voices: int) -> State:
        """The state of voices at rest: zeros."""

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """What can be removed together."""

    def step(self, controls: Tensor, state: State, noise: Tensor) -> tuple[Tensor, State]:
        """One period: (V, 7 + M), state, (V, 1, B, T) → audio (V, 1, 1, T), next state. This is what is exported."""

    def render(self, controls: Tensor, noise: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """F periods: (V, F, 7 + M), (V, F, B, T) → audio (V, F * T), next state."""
