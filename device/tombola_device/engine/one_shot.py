"""Renders a graph that makes a whole hit when a note begins: drums, bells and other struck sounds.

The graph runs in the audio thread, in the period in which the note begins; the sound starts in that period. Only that
period pays for the run: afterwards the hit is read from memory, at the cost of one product per period. A chord of n
hits needs n runs in one period.

Counted for a Cortex-A72 (`tombola bench --arm64`), hits of 1 s: a graph of 12 nodes that makes two decaying cosines
costs 4.0 M instructions per onset; a graph of residual convolutions (8 channels, 27 nodes) costs 17.7 M. A period of a
Raspberry Pi 4 has 4.0 M. After the onset the first voice costs 67 500 per period, each further one at most 46 300. So
on a Raspberry Pi 4 only small graphs, short hits or parametric hits can start in the period of their trigger. The load
probe measures one run on the board and refuses a graph that takes longer than a period. A graph can pass the probe and
still end late, in a chord or beside many voices. Then the card's buffer (10.7 ms) covers the delay, and the voice
budget counts a long period.

A slower graph would have to run beside the audio thread and be played from the next hit on. That would be another
``Renderer``; there is none yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SILENCE_DB, Controls, Float32Array
from tombola_device.contract.graph import TIMBRE, Graph
from tombola_device.contract.manifest import Mode
from tombola_device.engine.envelope import Envelopes
from tombola_device.engine.gliding import between, timbre_points
from tombola_device.engine.onset_session import OnsetSession
from tombola_device.engine.share import Share, straight
from tombola_device.engine.sound import Sound

_REST = -1
_FALL = np.arange(PERIOD_SAMPLES - 1, -1, -1, dtype=np.float32) / np.float32(PERIOD_SAMPLES)


@dataclass(slots=True)
class _Hit:
    """The hit that a voice plays."""

    at: int = _REST
    """Where in the voice's memory the next period begins."""
    side: int = 0
    gain: float = 0.0
    """Gain at the end of the last period."""
    new: bool = False
    """The hit begins in the next period at full gain: the attack is part of the hit."""
    leaving_at: int = _REST
    leaving_gain: float = 0.0
    """Gain of the previous hit, which fades out over that period."""


