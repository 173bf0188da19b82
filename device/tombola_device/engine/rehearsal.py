"""Plays all that a player could ask of a bundle before it is heard: each mode, all blends, 1 to 16 voices.

The engine itself plays, so whatever passes here has run with the same memory, the same numbers of voices and the same
controls as on stage:

    each mode alone    1 … 16 voices, 8 periods each, repeated until all modes together have had 1024 periods
    blends             1 … 16 voices, 8 times, 1024 periods during which the first voice never rests

Notes go from 0 to 127 and to both ends of the mode's range, levels from silence to full scale. A mode alone
leaps to the periods in which its life moves it furthest, at MOST_LIFE: a take lasts five seconds, and a step 21 ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import numpy as np

from tombola_device.contract.controls import MOST_LIFE, PERIOD_SAMPLES, SCALAR_COLUMNS, SILENCE_DB, Controls
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.manifest import Mode
from tombola_device.engine.engine import LOUDEST, Engine
from tombola_device.engine.frame import FrameRenderer
from tombola_device.engine.life import LifeFeed
from tombola_device.engine.one_shot import OneShotRenderer

STEP_PERIODS: Final = 8
LEAST_PERIODS: Final = 1024
"""In each of the two parts."""
FAINTEST: Final = 1e-4
"""80 dB under full scale. A mode that stays below it at its loudest makes no sound."""
FAINTEST_DB: Final = SILENCE_DB + 1
"""The level at which a graph must be quiet."""
LOUDEST_AT_FAINTEST: Final = 0.1
"""20 dB under full scale, 59 dB over the level that is asked for. A louder graph does not obey its player."""
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
"""Multiples of it, modulo 1, fill an interval evenly. Source: Weyl sequences."""
_LOUDNESS_DB: Final = (60.0, 0.0, -20.0, 20.0, -40.0)
"""Offsets to a mode's envelope; the first brings any envelope to full scale."""
_Far = tuple[LifeFeed, Iterator[tuple[int, int]]]
_TIMBRE: Final = ((0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0))


@dataclass(frozen=True, slots=True)
class _Step:
    """What is played for STEP_PERIODS: V voices begin a note.

    Args:
        voices: V.
        blend: Weights of the modes. Shape (M,).
        mode: The mode that is alone, or the strongest one.
        alone: Whether only that mode sounds.
        fresh: Whether all voices rest before.
    """

    voices: int
    blend: np.ndarray
    mode: int
    alone: bool
    fresh: bool


def rehearse(engine: Engine) -> None:
    """Play through everything; the engine is at rest before.

    Raises:
        BadBundle: A sound is not finite, far too loud, always the same, not heard at all, or loud at the faintest
            level; or onnxruntime cannot run a graph.
    """
    manifest = engine.manifest
    roles = sorted(manifest.graphs)
    out = np.zeros(PERIOD_SAMPLES, np.float32)
    loudest = [0.0] * engine.modes
    first: dict[int, np.ndarray] = {}
    moves: set[int] = set()
    onset = np.zeros(engine.voices, np.int32)
    far = _furthest(engine)
    for number, step in enumerate(_script(engine.modes, engine.voices)):
        mode = manifest.modes[step.mode]
        if step.fresh:
            engine.limit_voices(0)
            engine.render(_frame(step, mode, number, onset, engine.voices), out)
        engine.limit_voices(step.voices)
        onset = onset + (np.arange(engine.voices) < step.voices).astype(np.int32)
        controls = _frame(step, mode, number, onset, engine.voices)
        for period in range(STEP_PERIODS):
            _play(engine, controls, out, mode)
            _check_sound(engine, mode, whole=period == 0 and step.voices == engine.voices)
            if period == 0:
                _leap(far, step, controls)
            if step.alone:
                sound = engine.renderers[roles.index(mode.graph)].sound.of(0)
                loudest[step.mode] = max(loudest[step.mode], float(np.abs(sound).max()))
                if not np.array_equal(sound, first.setdefault(step.mode, sound)):
                    moves.add(step.mode)
    for index, mode in enumerate(manifest.modes):
        if loudest[index] < FAINTEST:
            raise BadBundle(f"the graph makes no sound in mode {mode.name!r}; train or export it again")
        if index not in moves:
            raise BadBundle(f"the sound of mode {mode.name!r} stands still; train or export it again")
    _check_silence(engine)


