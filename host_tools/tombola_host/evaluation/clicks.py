"""Measures clicks and dips in level where modes, bundles or notes change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tombola_device.contract.controls import SAMPLE_RATE_HZ, SILENCE_DB, Float32Array
from tombola_device.contract.errors import ShapeError

Float64Array = npt.NDArray[np.float64]

AROUND_S = 0.02
LEVEL_STEP_S = 0.01
DIP_WINDOW_S = 0.05
"""Longer than the period of a low note, whose level would otherwise ripple."""
ANCHOR_S = 0.1
"""The level of a held mode is measured over this long."""


@dataclass(frozen=True, slots=True)
class Clicks:
    """The sharpest corners near events, and those of the rest of the sound.

    Args:
        jump: Largest step from sample to sample near an event.
        own_jump: The same in the rest.
        bend: Largest second difference near an event; it shows clicks that are hidden in the slope of a loud wave.
        own_bend: The same in the rest.
    """

    jump: float
    own_jump: float
    bend: float
    own_bend: float

    @property
    def jump_ratio(self) -> float:
        """≤ 1: no larger jump than in the rest of the sound."""
        return self.jump / max(self.own_jump, 1e-9)

    @property
    def bend_ratio(self) -> float:
        """≤ 1: no sharper corner than in the rest of the sound."""
        return self.bend / max(self.own_bend, 1e-9)


def largest_jump(audio: Float32Array) -> float:
    """Largest absolute step from one sample to the next. Shape (T,)."""
    return float(np.abs(np.diff(np.asarray(audio, np.float64))).max(initial=0.0))


def find_clicks(audio: Float32Array, events_s: Sequence[float], around_s: float = AROUND_S) -> Clicks:
    """Compare the neighbourhood of events with the rest of a sound.

    Args:
        audio: 48 kHz. Shape (T,). The rest must contain the same sounds as the neighbourhoods of the events.
        events_s: When modes or bundles change, s.
        around_s: Half the width of a neighbourhood, s.

    Raises:
        ShapeError: An event is outside of the sound, or no sound is far from the events.
    """
    wave = np.asarray(audio, np.float64)
    near = np.zeros(wave.size, bool)
    for event_s in events_s:
        if not 0 <= event_s * SAMPLE_RATE_HZ < wave.size:
            raise ShapeError(f"an event at {event_s} s is outside of a sound of {wave.size / SAMPLE_RATE_HZ:.3f} s")
        first, last = (int((event_s + side * around_s) * SAMPLE_RATE_HZ) for side in (-1, 1))
        near[max(first, 0) : last + 1] = True
    if near.all() or not near.any():
        raise ShapeError("clicks can be found only where some of the sound is near an event and some is not")
    jump, bend = np.abs(np.diff(wave)), np.abs(np.diff(wave, 2))
    by_jump, by_bend = near[1:], near[2:]
    return Clicks(
        jump=float(jump[by_jump].max(initial=0.0)),
        own_jump=float(jump[~by_jump].max(initial=0.0)),
        bend=float(bend[by_bend].max(initial=0.0)),
        own_bend=float(bend[~by_bend].max(initial=0.0)),
    )


def level_curve_db(audio: Float32Array, step_s: float = LEVEL_STEP_S, window_s: float | None = None) -> Float64Array:
    """RMS level of successive windows, dB re full-scale RMS 1.0, at least SILENCE_DB.

    Args:
        audio: 48 kHz. Shape (T,).
        step_s: From window to window, s.
        window_s: Length, s; None: as long as the step.

    Returns:
        Shape (F,); only windows that lie wholly in the sound.
    """
    step, window = (round(s * SAMPLE_RATE_HZ) for s in (step_s, window_s or step_s))
    energy = np.concatenate([[0.0], np.cumsum(np.asarray(audio, np.float64) ** 2)])
    starts = np.arange(0, len(audio) - window + 1, step)
    power = np.maximum(energy[starts + window] - energy[starts], 0.0) / window
    level: Float64Array = 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))
    return level


def level_dip_db(audio: Float32Array, anchors_s: Sequence[float], window_s: float = DIP_WINDOW_S) -> float:
    """The largest drop of the level below a straight line, in dB, from one held mode to the next.

    Args:
        audio: 48 kHz, a held note while the blend moves. Shape (T,).
        anchors_s: Rising times at which a pure mode is heard for ANCHOR_S, s. The line goes through their levels.
        window_s: Length of the windows in which the level is measured, s.

    Returns:
        dB, ≥ 0.

    Raises:
        ShapeError: There are fewer than two anchors, they do not rise, or one is outside of the sound.
    """
    if len(anchors_s) < 2 or np.any(np.diff(anchors_s) <= 0):
        raise ShapeError("a dip is measured between anchors; give two or more rising times")
    level = level_curve_db(audio, LEVEL_STEP_S, window_s)
    time_s = np.arange(level.size) * LEVEL_STEP_S + window_s / 2
    if anchors_s[0] < 0 or anchors_s[-1] > len(audio) / SAMPLE_RATE_HZ:
        raise ShapeError(
            f"the anchors {anchors_s[0]} … {anchors_s[-1]} s are not all inside of the sound; give times within it"
        )
    asked = [
        float(np.mean(level[np.argsort(np.abs(time_s - at))[: round(ANCHOR_S / LEVEL_STEP_S)]])) for at in anchors_s
    ]
    inside = (time_s >= anchors_s[0]) & (time_s <= anchors_s[-1])
    below = np.interp(time_s[inside], anchors_s, asked) - level[inside]
    return float(max(below.max(initial=0.0), 0.0))