class OneShotRenderer:
    """Runs the graph once for each onset, then plays from memory; a ``Renderer``.

    The note, velocity, timbre and blend at the onset determine the hit. Afterwards only its level changes, through the
    envelope of its modes, the player's loudness, and the share that the blend gives to this renderer. If the blend
    includes none of its modes at the onset, there is no hit, even if the blend includes them later.

    Args:
        onnx: The graph, as serialised.
        graph: The graph's description in the manifest.
        modes: The modes that the graph renders.
        sound: The memory that the renderer writes.
        share: The share of each voice that this renderer plays.

    Raises:
        BadBundle: The graph contradicts the manifest or does not load.
    """

    def __init__(self, onnx: bytes, graph: Graph, modes: Sequence[Mode], sound: Sound, share: Share) -> None:
        voices = sound.voices
        self.sound = sound
        self.session = OnsetSession(onnx, graph, voices)
        self.sounding = [False] * voices
        self.levels_db = [SILENCE_DB] * voices
        self._envelopes = Envelopes(modes, voices)
        self._share = share
        self._columns = graph.columns
        self._points = [timbre_points(modes, axis) for axis in TIMBRE]
        self._hits = [_Hit() for _ in range(voices)]
        self._end = PERIOD_SAMPLES + graph.block_samples
        self._levels = [[1.0] + [0.0] * len(modes) for _ in range(voices)]
        self._controls: Controls | None = None
        self._keys: tuple[list[bool], list[float]] = [False] * voices, [0.0] * voices
        self._heard = True
        self._ramp: Float32Array = np.zeros(PERIOD_SAMPLES, np.float32)

    def take(self, controls: Controls, gate: list[bool], velocity: list[float]) -> None:
        """Like ``Renderer.take``."""
        self._share.take(controls.blend)
        self._controls, self._keys, self._heard = controls, (gate, velocity), False

    def begin(self, voice: int, sample: int) -> int:
        """Like ``Renderer.begin``: exactly at ``sample``. The voice's previous hit fades out over the period."""
        if self._controls is None or not self._share.asked(voice):
            return 0
        hit = self._hits[voice]
        if hit.at != _REST:
            hit.leaving_at, hit.leaving_gain = hit.at, hit.gain
            hit.side = 1 - hit.side
        else:
            self._share.settle(voice)
        self._levels[voice][:-1] = self._share.blend[voice].tolist()
        self._ask(self._controls, voice)
        self.session.run(voice, hit.side)
        hit.at, hit.new = PERIOD_SAMPLES - sample, True
        self._envelopes.reset(voice)  # Each hit starts from silence, not from the level of the one before.
        self._envelopes.start(voice, float(self._controls.note[voice]))
        return sample

    def render(self) -> None:
        """Like ``Renderer.render``."""
        if not self._heard and self._controls is not None:
            self._listen(self._controls)
        self._envelopes.advance()
        self.levels_db = self._share.advance(self._envelopes.level_db)
        self.sound.count = 0
        for voice, hit in enumerate(self._hits):
            if hit.at == _REST:
                self.sounding[voice] = False
                continue
            self.sounding[voice], self.sound.count = True, voice + 1
            self._play(voice, hit)

    def choke(self, voice: int) -> None:
        """Like ``Renderer.choke``."""
        self._envelopes.choke(voice)

    def reset(self, voice: int) -> None:
        """Like ``Renderer.reset``."""
        self._envelopes.reset(voice)
        self.levels_db[voice] = SILENCE_DB
        self.sounding[voice], self._hits[voice] = False, _Hit()
        self.sound.audio[voice] = 0.0

    def run(self, voices: int) -> None:
        """Like ``Renderer.run``."""
        for voice in range(voices):
            self.session.run(voice, 1 - self._hits[voice].side)

    def _listen(self, controls: Controls) -> None:
        """Read a new frame, after its notes have begun, and set the levels."""
        self._heard = True
        for levels, offset_db in zip(self._levels, controls.loudness_db.tolist(), strict=True):
            levels[-1] = offset_db
        self._envelopes.play(*self._keys, self._levels, controls.note.tolist())

    def _ask(self, controls: Controls, voice: int) -> None:
        """Write the graph's input for a hit."""
        blend = self._share.blend[voice]
        asked = {"note": float(controls.note[voice] + controls.bend_semitones[voice])}
        asked["velocity"] = float(controls.velocity[voice])
        for axis, (name, points) in enumerate(zip(TIMBRE, self._points, strict=True)):
            asked[name] = float(between(points, controls.timbre[voice : voice + 1, axis])[0] @ blend)
        row = self.session.controls[voice]
        for column, name in enumerate(self._columns):
            row[column] = asked[name]
        row[len(self._columns) :] = blend

    def _play(self, voice: int, hit: _Hit) -> None:
        """Render one period of one voice."""
        row, memory, level_db = self.sound.audio[voice], self.session.memory[voice], self._envelopes.level_db[voice]
        level = 10.0 ** (level_db / 20.0) if level_db > SILENCE_DB else 0.0
        gain, before = level * self._share.gains[voice], hit.gain
        if hit.new:
            before = level * self._share.before[voice]
        np.multiply(memory[hit.side, hit.at : hit.at + PERIOD_SAMPLES], straight(before, gain, self._ramp), out=row)
        if hit.leaving_at != _REST:
            np.multiply(_FALL, np.float32(hit.leaving_gain), out=self._ramp)
            self._ramp *= memory[1 - hit.side, hit.leaving_at : hit.leaving_at + PERIOD_SAMPLES]
            row += self._ramp
            hit.leaving_at = _REST
        hit.gain, hit.new = gain, False
        hit.at += PERIOD_SAMPLES
        if hit.at >= self._end or not level:
            hit.at = _REST
            self._envelopes.choke(voice)
