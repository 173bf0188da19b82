"""What lies where on the pads: descriptors of a bundle's sound at 2 500 points, rendered side by side.

The engine's axis of voices is free, so all points are voices of one run. Each point plays a held note for some
periods; what is left of it without the noise input is the partials, the rest is noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import (
    ONSET_FAST_S,
    ONSET_SLOW_S,
    PERIOD_SAMPLES,
    SAMPLE_RATE_HZ,
    SCALAR_COLUMNS,
    SILENCE_DB,
    Float32Array,
    Float64Array,
)
from tombola_device.contract.graph import SHADES, STATE_AFTER, STATE_BEFORE, TIMBRE, Graph
from tombola_device.contract.manifest import Mode
from tombola_device.engine.envelope import AS_RENDERED
from tombola_device.engine.gliding import between, timbre_points
from tombola_device.engine.noise import noise_table, overlapping
from tombola_device.engine.runtime import Tensor, load
from tombola_device.engine.wane import waned_s
from tombola_device.surface.browser.places import blends_at, grid

SIDE: Final = 50
SETTLE_PERIODS, HEARD_PERIODS = 4, 8
"""A recurrent network has forgotten its start after 10 ms; 21 ms hold five cycles of the lowest note that is played."""
ROWS: Final = 250
"""Points in one run: their tensors stay in the processor's cache. All 2 500 at once took twice the time (x86)."""
HELD_S: Final = 0.3
NOTE: Final = 64.0
LOUDNESS_DB, NOISE_DB = (-60.0, 0.0), (-60.0, 0.0)
CENTROID_HZ, ATTACK_S = (100.0, 12_800.0), (0.001, 1.0)
ATTACK_DB: Final = 3.0
"""A note has come when it is so near to its loudest."""
_TIMES_S: Final = np.arange(1, 2001) / 2000.0
Cells = npt.NDArray[np.uint8]


class _Runs(Protocol):
    """The part of onnxruntime that is used."""

    def get_inputs(self) -> list[Tensor]: ...

    def get_outputs(self) -> list[Tensor]: ...

    def run(self, names: None, feed: dict[str, Float32Array]) -> list[Float32Array]: ...


class Mapper:
    """Draws the maps of one bundle.

    Args:
        bundle: The bundle.

    Raises:
        BadBundle: A graph does not load.
    """

    def __init__(self, bundle: Bundle) -> None:
        manifest = bundle.manifest
        self.bundle, self.modes = bundle, manifest.modes
        self._parts = [
            (
                manifest.modes_of(role),
                _Part(bundle.graphs[role], graph, [manifest.modes[i] for i in manifest.modes_of(role)]),
            )
            for role, graph in sorted(manifest.graphs.items())
        ]
        low, high = (pick(mode.note_range[i] for mode in self.modes) for i, pick in ((0, max), (1, min)))
        self._note = min(max(NOTE, low), high)

    def blend_map(self, timbre: Sequence[float], side: int = SIDE) -> Cells:
        """The descriptors of all blends at one timbre. Shape (side, side, 4), see docs/browser.md."""
        blends = blends_at(grid(side), len(self.modes))
        return self._cells(blends, np.tile(np.asarray(timbre, np.float64), (side * side, 1)), side)

    def timbre_map(self, blend: Sequence[float], side: int = SIDE) -> Cells:
        """The descriptors of all timbres of one blend. Shape (side, side, 4)."""
        return self._cells(np.tile(np.asarray(blend, np.float64), (side * side, 1)), grid(side), side)

    def describe(self, blends: Float64Array, timbres: Float64Array) -> Float64Array:
        """Centroid (Hz), noise (dB), attack (s) and loudness (dB) of N sounds. (N, M), (N, 2) → (N, 4)."""
        levels_db = np.array([_level_db(mode, np.array([HELD_S]))[0] for mode in self.modes])
        level_db = blends @ levels_db
        whole = np.zeros((len(blends), HEARD_PERIODS * PERIOD_SAMPLES))
        tonal = np.zeros_like(whole)
        for indices, part in self._parts:
            share = blends[:, indices].sum(axis=1)
            sounding = np.flatnonzero(share > 1e-6)
            own = blends[sounding][:, indices] / share[sounding, None]
            for start in range(0, len(sounding), ROWS):
                rows = slice(start, start + ROWS)
                at = sounding[rows]
                heard, clean = part.render(self._note, level_db[at], own[rows], timbres[at])
                whole[at] += share[at, None] * heard
                tonal[at] += share[at, None] * clean
        centroid_hz, power, noise = _spectra(whole, whole - tonal)
        attack_s = self._attacks_s(blends)
        return np.stack([centroid_hz, 10 * np.log10(noise), attack_s, 10 * np.log10(power)], axis=1)

    def _cells(self, blends: Float64Array, timbres: Float64Array, side: int) -> Cells:
        centroid, noise, attack, loudness = self.describe(blends, timbres).T
        scaled = [
            _share(np.log(centroid), *map(math.log, CENTROID_HZ)),
            _share(noise, *NOISE_DB),
            _share(np.log(attack), *map(math.log, ATTACK_S)),
            _share(loudness, *LOUDNESS_DB),
        ]
        return np.stack(scaled, axis=1).reshape(side, side, 4)

    def _attacks_s(self, blends: Float64Array) -> Float64Array:
        """The time until each blend's envelope comes near to its loudest. (N, M) → (N,)."""
        tables = np.stack([_level_db(mode, _TIMES_S) for mode in self.modes])
        courses = blends @ tables
        come = courses >= courses.max(axis=1, keepdims=True) - ATTACK_DB
        attacks: Float64Array = _TIMES_S[come.argmax(axis=1)]
        return attacks


