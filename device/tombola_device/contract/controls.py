"""One immutable frame of controls per period, and the columns of it that a graph reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

SAMPLE_RATE_HZ = 48_000
PERIOD_SAMPLES = 128
"""One control frame lasts one period: 2.67 ms, 375 frames a second."""
FRAME_RATE_HZ = SAMPLE_RATE_HZ / PERIOD_SAMPLES

MAX_MODES = 16
MAX_VOICES = 16
SILENCE_DB = -80.0
"""At and below this level (dB re full-scale RMS 1.0) a voice is idle."""

SCALAR_COLUMNS = ("note", "loudness_db", "velocity", "onset_fast", "onset_slow", "timbre_x", "timbre_y")
"""The columns of a graph's ``controls`` input, followed by one column per mode: its blend weight.

note         MIDI note number, fractional, bend included
loudness_db  level that the envelope wants, dB re full-scale RMS 1.0, ``SILENCE_DB`` … 0, as if struck like the
             recordings if the graph also has the port ``level`` (``contract.graph``): how much louder the player plays
             is in that port and in the shade
velocity     0 … 1
onset_fast   exp(-t / ONSET_FAST_S), t = time since the onset
onset_slow   exp(-t / ONSET_SLOW_S)
timbre_x/y   learned latents, in the range given for each mode in the manifest
blend        one weight per mode: each ≥ 0, sum 1
"""
MOST_LIFE = 2.0
ONSET_FAST_S = 0.03
ONSET_SLOW_S = 0.5


@dataclass(frozen=True, slots=True)
class Controls:
    """The state of knobs, CV and MIDI when the period began. V voices, M modes.

    Args:
        note: MIDI note number per voice, fractional. Shape (V,), float32.
        bend_semitones: Added to ``note`` without glide. Shape (V,), float32.
        glide_s: Time in which a sounding voice reaches a new ``note``; 0: at once. Shape (V,), float32.
        gate: Whether the key is down. Shape (V,), bool.
        velocity: 0 … 1. Shape (V,), float32.
        onset: Number of note-ons of each voice, so that a retrigger within one period counts. Shape (V,), int32.
        onset_s: Time of the last note-on, by ``time.monotonic``; 0: unknown. Shape (V,), float64.
        blend: One weight per mode for each voice: each ≥ 0, sum 1. Shape (V, M), float32.
        loudness_db: Offset added to the envelope of the mode, dB. Shape (V,), float32.
        timbre: X and Y, 0 … 1 over the range of the recordings; 0.5 is the mode's default. Shape (V, 2), float32.
        life: How much a held note moves, 0 … MOST_LIFE; 1: as the mode's recordings do. Shape (V,), float32.
    """

    note: Float32Array
    bend_semitones: Float32Array
    glide_s: Float32Array
    gate: BoolArray
    velocity: Float32Array
    onset: Int32Array
    onset_s: Float64Array
    blend: Float32Array
    loudness_db: Float32Array
    timbre: Float32Array
    life: Float32Array
