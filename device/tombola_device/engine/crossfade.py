"""One bundle takes over from another while notes are held, without a gap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, Controls, Float32Array
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.engine.engine import Engine
from tombola_device.engine.limiter import Limiter

PREROLL_PERIODS = math.ceil(0.1 * FRAME_RATE_HZ)
"""For 0.1 s the new bundle plays the held notes unheard, so that their attack is over before the fade begins."""
FADE_PERIODS = 4
"""Only in these 11 ms both engines render in the audio thread. A bundle may take 0.75 of a period before its voices are
limited; two then are two periods late after four, and the card's buffer holds four."""


def preroll(engine: Engine, newest: Callable[[], Controls], pause: Callable[[], None] = lambda: None) -> None:
    """Let an engine play the held notes unheard, before ``Crossfade.swap``. Released notes do not begin again.

    Args:
        engine: An engine that has not played yet.
        newest: Gives the controls as they are now.
        pause: Called after each period.

    Raises:
        BadBundle: The engine muted itself.
    """
    nowhere = np.zeros(PERIOD_SAMPLES, np.float32)
    engine.join(fit_modes(newest(), engine.modes))
    for _ in range(PREROLL_PERIODS):
        engine.render(fit_modes(newest(), engine.modes), nowhere)
        if engine.fault:
            raise BadBundle(engine.fault)
        pause()


class Crossfade:
    """Plays one engine, and fades to another when ``swap`` is called.

    Args:
        engine: The engine that plays first.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """The engine that plays; during a fade, the one that fades in."""
        self.peak = 0.0
        """Peak of the last period before the limiter."""
        self._leaving: Engine | None = None
        self._waiting: Engine | None = None
        self._elapsed = 0
        self._limiter = Limiter()
        self._other = np.zeros(PERIOD_SAMPLES, np.float32)
        # The fade is linear, not of equal power: the weights sum to 1, so two sounds in phase never make a steeper wave
        # than the louder one makes alone. Measured with equal power: jumps of 1.47 times the sound's own.
        rise = np.arange(1, FADE_PERIODS * PERIOD_SAMPLES + 1) / (FADE_PERIODS * PERIOD_SAMPLES)
        self._in = rise.astype(np.float32)
        self._out = (1.0 - rise).astype(np.float32)
        self._fitted: dict[int, tuple[Controls, Controls]] = {}
        """By number of modes: the last frame that had to be fitted, and what it became."""

    @property
    def fading(self) -> bool:
        """Whether a swap is under way: an engine leaves, or one waits."""
        return self._leaving is not None or self._waiting is not None

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engine that plays, the one that leaves, and the one that waits."""
        return tuple(engine for engine in (self.engine, self._leaving, self._waiting) if engine is not None)

    def limit_voices(self, voices: int) -> None:
        """Like ``Engine.limit_voices``, for each of ``engines``."""
        for engine in self.engines:
            engine.limit_voices(voices)

    def swap(self, engine: Engine) -> None:
        """Fade to another engine, after its ``preroll``, from the next period on; during a fade, after that fade.

        Raises:
            ShapeError: The new engine has another number of voices.
        """
        if engine.voices != self.engine.voices:
            raise ShapeError(f"the engine has {engine.voices} voices; the one that plays has {self.engine.voices}")
        self._waiting = engine

    def delay_onsets(self, samples: Sequence[int]) -> None:
        """Like ``Engine.delay_onsets``, for the engines that sound."""
        self.engine.delay_onsets(samples)
        if self._leaving is not None:
            self._leaving.delay_onsets(samples)

    def render(self, controls: Controls, out: Float32Array) -> None:
        """Like ``Engine.render``; the blend is fitted to each bundle's number of modes.

        Real time: audio thread; costs twice as much for the FADE_PERIODS of a swap.
        """
        if out.size == PERIOD_SAMPLES:
            self._render_period(controls, out)
            return
        for start in range(0, out.size, PERIOD_SAMPLES):
            self._render_period(controls, out[start : start + PERIOD_SAMPLES])

    def _render_period(self, controls: Controls, out: Float32Array) -> None:
        if self._leaving is None and self._waiting is not None:
            self._leaving, self.engine, self._waiting, self._elapsed = self.engine, self._waiting, None, 0
        self.engine.render(self._fit(controls, self.engine), out)
        self.peak = self.engine.peak
        if self._leaving is None:
            return
        self._leaving.render(self._fit(controls, self._leaving), self._other)
        at = self._elapsed * PERIOD_SAMPLES
        out *= self._in[at : at + PERIOD_SAMPLES]
        self._other *= self._out[at : at + PERIOD_SAMPLES]
        out += self._other
        self.peak = self._limiter.process(out)
        self._elapsed += 1
        if self._elapsed == FADE_PERIODS:
            self._leaving = None

    def _fit(self, controls: Controls, engine: Engine) -> Controls:
        modes = engine.modes
        if controls.blend.shape[1] == modes:
            return controls
        given, fitted = self._fitted.get(modes, (None, controls))
        if given is not controls:
            fitted = fit_modes(controls, modes)
            self._fitted[modes] = controls, fitted
        return fitted


def fit_modes(controls: Controls, modes: int) -> Controls:
    """Fit a frame to a bundle with M modes: the blend of the modes that both have, or else the first mode."""
    if controls.blend.shape[1] == modes:
        return controls
    blend = np.zeros((len(controls.note), modes), np.float32)
    shared = min(modes, controls.blend.shape[1])
    blend[:, :shared] = controls.blend[:, :shared]
    total = blend.sum(axis=1, keepdims=True)
    blend[total[:, 0] <= 0, 0] = 1.0
    blend /= np.where(total > 0, total, 1.0)
    return replace(controls, blend=blend)
