"""The fake sink for tests."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.port import check_block


class FakeOut:
    """Keeps all blocks that are written to it.

    Verbs for tests: ``run_dry`` makes the next write an xrun, ``unplug`` makes all further writes fail, ``fill`` sets
    the number of samples before the next one.

    >>> out = FakeOut()
    >>> out.run_dry()
    >>> out.write(np.zeros(128, np.float32)), out.write(np.zeros(128, np.float32)), len(out.sound)
    (False, True, 256)
    """

    name = "a fake"
    lost = False

    def __init__(self) -> None:
        self.blocks: list[Float32Array] = []
        self.closed = False
        self._dry = self._gone = False
        self._ahead_samples = 0

    def run_dry(self) -> None:
        """Make the next write an xrun."""
        self._dry = True

    def unplug(self) -> None:
        """Make all further writes fail."""
        self._gone = True

    def fill(self, samples: int) -> None:
        """Set the number of samples in the buffer from now on."""
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
        """All written samples. Shape (T,)."""
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.float32)