class _Part:
    """One graph: all points that it plays are rows of one run."""

    def __init__(self, onnx: bytes, graph: Graph, modes: Sequence[Mode]) -> None:
        self._runtime, self._graph = cast("_Runs", load(onnx)), graph
        self._modes = modes
        self._points = [timbre_points(modes, axis) for axis in TIMBRE]
        self._names = {port.kind: port.name for port in graph.ports if port.kind != "state"}
        self._noise: list[Float32Array] = []
        if graph.noise_bands:
            periods = SETTLE_PERIODS + HEARD_PERIODS + 1
            table = noise_table(graph.noise_bands)[:, : periods * PERIOD_SAMPLES]
            chunks = table.reshape(graph.noise_bands, periods, PERIOD_SAMPLES).transpose(1, 0, 2)
            self._noise = list(overlapping(chunks[:-1], chunks[1:]) if graph.overlap else chunks[:-1])

    def render(
        self, note: float, level_db: Float64Array, blends: Float64Array, timbres: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """The sound, and the sound without noise. (N,), (N, M), (N, 2) → twice (N, 1024)."""
        columns = self._columns(note, level_db, blends, timbres)
        if self._graph.rate == "onset":
            whole = self._onset(columns)
            return whole, whole
        whole = self._block(note, level_db, columns, noisy=True)
        return whole, self._block(note, level_db, columns, noisy=False) if self._noise else whole

    def _columns(
        self, note: float, level_db: Float64Array, blends: Float64Array, timbres: Float64Array
    ) -> Float32Array:
        latents = [
            (blends * between(points, timbres[:, axis].astype(np.float32))).sum(axis=1)
            for axis, points in enumerate(self._points)
        ]
        values: dict[str, Float64Array | float] = dict.fromkeys(SCALAR_COLUMNS, 0.0)
        values |= {"note": note, "loudness_db": level_db, "velocity": 0.8}
        values |= {"onset_fast": np.exp(-HELD_S / ONSET_FAST_S), "onset_slow": np.exp(-HELD_S / ONSET_SLOW_S)}
        values |= dict(zip(TIMBRE, latents, strict=True))
        columns = np.zeros((len(blends), len(self._graph.columns) + blends.shape[1]), np.float32)
        for index, name in enumerate(self._graph.columns):
            columns[:, index] = values.get(name, 0.0)
        columns[:, len(self._graph.columns) :] = blends
        return columns

    def _shade(self, note: float, columns: Float32Array) -> Float32Array:
        """Timbre X and Y of each mode, and how far it has died away, times its weight. (N, M * K).

        No dynamics and no life: played like the recordings, and still.
        """
        blends = columns[:, len(self._graph.columns) :]
        static = np.zeros((len(columns), len(self._modes), len(SHADES)), np.float32)
        living = np.zeros((len(columns), len(self._modes), self._graph.directions - len(SHADES)), np.float32)
        for axis, name in enumerate(TIMBRE):
            static[:, :, axis] = blends * columns[:, [SCALAR_COLUMNS.index(name)]]
        for index, mode in enumerate(self._modes):
            if mode.wane is not None and living.size:
                living[:, index, -1] = blends[:, index] * waned_s(HELD_S, note, mode.wane)
        parts = (static, living, np.zeros((len(columns), self._graph.strikes), np.float32))
        return np.concatenate([part.reshape(len(columns), -1) for part in parts], axis=1)

    def _onset(self, columns: Float32Array) -> Float64Array:
        """The loudest 1024 samples of a hit lie at its start."""
        (audio,) = self._runtime.run(None, {self._names["controls"]: columns})
        sound = audio.reshape(len(columns), -1)[:, : HEARD_PERIODS * PERIOD_SAMPLES]
        return np.pad(sound, ((0, 0), (0, HEARD_PERIODS * PERIOD_SAMPLES - sound.shape[1]))).astype(np.float64)

    def _block(self, note: float, level_db: Float64Array, columns: Float32Array, *, noisy: bool) -> Float64Array:
        rows, names = len(columns), self._names
        feed = {
            tensor.name: np.zeros((rows, *(int(axis or 1) for axis in tensor.shape[1:])), np.float32)
            for tensor in self._runtime.get_inputs()
        }
        feed[names["controls"]] = columns
        pace = 440.0 * 2 ** ((note - 69) / 12) / SAMPLE_RATE_HZ
        if self._graph.directions:
            feed[names["shade"]][:] = self._shade(note, columns).reshape(feed[names["shade"]].shape)
        if "motion" in names:
            feed[names["motion"]].reshape(rows, -1)[:, 1:] = pace
            feed[names["level"]].reshape(rows, -1)[:, 0] = 10 ** (np.maximum(level_db, SILENCE_DB) / 20)
        outputs = [tensor.name for tensor in self._runtime.get_outputs()]
        heard: list[Float32Array] = []
        tail = np.zeros((rows, PERIOD_SAMPLES), np.float32)
        for period in range(SETTLE_PERIODS + HEARD_PERIODS):
            if "motion" in names:
                feed[names["motion"]].reshape(rows, -1)[:, 0] = period * PERIOD_SAMPLES * pace % 1.0
            if noisy and "noise" in names:
                feed[names["noise"]][:] = self._noise[period].reshape(feed[names["noise"]].shape[1:])
            found = dict(zip(outputs, self._runtime.run(None, feed), strict=True))
            for name, value in found.items():
                if name.startswith(STATE_BEFORE) and name.endswith(STATE_AFTER):
                    feed[name.removesuffix(STATE_AFTER)] = value
            block = found[names["audio"]].reshape(rows, PERIOD_SAMPLES)
            if "overlap" in names:
                halves = found[names["overlap"]].reshape(rows, 2, PERIOD_SAMPLES)
                block, tail = block + halves[:, 0] + tail, halves[:, 1]
            heard.append(block)
        return np.concatenate(heard[SETTLE_PERIODS:], axis=1).astype(np.float64)


def _level_db(mode: Mode, time_s: Float64Array) -> Float64Array:
    """The mode's level at times since the onset, struck like its recordings; see ``Envelope``."""
    envelope = mode.envelope or AS_RENDERED
    fall_db = envelope.decay_db_per_s * np.maximum(time_s - envelope.time_s[-1], 0.0)
    level_db: Float64Array = np.interp(time_s, envelope.time_s, envelope.level_db) + fall_db + mode.recorded_db
    return level_db


def _spectra(whole: Float64Array, noise: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Centroid in Hz, power, and the noise's share of the power. Twice (N, T) → three times (N,)."""
    samples = whole.shape[1]
    spectrum = np.abs(np.fft.rfft(whole * np.hanning(samples), axis=1))
    frequency_hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    centroid_hz = (spectrum @ frequency_hz) / np.maximum(spectrum.sum(axis=1), 1e-9)
    power = np.maximum((whole**2).mean(axis=1), 1e-12)
    share = np.clip((noise**2).mean(axis=1) / power, 1e-6, 1.0)
    return np.maximum(centroid_hz, 1.0), power, share


def _share(values: Float64Array, low: float, high: float) -> Cells:
    return np.rint(255 * np.clip((values - low) / (high - low), 0.0, 1.0)).astype(np.uint8)
