"""Where in its period a note begins: as long after the edge that asked for it as every other, and not with the period.

An edge is stamped, but what it plays is rendered with the next period for which the card has room: up to one later. So
that the wait is the same for all, a note begins inside its period, at

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
"""From the edge to the frame that tells of it: a tick of the control loop, and a millisecond to let the pitch settle.
What takes longer begins with its period. The delay is then less than the buffer and one period."""
LEAST_RISE_SAMPLES = 16
"""A third of a millisecond: what rises faster clicks."""
LATEST_SAMPLE = PERIOD_SAMPLES - LEAST_RISE_SAMPLES
_NEXT_PERIOD = (LATEST_SAMPLE + PERIOD_SAMPLES) // 2
"""From here on the next period's begin is nearer than LATEST_SAMPLE."""
_UNKNOWN = 2 * PERIOD_SAMPLES
"""What would be as late as that has a stamp of another clock, or there is less in the buffer than it holds."""


LEAST_ONSET = 1e-5
"""What is below moves nothing that is heard; it is left as it is."""
FADE_FAST, FADE_SLOW = (math.exp(-1.0 / (FRAME_RATE_HZ * time_s)) for time_s in (ONSET_FAST_S, ONSET_SLOW_S))
"""What is left of each after a period."""


def late_rises() -> Float32Array:
    """What makes of a ramp over a period one from 0 at sample k to the same end, for each k. Shape (K, 128)."""
    late, time = np.arange(LATEST_SAMPLE + 1)[:, None], np.arange(1, PERIOD_SAMPLES + 1)
    rises = np.maximum(time - late, 0) * PERIOD_SAMPLES / ((PERIOD_SAMPLES - late) * time)
    return np.asarray(rises, np.float32)


class LateOnsets:
    """Notes that begin inside a period: what was rendered from its start is made to rise from theirs.

    Args:
        sound: What the voices play.
    """

    def __init__(self, sound: Sound) -> None:
        self.begun: list[tuple[int, int]] = []
        """Voice and sample of notes that begin in the period that is rendered just now."""
        self._sound = sound
        self._rises = late_rises()

    def rise(self) -> None:
        """The period in which they begin was rendered.

        Real time: audio thread.
        """
        for voice, sample in self.begun:
            self._sound.scale(voice, self._rises[sample])
        self.begun.clear()


class OnsetFades:
    """The columns ``onset_fast`` and ``onset_slow``: how long ago each of V voices began its note."""

    def __init__(self, voices: int) -> None:
        self.fast = [LEAST_ONSET] * voices
        self.slow = [LEAST_ONSET] * voices

    def begin(self, voice: int) -> None:
        """A note begins."""
        self.fast[voice] = self.slow[voice] = 1.0


class OnsetClock:
    """Says when notes begin, and lets a frame wait for the next period if its notes belong there.

    Args:
        buffer_periods: How many periods the card's buffer holds.
        frame: What is played at first.
    """

    def __init__(self, buffer_periods: int, frame: Controls) -> None:
        self.delay_s = buffer_periods / FRAME_RATE_HZ + RESERVE_S
        """From an edge to the first sample of its note."""
        self.frame = frame
        """What is to be played: the frame that was taken last."""
        self.samples = [0] * len(frame.onset)
        """Where in the first period of that frame the notes begin that begin with it, by voice; 0 if unknown."""
        self._seen: list[int] = frame.onset.tolist()
        self._waited = False

    def take(self, newest: Controls, heard_s: float) -> bool:
        """Take a frame that is to be heard from ``heard_s`` on; False if it waits, as it does for one period at most.

        Real time: audio thread; called for a frame that is new.
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
