"""Where blends lie on the pad: the modes are the corners of a regular polygon (docs/browser.md). Pure."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import Float64Array

_EDGE = 1e-9
"""A point this near to an edge lies on it."""


def corners(modes: int) -> Float64Array:
    """The corner of each mode in the unit square, y up. Shape (M, 2).

    >>> corners(4).round(3).tolist()
    [[0.5, 1.0], [1.0, 0.5], [0.5, 0.0], [0.0, 0.5]]
    """
    if modes == 1:
        return np.array([[0.5, 0.5]])
    if modes == 2:
        return np.array([[0.0, 0.5], [1.0, 0.5]])
    angle = 2 * np.pi * np.arange(modes) / modes
    return np.stack([0.5 + 0.5 * np.sin(angle), 0.5 + 0.5 * np.cos(angle)], axis=1)


def blends_at(points: Float64Array, modes: int) -> Float64Array:
    """The weights of the modes at points of the unit square. (N, 2) → (N, M), each ≥ 0, sum 1.

    A point outside of the polygon has those of the nearest point of it.

    Source: E. Wachspress, "A Rational Finite Element Basis" (1975); Meyer et al., "Generalized barycentric
    coordinates on irregular polygons" (2002).
    """
    if modes == 1:
        return np.ones((len(points), 1))
    if modes == 2:
        return np.stack([1 - points[:, 0], points[:, 0]], axis=1).clip(0.0, 1.0)
    here = corners(modes)
    after = np.roll(here, -1, axis=0)
    inside = _nearest_inside(points, here, after)
    # Twice the area of the triangle of the point and each edge; corner i stands between the edges i - 1 and i.
    area = _cross(after - here, inside[:, None, :] - here)
    np.maximum(area, _EDGE, out=area)
    weights = 1.0 / (np.roll(area, 1, axis=1) * area)
    blends: Float64Array = weights / weights.sum(axis=1, keepdims=True)
    return blends


def grid(side: int) -> Float64Array:
    """The centres of side × side cells, row by row from y = 0. Shape (side², 2)."""
    axis = (np.arange(side) + 0.5) / side
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _cross(edge: Float64Array, way: Float64Array) -> Float64Array:
    """Positive inside: the corners go round clockwise."""
    crossed: Float64Array = edge[..., 1] * way[..., 0] - edge[..., 0] * way[..., 1]
    return crossed


def _nearest_inside(points: Float64Array, here: Float64Array, after: Float64Array) -> Float64Array:
    edge = after - here
    way = points[:, None, :] - here
    outside = np.any(_cross(edge, way) < 0, axis=1)
    along = (np.einsum("nmi,mi->nm", way, edge) / (edge**2).sum(axis=1)).clip(0.0, 1.0)
    feet = here + along[..., None] * edge
    nearest = ((points[:, None, :] - feet) ** 2).sum(axis=-1).argmin(axis=1)
    inside: Float64Array = np.where(outside.reshape(-1, 1), feet[np.arange(len(points)), nearest], points)
    return inside
