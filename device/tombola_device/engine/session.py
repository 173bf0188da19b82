"""A block graph in onnxruntime with carried state: bound once, then run without growth of Python objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from tombola_device.contract.controls import MAX_VOICES, PERIOD_SAMPLES, SCALAR_COLUMNS, SILENCE_DB, Float32Array
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.contract.graph import (
    SHADE_DB,
    STATE_AFTER,
    STATE_BEFORE,
    UNREAD,
    Graph,
    dynamics_of,
    long_axes,
)
from tombola_device.engine.motion import Motion
from tombola_device.engine.runtime import Binding, Shape, Tensor, bare_run, check_tensors, load
from tombola_device.engine.sound import Sound

_State = dict[str, Float32Array]
OUTPUTS = ("audio", "overlap")
"""Kinds of ports that are outputs."""
_NOTE, _LEVEL = SCALAR_COLUMNS.index("note"), SCALAR_COLUMNS.index("loudness_db")


class Session:
    """One graph for up to V voices; each run starts from the state that the run before it left.

    Two sets of bindings share the same memory: one reads state A and writes B, the other reads B and writes A. They
    alternate, so no period needs a copy or a new binding. Each set has one binding per number of voices, so that a
    single voice in row 0 costs one voice and not V.

    Args:
        onnx: The graph, as serialised.
        graph: The description that the graph must match.
        voices: V, 1 … MAX_VOICES.
        sound: The memory for the sound; new memory by default.

    Raises:
        BadBundle: The graph does not load, contradicts the manifest, or is not self-contained.

    Source: onnxruntime's I/O binding.
    """

    def __init__(self, onnx: bytes, graph: Graph, voices: int, sound: Sound | None = None) -> None:
        if not 1 <= voices <= MAX_VOICES:
            raise ShapeError(f"{voices} voices were asked for; 1 to {MAX_VOICES} are possible")
        _check_graph(graph)
        self.voices = voices
        self._session = load(onnx)
        tensors = self._session.get_inputs()
        states = _state_shapes(tensors, graph.state_size)
        ports = {port.kind: port for port in graph.ports if port.kind != "state"}
        inputs = {port.name: tuple(port.shape) for kind, port in ports.items() if kind not in OUTPUTS} | states
        if any(tensor.name == UNREAD for tensor in tensors):
            inputs[UNREAD] = ()
        outputs = {port.name: tuple(port.shape) for kind, port in ports.items() if kind in OUTPUTS}
        outputs |= {name + STATE_AFTER: shape for name, shape in states.items()}
        check_tensors("input", tensors, inputs)
        check_tensors("output", self._session.get_outputs(), outputs)
        self.controls: Float32Array = np.zeros((voices, ports["controls"].size), np.float32)
        # The row of a voice that has not played yet runs below one that plays: 0 dB would be full scale.
        self.controls[:, _LEVEL] = SILENCE_DB
        noise_samples = 2 * PERIOD_SAMPLES if graph.overlap else PERIOD_SAMPLES
        self.noise: Float32Array = np.zeros((voices, graph.noise_bands, noise_samples), np.float32)
        self._names = {kind: port.name for kind, port in ports.items()}
        self.shade: Float32Array = np.zeros((voices, ports["shade"].size if graph.directions else 0), np.float32)
        self._dynamics = dynamics_of(self.shade, graph.modes) if graph.directions else None
        sound = Sound(voices, overlap=graph.overlap) if sound is None else sound
        self.sound = sound
        self._states = tuple(
            {name: np.zeros((voices, *shape), np.float32) for name, shape in states.items()} for _ in range(2)
        )
        self.motion = Motion(voices) if graph.motion else None
        """Phase, pace and amplitude, for a graph that reads them."""
        self._unread: Float32Array = np.zeros((voices, 1), np.float32)
        self._now = 0
        self._runs = [
            [bare_run(self._session, self._bind(before, after, overlap, count)) for count in range(1, voices + 1)]
            for before, after, overlap in zip(self._states, self._states[::-1], sound.overlaps, strict=True)
        ]

    @property
    def state(self) -> Float32Array:
        """The state from which the next run starts; a copy, tensors side by side. Shape (V, S)."""
        tensors = [tensor.reshape(self.voices, -1) for tensor in self._states[self._now].values()]
        return np.concatenate([np.zeros((self.voices, 0), np.float32), *tensors], axis=1)

    def run(self, voices: int, notes: Sequence[float] | None = None, levels_db: Sequence[float] | None = None) -> None:
        """Render one period of the first ``voices`` rows of ``controls`` and ``noise`` into ``sound``.

        Args:
            voices: 1 … V; the rows of the other voices keep their sound and state.
            notes: The values of the column ``note``; optional, avoids a slow array read.
            levels_db: The values of the column ``loudness_db``, and how much louder the shade is played; optional,
                likewise.

        Real time: audio thread.
        """
        motion, now = self.motion, self._now
        if motion is not None:
            if notes is None or levels_db is None:
                notes, levels = self.controls[:, _NOTE].tolist(), self.controls[:, _LEVEL]
                louder = 0.0 if self._dynamics is None else SHADE_DB * self._dynamics.sum(axis=-1)
                levels_db = (levels + louder).tolist()
            motion.step(notes, levels_db, voices)
        self._runs[now][voices - 1]()
        self.sound.slot, self._now = now, 1 - now

    def reset(self, voice: int) -> None:
        """Put one voice to rest: its state becomes zeros.

        Both states become zeros: runs with fewer voices do not write this row, and either state may be read next.
        """
        for state in self._states:
            for tensor in state.values():
                tensor[voice] = 0.0
        self.sound.reset(voice)
        if self.motion is not None:
            self.motion.reset(voice)

    def reset_all(self) -> None:
        """Put all voices to rest."""
        for voice in range(self.voices):
            self.reset(voice)

    def _bind(self, before: _State, after: _State, overlap: Float32Array, count: int) -> Binding:
        binding = self._session.io_binding()
        own = {"controls": self.controls, "noise": self.noise, "audio": self.sound.audio, "overlap": overlap}
        own["shade"] = self.shade
        if self.motion is not None:
            own |= {"motion": self.motion.places, "level": self.motion.amplitude}
        arrays = {name: own[kind] for kind, name in self._names.items()} | {UNREAD: self._unread, **before}
        arrays |= {name + STATE_AFTER: array for name, array in after.items()}
        for tensors, bind in (
            (self._session.get_inputs(), binding.bind_input),
            (self._session.get_outputs(), binding.bind_output),
        ):
            for tensor in tensors:
                shape = [count, *(cast("int", axis) for axis in tensor.shape[1:])]
                bind(tensor.name, "cpu", 0, np.float32, shape, arrays[tensor.name].ctypes.data)
        return binding


def _check_graph(graph: Graph) -> None:
    if graph.rate != "block" or graph.block_samples != PERIOD_SAMPLES:
        raise BadBundle(
            f"the bundle's graph makes {graph.block_samples} samples once a {graph.rate}, but this version plays "
            f"{PERIOD_SAMPLES} in each period; update this software, or export the bundle for it"
        )
    if tuple(graph.columns) != SCALAR_COLUMNS:
        raise BadBundle(
            f"the bundle's graph wants the controls {', '.join(graph.columns)}, but "
            f"{', '.join(SCALAR_COLUMNS)} are sent here; export it with this version"
        )


def _state_shapes(inputs: list[Tensor], size: int) -> dict[str, Shape]:
    """Names of the state tensors, and their shapes without the voices' axis."""
    states = {tensor.name: long_axes(tensor.shape[1:]) for tensor in inputs if tensor.name.startswith(STATE_BEFORE)}
    shapes = {name: cast("Shape", shape) for name, shape in states.items() if _are_numbers(shape)}
    found = sum(math.prod(shape) for shape in shapes.values())
    if len(shapes) < len(states) or found != size:
        raise BadBundle(
            f"the bundle's graph carries {found} numbers a voice in {', '.join(states) or 'no tensor'}, but its "
            f"manifest says {size}; export the bundle again"
        )
    return shapes


def _are_numbers(shape: tuple[int | str | None, ...]) -> bool:
    return all(isinstance(axis, int) for axis in shape)
