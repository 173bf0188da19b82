"""Builds a frame of controls from voices, expressions and the settings of the player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.packed import pack
from tombola_device.play.blending import Weights
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
    blend: Weights,
    *,
    base_db: float,
    timbre: tuple[float, float],
    life: float,
    glide_s: float,
    tune_semitones: float,
) -> bytes:
    """Build a frame of controls, packed as in ``contract.packed``.

    Args:
        voices: The V voices, in the order of the engine's rows.
        expressions: Expression of each channel. That of channel 0 moves all voices.
        blend: Blend of the voices without their own.
        base_db: Loudness before pressure, dB.
        timbre: Timbre X and Y before expressions.
        life: How much held notes move, 0 … MOST_LIFE.
        glide_s: Glide time of keys. The gate input never glides.
        tune_semitones: Transposition of all voices.
    """
    shared, modes = expressions[0], len(blend)
    bend, x, y = tune_semitones + shared.bend_semitones, timbre[0] + shared.timbre, min(max(timbre[1], 0.0), 1.0)
    for_all = bend, loudness_of(base_db, shared.pressure), min(max(x, 0.0), 1.0)
    rows: list[float] = []
    blends: list[float] = []
    for voice in voices:
        last, (bends, loudness_db, timbre_x) = voice.last, for_all
        own = expressions[last.channel] if last is not None else shared
        if own is not shared or voice.pressure > shared.pressure:
            loudness_db = loudness_of(base_db, max(shared.pressure, voice.pressure, own.pressure))
        if own is not shared:
            bends, timbre_x = bend + own.bend_semitones, min(max(x + own.timbre, 0.0), 1.0)
        glides_s = 0.0 if voice.key == CV_KEY else glide_s
        rows += (voice.onset_s, voice.note, bends, glides_s, voice.velocity, loudness_db, timbre_x, y, life)
        rows += (voice.onset, voice.gate)
        blends += voice.blend or blend
    return pack(modes, len(voices), rows, blends)


def loudness_of(base_db: float, pressure: float) -> float:
    """Loudness under a pressure, 0 … 1, dB."""
    return max(base_db + PRESSURE_DB * pressure, 2 * SILENCE_DB)