def _script(modes: int, voices: int) -> Iterator[_Step]:
    repeats = math.ceil(LEAST_PERIODS / (STEP_PERIODS * voices * modes))
    for mode in range(modes):
        blend = np.eye(modes, dtype=np.float32)[mode]
        for index in range(repeats * voices):
            yield _Step(index % voices + 1, blend, mode, alone=True, fresh=index == 0)
    rng = np.random.default_rng(0)
    for index in range(LEAST_PERIODS // STEP_PERIODS):
        blend = rng.dirichlet(np.full(modes, 0.5)).astype(np.float32)
        yield _Step(voices - index % voices, blend, int(blend.argmax()), alone=False, fresh=False)


def _frame(step: _Step, mode: Mode, number: int, onset: np.ndarray, voices: int) -> Controls:
    """One frame; each voice has another note, velocity, level and timbre, and others in each step."""
    order = number + np.arange(voices)
    along = order * _GOLDEN % 1.0
    corners = np.array([*mode.note_range, 0.0, 127.0])
    note = np.where(order % 3 == 0, corners[order // 3 % len(corners)], 127.0 * along)
    return Controls(
        note=note.astype(np.float32),
        bend_semitones=np.where(order % 7 == 6, 12.0 * (along - 0.5), 0.0).astype(np.float32),
        glide_s=np.where(order % 5 == 4, 0.01, 0.0).astype(np.float32),
        gate=np.arange(voices) < step.voices,
        velocity=np.float32(1.0) - (order // 5 % 4 * 0.3).astype(np.float32),
        onset=onset,
        onset_s=np.zeros(voices),
        blend=np.tile(step.blend, (voices, 1)),
        loudness_db=np.array(_LOUDNESS_DB, np.float32)[order % len(_LOUDNESS_DB)],
        timbre=np.array(_TIMBRE, np.float32)[order // 6 % len(_TIMBRE)],
        life=np.float32(MOST_LIFE) * (order % 2).astype(np.float32),
    )


def _furthest(engine: Engine) -> dict[int, _Far]:
    """Of each mode that moves: its life, and the takes and periods in which it moves furthest, again and again."""
    found: dict[int, _Far] = {}
    for role, renderer in zip(sorted(engine.manifest.graphs), engine.renderers, strict=True):
        life = renderer.life if isinstance(renderer, FrameRenderer) else None
        for column, index in enumerate(engine.manifest.modes_of(role)):
            if life is not None and engine.manifest.modes[index].life is not None:
                found[index] = life, cycle(life.furthest(column))
    return found


def _leap(far: dict[int, _Far], step: _Step, controls: Controls) -> None:
    """Let the notes of a mode that is alone, of those with life, go on from where it moves furthest."""
    if step.alone and step.mode in far:
        life, moments = far[step.mode]
        for voice in np.flatnonzero(controls.life[: step.voices]).tolist():
            life.leap(voice, *next(moments))


def _play(engine: Engine, controls: Controls, out: np.ndarray, mode: Mode) -> None:
    engine.render(controls, out)
    if engine.fault:
        raise BadBundle(f"no usable sound in mode {mode.name!r}: {engine.fault}")


def _check_sound(engine: Engine, mode: Mode, *, whole: bool) -> None:
    """Check what the graphs made, before gain and limiter: this period, or whole hits if ``whole``."""
    for renderer in engine.renderers:
        sounds = [renderer.sound.rows[renderer.sound.spare :]]
        if whole and isinstance(renderer, OneShotRenderer):
            sounds.append(renderer.session.memory)
        for sound in sounds:
            if not max(sound.max(), -sound.min()) <= LOUDEST:  # NaN comes here, too.
                raise BadBundle(f"no usable sound in mode {mode.name!r}: it is far too loud; train or export it again")


def _check_silence(engine: Engine) -> None:
    """Ask each block graph for the faintest sound."""
    note, level = SCALAR_COLUMNS.index("note"), SCALAR_COLUMNS.index("loudness_db")
    for role, renderer in zip(sorted(engine.manifest.graphs), engine.renderers, strict=True):
        if not isinstance(renderer, FrameRenderer):
            continue
        session = renderer.session
        for column, index in enumerate(engine.manifest.modes_of(role)):
            mode = engine.manifest.modes[index]
            session.reset_all()
            session.controls.fill(0.0)
            session.controls[:, note], session.controls[:, level] = mode.note_range[0], FAINTEST_DB
            session.controls[:, len(SCALAR_COLUMNS) + column] = 1.0
            for _ in range(STEP_PERIODS):
                session.run(engine.voices)
            if not np.abs(session.sound.rows[session.sound.spare :]).max() <= LOUDEST_AT_FAINTEST:
                raise BadBundle(f"mode {mode.name!r} is loud where it should hardly be heard; train or export it again")
