"""What every family of networks provides, so that tickets, merging and export need not know which it is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from tombola_host.generators.units import UnitGroup


class Generator(Protocol):
    """Controls in, sound out, one period at a time.

    Offline output equals streamed output after ``delay_samples``, at any block size: the property test of every
    generator. V voices, F frames, T samples a period, M modes, B noise bands, S state floats.
    """

    delay_samples: int
    noise_bands: int

    @property
    def modes(self) -> int:
        """M, the length of the blend vector."""

    @property
    def state_size(self) -> int:
        """S, the floats that one voice carries from period to period; zeros are a voice at rest."""

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """What can be removed together."""

    def step(self, controls: Tensor, state: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """One period: (V, 7 + M), (V, S), (V, B, T) → audio (V, T), next state (V, S). This is what is exported."""

    def render(self, controls: Tensor, noise: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """F periods: (V, F, 7 + M), (V, F, B, T) → audio (V, F * T), next state (V, S)."""
