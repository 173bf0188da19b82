"""Plays one bundle: controls in, sound out, one period after another.

Controls ─► Renderer of each graph ─► Mixer ─► Limiter ─► out

On a Raspberry Pi each numpy call costs 3 000 to 8 000 instructions, even for a few numbers. So work that is done in
each period for a few voices uses plain floats.

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
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.contract.manifest import Manifest
from tombola_device.engine.frame import FrameRenderer
from tombola_device.engine.limiter import Limiter
from tombola_device.engine.mixer import DC_ROWS, Mixer
from tombola_device.engine.noise_feed import Tables
from tombola_device.engine.one_shot import OneShotRenderer
from tombola_device.engine.onsets import LATEST_SAMPLE
from tombola_device.engine.renderer import Renderer
from tombola_device.engine.runtime import reason_of
from tombola_device.engine.share import Share
from tombola_device.engine.sound import Sound

HEADROOM_DB = -6.0
"""Modes are normalised to -20 dB RMS. With this gain one voice peaks near -14 dBFS, and four voices rarely reach the
limiter."""


LOUDEST = 100.0
"""40 dB over full scale. The limiter handles less, but a louder graph was not trained on sound; it would play a square
wave at full scale."""


def renderers_of(bundle: Bundle, voices: int, tables: Tables) -> tuple[Renderer, ...]:
    """One renderer for each graph, in the order of their roles.

    Raises:
        BadBundle: A graph contradicts the manifest, does not load, or is of a kind that this version does not play.
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
        else:  # A single graph plays all of each voice, so it needs no share.
            renderer = FrameRenderer(onnx, graph, modes, sound, share if len(manifest.graphs) > 1 else None, tables)
        made.append(renderer)
    return tuple(made)


