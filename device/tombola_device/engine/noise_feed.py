"""Noise for graphs with a noise input: one table, which each voice reads from its own place."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.contract.graph import Graph
from tombola_device.engine.noise import TABLE_SAMPLES, noise_table, overlapping

CHUNKS = TABLE_SAMPLES // PERIOD_SAMPLES

Tables = dict[tuple[int, bool], Float32Array]
"""Noise tables by (number of bands, overlap). Each takes 25 MB and 0.1 s, so engines share them."""


class NoiseFeed:
    """Feeds V voices with noise in each period.

    Args:
        graph: The graph that reads the noise.
        rows: The graph's noise input. Shape (V, B, 128 or 256).
        tables: Existing tables; a missing one is made and added.
    """

    def __init__(self, graph: Graph, rows: Float32Array, tables: Tables) -> None:
        self.period = 0
        """Number of periods so far."""
        voices = len(rows)
        # Lists of memoryviews: copying between them costs a third of a numpy copy.
        self.into: list[memoryview[int]] = []
        """Memory for each voice's noise; empty if the graph has no noise input."""
        self.chunks: list[memoryview[int]] = []
        self.starts = [voice * CHUNKS // voices for voice in range(voices)]
        """Chunk that each voice reads in period 0."""
        if graph.noise_bands:
            key = graph.noise_bands, graph.overlap
            if key not in tables:
                tables[key] = noise_chunks(*key)
            self.into = [row.data.cast("B") for row in rows]
            self.chunks = [chunk.data.cast("B") for chunk in tables[key]]


def noise_chunks(bands: int, overlap: bool) -> Float32Array:  # noqa: FBT001 - the two are a key of ``Tables``
    """The noise table cut into periods, each band shifted by its own offset. Shape (chunks, B, 128 or 256)."""
    table = noise_table(bands)
    for band in range(bands):
        table[band] = np.roll(table[band], -band * TABLE_SAMPLES // bands)
    chunks = table.reshape(bands, CHUNKS, PERIOD_SAMPLES).transpose(1, 0, 2)
    return overlapping(chunks, np.roll(chunks, -1, axis=0)) if overlap else np.ascontiguousarray(chunks)
