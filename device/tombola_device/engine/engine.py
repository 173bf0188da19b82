"""A bundle that plays: controls in, sound out, one period after another.

Controls ─► onsets ─► glide ─► Envelopes ─► Session (one run for all voices) ─► Mixer ─► Limiter ─► out
                                               ▲ noise bands

On a Raspberry Pi a call of numpy's costs 3 000 to 8 000 instructions, whatever its size. So what is done in each period
for a few voices is done in plain floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import (
    FRAME_RATE_HZ,
    ONSET_FAST_S,
    ONSET_SLOW_S,
    PERIOD_SAMPLES,
    SCALAR_COLUMNS,
    SILENCE_DB,
    Controls,
    Float32Array,
    Float64Array,
)
from tombola_device.contract.errors import ShapeError
from tombola_device.contract.manifest import Manifest, Mode
from tombola_device.engine.envelope import Envelopes
from tombola_device.engine.glide import Glide
from tombola_device.engine.limiter import Limiter
from tombola_device.engine.mixer import Mixer
from tombola_device.engine.noise import TABLE_SAMPLES, noise_table, overlapping
from tombola_device.engine.numbers import numbers
from tombola_device.engine.onsets import LateOnsets
from tombola_device.engine.session import Session

HEADROOM_DB = -6.0
"""Modes are brought to -20 dB RMS: one voice then peaks near -14 dBFS, and four rarely reach the limiter."""
GLIDE_S = 0.02
"""Blend, timbre and loudness follow their target with this time constant: a step of a MIDI controller does not zip.
It lies here and not in the player because only the engine knows the period that it is played in."""
SETTLING_PERIODS = 100
"""After 13 time constants what is left is below 1e-5 of the way: then the target is taken exactly."""
LEAST_ONSET = 1e-5
"""What is below moves nothing that is heard; it is left as it is."""

_NOTE, _LEVEL, _VELOCITY = (SCALAR_COLUMNS.index(name) for name in ("note", "loudness_db", "velocity"))
_ONSET_FAST, _ONSET_SLOW = SCALAR_COLUMNS.index("onset_fast"), SCALAR_COLUMNS.index("onset_slow")
_TIMBRE = SCALAR_COLUMNS.index("timbre_x")
_TIMBRE_AXES = 2
_NOISE_CHUNKS = TABLE_SAMPLES // PERIOD_SAMPLES
_FADE_FAST, _FADE_SLOW = (math.exp(-1.0 / (FRAME_RATE_HZ * time_s)) for time_s in (ONSET_FAST_S, ONSET_SLOW_S))


class Engine:
    """One bundle with V voices.

    Args:
        bundle: What is played.
        voices: V, 1 … MAX_VOICES.
        headroom_db: Gain before the limiter.
        neighbour: An engine whose noise table is shared if it fits: 25 MB and 0.1 s that a swap can save.

    Raises:
        BadBundle: The graph is not what the manifest says, or does not load.
    """

    def __init__(
        self, bundle: Bundle, voices: int = 4, headroom_db: float = HEADROOM_DB, neighbour: Engine | None = None
    ) -> None:
        self._bundle = bundle
        self.manifest = bundle.manifest
        self.voices = voices
        self.modes = len(bundle.manifest.modes)
        self.fault = ""
        """Why the engine is mute; empty while it plays."""
        self.peak = 0.0
        """Of the last period, before it was limited."""
        self._mixer = Mixer(voices, 10 ** (headroom_db / 20), overlap=bundle.manifest.graph.overlap)
        self._session = Session(bundle.onnx, bundle.manifest, voices, self._mixer.sound)
        self._envelopes = Envelopes(bundle.manifest.modes, voices)
        self._limiter = Limiter()
        self._limit, self._rows = voices, 0
        self._late = LateOnsets(self._mixer.sound)
        shared = neighbour is not None and _noise_of(neighbour.manifest) == _noise_of(bundle.manifest)
        self.noise: Float32Array | None = neighbour.noise if neighbour and shared else _noise_chunks(bundle.manifest)
        """Noise bands, cut into periods as the graph takes them; never written. Shape (chunks, B, 128 or 256)."""
        self._noise_starts = [voice * _NOISE_CHUNKS // voices for voice in range(voices)]
        self._timbre = [_timbre_points(bundle.manifest.modes, axis) for axis in range(_TIMBRE_AXES)]
        self._period = 0
        self._period_out: Float32Array | None = None
        """What was written to last, if it is one period: it need not be looked at again."""
        self._frame: Controls | None = None
        self._seen = [0] * voices
        self._keys: tuple[list[bool], list[float]] = [False] * voices, [0.0] * voices
        self._sounding = [False] * voices
        self._ended = [False] * voices
        self._notes, self._levels_db = [0.0] * voices, [SILENCE_DB] * voices
        self._onset_fast = [LEAST_ONSET] * voices
        self._onset_slow = [LEAST_ONSET] * voices
        # Columns: timbre X, Y, blend 1 … M (as they stand in the graph's controls), loudness offset.
        width = _TIMBRE_AXES + self.modes + 1
        self._target = np.zeros((voices, width), np.float32)
        self._glided = np.zeros((voices, width), np.float32)
        self._step = np.zeros((voices, width), np.float32)
        self._unsettled = 0
        self._position = b""
        self._latents = np.zeros((voices, self.modes, _TIMBRE_AXES), np.float32)
        self._glide_to = Glide(voices)
        # Views are made once: in the audio loop a slice costs half as much as the call that it is made for.
        columns, target, glided = self._session.controls, self._target, self._glided
        self._note, self._velocity = columns[:, _NOTE], columns[:, _VELOCITY]
        self._moving = columns[:, _TIMBRE:]
        self._target_timbre_rows, self._target_offset = target[:, None, :_TIMBRE_AXES], target[:, -1]
        self._target_blend = target[:, _TIMBRE_AXES : _TIMBRE_AXES + self.modes]
        self._blend_rows = self._target_blend[:, None, :]
        self._glided_columns, self._glided_levels = glided[:, :-1], glided[:, _TIMBRE_AXES:]
        self._width = columns.shape[1]
        self._columns = numbers(columns)
        self._noise_in = [] if self.noise is None else [row.data.cast("B") for row in self._session.noise]
        self._noise_chunks = [] if self.noise is None else [chunk.data.cast("B") for chunk in self.noise]
        self._glide = np.float32(1.0 - math.exp(-1.0 / (GLIDE_S * FRAME_RATE_HZ)))

    @property
    def levels_db(self) -> list[float]:
        """Level asked of each voice in the last period, SILENCE_DB … 0; not to be written."""
        return self._envelopes.level_db

    @property
    def sounding(self) -> int:
        """How many voices are rendered: the highest one that sounds, and all below it."""
        return self._rows

    @property
    def waited_samples(self) -> int:
        """Where in the first period of its frame the first note began that was told to wait; 0: none was."""
        return self._late.waited_samples

    @property
    def idle(self) -> bool:
        """Whether no voice sounds."""
        return not any(self._sounding)

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
            self._envelopes.choke(voice)

    def delay_onsets(self, samples: Sequence[int]) -> None:
        """Let the notes that begin with the next new frame begin so far into its first period, and rise until its end.

        Only those of voices at rest: what sounds is not held back. At most LATEST_SAMPLE. Shape (V,).

        Real time: audio thread.
        """
        self._late.delays = samples

    def warm_up(self) -> None:
        """Render once with every number of voices, so that the runtime has its memory before the first note."""
        for voices in range(1, self.voices + 1):
            for _ in range(2):
                self._session.run(voices)
        self._session.reset_all()

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
        """A new frame: what does not move by itself is laid out for the graph once."""
        self._check(controls)
        np.copyto(self._velocity, controls.velocity)
        np.copyto(self._target_blend, controls.blend)
        position = controls.timbre.tobytes()
        if position != self._position:
            self._position = position
            for axis, points in enumerate(self._timbre):
                self._latents[:, :, axis] = _between(points, controls.timbre[:, axis])
        np.matmul(self._blend_rows, self._latents, out=self._target_timbre_rows)
        np.copyto(self._target_offset, controls.loudness_db)
        self._unsettled = SETTLING_PERIODS
        self._glide_to.take(controls, self._sounding)
        onset, gate, velocity = controls.onset.tolist(), controls.gate.tolist(), controls.velocity.tolist()
        self._keys = gate, velocity
        self._late.waited_samples = 0
        for voice in range(self.voices):
            if onset[voice] != self._seen[voice] and voice < self._limit:
                self._start(voice)
            if not gate[voice] and velocity[voice] <= 0:
                self._envelopes.choke(voice)
        self._seen, self._late.delays = onset, ()
        self._frame = controls

    def _start(self, voice: int) -> None:
        self._onset_fast[voice] = self._onset_slow[voice] = 1.0
        if not self._sounding[voice]:  # Nothing is heard that could zip: it begins where it should be.
            self._glided[voice] = self._target[voice]
            self._session.reset(voice)  # It may have been run, unheard, beside others.
            self._late.begin(voice)
        self._envelopes.start(voice)

    def _render_period(self, out: Float32Array) -> None:
        if self._unsettled or self._glide_to.moving:
            self._follow()
        self._envelopes.advance()
        rows = self._rows = 0 if self.fault else self._lay_out_voices()
        self._period += 1
        if rows:
            self._session.run(rows, self._notes, self._levels_db)
        if self._late.begun:
            self._late.rise()
        self._mixer.mix(rows, out)
        self.peak = peak = self._limiter.process(out)
        # A peak that is no number, or a sum that overflowed, is no sound.
        if not peak < math.inf:
            self._mute(out)

    def _mute(self, out: Float32Array) -> None:
        name = self.manifest.name
        self.fault = f"the bundle {name!r} produced values that are no numbers and was muted; flash another"
        self.peak = 0.0
        self._session.reset_all()
        self._mixer.reset()
        self._limiter.reset()
        out.fill(0.0)

    def _lay_out_voices(self) -> int:
        """Write what moves by itself for the voices that sound or just end; how many rows are to be rendered."""
        rows, at, columns, sounding, ended = 0, -self._width, self._columns, self._sounding, self._ended
        noise_in, noise_chunks, levels = self._noise_in, self._noise_chunks, self._levels_db
        for voice, level_db in enumerate(self._envelopes.level_db):
            at += self._width
            sounds = level_db > SILENCE_DB
            if not sounds and not sounding[voice]:
                if ended[voice]:  # In the last period it fell silent.
                    ended[voice] = False
                    self._session.reset(voice)
                continue
            sounding[voice], ended[voice] = sounds, not sounds
            rows = voice + 1
            if level_db != levels[voice]:
                columns[at + _LEVEL] = levels[voice] = level_db
            if (onset := self._onset_fast[voice]) > LEAST_ONSET:
                columns[at + _ONSET_FAST] = onset
                self._onset_fast[voice] = onset * _FADE_FAST
            if (onset := self._onset_slow[voice]) > LEAST_ONSET:
                columns[at + _ONSET_SLOW] = onset
                self._onset_slow[voice] = onset * _FADE_SLOW
            if noise_chunks:
                noise_in[voice][:] = noise_chunks[(self._period + self._noise_starts[voice]) % _NOISE_CHUNKS]
        return rows

    def _follow(self) -> None:
        """Move blend, timbre and loudness a step towards their target, and at the end exactly onto it."""
        self._unsettled = max(self._unsettled - 1, 0)
        if self._unsettled:
            np.subtract(self._target, self._glided, out=self._step)
            self._step *= self._glide
            self._glided += self._step
        else:
            np.copyto(self._glided, self._target)
        self._glide_to.advance(self._note)
        np.copyto(self._moving, self._glided_columns)
        self._notes = self._note.tolist()
        self._envelopes.play(*self._keys, self._glided_levels.tolist(), self._notes)


def _noise_of(manifest: Manifest) -> tuple[int, bool]:
    return manifest.graph.noise_bands, manifest.graph.overlap


def _noise_chunks(manifest: Manifest) -> Float32Array | None:
    """The noise table, cut into periods, each band shifted by its own offset."""
    bands, overlap = _noise_of(manifest)
    if bands == 0:
        return None
    table = noise_table(bands)
    for band in range(bands):
        table[band] = np.roll(table[band], -band * TABLE_SAMPLES // bands)
    chunks = table.reshape(bands, _NOISE_CHUNKS, PERIOD_SAMPLES).transpose(1, 0, 2)
    return overlapping(chunks, np.roll(chunks, -1, axis=0)) if overlap else np.ascontiguousarray(chunks)


def _timbre_points(modes: list[Mode], axis: int) -> Float64Array:
    """Lowest, default and highest latent of each mode. Shape (M, 3)."""
    return np.array([mode.timbre_y if axis else mode.timbre_x for mode in modes])


def _between(points: Float64Array, position: Float32Array) -> Float64Array:
    """Latents at 0 … 1, with the default at 0.5. (M, 3), (V,) → (V, M)."""
    low, middle, high = points.T
    side = 2.0 * position[:, None] - 1.0
    latents: Float64Array = middle + np.where(side < 0, low - middle, high - middle) * np.abs(side)
    return latents
