"""The trainee of a family whose network has nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor, nn

from tombola_host.training.objective import load_parts, tensors_of

N = TypeVar("N", bound=nn.Module)


@dataclass(slots=True)
class NetworkAlone(Generic[N]):
    """A network beside which nothing is trained. See ``Trainee``."""

    network: N

    def parts(self) -> Mapping[str, nn.Module]:
        """See Trainee."""
        return {"network": self.network}

    def tensors(self) -> dict[str, Tensor]:
        """See Trainee."""
        return tensors_of(self)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """See Trainee."""
        load_parts(self, tensors)
