"""A bundle that plays: controls in, sound out, one period after another.

Controls ─► Renderer of each graph ─► Mixer ─► Limiter ─► out

On a Raspberry Pi a call of numpy's costs 3 000 to 8 000 instructions, whatever its size. So what is done in each period
for a few voices is done in plain floats.

>>> engine = Engine(bundle, voices=4)
>>> engine.warm_up()
>>> player = Player(engine.modes, engine.voices)
>>> player.note_on(60, velocity=0.8)
>>> out = np.zeros(PERIOD_SAMPLES, np.float32)
>>> engine.render(player.controls(), out)
>>> bool(np.abs(out).max() > 0)
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import PERIOD_SAMPLES, Controls, Float32Array
from tombola_device.contract.errors import ShapeError
from tombola_device.contract.manifest import Manifest
from tombola_device.engine.frame import FrameRenderer
from tombola_device.engine.limiter import Limiter
from tombola_device.engine.mixer import DC_ROWS, Mixer
from tombola_device.engine.noise_feed import Tables
from tombola_device.engine.one_shot import OneShotRenderer
from tombola_device.engine.onsets import LATEST_SAMPLE
from tombola_device.engine.renderer import Renderer
from tombola_device.engine.share import Share
from tombola_device.engine.sound import Sound

HEADROOM_DB = -6.0
"""Modes are brought to -20 dB RMS: one voice then peaks near -14 dBFS, and four rarely reach the limiter."""


def renderers_of(bundle: Bundle, voices: int, tables: Tables) -> tuple[Renderer, ...]:
    """A renderer for each graph, in the order of their roles.

    Raises:
        BadBundle: A graph is not what the manifest says, does not load, or is of a kind that is not played here.
    """
    manifest = bundle.manifest
    made: list[Renderer] = []
    for role, graph in sorted(manifest.graphs.items()):
        indices = manifest.modes_of(role)
        modes = [manifest.modes[index] for index in indices]
        sound = Sound(voices, overlap=graph.overlap, spare=0 if made else DC_ROWS)
        share = Share(indices, voices)
        onnx = bundle.graphs[role]
        renderer: Renderer
        if graph.rate == "onset":
            renderer = OneShotRenderer(onnx, graph, modes, sound, share)
        else:  # One graph alone plays all of each voice, and need not be told.
            renderer = FrameRenderer(onnx, graph, modes, sound, share if len(manifest.graphs) > 1 else None, tables)
        made.append(renderer)
    return tuple(made)


class Engine:
    """One bundle with V voices.

    Args:
        bundle: What is played.
        voices: V, 1 … MAX_VOICES.
        headroom_db: Gain before the limiter.
        neighbour: An engine whose noise tables are shared where they fit: 25 MB and 0.1 s that a swap can save.

    Raises:
        BadBundle: The graph is not what the manifest says, or does not load.
    """

    def __init__(
        self, bundle: Bundle, voices: int = 4, headroom_db: float = HEADROOM_DB, neighbour: Engine | None = None
    ) -> None:
        self._bundle = bundle
        self.voices = voices
        self.modes = len(bundle.manifest.modes)
        self.fault = ""
        """Why the engine is mute; empty while it plays."""
        self.peak = 0.0
        """Of the last period, before it was limited."""
        self.waited_samples = 0
        """Where in the first period of its frame the first note began that was told to wait; 0: none was."""
        self.noise_tables: Tables = neighbour.noise_tables if neighbour is not None else {}
        """By what a graph asks for; never written."""
        self.renderers = renderers_of(bundle, voices, self.noise_tables)
        """One for each graph."""
        self._sounds = [renderer.sound for renderer in self.renderers]
        self._mixer = Mixer(10 ** (headroom_db / 20), *self._sounds)
        self._limiter = Limiter()
        self._limit = voices
        self._delays: Sequence[int] = ()
        self._period_out: Float32Array | None = None
        """What was written to last, if it is one period: it need not be looked at again."""
        self._frame: Controls | None = None
        self._seen = [0] * voices

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self._bundle.manifest

    @property
    def levels_db(self) -> list[float]:
        """Level asked of each voice in the last period, SILENCE_DB … 0; not to be written."""
        if len(self.renderers) == 1:
            return self.renderers[0].levels_db
        return [max(levels) for levels in zip(*(renderer.levels_db for renderer in self.renderers), strict=True)]

    @property
    def sounding(self) -> int:
        """How many voices are rendered: the highest one that sounds, and all below it."""
        sounds = self._sounds
        if len(sounds) == 1:  # It is asked for in each period.
            return sounds[0].count
        return max([sound.count for sound in sounds])

    @property
    def idle(self) -> bool:
        """Whether no voice sounds."""
        return not any(any(renderer.sounding) for renderer in self.renderers)

    def twin(self) -> Engine:
        """Another one that plays the same bundle, at rest and warm, beside this one."""
        twin = Engine(self._bundle, self.voices, neighbour=self)
        twin.warm_up()
        return twin

    def join(self, controls: Controls) -> None:
        """Come into a performance under way: keys that are down begin here, notes that are over stay over."""
        self._check(controls)
        self._seen = (controls.onset - controls.gate).tolist()

    def limit_voices(self, voices: int) -> None:
        """Render the first ``voices`` voices only; the others are silent within one period, and begin no note.

        Real time: audio thread.
        """
        self._limit = voices
        for voice in range(voices, self.voices):
            self._choke(voice)

    def delay_onsets(self, samples: Sequence[int]) -> None:
        """Let the notes that begin with the next new frame begin so far into its first period.

        Sustained ones only if their voice is at rest: what sounds is not held back. They rise until the period's end.
        At most LATEST_SAMPLE. Shape (V,).

        Real time: audio thread.
        """
        self._delays = samples

    def warm_up(self) -> None:
        """Run the graphs with every number of voices, so that the runtime has its memory before the first note."""
        for renderer in self.renderers:
            for voices in range(1, self.voices + 1):
                for _ in range(2):
                    renderer.run(voices)
            for voice in range(self.voices):
                renderer.reset(voice)

    def render(self, controls: Controls, out: Float32Array) -> None:
        """Fill whole periods with sound.

        Args:
            controls: Knobs, CV and MIDI as they stood when the first period began. A frame is not changed after it
                was handed over; another frame is another object.
            out: Written in place. Shape (T,), T a multiple of 128, float32, full scale ±1.0.

        Raises:
            ShapeError: ``controls`` is not for V voices and M modes, or ``out`` is no multiple of 128 long.

        Real time: audio thread. No locks, logging, disk, or growth of Python objects.
        """
        if controls is not self._frame:
            self._take(controls)
        if out is self._period_out:
            self._render_period(out)
            return
        if out.ndim != 1 or out.size % PERIOD_SAMPLES or out.dtype != np.float32:
            raise ShapeError(f"out is {out.dtype} {out.shape}; give float32 (T,) with T a multiple of {PERIOD_SAMPLES}")
        if out.size == PERIOD_SAMPLES:
            self._period_out = out
        for start in range(0, out.size, PERIOD_SAMPLES):
            self._render_period(out[start : start + PERIOD_SAMPLES])

    def _check(self, controls: Controls) -> None:
        if controls.note.shape != (self.voices,) or controls.blend.shape != (self.voices, self.modes):
            raise ShapeError(
                f"the controls have a blend of shape {controls.blend.shape}; the bundle {self.manifest.name!r} takes "
                f"({self.voices}, {self.modes})"
            )

    def _take(self, controls: Controls) -> None:
        """A new frame."""
        self._check(controls)
        onset, gate, velocity = controls.onset.tolist(), controls.gate.tolist(), controls.velocity.tolist()
        for renderer in self.renderers:
            renderer.take(controls, gate, velocity)
        self.waited_samples = 0
        for voice in range(self.voices):
            if onset[voice] != self._seen[voice] and voice < self._limit:
                self._begin(voice)
            if not gate[voice] and velocity[voice] <= 0:
                self._choke(voice)
        self._seen, self._delays = onset, ()
        self._frame = controls

    def _begin(self, voice: int) -> None:
        sample = min(self._delays[voice], LATEST_SAMPLE) if self._delays else 0
        for renderer in self.renderers:
            if waited := renderer.begin(voice, sample):
                self.waited_samples = min(self.waited_samples or waited, waited)

    def _choke(self, voice: int) -> None:
        for renderer in self.renderers:
            renderer.choke(voice)

    def _render_period(self, out: Float32Array) -> None:
        if not self.fault:
            for renderer in self.renderers:
                renderer.render()
        self._mixer.mix(out)
        self.peak = peak = self._limiter.process(out)
        # A peak that is no number, or a sum that overflowed, is no sound.
        if not peak < math.inf:
            self._mute(out)

    def _mute(self, out: Float32Array) -> None:
        name = self.manifest.name
        self.fault = f"the bundle {name!r} produced values that are no numbers and was muted; flash another"
        self.peak = 0.0
        for renderer in self.renderers:
            renderer.sound.count = 0
            for voice in range(self.voices):
                renderer.reset(voice)
        self._mixer.reset()
        self._limiter.reset()
        out.fill(0.0)
