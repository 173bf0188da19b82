"""Finds the note that sounds: near its label, an octave from it, or without a label."""

from __future__ import annotations

import importlib
import importlib.util
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus import harmonics
from tombola_host.corpus.harmonics import Peaks
from tombola_host.corpus.refusals import OFF_LABEL, UNCERTAIN, UNPITCHED, Unusable

LABEL_REACH_CENTS = 100.0
LOWEST_NOTE, HIGHEST_NOTE = 21.0, 108.0
GRID_SEMITONES = 0.1
OCTAVE_ADVANTAGE = 1.3
"""On 91 labelled notes of sax, violin, flute, harp and trumpet an octave off fitted at most 0.60 as well as the right
one; on the two wrong labels among them the octave that sounds fitted 1.9 times as well."""
OTHER_ADVANTAGE = 1.6
LEAST_FIT = 0.2
"""The noisiest of those 91 notes reaches 0.30; white noise stays below 0.15."""
CLEAR_FIT = 0.4
AGREE_CENTS = 50.0
LEAST_VOICED = 0.3


@dataclass(frozen=True, slots=True)
class NoteFinding:
    """What sounds.

    Args:
        note: MIDI note number, fractional; the median over the steady part.
        confidence: How well that note's partials explain the spectrum, 0 … 1; above 0.4 is clear.
    """

    note: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Contour:
    """A pitch over time: MIDI note numbers, NaN where nothing pitched sounds. ``note`` has shape (F,)."""

    note: np.ndarray
    hop_s: float

    def median(self) -> float:
        """Median note of the pitched frames; NaN if there are too few."""
        voiced = np.isfinite(self.note)
        enough = voiced.size > 0 and voiced.mean() >= LEAST_VOICED
        return float(np.median(self.note[voiced])) if enough else math.nan


class Tracker(Protocol):
    """Finds the pitch of an unlabelled recording.

    A minimal one, which finds A4 in every frame:

    >>> class TuningFork:
    ...     name = "tuning fork"
    ...
    ...     def contour(self, audio: Float32Array) -> Contour:
    ...         return Contour(np.full(len(audio) // 480, 69.0), hop_s=0.01)
    >>> tracker: Tracker = TuningFork()
    >>> tracker.contour(np.zeros(48_000, np.float32)).median()
    69.0
    """

    @property
    def name(self) -> str:
        """What a message calls it."""
        ...

    def contour(self, audio: Float32Array) -> Contour:
        """Follow the pitch of ``audio``: 48 kHz, mono, shape (T,)."""
        ...


@dataclass(frozen=True, slots=True)
class PyinTracker:
    """librosa's pYIN at 24 kHz in steps of 20 cents: 0.1 s per second of sound on one core.

    Source: Mauch & Dixon 2014, "pYIN: a fundamental frequency estimator using probabilistic threshold distributions".
    """

    name: str = "pyin"

    def contour(self, audio: Float32Array) -> Contour:
        """Follow the pitch between C1 and C8."""
        import librosa  # takes a second: only where a recording has no label

        rate_hz, hop, frame = 24_000, 384, 2_048
        low = soxr.resample(audio, SAMPLE_RATE_HZ, rate_hz).astype(np.float32)
        low = np.pad(low, (0, max(frame - len(low), 0)))
        f0_hz, voiced, _ = librosa.pyin(
            low, fmin=32.7, fmax=4186.0, sr=rate_hz, frame_length=frame, hop_length=hop, resolution=0.2
        )
        note = _note(np.where(voiced, f0_hz, np.nan))
        return Contour(note, hop / rate_hz)


@dataclass(frozen=True, slots=True)
class CrepeTracker:
    """torchcrepe's small network, where it is installed.

    Source: Kim et al. 2018, "CREPE: a convolutional representation for pitch estimation".
    """

    name: str = "torchcrepe"
    least_periodicity: float = 0.5

    def contour(self, audio: Float32Array) -> Contour:
        """Follow the pitch between C1 and B6."""
        torch, torchcrepe = importlib.import_module("torch"), importlib.import_module("torchcrepe")
        rate_hz, hop = 16_000, 256
        low = torch.from_numpy(soxr.resample(audio, SAMPLE_RATE_HZ, rate_hz).astype(np.float32))[None]
        f0_hz, periodicity = torchcrepe.predict(
            low, rate_hz, hop, 32.7, 2006.0, "tiny", batch_size=512, device="cpu", return_periodicity=True
        )
        voiced = periodicity[0].numpy() > self.least_periodicity
        return Contour(_note(np.where(voiced, f0_hz[0].numpy(), np.nan)), hop / rate_hz)


