"""Noise for graphs that take it: one table, read by each voice from a place of its own."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.contract.graph import Graph
from tombola_device.engine.noise import TABLE_SAMPLES, noise_table, overlapping

CHUNKS = TABLE_SAMPLES // PERIOD_SAMPLES

Tables = dict[tuple[int, bool], Float32Array]
"""Noise by number of bands and whether it overlaps; 25 MB and 0.1 s each, so engines share them."""


class NoiseFeed:
    """Gives V voices the noise of each period.

    Args:
        graph: Whose input it is.
        rows: That input. Shape (V, B, 128 or 256).
        tables: Those that exist; one that does not is made and added.
    """

    def __init__(self, graph: Graph, rows: Float32Array, tables: Tables) -> None:
        self.period = 0
        """How many periods have gone by."""
        voices = len(rows)
        # Lists of memory: to copy from one to the other is a third of numpy's price.
        self.into: list[memoryview[int]] = []
        """Where each voice's noise goes; empty: the graph takes none."""
        self.chunks: list[memoryview[int]] = []
        self.starts = [voice * CHUNKS // voices for voice in range(voices)]
        """Chunk of each voice in period 0."""
        if graph.noise_bands:
            key = graph.noise_bands, graph.overlap
            if key not in tables:
                tables[key] = noise_chunks(*key)
            self.into = [row.data.cast("B") for row in rows]
            self.chunks = [chunk.data.cast("B") for chunk in tables[key]]


def noise_chunks(bands: int, overlap: bool) -> Float32Array:  # noqa: FBT001 - the two are a key of ``Tables``
    """The noise table, cut into periods, each band shifted by its own offset. Shape (chunks, B, 128 or 256)."""
    table = noise_table(bands)
    for band in range(bands):
        table[band] = np.roll(table[band], -band * TABLE_SAMPLES // bands)
    chunks = table.reshape(bands, CHUNKS, PERIOD_SAMPLES).transpose(1, 0, 2)
    return overlapping(chunks, np.roll(chunks, -1, axis=0)) if overlap else np.ascontiguousarray(chunks)
