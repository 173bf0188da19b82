"""A setting of the instrument that can be compared with another one, and the space of all settings of some modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from tombola_device.contract.controls import MAX_MODES, MOST_LIFE

Points = npt.NDArray[np.float64]
"""Settings as coordinates. Shape (N, D)."""
Share = Annotated[float, Meta(ge=0, le=1)]
AXES: Final = ("timbre_x", "timbre_y", "life")
"""The first coordinates; the weights of the modes come after them."""
_DECIMALS: Final = 3


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a player can set by hand, in the words of a scene of the instrument.

    Args:
        blend: Weights by name of mode.
        timbre: X and Y, 0 … 1.
        life: How much held notes move; 1: as the modes' recordings do.
    """

    blend: Annotated[dict[str, Share], Meta(max_length=MAX_MODES)]
    timbre: tuple[Share, Share] = (0.5, 0.5)
    life: Annotated[float, Meta(ge=0, le=MOST_LIFE)] = 1.0

    @property
    def words(self) -> str:
        """The setting in one line."""
        blend = " + ".join(f"{name} {100 * weight:.0f} %" for name, weight in self.strongest())
        return f"{blend or 'no mode'}, X {self.timbre[0]:.2f}, Y {self.timbre[1]:.2f}, life {100 * self.life:.0f} %"

    def strongest(self) -> list[tuple[str, float]]:
        """The modes that sound, the strongest first."""
        whole = sum(self.blend.values()) or 1.0
        weights = [(name, weight / whole) for name, weight in self.blend.items() if weight > 0]
        return sorted(weights, key=lambda pair: -pair[1])


@dataclass(frozen=True, slots=True)
class Space:
    """The settings of M modes: timbre X, timbre Y and life (0 … 1 each), and M weights that sum to 1. D = 3 + M.

    Args:
        modes: Names of the modes.

    >>> space = Space(("violin", "harp"))
    >>> space.point(Setting({"harp": 0.5}, life=2.0)).tolist()
    [0.5, 0.5, 1.0, 0.0, 1.0]
    >>> space.setting(space.point(Setting({"harp": 1.0})))
    Setting(blend={'harp': 1.0}, timbre=(0.5, 0.5), life=1.0)
    """

    modes: tuple[str, ...]

    @property
    def dimensions(self) -> int:
        """D."""
        return len(AXES) + len(self.modes)

    def point(self, setting: Setting) -> Points:
        """The coordinates of a setting, shape (D,). Modes that the space does not have are left out."""
        weights = np.array([setting.blend.get(name, 0.0) for name in self.modes])
        whole = weights.sum()
        weights = weights / whole if whole > 0 else np.full(len(self.modes), 1 / len(self.modes))
        return np.array([*setting.timbre, setting.life / MOST_LIFE, *weights])

    def points(self, settings: Sequence[Setting]) -> Points:
        """The coordinates of several settings. Shape (N, D)."""
        return np.array([self.point(setting) for setting in settings]).reshape(-1, self.dimensions)

    def setting(self, point: Points) -> Setting:
        """The setting at a point, rounded to three decimals."""
        x, y, life, *weights = self.inside(point[None])[0].round(_DECIMALS).tolist()
        blend = {name: weight for name, weight in zip(self.modes, weights, strict=True) if weight > 0}
        return Setting(blend, (x, y), round(life * MOST_LIFE, _DECIMALS))

    def random(self, rng: np.random.Generator, count: int) -> Points:
        """Settings drawn evenly: timbre and life from the cube, blends from the simplex. Shape (N, D)."""
        cube = rng.random((count, len(AXES)))
        return np.concatenate([cube, rng.dirichlet(np.ones(len(self.modes)), count)], axis=1)

    def near(self, rng: np.random.Generator, point: Points, count: int, reach: float) -> Points:
        """Settings around one, at a distance of about ``reach`` in each coordinate. Shape (N, D)."""
        return self.inside(point[None] + reach * rng.standard_normal((count, self.dimensions)))

    def inside(self, points: Points) -> Points:
        """The nearest settings that there are. Shape (N, D)."""
        cube = np.clip(points[:, : len(AXES)], 0, 1)
        return np.concatenate([cube, on_simplex(points[:, len(AXES) :])], axis=1)


def on_simplex(weights: Points) -> Points:
    """The nearest rows with weights ≥ 0 that sum to 1. Shape (N, M).

    Source: Held, Wolfe & Crowder 1974, "Validation of subgradient optimization".
    """
    falling = -np.sort(-weights, axis=1)
    over = (np.cumsum(falling, axis=1) - 1) / np.arange(1, weights.shape[1] + 1)
    last = (falling > over).sum(axis=1) - 1
    return np.asarray(np.maximum(weights - over[np.arange(len(weights)), last][:, None], 0.0))
