"""onnxruntime, as it is used here: a graph loaded for one thread, its tensors looked at, its runs without a detour."""

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
    """onnxruntime has no annotations; these are the parts of it that are used here."""

    name: str
    type: str
    shape: list[int | str | None]


class Binding(Protocol):
    """Memory for one run's inputs and outputs."""

    def bind_input(self, name: str, device: str, index: int, kind: type, shape: list[int], pointer: int) -> None:
        """Read this memory."""

    def bind_output(self, name: str, device: str, index: int, kind: type, shape: list[int], pointer: int) -> None:
        """Write to this memory."""


class Runtime(Protocol):
    """A loaded graph."""

    def get_inputs(self) -> list[Tensor]:
        """What goes in."""

    def get_outputs(self) -> list[Tensor]:
        """What comes out."""

    def io_binding(self) -> Binding:
        """A binding, empty."""

    def run_with_iobinding(self, binding: Binding) -> None:
        """Run once, from and to what is bound."""


def load(onnx: bytes) -> Runtime:
    """A graph that is complete in itself, ready to be bound.

    Raises:
        BadBundle: It does not load, or has parts that are not played here.
    """
    check_graph(onnx)
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
    return cast("Runtime", runtime)


def bare_run(session: Runtime, binding: Binding) -> RunNow:
    """One run, ready to be called.

    What onnxruntime's Python layer does around it, which looks for captures of a GPU, costs 4 000 instructions of a
    Raspberry Pi, and new options for each run another 4 000: both are passed by where it can be seen how (1.27 … 1.32).
    """
    import onnxruntime

    under, bound = getattr(session, "_sess", None), getattr(binding, "_iobinding", None)
    if under is None or bound is None or not hasattr(under, "run_with_iobinding"):
        return partial(session.run_with_iobinding, binding)
    return partial(under.run_with_iobinding, bound, onnxruntime.RunOptions())


def check_tensors(what: str, tensors: list[Tensor], expected: dict[str, Shape]) -> None:
    """Names, element type and all axes but the first, which is the voices' and must be free.

    Raises:
        BadBundle: They are not as expected.
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
