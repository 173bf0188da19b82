"""onnxruntime as the engine uses it: load a graph for one thread, check its tensors, run it with little overhead."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import long_axes
from tombola_device.engine.graph_check import check_graph

Shape = tuple[int, ...]
RunNow = Callable[[], None]


class Tensor(Protocol):
    """A tensor's description. onnxruntime has no annotations; these Protocols declare the parts that are used."""

    name: str
    type: str
    shape: list[int | str | None]


class Binding(Protocol):
    """Memory for one run's inputs and outputs."""

    def bind_input(self, name: str, device: str, index: int, kind: type, shape: list[int], pointer: int) -> None:
        """Bind an input to this memory."""

    def bind_output(self, name: str, device: str, index: int, kind: type, shape: list[int], pointer: int) -> None:
        """Bind an output to this memory."""


class Runtime(Protocol):
    """A loaded graph."""

    def get_inputs(self) -> list[Tensor]:
        """The graph's inputs."""

    def get_outputs(self) -> list[Tensor]:
        """The graph's outputs."""

    def io_binding(self) -> Binding:
        """A new binding without inputs or outputs."""

    def run_with_iobinding(self, binding: Binding) -> None:
        """Run once with the bound memory."""


def load(onnx: bytes) -> Runtime:
    """Load a self-contained graph.

    Raises:
        BadBundle: The graph does not load, or contains parts that are refused (``graph_check``).
    """
    check_graph(onnx)
    # Must stand before the import: the wheels from PyPI report usage otherwise.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # The tensors of a period take a few kilobytes: the search for reusable memory costs more than it saves.
    options.enable_mem_reuse = False
    # An arena does not pay off either. A planned run allocates one block; malloc does that with 2 000 instructions
    # fewer on a Raspberry Pi and returns the same block each time (no system call in 2 000 runs of 1, 4, 16 voices).
    options.enable_cpu_mem_arena = False
    for thread in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{thread}.allow_spinning", "0")
    # session.set_denormal_as_zero is not used: it changes the processor state of the calling thread (seen with 1.31),
    # which may belong to a host. The state of idle voices is zeros, so denormals do not last.
    try:
        runtime = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception.
        raise BadBundle(f"the bundle's graph cannot be loaded ({reason_of(error)}); export the bundle again") from error
    return cast("Runtime", runtime)


def reason_of(error: Exception) -> str:
    """What an error of onnxruntime says, in one line of at most 200 characters; its class if it says nothing."""
    return str(error).replace("\n", " ").strip()[:200] or type(error).__name__


def bare_run(session: Runtime, binding: Binding) -> RunNow:
    """One run, ready to be called.

    onnxruntime's Python layer adds 4 000 instructions on a Raspberry Pi (it looks for captures of a GPU), and new
    options for each run another 4 000. Where the layer's parts are accessible (1.27 … 1.32), both are skipped.
    """
    import onnxruntime

    under, bound = getattr(session, "_sess", None), getattr(binding, "_iobinding", None)
    if under is None or bound is None or not hasattr(under, "run_with_iobinding"):
        return partial(session.run_with_iobinding, binding)
    return partial(under.run_with_iobinding, bound, onnxruntime.RunOptions())


def check_tensors(what: str, tensors: list[Tensor], expected: dict[str, Shape]) -> None:
    """Check names, element type and all axes but the first, which must be free: it is the axis of the voices.

    Raises:
        BadBundle: The tensors differ from ``expected``.
    """
    names = {tensor.name for tensor in tensors}
    if names != set(expected):
        raise BadBundle(
            f"the bundle's graph has the {what}s {', '.join(sorted(names))}, not {', '.join(sorted(expected))}; "
            "export the bundle again"
        )
    for tensor in tensors:
        free = len(tensor.shape) > 0 and not isinstance(tensor.shape[0], int)
        fits = long_axes(tensor.shape[1:]) == long_axes(expected[tensor.name])
        if tensor.type != "tensor(float)" or not free or not fits:
            raise BadBundle(
                f"the graph's {what} {tensor.name!r} is {tensor.type} {tensor.shape}, not float of shape "
                f"(voices, {', '.join(map(str, expected[tensor.name]))}); export the bundle again"
            )
