"""A graph in onnxruntime with carried state: bound once, then run without growth of Python objects."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, cast

import numpy as np

from tombola_device.contract.controls import MAX_VOICES, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SCALAR_COLUMNS, Float32Array
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.contract.manifest import STATE_AFTER, STATE_BEFORE, UNREAD, Manifest
from tombola_device.engine.graph_check import check_graph
from tombola_device.engine.motion import COLUMNS, Motion
from tombola_device.engine.sound import Sound

_Shape = tuple[int, ...]
_State = dict[str, Float32Array]
_NOTE, _LEVEL = SCALAR_COLUMNS.index("note"), SCALAR_COLUMNS.index("loudness_db")


class _Tensor(Protocol):
    """onnxruntime has no annotations; these are the parts of it that are used here."""

    name: str
    type: str
    shape: list[int | str | None]


class _Binding(Protocol):
    def bind_input(self, name: str, device: str, index: int, kind: type, shape: list[int], pointer: int) -> None: ...
    def bind_output(self, name: str, device: str, index: int, kind: type, shape: list[int], pointer: int) -> None: ...


class _Runtime(Protocol):
    def get_inputs(self) -> list[_Tensor]: ...
    def get_outputs(self) -> list[_Tensor]: ...
    def io_binding(self) -> _Binding: ...
    def run_with_iobinding(self, binding: _Binding) -> None: ...


class Session:
    """One graph for up to V voices; the state that a run leaves is the state that the next one starts from.

    Two sets of bindings lie over the same memory, one from state A to B and one from B to A, and are used in turn: no
    copy and no binding per period. Each set has one binding per number of voices, so that a single voice in row 0 does
    not pay for V.

    Args:
        onnx: The graph, as serialised.
        manifest: What the graph should look like.
        voices: V, 1 … MAX_VOICES.
        sound: Where the sound is written; its own memory by default.

    Raises:
        BadBundle: The graph does not load, is not what the manifest says, or is not complete in itself.

    Source: onnxruntime's I/O binding.
    """

    def __init__(self, onnx: bytes, manifest: Manifest, voices: int, sound: Sound | None = None) -> None:
        if not 1 <= voices <= MAX_VOICES:
            raise ShapeError(f"{voices} voices were asked for; 1 to {MAX_VOICES} are possible")
        _check_manifest(manifest)
        check_graph(onnx)
        self.voices = voices
        self._session = _load(onnx)
        graph, columns = manifest.graph, len(manifest.graph.controls) + len(manifest.modes)
        states = _state_shapes(self._session.get_inputs(), graph.state_size)
        inputs: dict[str, _Shape] = {"controls": (columns,), **states}
        noise_samples = 2 * PERIOD_SAMPLES if graph.overlap else PERIOD_SAMPLES
        if graph.noise_bands:
            inputs["noise"] = (graph.noise_bands, noise_samples)
        if graph.motion:
            inputs |= {"motion": (COLUMNS,), "level": ()}
        if any(tensor.name == UNREAD for tensor in self._session.get_inputs()):
            inputs[UNREAD] = ()
        outputs: dict[str, _Shape] = {
            "audio": (PERIOD_SAMPLES,),
            **{name + STATE_AFTER: shape for name, shape in states.items()},
        }
        if graph.overlap:
            outputs["overlap"] = (2 * PERIOD_SAMPLES,)
        _check_tensors("input", self._session.get_inputs(), inputs)
        _check_tensors("output", self._session.get_outputs(), outputs)
        self.controls: Float32Array = np.zeros((voices, columns), np.float32)
        self.noise: Float32Array = np.zeros((voices, graph.noise_bands, noise_samples), np.float32)
        sound = Sound(voices, overlap=graph.overlap) if sound is None else sound
        self.sound = sound
        self._states = tuple(
            {name: np.zeros((voices, *shape), np.float32) for name, shape in states.items()} for _ in range(2)
        )
        self._motion = Motion(voices) if graph.motion else None
        self._unread: Float32Array = np.zeros((voices, 1), np.float32)
        self._now = 0
        self._runs = [
            [_bare_run(self._session, self._bind(before, after, overlap, count)) for count in range(1, voices + 1)]
            for before, after, overlap in zip(self._states, self._states[::-1], sound.overlaps, strict=True)
        ]

    @property
    def state(self) -> Float32Array:
        """The state that the next run starts from; a copy, tensors side by side. Shape (V, S)."""
        tensors = [tensor.reshape(self.voices, -1) for tensor in self._states[self._now].values()]
        return np.concatenate([np.zeros((self.voices, 0), np.float32), *tensors], axis=1)

    def run(self, voices: int, notes: Sequence[float] | None = None, levels_db: Sequence[float] | None = None) -> None:
        """Render one period of the first ``voices`` rows of ``controls`` and ``noise`` into ``sound``.

        Args:
            voices: 1 … V; the other rows of the sound and the state stay as they are.
            notes: What stands in the column ``note``, for who has it at hand: reading an array takes its time.
            levels_db: The same of ``loudness_db``.

        Real time: audio thread.
        """
        motion, now = self._motion, self._now
        if motion is not None:
            if notes is None or levels_db is None:
                notes, levels_db = self.controls[:, _NOTE].tolist(), self.controls[:, _LEVEL].tolist()
            motion.step(notes, levels_db, voices)
        self._runs[now][voices - 1]()
        self.sound.slot, self._now = now, 1 - now

    def reset(self, voice: int) -> None:
        """Put one voice to rest: its state becomes zeros.

        Both states, because the row is not written while fewer voices run and must then be at rest in either.
        """
        for state in self._states:
            for tensor in state.values():
                tensor[voice] = 0.0
        self.sound.reset(voice)
        if self._motion is not None:
            self._motion.reset(voice)

    def reset_all(self) -> None:
        """Put all voices to rest."""
        for voice in range(self.voices):
            self.reset(voice)

    def _bind(self, before: _State, after: _State, overlap: Float32Array, count: int) -> _Binding:
        binding = self._session.io_binding()
        inputs = {"controls": self.controls, "noise": self.noise, UNREAD: self._unread, **before}
        if self._motion is not None:
            inputs |= {"motion": self._motion.places, "level": self._motion.amplitude}
        outputs = {
            "audio": self.sound.audio,
            "overlap": overlap,
            **{name + STATE_AFTER: array for name, array in after.items()},
        }
        for tensors, arrays, bind in (
            (self._session.get_inputs(), inputs, binding.bind_input),
            (self._session.get_outputs(), outputs, binding.bind_output),
        ):
            for tensor in tensors:
                shape = [count, *(cast("int", axis) for axis in tensor.shape[1:])]
                bind(tensor.name, "cpu", 0, np.float32, shape, arrays[tensor.name].ctypes.data)
        return binding


def _check_manifest(manifest: Manifest) -> None:
    if manifest.sample_rate_hz != SAMPLE_RATE_HZ or manifest.period_samples != PERIOD_SAMPLES:
        raise BadBundle(
            f"the bundle runs at {manifest.sample_rate_hz} Hz in periods of {manifest.period_samples} samples, but "
            f"{SAMPLE_RATE_HZ} Hz and {PERIOD_SAMPLES} are played here; export it for them"
        )
    if tuple(manifest.graph.controls) != SCALAR_COLUMNS:
        raise BadBundle(
            f"the bundle's graph wants the controls {', '.join(manifest.graph.controls)}, but "
            f"{', '.join(SCALAR_COLUMNS)} are sent here; export it with this version"
        )


def _load(onnx: bytes) -> _Runtime:
    # Before the import: the wheels from PyPI report usage otherwise.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # The tensors of a period are some kilobytes: to look for memory that can be used again costs more than it saves.
    options.enable_mem_reuse = False
    # Nor does an arena of its own pay for the one block that a planned run asks for: 2 000 instructions of a Raspberry
    # Pi more than malloc, which gives the same block again and again (no system call in 2 000 runs of 1, 4, 16 voices).
    options.enable_cpu_mem_arena = False
    for thread in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{thread}.allow_spinning", "0")
    # Not session.set_denormal_as_zero: it changes the processor state of the thread that calls (seen with 1.31), which
    # may be a host's. Idle voices have a state of zeros, so denormals do not linger.
    try:
        runtime = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # The runtime's own exceptions share no base but Exception.
        reason = str(error).replace("\n", " ").strip()[:200]
        raise BadBundle(f"the bundle's graph cannot be loaded ({reason}); export the bundle again") from error
    return cast("_Runtime", runtime)


def _bare_run(session: _Runtime, binding: _Binding) -> Callable[[], None]:
    """One run, ready to be called.

    What onnxruntime's Python layer does around it, which looks for captures of a GPU, costs 4 000 instructions of a
    Raspberry Pi, and new options for each run another 4 000: both are passed by where it can be seen how (1.27 … 1.32).
    """
    import onnxruntime

    under, bound = getattr(session, "_sess", None), getattr(binding, "_iobinding", None)
    if under is None or bound is None or not hasattr(under, "run_with_iobinding"):
        return partial(session.run_with_iobinding, binding)
    return partial(under.run_with_iobinding, bound, onnxruntime.RunOptions())


def _check_tensors(what: str, tensors: list[_Tensor], expected: dict[str, _Shape]) -> None:
    """Names, element type and all axes but the first, which is the voices' and must be free."""
    names = {tensor.name for tensor in tensors}
    if names != set(expected):
        raise BadBundle(
            f"the bundle's graph has the {what}s {', '.join(sorted(names))}, not {', '.join(sorted(expected))}; "
            "export the bundle again"
        )
    for tensor in tensors:
        free = len(tensor.shape) > 0 and not isinstance(tensor.shape[0], int)
        if tensor.type != "tensor(float)" or not free or _long_axes(tensor) != expected[tensor.name]:
            raise BadBundle(
                f"the graph's {what} {tensor.name!r} is {tensor.type} {tensor.shape}, not float of shape "
                f"(voices, {', '.join(map(str, expected[tensor.name]))}); export the bundle again"
            )


def _long_axes(tensor: _Tensor) -> tuple[int | str | None, ...]:
    """All axes but the voices' and those of length 1."""
    return tuple(axis for axis in tensor.shape[1:] if axis != 1)


def _state_shapes(inputs: list[_Tensor], size: int) -> dict[str, _Shape]:
    """Names of the tensors of state and their axes but for the voices'."""
    states = {tensor.name: _long_axes(tensor) for tensor in inputs if tensor.name.startswith(STATE_BEFORE)}
    shapes = {name: cast("_Shape", shape) for name, shape in states.items() if _are_numbers(shape)}
    found = sum(math.prod(shape) for shape in shapes.values())
    if len(shapes) < len(states) or found != size:
        raise BadBundle(
            f"the bundle's graph carries {found} numbers a voice in {', '.join(states) or 'no tensor'}, but its "
            f"manifest says {size}; export the bundle again"
        )
    return shapes


def _are_numbers(shape: tuple[int | str | None, ...]) -> bool:
    return all(isinstance(axis, int) for axis in shape)
