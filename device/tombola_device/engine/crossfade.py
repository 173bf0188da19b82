"""One bundle takes over from another while notes are held, without a gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, Controls, Float32Array
from tombola_device.contract.errors import ShapeError
from tombola_device.engine.engine import Engine
from tombola_device.engine.limiter import Limiter

PREROLL_PERIODS = math.ceil(0.1 * FRAME_RATE_HZ)
"""Held notes begin anew in the new bundle, unheard for 0.1 s, so that the fade does not fall into their attack."""
FADE_PERIODS = math.ceil(0.04 * FRAME_RATE_HZ)


class Crossfade:
    """What plays, and what comes in.

    Args:
        engine: What plays first.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """What plays now, or what is coming in while one does."""
        self.peak = 0.0
        """Of the last period, before it was limited."""
        self._leaving: Engine | None = None
        self._waiting: Engine | None = None
        self._elapsed = 0
        self._limiter = Limiter()
        self._other = np.zeros(PERIOD_SAMPLES, np.float32)
        # Straight, not of equal power: the weights sum to 1, so that two sounds that happen to be in phase make no
        # steeper wave than the louder of them. Measured at equal power: jumps 1.47 times the sound's own.
        rise = np.arange(1, FADE_PERIODS * PERIOD_SAMPLES + 1) / (FADE_PERIODS * PERIOD_SAMPLES)
        self._in = rise.astype(np.float32)
        self._out = (1.0 - rise).astype(np.float32)
        self._fitted: tuple[Controls, Controls] | None = None

    @property
    def fading(self) -> bool:
        """Whether two engines run."""
        return self._leaving is not None or self._waiting is not None

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All that are heard or wait to be."""
        return tuple(engine for engine in (self.engine, self._leaving, self._waiting) if engine is not None)

    def limit_voices(self, voices: int) -> None:
        """As ``Engine.limit_voices``, for all that are heard."""
        for engine in self.engines:
            engine.limit_voices(voices)

    def swap(self, engine: Engine) -> None:
        """Let another engine take over from the next period on; one that comes during a fade waits for its end.

        Raises:
            ShapeError: It has another number of voices.
        """
        if engine.voices != self.engine.voices:
            raise ShapeError(f"the engine has {engine.voices} voices; the one that plays has {self.engine.voices}")
        self._waiting = engine

    def delay_onsets(self, samples: Sequence[int]) -> None:
        """As ``Engine.delay_onsets``, for all that are heard."""
        self.engine.delay_onsets(samples)
        if self._leaving is not None:
            self._leaving.delay_onsets(samples)

    def render(self, controls: Controls, out: Float32Array) -> None:
        """As ``Engine.render``; the blend is fitted to each bundle's number of modes.

        Real time: audio thread; twice the cost for the 0.14 s of a swap.
        """
        if out.size == PERIOD_SAMPLES:
            self._render_period(controls, out)
            return
        for start in range(0, out.size, PERIOD_SAMPLES):
            self._render_period(controls, out[start : start + PERIOD_SAMPLES])

    def _render_period(self, controls: Controls, out: Float32Array) -> None:
        if self._leaving is None and self._waiting is not None:
            self._begin(self._waiting, controls)
        self.engine.render(self._fit(controls, self.engine), out)
        self.peak = self.engine.peak
        if self._leaving is None:
            return
        self._leaving.render(self._fit(controls, self._leaving), self._other)
        at = max(self._elapsed - PREROLL_PERIODS, -1) * PERIOD_SAMPLES
        if at < 0:
            np.copyto(out, self._other)
            self.peak = self._leaving.peak
        else:
            out *= self._in[at : at + PERIOD_SAMPLES]
            self._other *= self._out[at : at + PERIOD_SAMPLES]
            out += self._other
            self.peak = self._limiter.process(out)
        self._elapsed += 1
        if self._elapsed == PREROLL_PERIODS + FADE_PERIODS:
            self._leaving = None

    def _begin(self, engine: Engine, controls: Controls) -> None:
        engine.join(fit_modes(controls, engine.modes))
        self._leaving, self.engine, self._waiting = self.engine, engine, None
        # With nothing to hear, or nothing worth hearing, there is no attack to hide.
        self._elapsed = PREROLL_PERIODS if self._leaving.idle or self._leaving.fault else 0

    def _fit(self, controls: Controls, engine: Engine) -> Controls:
        if controls.blend.shape[1] == engine.modes:
            return controls
        if self._fitted is None or self._fitted[0] is not controls:
            self._fitted = controls, fit_modes(controls, engine.modes)
        return self._fitted[1]


def fit_modes(controls: Controls, modes: int) -> Controls:
    """The same frame for a bundle with another number of modes: what is left of the blend, or the first mode."""
    if controls.blend.shape[1] == modes:
        return controls
    blend = np.zeros((len(controls.note), modes), np.float32)
    shared = min(modes, controls.blend.shape[1])
    blend[:, :shared] = controls.blend[:, :shared]
    total = blend.sum(axis=1, keepdims=True)
    blend[total[:, 0] <= 0, 0] = 1.0
    blend /= np.where(total > 0, total, 1.0)
    return replace(controls, blend=blend)
