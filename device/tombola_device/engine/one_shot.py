"""Renders a graph that makes a whole hit when a note begins: drums, bells, whatever is struck.

The graph runs in the audio thread, in the period in which the note begins: there the sound starts, and what the run
takes is taken from that period, and from no other: after it a hit is a product a period, read from memory. A chord of
n hits takes n runs in one period.

Counted for a Cortex-A72 (`tombola bench --arm64`), hits of 1 s: a graph of 12 nodes that makes two decaying cosines
takes 4.0 M instructions an onset, one of residual convolutions (8 channels, 27 nodes) 17.7 M; a period of a Raspberry
Pi 4 has 4.0 M. After the onset a voice takes 67 500 a period, each further one 46 300 at most. So only small graphs,
short hits or parametric ones start in the period of their trigger on a Raspberry Pi 4. The load probe measures one run
on the board and refuses a graph that takes longer than a period; what passes that and still ends late, with a chord or
beside many voices, is caught by the card's buffer (10.7 ms), and counts as a long period for the number of voices.

A graph that is slower than that wants another way: to run beside the audio thread and be played from the next hit on.
It is not here; it would be another ``Renderer``.
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
    """What a voice plays."""

    at: int = _REST
    """Where in its memory the next period begins."""
    side: int = 0
    gain: float = 0.0
    """At the end of the last period."""
    new: bool = False
    """It begins in the next period, at its full gain: a hit's attack is its own."""
    leaving_at: int = _REST
    leaving_gain: float = 0.0
    """The hit that it took over from, which fades out over that period."""


class OneShotRenderer:
    """One run for each onset, memory after it; a ``Renderer``.

    A hit is asked for with the note, the velocity, the timbre and the blend that stand when it begins. After that only
    its level moves: by the envelope of its modes, the player's loudness, and the share that the blend leaves to it. A
    note that begins while the blend asks for none of its modes makes no hit, and none comes when the blend asks later.

    Args:
        onnx: The graph, as serialised.
        graph: What the manifest says of it.
        modes: Those that it renders.
        sound: Where it writes.
        share: How much of each voice it plays.

    Raises:
        BadBundle: The graph is not what the manifest says, or does not load.
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
        """As ``Renderer.take``."""
        self._share.take(controls.blend)
        self._controls, self._keys, self._heard = controls, (gate, velocity), False

    def begin(self, voice: int, sample: int) -> int:
        """As ``Renderer.begin``: exactly there. What the voice played fades out over the period."""
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
        self._envelopes.reset(voice)  # It does not go on from a louder one: it is another hit.
        self._envelopes.start(voice)
        return sample

    def render(self) -> None:
        """As ``Renderer.render``."""
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
        """As ``Renderer.choke``."""
        self._envelopes.choke(voice)

    def reset(self, voice: int) -> None:
        """As ``Renderer.reset``."""
        self._envelopes.reset(voice)
        self.levels_db[voice] = SILENCE_DB
        self.sounding[voice], self._hits[voice] = False, _Hit()
        self.sound.audio[voice] = 0.0

    def run(self, voices: int) -> None:
        """As ``Renderer.run``."""
        for voice in range(voices):
            self.session.run(voice, 1 - self._hits[voice].side)

    def _listen(self, controls: Controls) -> None:
        """A new frame, after its notes have begun: what it means for the level."""
        self._heard = True
        for levels, offset_db in zip(self._levels, controls.loudness_db.tolist(), strict=True):
            levels[-1] = offset_db
        self._envelopes.play(*self._keys, self._levels, controls.note.tolist())

    def _ask(self, controls: Controls, voice: int) -> None:
        """Write what the graph is to make a hit of."""
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
        """One period of one voice."""
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
