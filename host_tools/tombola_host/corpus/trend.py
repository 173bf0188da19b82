"""What a note's course is, and what is motion about it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from tombola_device.contract.controls import FRAME_RATE_HZ

Float64Array = npt.NDArray[np.float64]
SLOWEST_HZ: Final = 0.5
"""What is slower is the course of the note: a decay or a swell, no motion."""
BENDS_S: Final = 0.3
"""A struck note falls fast at first and then slowly; an exponential of this length straightens the bend."""


def detrended(series: Float64Array, *, sustained: bool) -> Float64Array:
    """What is left of each column without its course: a parabola and all cosines slower than SLOWEST_HZ.

    A projection, unlike a filter, leaves no trace of a straight decay at the ends. Of a note that decays, the bend of
    its decay is taken out too. Shape (F, n), as given.
    """
    frames = len(series)
    seconds = frames / FRAME_RATE_HZ
    time = (np.arange(frames) + 0.5) / frames
    turns = np.arange(1, int(np.ceil(2 * SLOWEST_HZ * seconds)))
    courses = [np.ones(frames), time, time**2, *(np.cos(np.pi * turn * time) for turn in turns)]
    if not sustained:
        courses.append(np.exp(-time * seconds / BENDS_S))
    basis = np.column_stack(courses)
    return np.asarray(series - basis @ np.linalg.lstsq(basis, series, rcond=None)[0])
