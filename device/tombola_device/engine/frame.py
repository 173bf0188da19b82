"""Renders a graph that runs in each period and makes that period's sound: recurrent networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import SCALAR_COLUMNS, SILENCE_DB, Controls, Float32Array
from tombola_device.contract.graph import Graph
from tombola_device.contract.manifest import Mode
from tombola_device.engine.envelope import Envelopes
from tombola_device.engine.gliding import GlidingControls
from tombola_device.engine.life import LifeFeed
from tombola_device.engine.noise_feed import CHUNKS, NoiseFeed, Tables
from tombola_device.engine.numbers import numbers
from tombola_device.engine.onsets import FADE_FAST, FADE_SLOW, LEAST_ONSET, LateOnsets, OnsetFades
from tombola_device.engine.session import Session
from tombola_device.engine.share import Share
from tombola_device.engine.sound import Sound
from tombola_device.engine.wane import WaneFeed

_LEVEL, _ONSET_FAST, _ONSET_SLOW = (SCALAR_COLUMNS.index(name) for name in ("loudness_db", "onset_fast", "onset_slow"))


class FrameRenderer:
    """One run for all voices in each period; a ``Renderer``.

    Controls ─► GlidingControls ─► Envelopes ─► LifeFeed ─► Session ─► Sound
                                                WaneFeed ───┤
                                                NoiseFeed ──┘

    Args:
        onnx: The graph, as serialised.
        graph: The graph's description in the manifest.
        modes: The modes that the graph renders.
        sound: The memory that the graph writes.
        share: The share of each voice that this graph plays; None: all of it.
        tables: Noise tables to reuse.

    Raises:
        BadBundle: The graph contradicts the manifest or does not load.
    """

    def __init__(
        self, onnx: bytes, graph: Graph, modes: Sequence[Mode], sound: Sound, share: Share | None, tables: Tables
    ) -> None:
        voices = sound.voices
        self.sound = sound
        self.session = Session(onnx, graph, voices, sound)
        self.sounding = [False] * voices
        self._envelopes = Envelopes(modes, voices)
        self.levels_db = self._envelopes.level_db
        self._controls = GlidingControls(modes, self.session.controls)
        self._share = share
        self._noise = NoiseFeed(graph, self.session.noise, tables)
        self._fades = OnsetFades(voices)
        self._late = LateOnsets(sound)
        shade, columns, motion = self.session.shade, self.session.controls, self.session.motion
        self.life = (
            LifeFeed(modes, shade, columns, motion, graph.strikes) if graph.directions and motion is not None else None
        )
        wane = WaneFeed(modes, shade, columns, graph.strikes) if self.life is not None else None
        self._wane = wane if wane is not None and wane.moves else None
        self._ended = [False] * voices
        self._keys: tuple[list[bool], list[float]] = [False] * voices, [0.0] * voices
        self._struck: Float32Array = np.zeros(voices, np.float32)
        self._notes, self._told_db = [0.0] * voices, [math.nan] * voices
        # A graph that is not told the true level beside its controls makes it from the column.
        self._louder_db = self._envelopes.louder_db if graph.motion else [0.0] * voices
        self._width, self._columns = columns.shape[1], numbers(columns)

    def take(self, controls: Controls, gate: list[bool], velocity: list[float]) -> None:
        """Like ``Renderer.take``. Controls that are constant within a frame are written to the graph's input once."""
        blend = controls.blend
        if self._share is not None:
            self._share.take(blend)
            blend = self._share.blend
        self._controls.take(controls, blend, self.sounding)
        if self.life is not None:
            self.life.take(controls)
        self._keys, self._struck = (gate, velocity), controls.note

    def begin(self, voice: int, sample: int) -> int:
        """Like ``Renderer.begin``. A note in a voice that sounds is not delayed."""
        self._fades.begin(voice)
        if self.sounding[voice]:
            sample = 0
        else:
            self._controls.settle(voice)
            if self._share is not None:
                self._share.settle(voice)
            self.session.reset(voice)  # The graph may have run this silent voice beside others.
            if sample:
                self._late.begun.append((voice, sample))
        self._envelopes.start(voice, float(self._struck[voice]))
        if self.life is not None:
            self.life.begin(voice)
        if self._wane is not None:
            self._wane.begin(voice)
        return sample

    def render(self) -> None:
        """Like ``Renderer.render``."""
        if self._controls.moving:
            self._notes, levels = self._controls.follow()
            self._envelopes.play(*self._keys, levels, self._notes)
            if self.life is not None:
                self.life.place(self._envelopes.louder_db)
                if self._wane is not None:
                    self._wane.place(self._notes)
        self._envelopes.advance()
        if self._share is not None:
            self.levels_db = self._share.advance(self._envelopes.level_db)
        self.sound.count = rows = self._lay_out_voices()
        self._noise.period += 1
        if rows:
            if self.life is not None:
                self.life.advance(rows)
                if self._wane is not None:
                    self._wane.advance()
            self.session.run(rows, self._notes, self.levels_db)
        if self._late.begun:
            self._late.rise()
        if self._share is not None:
            self._share.apply(self.sound)

    def choke(self, voice: int) -> None:
        """Like ``Renderer.choke``."""
        self._envelopes.choke(voice)

    def reset(self, voice: int) -> None:
        """Like ``Renderer.reset``."""
        self._envelopes.reset(voice)
        self.levels_db[voice] = SILENCE_DB
        self.sounding[voice] = self._ended[voice] = False
        self.session.reset(voice)

    def run(self, voices: int) -> None:
        """Like ``Renderer.run``."""
        self.session.run(voices, self._notes, self.levels_db)

    def _lay_out_voices(self) -> int:
        """Write the changing inputs of voices that sound or have just ended; return the number of rows to run."""
        last, voice, at, columns, sounding, ended = -1, -1, -self._width, self._columns, self.sounding, self._ended
        fast, slow, noise, told, louder = (
            self._fades.fast,
            self._fades.slow,
            self._noise,
            self._told_db,
            self._louder_db,
        )
        noise_in = noise.into
        for level_db in self.levels_db:
            voice += 1  # enumerate() costs 700 instructions more on a Raspberry Pi
            at += self._width
            sounds = level_db > SILENCE_DB
            if not sounds and not sounding[voice]:
                if ended[voice]:  # The voice fell silent in the last period.
                    ended[voice] = False
                    self.session.reset(voice)
                continue
            sounding[voice], ended[voice] = sounds, not sounds
            last = voice
            # The column says how far the note has come, not how hard it was struck: recordings of one loudness teach a
            # network nothing of the others (docs/notebook/0008-alive.md).
            come_db = level_db - louder[voice]
            if come_db != told[voice]:
                columns[at + _LEVEL] = told[voice] = come_db
            if (onset := fast[voice]) > LEAST_ONSET:
                columns[at + _ONSET_FAST] = onset
                fast[voice] = onset * FADE_FAST
            if (onset := slow[voice]) > LEAST_ONSET:
                columns[at + _ONSET_SLOW] = onset
                slow[voice] = onset * FADE_SLOW
            if noise_in:
                noise_in[voice][:] = noise.chunks[(noise.period + noise.starts[voice]) % CHUNKS]
        return last + 1
