"""The interface of all sinks for sound.

``wait`` returns when the sink has room for a period; ``write`` fills it. The caller reads its inputs between the two,
as late as possible. Inputs read before ``wait`` would be a period older when they are heard.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.contract.errors import ShapeError


class AudioOut(Protocol):
    """A mono sink at 48 kHz.

    >>> class Meter:
    ...     name, lost, peak = "a peak meter", False, 0.0
    ...     def wait(self): return 0
    ...     def write(self, block):
    ...         self.peak = max(self.peak, float(np.abs(block).max()))
    ...         return True
    ...     def close(self): pass
    >>> sink: AudioOut = Meter()
    >>> sink.write(np.full(PERIOD_SAMPLES, -0.5, np.float32)), sink.peak
    (True, 0.5)
    """

    name: str
    """Name for the user."""

    @property
    def lost(self) -> bool:
        """Whether the sink is unplugged at the moment and discards the sound."""

    def wait(self) -> int:
        """Wait for room for a period; return the number of samples that play before it.

        Real time: audio thread; sleeps at most one period. ``write`` reports the errors.
        """

    def write(self, block: Float32Array) -> bool:
        """Write one period, shape (128,), full scale ±1.0; return False after an xrun (the sink was empty).

        Raises:
            DeviceUnavailable: The sink is lost.

        Real time: audio thread; does not sleep after ``wait``.
        """

    def close(self) -> None:
        """Play the written samples to the end, and close the sink. May be called twice."""


def check_block(block: Float32Array) -> None:
    """Raise ShapeError unless ``block`` is one period of float32."""
    if block.shape != (PERIOD_SAMPLES,) or block.dtype != np.float32:
        raise ShapeError(f"the block is {block.dtype} {block.shape}; write float32 ({PERIOD_SAMPLES},)")
