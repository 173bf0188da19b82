"""Whether a graph is what its network is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.contract.manifest import UNREAD
from tombola_device.engine.motion import Motion

from tombola_host.export.graph import INPUTS, ExportError, _example, _laid_out, _overlapping, state_names
from tombola_host.generators.voice.network import Voice as Generator

PARITY = 2e-4
"""Phases are summed in single precision on the device: at partial 50 that leaves 1e-4 of full scale after minutes."""
CHECKED_FRAMES = 96


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences found at export, full scale 1.0.

    Args:
        onnx: Between the torch step and the graph.
        streamed: Between offline rendering and the graph, period by period.
    """

    onnx: float
    streamed: float


def check_parity(generator: Generator, graph: bytes, seed: int = 0) -> Parity:
    """Play a quarter of a second of moving controls through torch and through the graph.

    Raises:
        ExportError: They differ by more than ``PARITY``.
    """
    controls, state, noise = _example(generator, voices=2, frames=CHECKED_FRAMES, seed=seed)
    names, motion = state_names(generator), Motion(len(controls))
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    wanted = {tensor.name for tensor in session.get_inputs()}
    with torch.no_grad():
        offline, _ = generator.render(controls, noise)
        torch_state, onnx_state = state, [tensor.numpy() for tensor in state[: len(names)]]
        stepped, streamed, before = [], [], np.zeros((len(controls), PERIOD_SAMPLES), np.float32)
        for frame in range(CHECKED_FRAMES):
            now = controls[:, frame]
            audio, torch_state = generator.step(now, torch_state, noise[:, frame : frame + 1])
            stepped.append(audio.flatten(1))
            given = (now, *_laid_out(motion, now), _overlapping(noise, frame))
            feeds = {name: tensor.numpy() for name, tensor in zip(INPUTS, given, strict=True)}
            feeds[UNREAD] = np.zeros((len(now), 1), np.float32)
            feeds = {name: tensor for name, tensor in feeds.items() if name in wanted}
            sound, overlap, *onnx_state = session.run(None, feeds | dict(zip(names, onnx_state, strict=True)))
            own, following = np.split(np.asarray(overlap).reshape(len(now), -1), 2, axis=1)
            streamed.append(np.asarray(sound).reshape(len(now), -1) + own + before)
            before = following
        graph_sound = np.concatenate(streamed, axis=1)
    parity = Parity(
        float(np.abs(torch.cat(stepped, 1).numpy() - graph_sound).max()),
        float(np.abs(offline.numpy() - graph_sound).max()),
    )
    if not max(parity.onnx, parity.streamed) <= PARITY:
        raise ExportError(
            f"the exported graph differs from its network by {parity.onnx:.1e} (step) and "
            f"{parity.streamed:.1e} (offline), more than {PARITY:.0e}; report this with the run"
        )
    return parity
