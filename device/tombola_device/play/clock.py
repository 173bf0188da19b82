"""MIDI clock: 24 ticks a quarter note in, or pulses from a jack; tempo and pulses out. Pure: times are given.

Source: MIDI 1.0 detailed specification, system real-time messages.
"""

from __future__ import annotations

from collections import deque
from typing import Final

TICKS_PER_QUARTER: Final = 24
LOST_S: Final = 0.5
"""Slower than 5 bpm is no tempo: the clock has stopped."""
KEPT_TICKS: Final = 2 * TICKS_PER_QUARTER
PULSES_PER_QUARTER: Final = 4
"""Of a jack: sixteenth notes, as analogue sequencers send them."""
PULSE_LOST_S: Final = 3.0
"""A sixteenth note at 5 bpm."""
KEPT_PULSES: Final = 2 * PULSES_PER_QUARTER


class MidiClock:
    """Follows a clock.

    Args:
        ticks_per_pulse: How many ticks make one pulse of the clock output: 6 is a sixteenth note, 24 a quarter.
    """

    def __init__(self, ticks_per_pulse: int = 6) -> None:
        self.ticks_per_pulse = ticks_per_pulse
        self.running = False
        """Whether the sequencer plays; pulses come only then."""
        self.pulses = 0
        """Pulses since the beginning; each one more is a pulse to send."""
        self._ticks = 0
        self._times_s: deque[float] = deque(maxlen=KEPT_TICKS + 1)
        self._pulse_times_s: deque[float] = deque(maxlen=KEPT_PULSES + 1)

    def tick(self, time_s: float) -> None:
        """One tick came at ``time_s``."""
        if self._times_s and not 0 < time_s - self._times_s[-1] < LOST_S:
            self._times_s.clear()
        self._times_s.append(time_s)
        if self.running and not self._patched(time_s):
            self.pulses += self._ticks % self.ticks_per_pulse == 0
            self._ticks += 1

    def pulse(self, time_s: float) -> None:
        """A pulse came at the clock jack: a sixteenth note. While pulses come, MIDI's ticks make none."""
        if self._pulse_times_s and not 0 < time_s - self._pulse_times_s[-1] < PULSE_LOST_S:
            self._pulse_times_s.clear()
        self._pulse_times_s.append(time_s)
        self.pulses += 1

    def _patched(self, now_s: float) -> bool:
        return bool(self._pulse_times_s) and now_s - self._pulse_times_s[-1] <= PULSE_LOST_S

    def start(self) -> None:
        """Play from the beginning: the next tick is the first."""
        self._ticks, self.running = 0, True

    def go_on(self) -> None:
        """Play on from where it was stopped."""
        self.running = True

    def stop(self) -> None:
        """Pause."""
        self.running = False

    def tempo_bpm(self, now_s: float) -> float:
        """Quarter notes per minute, over the last two; 0 without a clock."""
        pulses = self._pulse_times_s
        if self._patched(now_s) and len(pulses) > 1:
            return 60.0 * (len(pulses) - 1) / (PULSES_PER_QUARTER * (pulses[-1] - pulses[0]))
        times = self._times_s
        if len(times) < 2 or now_s - times[-1] > LOST_S:
            return 0.0
        return 60.0 * (len(times) - 1) / (TICKS_PER_QUARTER * (times[-1] - times[0]))
