"""A note on a time axis on which its pitch does not move: each period has the same number of samples.

A spectrum over a whole number of such periods has each partial in a bin of its own, whatever the vibrato, and nothing
of it two bins away. And a sound minus the mean of the same sound one period earlier and one later is its noise:
partials whose strength moves in a straight line over these three periods vanish.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array

UPSAMPLING = 4
"""Cubic interpolation at four times the rate loses less than 0.1 dB at 20 kHz."""
FULL_BAND_HZ = 46_000.0
_CHUNK_FRAMES = 256
_MARGIN_SAMPLES = 8


def periods_for(f0_hz: float, fewest: int, shortest_samples: int) -> int:
    """Length of a window in periods: ``fewest`` times a power of two, at least so many samples at 48 kHz."""
    doublings = np.ceil(np.log2(shortest_samples * f0_hz / SAMPLE_RATE_HZ / fewest))
    return fewest << max(int(doublings), 0)


class Unrolled:
    """A note read with its own pitch as the clock.

    Args:
        audio: 48 kHz. Shape (F * 128,), float32.
        f0_hz: At the frames' centres. Shape (F,).
        longest_periods: No window asked for is longer.
    """

    def __init__(self, audio: Float32Array, f0_hz: np.ndarray, longest_periods: int) -> None:
        self.f0_hz = float(np.median(f0_hz))
        self.period_samples = int(2 ** np.ceil(np.log2(FULL_BAND_HZ / self.f0_hz)))
        """S, a power of two."""
        centres = (np.arange(len(f0_hz)) + 0.5) * PERIOD_SAMPLES
        steps = 0.5 * (f0_hz[1:] + f0_hz[:-1]) * (PERIOD_SAMPLES / SAMPLE_RATE_HZ)
        # In periods, from the first frame's centre on. One period more on both sides for the noise.
        cycles = np.concatenate([[0.0], np.cumsum(steps)])
        margin = longest_periods // 2 + 2
        samples = int(np.ceil((cycles[-1] + 2 * margin) * self.period_samples)) + 1
        at = np.arange(samples) / self.period_samples - margin
        # Before the first centre and after the last one, the pitch stands still.
        before = np.minimum(at, 0.0) * (SAMPLE_RATE_HZ / f0_hz[0])
        after = np.maximum(at - cycles[-1], 0.0) * (SAMPLE_RATE_HZ / f0_hz[-1])
        self._sound = _read(audio, np.interp(at, cycles, centres) + before + after)
        self._centres = np.round((cycles + margin) * self.period_samples).astype(np.int64)

    @property
    def steps(self) -> np.ndarray:
        """Periods from each frame to the next, in whole samples as they are read. Shape (F - 1,)."""
        return np.asarray(np.diff(self._centres) / self.period_samples)

    def spectra(self, periods: int, every: int = 1) -> Iterator[np.ndarray]:
        """Spectra over an even number of periods around each frame's centre.

        Bin k is partial k / periods; its magnitude is the RMS amplitude of a partial, its phase that at the centre.

        Args:
            periods: Length of the Hann window.
            every: 2 leaves out every second frame.

        Yields:
            Shape (frames ≤ 256, periods * S / 2 + 1).
        """
        return self._spectra(self._sound, periods, every)

    def noise_spectra(self, periods: int, every: int = 1) -> Iterator[np.ndarray]:
        """The same of the noise alone; its power is to be divided by ``noise_gain``."""
        period = self.period_samples
        noise = np.zeros_like(self._sound)
        noise[period:-period] = self._sound[period:-period]
        noise[period:-period] -= 0.5 * (self._sound[2 * period :] + self._sound[: -2 * period])
        return self._spectra(noise, periods, every)

    def _spectra(self, sound: Float32Array, periods: int, every: int) -> Iterator[np.ndarray]:
        size = periods * self.period_samples
        hann = np.hanning(size + 1)[:-1].astype(np.float32)
        hann *= np.float32(np.sqrt(2.0) / hann.sum())
        views = sliding_window_view(sound, size)
        starts = self._centres[::every] - size // 2
        for first in range(0, len(starts), _CHUNK_FRAMES):
            yield np.fft.rfft(views[starts[first : first + _CHUNK_FRAMES]] * hann, axis=1)


def noise_gain(bins: np.ndarray, periods: int) -> np.ndarray:
    """What taking the partials away does to the power of white noise: 0 at a partial if the window is long.

    It is (1 - cos a)² with an angle a of one turn from partial to partial, averaged over the main lobe of a Hann
    window. That multiplies the cosines of a and 2 a by the window's correlation with itself one and two periods later.
    """
    angle = 2 * np.pi * bins / periods
    window = np.hanning(64 * periods + 1)[:-1]
    once, twice = (float(window[64 * lag :] @ window[: -64 * lag] / (window @ window)) for lag in (1, 2))
    return np.asarray(1.5 - 2 * once * np.cos(angle) + 0.5 * twice * np.cos(2 * angle))


def _read(audio: Float32Array, at_samples: np.ndarray) -> Float32Array:
    """The sound between its samples, by cubic interpolation; silence outside. Shape of ``at_samples``."""
    # Through its whole spectrum, because a resampling filter would begin to fall at 21 kHz.
    length = next_fast_len(len(audio) + _MARGIN_SAMPLES, real=True)
    dense = irfft(rfft(audio, length) * np.float32(UPSAMPLING), UPSAMPLING * length)
    outside = (at_samples < 0) | (at_samples > len(audio) - 1)
    position = np.clip(at_samples * UPSAMPLING, 1, len(dense) - 3)
    index = position.astype(np.int64)
    x = (position - index).astype(np.float32)
    a, b, c, d = (dense[index + step] for step in (-1, 0, 1, 2))
    cubic = b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))
    return np.asarray(np.where(outside, 0.0, cubic), np.float32)