def default_trackers() -> tuple[Tracker, ...]:
    """pyin, and torchcrepe if it can be imported; the spectral fit is always used as well."""
    trackers: list[Tracker] = [PyinTracker()]
    if importlib.util.find_spec("torchcrepe") is not None:
        try:
            importlib.import_module("torchcrepe")
        except (ImportError, OSError):
            return tuple(trackers)  # installed beside a torchaudio that does not fit this torch
        trackers.append(CrepeTracker())
    return tuple(trackers)


def find_note(audio: Float32Array, label: float | None, contours: tuple[Contour, ...] | None = None) -> NoteFinding:
    """The note of one trimmed recording.

    With a label, the note near it; or one an octave away, or elsewhere, if that explains the sound much better.
    Without one, the note whose partials fit the spectrum, if every tracker agrees within 50 cents.

    Args:
        audio: 48 kHz, mono, from the onset on. Shape (T,), float32; 0.15 s or more.
        label: MIDI note number from the file's name.
        contours: What the trackers found in just this part; None asks ``default_trackers``.

    Raises:
        Unusable: It has no pitch, or an uncertain one.
    """
    if label is not None:
        return _near_label(audio, label)
    if contours is None:
        contours = tuple(tracker.contour(audio) for tracker in default_trackers())
    return _without_label(audio, contours)


def _near_label(audio: Float32Array, label: float) -> NoteFinding:
    peaks = harmonics.steady_peaks(audio, _hz(label - 12))
    centre_hz = _refined(peaks, label, LABEL_REACH_CENTS)[0]
    octaves = (0, -24, -12, 12, 24)
    fits = harmonics.fit(peaks, np.array([centre_hz * 2 ** (shift / 12) for shift in octaves]))
    fits[1:] /= OCTAVE_ADVANTAGE
    shift = octaves[int(fits.argmax())]
    hz, fit = _refined(peaks, float(_note(centre_hz)) + shift, LABEL_REACH_CENTS / 2)
    other = _best_on_grid(peaks)
    hz_other, fit_other = _refined(peaks, other, 2 * GRID_SEMITONES * 100)
    if fit_other >= CLEAR_FIT and fit_other > OTHER_ADVANTAGE * fit:
        return NoteFinding(_note_of(hz_other), fit_other)
    if fit < LEAST_FIT:
        raise Unusable(OFF_LABEL, note_name(label))
    return NoteFinding(_note_of(hz), fit)


def _without_label(audio: Float32Array, contours: tuple[Contour, ...]) -> NoteFinding:
    peaks = harmonics.steady_peaks(audio, _hz(LOWEST_NOTE))
    best = _best_on_grid(peaks)
    hz, fit = _refined(peaks, best, 2 * GRID_SEMITONES * 100)
    if fit < LEAST_FIT or any(math.isnan(contour.median()) for contour in contours):
        raise Unusable(UNPITCHED)
    note = _note_of(hz)
    for contour in contours:
        if abs(contour.median() - note) * 100 > AGREE_CENTS:
            heard = " or ".join(sorted({note_name(note), note_name(contour.median())}))
            raise Unusable(UNCERTAIN, heard)
    return NoteFinding(note, fit)


def _best_on_grid(peaks: list[Peaks]) -> float:
    notes = np.arange(LOWEST_NOTE, HIGHEST_NOTE, GRID_SEMITONES)
    return float(notes[harmonics.fit(peaks, 440.0 * 2 ** ((notes - 69) / 12)).argmax()])


def _refined(peaks: list[Peaks], note: float, reach_cents: float) -> tuple[float, float]:
    """Median fundamental near a note, Hz, and its fit; the note itself and 0 if no frame has a peak near it."""
    found_hz, _ = harmonics.refine(peaks, _hz(note), reach_cents)
    if not found_hz.size:
        return _hz(note), 0.0
    hz = float(np.median(found_hz))
    return hz, float(harmonics.fit(peaks, np.array([hz]))[0])


def _hz(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _note(hz: np.ndarray | float) -> np.ndarray:
    return np.asarray(69 + 12 * np.log2(np.asarray(hz) / 440.0))


def _note_of(hz: float) -> float:
    return float(_note(hz))


def note_name(note: float) -> str:
    """``69.02`` is ``A4``; sharps are written ``#``."""
    number = round(note)
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[number % 12]}{number // 12 - 1}"
