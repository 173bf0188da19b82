"""Where the sound goes: the seam that every sink serves.

``wait`` returns when there is room for a period, ``write`` fills it: what is played is read from the inputs in between,
as late as it can be. Read after ``write`` instead, it would be a period older when it is heard.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.contract.errors import ShapeError


class AudioOut(Protocol):
    """A mono sink at 48 kHz."""

    name: str
    """What a user would call it."""

    @property
    def lost(self) -> bool:
        """Whether the sink is away just now, and the sound goes nowhere."""

    def wait(self) -> int:
        """Return when there is room for a period, with the number of samples that will be heard before it.

        Real time: audio thread; sleeps, at most as long as a period. What goes wrong is told by ``write``.
        """

    def write(self, block: Float32Array) -> bool:
        """Hand one period over, shape (128,), full scale ±1.0; False if the sink had run dry before it (an xrun).

        Raises:
            DeviceUnavailable: The sink is gone.

        Real time: audio thread; does not sleep after ``wait``.
        """

    def close(self) -> None:
        """Play out what was handed over, and give the sink back. May be called twice."""


def check_block(block: Float32Array) -> None:
    """Raise ShapeError unless it is one period of float32."""
    if block.shape != (PERIOD_SAMPLES,) or block.dtype != np.float32:
        raise ShapeError(f"the block is {block.dtype} {block.shape}; write float32 ({PERIOD_SAMPLES},)")
