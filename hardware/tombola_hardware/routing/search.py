"""Cheapest way through the grid, compiled: one flat function over plain arrays, as numba wants it."""

# ruff: noqa: ANN001, ANN202, ANN201, C901, PLR0912, PLR0913, PLR0915, PLR0917
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numba
import numpy as np

HEAP = 1 << 23


@numba.njit(cache=True)
def _push(keys, nodes, size, key, node):
    index = size
    while index > 0:
        parent = (index - 1) >> 1
        if keys[parent] <= key:
            break
        keys[index], nodes[index] = keys[parent], nodes[parent]
        index = parent
    keys[index], nodes[index] = key, node
    return size + 1


@numba.njit(cache=True)
def _pop(keys, nodes, size):
    key, node = keys[0], nodes[0]
    size -= 1
    last_key, last_node = keys[size], nodes[size]
    index = 0
    while True:
        down = 2 * index + 1
        if down >= size:
            break
        if down + 1 < size and keys[down + 1] < keys[down]:
            down += 1
        if keys[down] >= last_key:
            break
        keys[index], nodes[index] = keys[down], nodes[down]
        index = down
    keys[index], nodes[index] = last_key, last_node
    return key, node, size


@numba.njit(cache=True)
def _left(row, column, first_row, last_row, first_column, last_column):
    """At least this many steps to the rectangle in which all goals are."""
    return (max(first_row - row, 0, row - last_row) + max(first_column - column, 0, column - last_column)) * 1.0


@numba.njit(cache=True)
def cheapest(
    net,
    sources,
    goal,
    track,
    via,
    busy,
    busy_via,
    history,
    pressure,
    via_cost,
    seen,
    done,
    cost,
    came,
    turn,
    keys,
    nodes,
    first_row,
    last_row,
    first_column,
    last_column,
):
    """From any source to any goal (``goal[node] == turn``): the nodes on the way, the goal first; empty if none is."""
    layers, rows, columns = track.shape
    plane = rows * columns
    size = 0
    for source in sources:
        seen[source] = turn
        cost[source] = 0.0
        came[source] = -1
        rest = source % plane
        left = _left(rest // columns, rest % columns, first_row, last_row, first_column, last_column)
        size = _push(keys, nodes, size, left, source)
    while size > 0:
        _, node, size = _pop(keys, nodes, size)
        if done[node] == turn:
            continue
        done[node] = turn
        paid = cost[node]
        if goal[node] == turn:
            count, at = 1, node
            while came[at] >= 0:
                at = came[at]
                count += 1
            way = np.empty(count, np.int64)
            at = node
            for index in range(count):
                way[index] = at
                at = came[at]
            return way
        layer, rest = node // plane, node % plane
        row, column = rest // columns, rest % columns
        for move in range(4 + layers):
            if move < 4:
                to_row = row + (1 if move == 0 else -1 if move == 1 else 0)
                to_column = column + (1 if move == 2 else -1 if move == 3 else 0)
                if to_row < 0 or to_row >= rows or to_column < 0 or to_column >= columns:
                    continue
                to_layer = layer
                along = (move >= 2) == (layer % 2 == 0)
                step = 1.0 if along else 1.6
            else:
                to_layer, to_row, to_column = move - 4, row, column
                if to_layer == layer or (via[row, column] != -1 and via[row, column] != net):
                    continue
                step = via_cost * (1.0 + pressure * busy_via[row, column])
            owner = track[to_layer, to_row, to_column]
            if owner not in (-1, net):
                continue
            target = (to_layer * rows + to_row) * columns + to_column
            crowd = busy[to_layer, to_row, to_column]
            total = paid + (step + history[to_layer, to_row, to_column]) * (1.0 + pressure * crowd)
            if seen[target] != turn or total < cost[target]:
                seen[target] = turn
                cost[target] = total
                came[target] = node
                if size < keys.shape[0] - 1:
                    left = _left(to_row, to_column, first_row, last_row, first_column, last_column)
                    size = _push(keys, nodes, size, total + left, target)
    return np.empty(0, np.int64)
