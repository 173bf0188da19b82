"""Checks that a graph gives the same sound as its network, on the device's session, with any number of voices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import Graph
from tombola_device.engine.onset_session import OnsetSession
from tombola_device.engine.session import OUTPUTS, Session
from torch import Tensor

from tombola_host.export.examples import Example, example
from tombola_host.export.graph import EXAMPLE_VOICES, ExportError
from tombola_host.generators.exportable import ExportedGraph

PARITY = 2e-4
"""The device sums phases in single precision: after minutes this leaves an error of 1e-4 of full scale at partial
50."""
CHECKED_FRAMES = 96
CHECKED_VOICES = (1, 2, 3, 16)
"""One number alone would not show that this number is baked into the graph."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences found at export; full scale is 1.0.

    Args:
        onnx: Between the module, run block by block, and the graph.
        streamed: Between offline rendering and the graph; without offline rendering the same as ``onnx``.
    """

    onnx: float
    streamed: float


def check_parity(exported: ExportedGraph, onnx: bytes, seed: int = 0) -> Parity:
    """Play moving controls in torch and in the device's session, with each number of voices in CHECKED_VOICES.

    Raises:
        ExportError: The two differ by more than ``PARITY``, the graph does not play with each number of voices, or a
            voice changes the sound of another.
    """
    worst = Parity(0.0, 0.0)
    for voices in CHECKED_VOICES:
        played = _play(exported.graph, onnx, example(exported.graph, voices, CHECKED_FRAMES, seed))
        stepped, offline = _make(exported, example(exported.graph, voices, CHECKED_FRAMES, seed))
        onnx_off = _difference(stepped, played)
        parity = Parity(onnx_off, onnx_off if offline is None else _late(offline, played, exported.graph.delay_samples))
        if not max(parity.onnx, parity.streamed) <= PARITY:
            raise ExportError(
                f"the exported graph differs from its network by {parity.onnx:.1e} (step) and {parity.streamed:.1e} "
                f"(offline) with {voices} voice(s), more than {PARITY:.0e}; look in the module for what depends on the "
                "number of voices, or report this with the run"
            )
        worst = Parity(max(worst.onnx, parity.onnx), max(worst.streamed, parity.streamed))
    # The same voices as in the last round, of which only one plays now.
    alone = example(exported.graph, voices, CHECKED_FRAMES, seed).first(1)
    heard = _difference(_play(exported.graph, onnx, alone), played[:1])
    if not heard <= PARITY:
        raise ExportError(
            f"a voice of the exported graph sounds different beside {voices - 1} others than alone, by {heard:.1e}; "
            "voices must be independent, so let nothing in the module mix values along its first axis"
        )
    return worst


def _play(graph: Graph, onnx: bytes, given: Example) -> Float32Array:
    """Play on the device's session. Shape (V, T).

    Raises:
        ExportError: The session refuses the graph, or the graph cannot be run.
    """
    voices = len(given.controls)
    baked = f"the number of voices, {EXAMPLE_VOICES} when it was traced, is baked into it: leave the first axis free"
    try:
        if graph.rate == "onset":
            return _play_hits(OnsetSession(onnx, graph, voices), given)
        return _play_blocks(Session(onnx, graph, voices), given)
    except BadBundle as error:
        raise ExportError(
            f"the device refuses the exported graph ({error}); if it contains a fixed number of voices, {baked}"
        ) from error
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception.
        reason = str(error).replace("\n", " ").strip()[:200]
        raise ExportError(
            f"the exported graph does not play with {voices} voice(s) ({reason}); {baked} in the module"
        ) from error


def _make(exported: ExportedGraph, given: Example) -> tuple[Float32Array, Float32Array | None]:
    """Render with the module, and offline where that is possible. Shape (V, T) each."""
    with torch.no_grad():
        if exported.graph.rate == "onset":
            return exported.module(given.controls[:, 0]).reshape(len(given.controls), -1).numpy(), None
        stepped = _step(exported, given)
        return stepped, None if exported.offline is None else exported.offline(given.conditions).numpy()


def _play_hits(session: OnsetSession, given: Example) -> Float32Array:
    session.controls[:] = given.controls[:, 0]
    for voice in range(len(session.controls)):
        session.run(voice, 0)
    return np.stack([session.hit(voice, 0) for voice in range(len(session.controls))])


def _play_blocks(session: Session, given: Example) -> Float32Array:
    blocks = []
    for frame in range(CHECKED_FRAMES):
        inputs = given.inputs(frame)
        session.controls[:] = inputs["controls"].reshape(session.controls.shape)
        if "noise" in inputs:
            session.noise[:] = inputs["noise"].reshape(session.noise.shape)
        if "shade" in inputs:
            session.shade[:] = inputs["shade"].reshape(session.shade.shape)
        session.run(session.voices)
        blocks.append(np.stack([session.sound.of(voice) for voice in range(session.voices)]))
    return np.concatenate(blocks, axis=1)


def _step(exported: ExportedGraph, given: Example) -> Float32Array:
    """Run the module block by block and add the overlaps."""
    voices = len(given.controls)
    kinds = [port.kind for port in exported.graph.ports if port.kind in OUTPUTS]
    state: tuple[Tensor, ...] = tuple(torch.zeros(voices, *shape) for shape in exported.state_shapes.values())
    before, blocks = torch.zeros(voices, PERIOD_SAMPLES), []
    for frame in range(CHECKED_FRAMES):
        made = exported.module(*given.inputs(frame).values(), *state)
        made = made if isinstance(made, tuple) else (made,)
        outputs = {kind: tensor.reshape(voices, -1) for kind, tensor in zip(kinds, made, strict=False)}
        state = made[len(kinds) :]
        block = outputs["audio"] + before
        if "overlap" in outputs:
            own, before = outputs["overlap"].split(PERIOD_SAMPLES, dim=1)
            block = block + own
        blocks.append(block)
    return torch.cat(blocks, dim=1).numpy()


def _late(offline: Float32Array, played: Float32Array, delay_samples: int) -> float:
    """Largest difference between ``offline`` and ``played``, which is ``delay_samples`` later."""
    return _difference(offline[:, : offline.shape[1] - delay_samples], played[:, delay_samples:])


def _difference(one: Float32Array, other: Float32Array) -> float:
    return float(np.abs(one - other).max())
