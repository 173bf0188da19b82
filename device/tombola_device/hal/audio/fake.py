"""The sink that a test plays on."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.port import check_block


class FakeOut:
    """Keeps what it is given, and does what a test tells it to.

    Verbs: ``run_dry`` makes the next write an xrun, ``unplug`` makes the next one fail, ``fill`` says how many samples
    lie before the next.
    """

    name = "a fake"
    lost = False

    def __init__(self) -> None:
        self.blocks: list[Float32Array] = []
        self.closed = False
        self._dry = self._gone = False
        self._ahead_samples = 0

    def run_dry(self) -> None:
        """Let the next write find the sink empty."""
        self._dry = True

    def unplug(self) -> None:
        """Let all further writes fail."""
        self._gone = True

    def fill(self, samples: int) -> None:
        """So much lies in the buffer from now on."""
        self._ahead_samples = samples

    def wait(self) -> int:
        """See AudioOut."""
        return self._ahead_samples

    def write(self, block: Float32Array) -> bool:
        """See AudioOut."""
        check_block(block)
        if self._gone or self.closed:
            raise DeviceUnavailable("the fake is unplugged; plug it in")
        self.blocks.append(block.copy())
        dry, self._dry = self._dry, False
        return not dry

    def close(self) -> None:
        """See AudioOut."""
        self.closed = True

    @property
    def sound(self) -> Float32Array:
        """All that was written. Shape (T,)."""
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.float32)
