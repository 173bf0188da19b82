"""Estimates of mutual information between single units and facts, in bits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

RIDGE = 1e-6
EDGE_SHIFTS = 5
EDGE_CELL_SHARE = 0.2
"""A cell is as wide as the mean distance to the neighbour of this rank, as a share of the examples."""


def gaussian_copula(units: Tensor, targets: Tensor) -> Tensor:
    """Information of each unit with all targets together, if their copula were Gaussian: a lower bound.

    Args:
        units: Shape (n, U).
        targets: Shape (n, d), with d far below n.

    Returns:
        Bits, shape (U,): -½ log₂(1 - R²), with R² of the regression of a unit's normal scores on the targets'.

    Source: Ince et al. 2017, "A statistical framework for neuroimaging data analysis based on mutual information
    estimated via a Gaussian copula".
    """
    own, known = _normal_scores(units), _normal_scores(targets)
    inner = known.T @ known + RIDGE * len(known) * torch.eye(known.shape[1], dtype=known.dtype)
    cross = known.T @ own
    explained = (cross * torch.linalg.solve(inner, cross)).sum(dim=0) / own.square().sum(dim=0).clamp(min=1e-12)
    return (-0.5 * torch.log2(1 - explained.clamp(0.0, 1 - 1e-9))).float()


def edge(units: Tensor, targets: Tensor, rng: np.random.Generator) -> Tensor:
    """Information of each unit with all targets together, by counting pairs of cells.

    A cell is ⌊(x + shift) / ε⌋; more than six targets are first projected at random to ⌊log₂(n / 10)⌋. Mean over a few
    shifts. Biased upwards for independent pairs, and the more so the more targets there are.

    Args:
        units: Shape (n, U).
        targets: Shape (n, d).
        rng: Of projection and shifts.

    Returns:
        Bits, shape (U,).

    Source: Noshad et al. 2019, "Scalable mutual information estimation using dependence graphs".
    """
    x, y = units.double().numpy(), targets.double().numpy()
    if y.shape[1] > 6:
        y = y @ rng.standard_normal((y.shape[1], max(int(math.log2(len(y) / 10)), 1))) / math.sqrt(y.shape[1])
    total = np.zeros(x.shape[1])
    known_width, widths = _width(y), [_width(column[:, None]) for column in x.T]
    for _ in range(EDGE_SHIFTS):
        known = _cells(y, known_width, rng)
        for unit, width in enumerate(widths):
            total[unit] += _counted(_cells(x[:, unit : unit + 1], width, rng), known)
    return torch.from_numpy(total / EDGE_SHIFTS).float()


def principal(rows: Tensor, most: int) -> Tensor:
    """The largest principal components of standardised columns. Shape (n, ≤ most); constant columns are left out."""
    spread = rows.std(dim=0)
    kept = rows[:, spread > 1e-6].double()
    if kept.shape[1] == 0:
        return torch.zeros(len(rows), 1, dtype=torch.double)
    kept = (kept - kept.mean(dim=0)) / kept.std(dim=0)
    _, vectors = torch.linalg.eigh(kept.T @ kept)
    largest: Tensor = vectors[:, -most:]
    return kept @ largest


def shifted(rows: Tensor, count: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """The rows, moved round by a random number of places: the pairing is lost, what is slow stays slow."""
    least = len(rows) // 10
    for offset in rng.integers(least, max(len(rows) - least, least + 1), size=count):
        yield rows.roll(int(offset), 0)


def _normal_scores(rows: Tensor) -> Tensor:
    """Ranks as quantiles of the normal distribution, zero mean; a constant column gives zeros."""
    ranks = rows.argsort(dim=0, stable=True).argsort(dim=0, stable=True).double()
    scores = torch.special.ndtri((ranks + 1) / (len(rows) + 1))
    return torch.where(rows.double().std(dim=0) > 0, scores - scores.mean(dim=0), torch.zeros_like(scores))


def _width(rows: np.ndarray) -> float:
    """ε: the mean distance to a neighbour of a fixed rank."""
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(rows).query(rows, k=[max(int(EDGE_CELL_SHARE * len(rows)), 1) + 1])
    return max(float(distance.mean()), 1e-12)


def _cells(rows: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """The number of the cell of each row. Shape (n,)."""
    places = np.floor((rows + rng.random(rows.shape[1]) * width) / width)
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)


def _counted(first: np.ndarray, second: np.ndarray) -> float:
    pairs = first.astype(np.int64) * (int(second.max()) + 1) + second
    both, alone, known = (np.unique(each, return_inverse=True, return_counts=True) for each in (pairs, first, second))
    share = both[2][both[1]] / len(pairs)
    expected = alone[2][alone[1]] * known[2][known[1]] / len(pairs) ** 2
    return float(np.log2(share / expected).mean())
