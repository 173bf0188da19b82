"""Where in its period a note begins: every note starts a fixed delay after its edge, not at the next period.

An edge has a time stamp, but the card accepts its note only with the next period that has room, up to one period later.
So that every note has the same delay, a note begins inside its period, at sample

    k = the edge + the buffer + a reserve − when the period's first sample leaves the card
"""

from __future__ import annotations

import math

import numpy as np

from tombola_device.contract.controls import (
    FRAME_RATE_HZ,
    ONSET_FAST_S,
    ONSET_SLOW_S,
    PERIOD_SAMPLES,
    SAMPLE_RATE_HZ,
    Controls,
    Float32Array,
)
from tombola_device.engine.sound import Sound

RESERVE_S = 0.002
"""Time from an edge to the frame that reports it: one tick of the control loop, and a millisecond for the pitch to
settle. A note whose frame takes longer begins with its period; its delay is at most the buffer and one period."""
LEAST_RISE_SAMPLES = 16
"""A third of a millisecond; a faster rise clicks."""
LATEST_SAMPLE = PERIOD_SAMPLES - LEAST_RISE_SAMPLES
_NEXT_PERIOD = (LATEST_SAMPLE + PERIOD_SAMPLES) // 2
"""From this sample on, the start of the next period is nearer than LATEST_SAMPLE."""
_UNKNOWN = 2 * PERIOD_SAMPLES
"""A delay this long means that the stamp is from another clock, or that the card's buffer holds less than expected."""


LEAST_ONSET = 1e-5
"""A smaller value has no audible effect and is left as it is."""
FADE_FAST, FADE_SLOW = (math.exp(-1.0 / (FRAME_RATE_HZ * time_s)) for time_s in (ONSET_FAST_S, ONSET_SLOW_S))
"""Factor by which each column falls in a period."""


def late_rises() -> Float32Array:
    """Factors that turn a ramp over a period into one that starts at sample k and ends equal, for each k. (K, 128)."""
    late, time = np.arange(LATEST_SAMPLE + 1)[:, None], np.arange(1, PERIOD_SAMPLES + 1)
    rises = np.maximum(time - late, 0) * PERIOD_SAMPLES / ((PERIOD_SAMPLES - late) * time)
    return np.asarray(rises, np.float32)


class LateOnsets:
    """Delays notes that begin inside a period: fades in what was rendered from the period's start.

    Args:
        sound: The sound of the voices.
    """

    def __init__(self, sound: Sound) -> None:
        self.begun: list[tuple[int, int]] = []
        """Voice and sample of each delayed note in the current period."""
        self._sound = sound
        self._rises = late_rises()

    def rise(self) -> None:
        """Fade the delayed notes in, after their period was rendered.

        Real time: audio thread.
        """
        for voice, sample in self.begun:
            self._sound.scale(voice, self._rises[sample])
        self.begun.clear()


class OnsetFades:
    """The columns ``onset_fast`` and ``onset_slow``: they fall with the time since the onset of each of V voices."""

    def __init__(self, voices: int) -> None:
        self.fast = [LEAST_ONSET] * voices
        self.slow = [LEAST_ONSET] * voices

    def begin(self, voice: int) -> None:
        """Start a note."""
        self.fast[voice] = self.slow[voice] = 1.0


class OnsetClock:
    """Computes when notes begin, and postpones a frame by a period if its notes belong into the next one.

    Args:
        buffer_periods: Number of periods in the card's buffer.
        frame: The first frame to play.
    """

    def __init__(self, buffer_periods: int, frame: Controls) -> None:
        self.delay_s = buffer_periods / FRAME_RATE_HZ + RESERVE_S
        """Delay from an edge to the first sample of its note."""
        self.frame = frame
        """The frame to play: the last one taken."""
        self.samples = [0] * len(frame.onset)
        """For each voice whose note begins with that frame, the sample in the frame's first period; 0 if unknown."""
        self._seen: list[int] = frame.onset.tolist()
        self._waited = False

    def take(self, newest: Controls, heard_s: float) -> bool:
        """Accept a frame whose first sample leaves the card at ``heard_s``; False if it waits, at most for one period.

        Real time: audio thread; call it for new frames only.
        """
        onset = newest.onset.tolist()
        samples = self._begin(newest, onset, heard_s)
        if max(samples) >= _NEXT_PERIOD and not self._waited:
            self._waited = True
            return False
        self.frame, self.samples, self._seen, self._waited = newest, samples, onset, False
        return True

    def _begin(self, newest: Controls, onset: list[int], heard_s: float) -> list[int]:
        samples = [0] * len(onset)
        if onset == self._seen:
            return samples
        onset_s = newest.onset_s.tolist()
        for voice, before in enumerate(self._seen):
            if onset[voice] != before and onset_s[voice] > 0:
                sample = round((onset_s[voice] + self.delay_s - heard_s) * SAMPLE_RATE_HZ)
                if 0 < sample < _UNKNOWN:
                    samples[voice] = sample
        return samples
