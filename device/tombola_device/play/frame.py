"""Builds a frame of controls from voices, expressions and the settings of the player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tombola_device.contract.controls import SILENCE_DB, Controls, Float32Array
from tombola_device.play.voices import CV_KEY, PlayedVoice

PRESSURE_DB: Final = 6.0
"""Loudness added by full pressure."""


class Expression:
    """Pitch wheel, pressure and timbre of one channel: for all keys, or with MPE for one key."""

    __slots__ = ("bend_semitones", "pressure", "timbre")

    def __init__(self) -> None:
        self.bend_semitones = self.pressure = self.timbre = 0.0


def frame_of(
    voices: Sequence[PlayedVoice],
    expressions: Sequence[Expression],
    blend: Float32Array,
    *,
    base_db: float,
    timbre: tuple[float, float],
    life: float,
    glide_s: float,
    tune_semitones: float,
) -> Controls:
    """Build a frame of controls.

    Args:
        voices: The V voices, in the order of the engine's rows.
        expressions: Expression of each channel. That of channel 0 moves all voices.
        blend: Blend of the voices without their own. Shape (M,).
        base_db: Loudness before pressure, dB.
        timbre: Timbre X and Y before expressions.
        life: How much held notes move, 0 … MOST_LIFE.
        glide_s: Glide time of keys. The gate input never glides.
        tune_semitones: Transposition of all voices.
    """
    channels = [expressions[voice.last.channel if voice.last else 0] for voice in voices]
    shared = expressions[0]
    own = [channel if channel is not shared else None for channel in channels]
    bends = [shared.bend_semitones + (channel.bend_semitones if channel else 0.0) for channel in own]
    pressures = [
        max(shared.pressure, voice.pressure, channel.pressure if channel else 0.0)
        for voice, channel in zip(voices, own, strict=True)
    ]
    timbres = [(timbre[0] + shared.timbre + (channel.timbre if channel else 0.0), timbre[1]) for channel in own]
    return Controls(
        note=np.array([voice.note for voice in voices], np.float32),
        bend_semitones=np.array(bends, np.float32) + np.float32(tune_semitones),
        glide_s=np.array([0.0 if voice.key == CV_KEY else glide_s for voice in voices], np.float32),
        gate=np.array([voice.gate for voice in voices], np.bool_),
        velocity=np.array([voice.velocity for voice in voices], np.float32),
        onset=np.array([voice.onset for voice in voices], np.int32),
        onset_s=np.array([voice.onset_s for voice in voices], np.float64),
        blend=np.stack([blend if voice.blend is None else voice.blend for voice in voices]),
        loudness_db=np.array([max(base_db + PRESSURE_DB * value, 2 * SILENCE_DB) for value in pressures], np.float32),
        timbre=np.clip(np.array(timbres, np.float32), 0.0, 1.0),
        life=np.full(len(voices), life, np.float32),
    )
