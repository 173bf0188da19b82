"""Clock: from MIDI ticks (24 per quarter note) or pulses of a jack to a tempo and output pulses. Reads no clock itself.

Source: MIDI 1.0 detailed specification, system real-time messages.
"""

from __future__ import annotations

from collections import deque
from typing import Final

TICKS_PER_QUARTER: Final = 24
LOST_S: Final = 0.5
"""Ticks further apart than this (5 bpm) mean that the clock has stopped."""
KEPT_TICKS: Final = 2 * TICKS_PER_QUARTER
PULSES_PER_QUARTER: Final = 4
"""Pulses at the jack are sixteenth notes, as in analogue sequencers."""
PULSE_LOST_S: Final = 3.0
"""A sixteenth note at 5 bpm."""
KEPT_PULSES: Final = 2 * PULSES_PER_QUARTER


class MidiClock:
    """Follows a clock.

    Args:
        ticks_per_pulse: Ticks per pulse of the clock output: 6 for sixteenth notes, 24 for quarter notes.

    >>> clock = MidiClock()
    >>> clock.start()
    >>> for tick in range(49):
    ...     clock.tick(tick * 60 / (24 * 120))
    >>> round(clock.tempo_bpm(now_s=1.0)), clock.pulses
    (120, 9)
    """

    def __init__(self, ticks_per_pulse: int = 6) -> None:
        self.ticks_per_pulse = ticks_per_pulse
        self.running = False
        """Whether the sequencer plays. Only then ticks make pulses."""
        self.pulses = 0
        """Number of output pulses so far. The caller sends one pulse per increase."""
        self._ticks = 0
        self._times_s: deque[float] = deque(maxlen=KEPT_TICKS + 1)
        self._pulse_times_s: deque[float] = deque(maxlen=KEPT_PULSES + 1)

    def tick(self, time_s: float) -> None:
        """A MIDI tick arrived at ``time_s``."""
        if self._times_s and not 0 < time_s - self._times_s[-1] < LOST_S:
            self._times_s.clear()
        self._times_s.append(time_s)
        if self.running and not self._patched(time_s):
            self.pulses += self._ticks % self.ticks_per_pulse == 0
            self._ticks += 1

    def pulse(self, time_s: float) -> None:
        """A pulse (a sixteenth note) arrived at the clock jack. While pulses arrive, MIDI ticks make no pulses."""
        if self._pulse_times_s and not 0 < time_s - self._pulse_times_s[-1] < PULSE_LOST_S:
            self._pulse_times_s.clear()
        self._pulse_times_s.append(time_s)
        self.pulses += 1

    def _patched(self, now_s: float) -> bool:
        return bool(self._pulse_times_s) and now_s - self._pulse_times_s[-1] <= PULSE_LOST_S

    def start(self) -> None:
        """Start from the beginning: the next tick is the first."""
        self._ticks, self.running = 0, True

    def go_on(self) -> None:
        """Continue from the place where the sequencer stopped."""
        self.running = True

    def stop(self) -> None:
        """Pause."""
        self.running = False

    def tempo_bpm(self, now_s: float) -> float:
        """Tempo over the last two quarter notes; 0 without a clock."""
        pulses = self._pulse_times_s
        if self._patched(now_s) and len(pulses) > 1:
            return 60.0 * (len(pulses) - 1) / (PULSES_PER_QUARTER * (pulses[-1] - pulses[0]))
        times = self._times_s
        if len(times) < 2 or now_s - times[-1] > LOST_S:
            return 0.0
        return 60.0 * (len(times) - 1) / (TICKS_PER_QUARTER * (times[-1] - times[0]))
