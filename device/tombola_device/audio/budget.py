"""Measures the rendering time of each period and limits the number of voices accordingly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, Controls
from tombola_device.engine.engine import Engine

PERIOD_US: Final = 1e6 / FRAME_RATE_HZ
KEPT_TIMES: Final = 1024
BUDGET: Final = 0.6
"""Share of a period that all voices may take. Used to choose the number of voices at the start."""
TOO_LONG: Final = 0.75
"""A larger share of a period is too long, because writing to the card also takes time."""
CALM: Final = 0.5
STRIKES: Final = 3.0
FORGIVEN_PER_PERIOD: Final = 1 / 32
"""Three long periods within about 0.1 s mean overload; one per second is a stall by another program."""
CALM_S: Final = 5.0
LONGEST_CALM_S: Final = 80.0
MEASURED_PERIODS: Final = 16
OVERLOAD_S: Final = 1.0
"""Sixteen voices become one within 0.2 s of overload."""


class Times:
    """Keeps the last ``kept`` measured times, in memory allocated at the start."""

    def __init__(self, kept: int = KEPT_TIMES) -> None:
        self._times = np.zeros(kept, np.float32)
        self._sorted = np.zeros(kept, np.float32)
        self._count = 0

    def add(self, value: float) -> None:
        """Add one measured time."""
        self._times[self._count % len(self._times)] = value
        self._count += 1

    def quantiles(self, *shares: float) -> list[float]:
        """The quantile of the kept times for each share, 0 … 1; zeros while there are none."""
        count = min(self._count, len(self._times))
        if count == 0:
            return [0.0] * len(shares)
        values = self._sorted[:count]
        np.copyto(values, self._times[:count])
        values.sort()
        # A list: tuples made from a generator accumulate in the interpreter's free list (up to 2000).
        return [float(values[min(int(count * share), count - 1)]) for share in shares]


class VoiceBudget:
    """Limits the number of voices: fewer after overload, one more after each calm time.

    Args:
        voices: Largest number of voices.

    >>> budget = VoiceBudget(8)
    >>> [budget.rendered(0.9 * PERIOD_US, sounding=8) for _ in range(3)], budget.limit
    ([False, False, True], 6)
    """

    def __init__(self, voices: int) -> None:
        self.most = self.limit = voices
        self.slimmed = 0
        """Number of reductions of the limit."""
        self._strikes = 0.0
        self._calm_periods = 0
        self._calm_s = CALM_S

    def rendered(self, time_us: float, sounding: int) -> bool:
        """Note the time of one period with ``sounding`` voices; return whether ``limit`` changed.

        Real time: audio thread.
        """
        share = time_us / PERIOD_US
        self._strikes = self._strikes + 1.0 if share > TOO_LONG else max(self._strikes - FORGIVEN_PER_PERIOD, 0.0)
        self._calm_periods = self._calm_periods + 1 if share < CALM else 0
        if self._strikes >= STRIKES:
            return self._slim(sounding)
        if self.limit < self.most and self._calm_periods > self._calm_s * FRAME_RATE_HZ:
            self.limit += 1
            self._calm_periods = 0
            return True
        return False

    def _slim(self, sounding: int) -> bool:
        self._strikes, self._calm_periods = 0.0, 0
        now = min(self.limit, max(sounding, 1))
        limit = max(now - max(now // 4, 1), 1)
        if limit >= self.limit:
            return False
        if self.slimmed:  # The last increase was too early, so the next one waits longer.
            self._calm_s = min(2 * self._calm_s, LONGEST_CALM_S)
        self.limit, self.slimmed = limit, self.slimmed + 1
        return True


class Overload:
    """Finds a bundle that takes more processor time than there is, although its voices were reduced.

    Only the calling thread's own time counts: a machine that stands still is no fault of the bundle.

    Args:
        clock: Processor time of the calling thread, seconds.

    >>> times_s = iter([0.0, 0.6, 1.2])
    >>> overload = Overload(lambda: next(times_s))
    >>> [overload.rendered(0.1 * FRAME_RATE_HZ) for _ in range(3)]
    [False, False, True]
    """

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._then_s: float | None = None
        self._over_s = 0.0

    def rendered(self, periods: float) -> bool:
        """Note that so many periods were rendered since the last call; True after a second of overload.

        Real time: audio thread.
        """
        now_s, available_s = self._clock(), periods / FRAME_RATE_HZ
        taken_s = 0.0 if self._then_s is None else now_s - self._then_s
        self._then_s = now_s
        self._over_s = self._over_s + taken_s if taken_s > available_s else max(self._over_s - available_s, 0.0)
        return self._over_s > OVERLOAD_S

    def pardon(self) -> None:
        """Forget the overload so far: another bundle plays."""
        self._then_s, self._over_s = None, 0.0


def voices_that_play(engine: Engine, voices: int) -> int:
    """Measure how many of ``voices`` this computer renders within BUDGET of a period; at least 1.

    The function measures one voice and all voices, and interpolates linearly. Both loops sleep between periods, as with
    a card, because a call after a sleep takes several times as long as in a loop without pauses.
    """
    if voices == 1:
        return 1
    engine = engine.twin()  # The notes of the twin are not heard.
    one_us, all_us = _paced_us(engine, 1), _paced_us(engine, voices)
    further_us = max((all_us - one_us) / (voices - 1), 1e-3)
    return int(min(max(1 + (BUDGET * PERIOD_US - one_us) // further_us, 1), voices))


def _paced_us(engine: Engine, voices: int) -> float:
    """Median time of a period with ``voices`` held voices, µs."""
    block, times = np.zeros(PERIOD_SAMPLES, np.float32), Times(MEASURED_PERIODS)
    blend = np.zeros((engine.voices, engine.modes), np.float32)
    blend[:, 0] = 1.0
    gate = np.arange(engine.voices) < voices
    low, high = engine.manifest.modes[0].note_range
    controls = Controls(
        note=np.linspace(low, high, engine.voices, dtype=np.float32),
        gate=gate,
        velocity=gate.astype(np.float32),
        onset=gate.astype(np.int32),
        onset_s=np.zeros(engine.voices),
        blend=blend,
        bend_semitones=np.zeros(engine.voices, np.float32),
        glide_s=np.zeros(engine.voices, np.float32),
        loudness_db=np.zeros(engine.voices, np.float32),
        timbre=np.full((engine.voices, 2), 0.5, np.float32),
    )
    for _ in range(MEASURED_PERIODS):
        time.sleep(1 / FRAME_RATE_HZ)
        start_s = time.perf_counter()
        engine.render(controls, block)
        times.add((time.perf_counter() - start_s) * 1e6)
    return times.quantiles(0.5)[0]