class Engine:
    """One bundle with V voices.

    Args:
        bundle: The bundle to play.
        voices: V, 1 … MAX_VOICES.
        headroom_db: Gain before the limiter.
        neighbour: An engine to share noise tables with, where they fit. Saves a swap 25 MB and 0.1 s.

    Raises:
        BadBundle: A graph contradicts the manifest or does not load.
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
        """Peak of the last period before the limiter."""
        self.waited_samples = 0
        """Delay of the frame's first delayed note, from the start of the frame's first period; 0: none."""
        self.noise_tables: Tables = neighbour.noise_tables if neighbour is not None else {}
        """By number of bands and overlap; shared between engines, read-only."""
        self.renderers = renderers_of(bundle, voices, self.noise_tables)
        """One for each graph, in the order of their roles."""
        self._sounds = [renderer.sound for renderer in self.renderers]
        self._mixer = Mixer(10 ** (headroom_db / 20), *self._sounds)
        self._limiter = Limiter()
        self._limit = voices
        self._delays: Sequence[int] = ()
        self._period_out: Float32Array | None = None
        """The array of the last call if it is one period long; the same array is not checked again."""
        self._frame: Controls | None = None
        self._seen = [0] * voices

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest."""
        return self._bundle.manifest

    @property
    def levels_db(self) -> list[float]:
        """Target level of each voice in the last period, SILENCE_DB … 0; read-only."""
        if len(self.renderers) == 1:
            return self.renderers[0].levels_db
        return [max(levels) for levels in zip(*(renderer.levels_db for renderer in self.renderers), strict=True)]

    @property
    def sounding(self) -> int:
        """Number of voices to render: all voices up to the highest one that sounds."""
        sounds = self._sounds
        if len(sounds) == 1:  # This property is read in each period.
            return sounds[0].count
        return max([sound.count for sound in sounds])

    @property
    def idle(self) -> bool:
        """Whether no voice sounds."""
        return not any(any(renderer.sounding) for renderer in self.renderers)

    def twin(self) -> Engine:
        """A second engine for the same bundle, with all voices at rest, warmed up."""
        twin = Engine(self._bundle, self.voices, neighbour=self)
        twin.warm_up()
        return twin

    def join(self, controls: Controls) -> None:
        """Join a performance under way: held notes begin now; released notes do not."""
        self._check(controls)
        self._seen = (controls.onset - controls.gate).tolist()

    def limit_voices(self, voices: int) -> None:
        """Render only the first ``voices`` voices; the others fall silent within one period and begin no notes.

        Real time: audio thread.
        """
        self._limit = voices
        for voice in range(voices, self.voices):
            self._choke(voice)

    def delay_onsets(self, samples: Sequence[int]) -> None:
        """Delay the notes that begin with the next new frame by this many samples from the start of its first period.

        A sustained note is delayed only if its voice is at rest: a voice that sounds is not interrupted. A delayed note
        rises until the end of the period. Each delay is at most LATEST_SAMPLE. Shape (V,).

        Real time: audio thread.
        """
        self._delays = samples

    def warm_up(self) -> None:
        """Run the graphs with every number of voices, so that onnxruntime has its memory before the first note.

        Raises:
            BadBundle: A graph cannot be run.
        """
        for renderer in self.renderers:
            try:
                for voices in range(1, self.voices + 1):
                    for _ in range(2):
                        renderer.run(voices)
            except Exception as error:  # onnxruntime's exceptions have no common base but Exception.
                raise BadBundle(
                    f"the bundle {self.manifest.name!r} cannot be run with {voices} voices ({reason_of(error)}); "
                    "export it again"
                ) from error
            for voice in range(self.voices):
                renderer.reset(voice)

    def render(self, controls: Controls, out: Float32Array) -> None:
        """Fill whole periods with sound.

        Args:
            controls: Knobs, CV and MIDI at the start of the first period. The caller does not change a frame after the
                call; a new frame is a new object.
            out: Written in place. Shape (T,), T a multiple of 128, float32, full scale ±1.0.

        Raises:
            ShapeError: ``controls`` is not for V voices and M modes, or the length of ``out`` is not a multiple of 128.

        Real time: audio thread. No locks, logging, disk, or growth of Python objects.
        """
        if controls is not self._frame:
            self._check(controls)
        if out is not self._period_out:
            self._check_out(out)
        if self.fault:
            out.fill(0.0)
            return
        try:
            if controls is not self._frame:
                self._take(controls)
            if out is self._period_out:
                self._render_period(out)
                return
            for start in range(0, out.size, PERIOD_SAMPLES):
                self._render_period(out[start : start + PERIOD_SAMPLES])
        except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions have no common base but Exception
            self.mute(f"could not be run ({reason_of(error)})")
            out.fill(0.0)

    def mute(self, why: str) -> None:
        """Put all voices to rest for good. ``why`` completes the sentence that begins with the bundle's name."""
        self.fault = f"the bundle {self.manifest.name!r} {why} and was muted; flash another"
        self.peak = 0.0
        for renderer in self.renderers:
            renderer.sound.count = 0
            for voice in range(self.voices):
                renderer.reset(voice)
        self._mixer.reset()
        self._limiter.reset()

    def _check_out(self, out: Float32Array) -> None:
        if out.ndim != 1 or out.size % PERIOD_SAMPLES or out.dtype != np.float32:
            raise ShapeError(f"out is {out.dtype} {out.shape}; give float32 (T,) with T a multiple of {PERIOD_SAMPLES}")
        if out.size == PERIOD_SAMPLES:
            self._period_out = out

    def _check(self, controls: Controls) -> None:
        if controls.note.shape != (self.voices,) or controls.blend.shape != (self.voices, self.modes):
            raise ShapeError(
                f"the controls have a blend of shape {controls.blend.shape}; the bundle {self.manifest.name!r} takes "
                f"({self.voices}, {self.modes})"
            )

    def _take(self, controls: Controls) -> None:
        """Pass a new frame to the renderers."""
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
        for renderer in self.renderers:
            renderer.render()
        self._mixer.mix(out)
        self.peak = peak = self._limiter.process(out)
        # The peak is NaN or infinite when a graph gives NaN or the sum overflows.
        if not peak <= LOUDEST:
            self.mute("played louder than any sound" if peak < math.inf else "produced values that are no numbers")
            out.fill(0.0)
