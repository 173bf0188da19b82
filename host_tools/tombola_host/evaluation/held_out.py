"""The error on notes never learned from: analysed pitch and level in, sound out, compared with the recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS, Float32Array
from tombola_device.contract.graph import FRAME
from tombola_device.engine.noise import TABLE_SAMPLES, noise_table, overlapping
from tombola_device.engine.session import Session
from torch import Tensor

from tombola_host.corpus.windows import TIMBRE, Note, one_hot
from tombola_host.generators.voice.encoder import TimbreEncoder
from tombola_host.generators.voice.network import Voice
from tombola_host.training.loop import NoiseSource
from tombola_host.training.spectral import MultiScaleSpectralLoss

LONGEST_FRAMES = 1500
"""4 s of a note: the rest of a long one is more of the same."""
NOISE_SEED = 1

Playback = Callable[[Note], Float32Array]
"""Plays a note's analysed pitch and level. Returns shape (T,) with T ≤ the note's length."""


@dataclass(frozen=True, slots=True)
class NoteError:
    """One note's multi-scale spectral error."""

    name: str
    error: float


def note_errors(play: Playback, notes: Sequence[Note]) -> tuple[NoteError, ...]:
    """Multi-scale spectral error of each note."""
    loss = MultiScaleSpectralLoss()
    errors = []
    for note in notes:
        sound = torch.from_numpy(play(note))[None]
        errors.append(NoteError(note.name, float(loss.each(sound, note.audio[None, : sound.shape[1]])[0])))
    return tuple(errors)


def mean_error(errors: Sequence[NoteError]) -> float:
    """Mean over notes; not a number when there are none."""
    return float(np.mean([entry.error for entry in errors])) if errors else float("nan")


def network_playback(network: Voice, mode: int, encoder: TimbreEncoder | None = None) -> Playback:
    """Play by a torch network in one pure mode.

    Args:
        encoder: Finds the timbre of each frame; the mode's default (0, 0) without it.
    """
    noise = NoiseSource(network.noise_bands)

    def play(note: Note) -> Float32Array:
        controls = _controls(note, one_hot(mode, network.modes))
        with torch.no_grad():
            if encoder is not None:
                controls[..., TIMBRE] = encoder(note.relative[None, :LONGEST_FRAMES], controls)
            sound, _ = network.render(controls, noise.draw(1, controls.shape[1], (NOISE_SEED,)))
        return sound[0].numpy()

    return play


def bundle_playback(bundle: Bundle, mode: int) -> Playback:
    """Play by the very graph that the device plays, in one pure mode at its default timbre."""
    graph = bundle.manifest.graphs[FRAME]
    session = Session(bundle.graphs[FRAME], graph, voices=1)
    table = noise_table(graph.noise_bands) if graph.noise_bands else np.zeros((0, TABLE_SAMPLES), np.float32)
    periods = table.reshape(len(table), -1, PERIOD_SAMPLES).transpose(1, 0, 2)
    chunks = overlapping(periods, np.roll(periods, -1, axis=0)) if graph.overlap else periods
    described = bundle.manifest.modes[mode]
    timbre = torch.tensor([described.controls.get(axis, (0.0, 0.0, 0.0))[1] for axis in ("timbre_x", "timbre_y")])

    def play(note: Note) -> Float32Array:
        controls = _controls(note, one_hot(mode, len(bundle.manifest.modes)))
        controls[..., TIMBRE] = timbre
        rows = controls[0].numpy()
        out = np.empty(len(rows) * PERIOD_SAMPLES, np.float32)
        session.reset_all()
        for frame, row in enumerate(rows):
            session.controls[0] = row
            session.noise[0] = chunks[frame % len(chunks)]
            session.run(1)
            out[frame * PERIOD_SAMPLES : (frame + 1) * PERIOD_SAMPLES] = session.sound.of(0)
        return out

    return play


def _controls(note: Note, blend: Tensor) -> Tensor:
    """Shape (1, F, 7 + M)."""
    scalars = note.scalars[:LONGEST_FRAMES]
    assert scalars.shape[1] == len(SCALAR_COLUMNS)
    return torch.cat([scalars, blend.expand(len(scalars), -1)], dim=1)[None]
