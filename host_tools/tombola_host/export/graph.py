"""A generator's frame as one small ONNX graph."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnx
import onnxruntime
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.manifest import STATE_AFTER, STATE_BEFORE, UNREAD
from tombola_device.engine.motion import Motion
from tombola_device.engine.noise import overlapping
from torch import Tensor, nn

from tombola_host.generators.voice.network import State
from tombola_host.generators.voice.network import Voice as Generator

OPSET = 17
MOST_NODES, MOST_STATE_TENSORS = 60, 8
INPUTS = ("controls", "motion", "level", "noise")


class ExportError(TombolaError, RuntimeError):
    """An exported graph does not do what its network does."""


class _Step(nn.Module):
    """``Generator.frame`` as a module, which is what the exporter takes."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self, controls: Tensor, motion: Tensor, level: Tensor, noise: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        audio, overlap, after = self.generator.frame(controls, motion, level, noise, state)
        return audio, overlap, *after


def export_onnx(generator: Generator) -> bytes:
    """The generator's frame as ONNX, any number of voices in the batch axis, constants folded.

    Raises:
        ExportError: The graph is beyond ``MOST_NODES`` or ``MOST_STATE_TENSORS``.
    """
    controls, state, noise = _example(generator, voices=2, frames=1, seed=0)
    states = state_names(generator)
    names = [*INPUTS, *states], ["audio", "overlap", *(f"{name}{STATE_AFTER}" for name in states)]
    motion, hiss = _laid_out(Motion(len(controls)), controls[:, 0]), _overlapping(noise, 0)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch recommends its newer exporter; that one needs onnxscript and splits the graph into more nodes.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It says that it leaves some constants unfolded; the runtime folds them.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        raw, folded = Path(folder) / "raw.onnx", Path(folder) / "folded.onnx"
        torch.onnx.export(
            _Step(generator).eval(),
            (controls[:, 0], *motion, hiss, *state[: len(states)]),
            str(raw),
            dynamo=False,
            opset_version=OPSET,
            input_names=names[0],
            output_names=names[1],
            dynamic_axes={name: {0: "voices"} for name in (*names[0], *names[1])},
        )
        options = onnxruntime.SessionOptions()
        # "Basic" folds constants and removes what is idle; beyond it, graphs depend on the machine that made them.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        onnxruntime.InferenceSession(str(raw), options, providers=["CPUExecutionProvider"])
        model = onnx.load(str(folded))
    # The runtime lists every domain that it knows; the graph uses ONNX's own alone.
    own = [entry for entry in model.opset_import if entry.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(own)
    model.producer_name, model.producer_version, model.doc_string = "tombola", "", ""
    # onnxruntime 1.32 keeps its plans of memory by the exclusive or of all axes of all inputs. In an even number of
    # them the number of voices cancels, the plan of the first number is taken for all, and each node asks for memory:
    # 45 000 instructions of a Raspberry Pi for four voices.
    if len(model.graph.input) % 2 == 0:
        model.graph.input.append(onnx.helper.make_tensor_value_info(UNREAD, onnx.TensorProto.FLOAT, ["voices", 1]))
    onnx.checker.check_model(model)
    nodes = count_nodes(model)
    if nodes > MOST_NODES or len(states) > MOST_STATE_TENSORS:
        raise ExportError(
            f"the graph has {nodes} nodes and {len(states)} state tensors; at most {MOST_NODES} and "
            f"{MOST_STATE_TENSORS} are played in time, so simplify the generator's step"
        )
    return bytes(model.SerializeToString(deterministic=True))


def state_names(generator: Generator) -> list[str]:
    """What the graph's tensors of state are called."""
    return [f"{STATE_BEFORE}_{name}" for name in generator.state_shapes]


def count_nodes(model: onnx.ModelProto) -> int:
    """Nodes that run every period."""
    return sum(node.op_type != "Constant" for node in model.graph.node)


def count_states(model: onnx.ModelProto) -> int:
    """Tensors that are carried from period to period."""
    return sum(value.name.startswith(STATE_BEFORE) for value in model.graph.input)


def _laid_out(motion: Motion, controls: Tensor) -> tuple[Tensor, Tensor]:
    """One period further: the graph's inputs ``motion`` (V, 3) and ``level`` (V, 1), as the device makes them."""
    note, level = (controls[:, SCALAR_COLUMNS.index(name)].tolist() for name in ("note", "loudness_db"))
    motion.step(note, level, len(controls))
    return torch.from_numpy(motion.places.copy()), torch.from_numpy(motion.amplitude.copy())


def _overlapping(noise: Tensor, frame: int) -> Tensor:
    """The graph's input ``noise`` at one of F frames, of which the first follows the last. Shape (V, 1, B, 2 T)."""
    now, following = (noise[:, at % noise.shape[1]].unsqueeze(1).numpy() for at in (frame, frame + 1))
    return torch.from_numpy(overlapping(now, following))


def _example(generator: Generator, voices: int, frames: int, seed: int) -> tuple[Tensor, State, Tensor]:
    """Controls that move as a player's would: a glide, a swell, a blend."""
    rng = torch.Generator().manual_seed(seed)
    columns = torch.zeros(voices, frames, len(SCALAR_COLUMNS) + generator.modes)
    across = torch.linspace(0, 1, frames)[None, :, None]
    low, high = torch.rand((2, voices, 1, 7), generator=rng)
    moving = low + (high - low) * across
    span = torch.tensor([36.0, 24.0, 1.0, 1.0, 1.0, 2.0, 2.0])
    origin = torch.tensor([36.0, -36.0, 0.0, 0.0, 0.0, -1.0, -1.0])
    columns[..., :7] = origin + span * moving
    ends = torch.softmax(3 * torch.randn((2, voices, 1, generator.modes), generator=rng), dim=-1)
    columns[..., 7:] = ends[0] + (ends[1] - ends[0]) * across
    noise = torch.randn((voices, frames, generator.noise_bands, PERIOD_SAMPLES), generator=rng)
    return columns, generator.rest(voices), noise
