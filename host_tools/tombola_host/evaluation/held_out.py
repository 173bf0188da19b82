"""The error on notes never learned from: analysed pitch and level in, sound out, compared with the recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SCALAR_COLUMNS, Float32Array
from tombola_device.contract.graph import SHADES
from tombola_device.contract.graph import TIMBRE as TIMBRE_AXES
from tombola_device.engine.noise import TABLE_SAMPLES, noise_table, overlapping
from tombola_device.engine.onset_session import OnsetSession
from tombola_device.engine.session import Session
from tombola_device.engine.wane import waned_s
from torch import Tensor

from tombola_host.corpus.windows import NOTE, TIMBRE, Note, one_hot
from tombola_host.generators.family import Family, GeneratorTrainee
from tombola_host.training.spectral import MultiScaleSpectralLoss

LONGEST_FRAMES = 1500
"""4 s: the rest of a long note is more of the same."""

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


@runtime_checkable
class Judging(Protocol):
    """A family that measures its networks by a loss of its own, because they do not play controls at 48 kHz.

    >>> class Constant:
    ...     def judge(self, trainee: object, notes: Sequence[Note]) -> dict[str, float]:
    ...         return {note.name: 1.0 for note in notes}
    >>> isinstance(Constant(), Judging)
    True
    """

    def judge(self, trainee: Any, notes: Sequence[Note]) -> dict[str, float]:  # noqa: ANN401
        """Note → error, lower is better."""


def errors_by_note(family: Any, trainee: Any, mode: int, notes: Sequence[Note]) -> dict[str, float]:  # noqa: ANN401
    """Error of each note, by the family's own measure if it has one; notes of one name are numbered."""
    if isinstance(family, Judging):
        return family.judge(trainee, notes)
    found = note_errors(trainee_playback(family, trainee, mode), notes)
    return {f"{number} {entry.name}": entry.error for number, entry in enumerate(found)}


def mean_error(errors: Sequence[NoteError]) -> float:
    """Mean over notes; NaN without notes."""
    return float(np.mean([entry.error for entry in errors])) if errors else float("nan")


def trainee_playback(family: Family, trainee: GeneratorTrainee, mode: int, *, heard: bool = False) -> Playback:
    """Play a torch network in one pure mode.

    Args:
        heard: Whether to play with the timbre that is heard in the recording, or with the mode's default.
    """
    blend = one_hot(mode, trainee.network.modes)

    def play(note: Note) -> Float32Array:
        return family.play(trainee, _controls(note, blend)[0], note if heard else None)

    return play


def bundle_playback(bundle: Bundle, mode: int) -> Playback:
    """Play the graph that the device plays, in one pure mode at its default timbre."""
    role = bundle.manifest.modes[mode].graph
    if bundle.manifest.graphs[role].rate == "onset":
        return _hit_playback(bundle, mode)
    return _block_playback(bundle, mode)


def _hit_playback(bundle: Bundle, mode: int) -> Playback:
    described = bundle.manifest.modes[mode]
    graph = bundle.manifest.graphs[described.graph]
    own = bundle.manifest.modes_of(described.graph)
    session = OnsetSession(bundle.graphs[described.graph], graph, voices=1)

    def play(note: Note) -> Float32Array:
        scalars = dict(zip(SCALAR_COLUMNS, note.scalars[0].tolist(), strict=True))
        scalars |= {axis: described.controls.get(axis, (0.0, 0.0, 0.0))[1] for axis in TIMBRE_AXES}
        columns = [scalars[column] for column in graph.columns]
        session.controls[0] = [*columns, *(float(index == mode) for index in own)]
        session.run(0, 0)
        out = np.zeros(min(len(note.scalars), LONGEST_FRAMES) * PERIOD_SAMPLES, np.float32)
        hit = session.hit(0, 0)[: len(out)]
        out[: len(hit)] = hit
        return out

    return play


def _block_playback(bundle: Bundle, mode: int) -> Playback:
    described = bundle.manifest.modes[mode]
    graph = bundle.manifest.graphs[described.graph]
    own = bundle.manifest.modes_of(described.graph)
    session = Session(bundle.graphs[described.graph], graph, voices=1)
    table = noise_table(graph.noise_bands) if graph.noise_bands else np.zeros((0, TABLE_SAMPLES), np.float32)
    # The number of periods is spelled out: it cannot be found from a table of no bands.
    periods = table.reshape(len(table), TABLE_SAMPLES // PERIOD_SAMPLES, PERIOD_SAMPLES).transpose(1, 0, 2)
    chunks = overlapping(periods, np.roll(periods, -1, axis=0)) if graph.overlap else periods
    directions = graph.directions
    timbre = torch.tensor([described.controls.get(axis, (0.0, 0.0, 0.0))[1] for axis in TIMBRE_AXES])

    def play(note: Note) -> Float32Array:
        controls = _controls(note, one_hot(own.index(mode), len(own)))
        controls[..., TIMBRE] = timbre
        rows = controls[0].numpy()
        out = np.empty(len(rows) * PERIOD_SAMPLES, np.float32)
        session.reset_all()
        for frame, row in enumerate(rows):
            session.controls[0] = row
            session.noise[0] = chunks[frame % len(chunks)]
            if described.wane is not None:
                at = len(own) * len(SHADES) + (own.index(mode) + 1) * (directions - len(SHADES)) - 1
                session.shade[0, at] = waned_s(frame / FRAME_RATE_HZ, float(row[NOTE]), described.wane)
            session.run(1)
            out[frame * PERIOD_SAMPLES : (frame + 1) * PERIOD_SAMPLES] = session.sound.of(0)
        return out

    return play


def _controls(note: Note, blend: Tensor) -> Tensor:
    """Shape (1, F, 7 + M)."""
    scalars = note.scalars[:LONGEST_FRAMES]
    assert scalars.shape[1] == len(SCALAR_COLUMNS)
    return torch.cat([scalars, blend.expand(len(scalars), -1)], dim=1)[None]
