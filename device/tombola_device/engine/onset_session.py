"""An onset graph in onnxruntime: one run writes a whole hit straight into the memory that the voice plays."""

from __future__ import annotations

from typing import cast

import numpy as np

from tombola_device.contract.controls import MAX_VOICES, PERIOD_SAMPLES, Float32Array
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.contract.graph import ONSET_COLUMNS, UNREAD, Graph
from tombola_device.engine.runtime import RunNow, bare_run, check_tensors, load

SIDES = 2
"""Hits for which a voice has memory: the one that begins and the one that fades out."""


class OnsetSession:
    """One graph for V voices, each with memory for two hits; no state is carried from run to run.

    Args:
        onnx: The graph, as serialised.
        graph: The description that the graph must match.
        voices: V, 1 … MAX_VOICES.

    Raises:
        BadBundle: The graph does not load, contradicts the manifest, or is not self-contained.
    """

    def __init__(self, onnx: bytes, graph: Graph, voices: int) -> None:
        if not 1 <= voices <= MAX_VOICES:
            raise ShapeError(f"{voices} voices were asked for; 1 to {MAX_VOICES} are possible")
        if not set(graph.columns) <= set(ONSET_COLUMNS):
            raise BadBundle(
                f"the bundle's graph wants the controls {', '.join(graph.columns)}, but only "
                f"{', '.join(ONSET_COLUMNS)} are known when a note begins; export it with this version"
            )
        session = load(onnx)
        ports = {port.kind: port for port in graph.ports}
        controls, audio = ports["controls"], ports["audio"]
        self.samples = graph.block_samples
        """T, length of a hit."""
        self.controls: Float32Array = np.zeros((voices, controls.size), np.float32)
        """Input of the graph: its columns, then the blend of its modes. Shape (V, C + M)."""
        self.memory: Float32Array = np.zeros((voices, SIDES, self.samples + 2 * PERIOD_SAMPLES), np.float32)
        """Hits, with a period of silence before and after each. Shape (V, 2, 128 + T + 128)."""
        self._unread: Float32Array = np.zeros((voices, 1), np.float32)
        inputs, outputs = {controls.name: tuple(controls.shape)}, {audio.name: tuple(audio.shape)}
        arrays = {controls.name: self.controls, UNREAD: self._unread}
        if any(tensor.name == UNREAD for tensor in session.get_inputs()):
            inputs[UNREAD] = ()
        check_tensors("input", session.get_inputs(), inputs)
        check_tensors("output", session.get_outputs(), outputs)
        self._runs: list[list[RunNow]] = []
        for voice in range(voices):
            sides = []
            for side in range(SIDES):
                binding = session.io_binding()
                for tensors, bind in (
                    (session.get_inputs(), binding.bind_input),
                    (session.get_outputs(), binding.bind_output),
                ):
                    for tensor in tensors:
                        given = arrays[tensor.name][voice] if tensor.name in arrays else self.hit(voice, side)
                        shape = [1, *(cast("int", axis) for axis in tensor.shape[1:])]
                        bind(tensor.name, "cpu", 0, np.float32, shape, given.ctypes.data)
                sides.append(bare_run(session, binding))
            self._runs.append(sides)

    def run(self, voice: int, side: int) -> None:
        """Make a hit from one row of ``controls``.

        Real time: audio thread.
        """
        self._runs[voice][side]()

    def hit(self, voice: int, side: int) -> Float32Array:
        """The last hit made on that side; a view. Shape (T,)."""
        return self.memory[voice, side, PERIOD_SAMPLES : PERIOD_SAMPLES + self.samples]
