"""The size of a merged network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class MergedSize:
    """Units of a merged network: of each shared group, of the core, and of each mode's specialists."""

    shared: int = 32
    core: int = 48
    specialists: int = 4

    def units(self, groups: tuple[str, ...], parted: str, modes: int) -> dict[str, int]:
        """Number of units: group → units."""
        return {name: self.core + modes * self.specialists if name == parted else self.shared for name in groups}

    def activity(self, modes: int) -> Tensor:
        """Which mode uses which unit: the core first, then the specialists of each mode. Shape (M, U)."""
        specialists = torch.eye(modes).repeat_interleave(self.specialists, dim=1)
        return torch.cat([torch.ones(modes, self.core), specialists], dim=1)
