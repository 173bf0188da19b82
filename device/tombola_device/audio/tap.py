"""Lets another process hear the sound: a copy of each period in shared memory, without waiting for anybody.

AudioLoop ─► TappedOut ─► the card, or a clock where there is none
└─► ring of 256 periods (0.7 s) ─► the server of the page
"""

from __future__ import annotations

import struct
import time
from typing import Final

import numpy as np

from tombola_device.audio.ring import RingReader, RingWriter, ring_bytes
from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.hal.audio.port import AudioOut

TAP_PERIODS: Final = 256
_STAMP: Final = struct.Struct("<q")
_FRAME_BYTES: Final = _STAMP.size + 4 * PERIOD_SAMPLES
TAP_BYTES: Final = ring_bytes(_FRAME_BYTES, TAP_PERIODS)
"""Size of the shared memory."""


class TappedOut:
    """A sink whose sound is also copied into a ring. 4 µs a period (x86).

    Args:
        out: The sink.
        memory: TAP_BYTES long.
    """

    def __init__(self, out: AudioOut, memory: memoryview) -> None:
        self._out = out
        self.name = out.name
        self._ring = RingWriter(memory, _FRAME_BYTES, TAP_PERIODS)
        self._frame = bytearray(_FRAME_BYTES)
        self._samples = np.frombuffer(self._frame, np.float32, PERIOD_SAMPLES, _STAMP.size)
        self._bytes = memoryview(self._frame)

    @property
    def lost(self) -> bool:
        """See AudioOut."""
        return self._out.lost

    def wait(self) -> int:
        """See AudioOut."""
        return self._out.wait()

    def write(self, block: Float32Array) -> bool:
        """See AudioOut. The ring comes after the sink, which may be about to run dry."""
        whole = self._out.write(block)
        np.copyto(self._samples, block)
        _STAMP.pack_into(self._frame, 0, time.monotonic_ns() // 1000)
        self._ring.write(self._bytes)
        return whole

    def close(self) -> None:
        """See AudioOut."""
        self._out.close()


class TapReader:
    """Reads the periods of a tap, each once and in order.

    Args:
        memory: TAP_BYTES long.

    >>> from tombola_device.hal.audio.fake import FakeOut
    >>> memory = memoryview(bytearray(TAP_BYTES))
    >>> reader, out = TapReader(memory), TappedOut(FakeOut(), memory)
    >>> out.write(np.full(PERIOD_SAMPLES, 0.5, np.float32))
    True
    >>> periods = reader.read()
    >>> len(periods), float(periods[0][1][0]), reader.read()
    (1, 0.5, [])
    """

    def __init__(self, memory: memoryview) -> None:
        frame = bytearray(_FRAME_BYTES)
        self._ring = RingReader(memory, memoryview(frame), TAP_PERIODS)
        self._frame = frame
        self._ring.read()  # What was played before is past.

    def read(self) -> list[tuple[int, Float32Array]]:
        """The periods since the last call: when each was rendered, µs by ``time.monotonic``, and its 128 samples."""
        periods = []
        while self._ring.read_next():
            samples = np.frombuffer(self._frame, np.float32, PERIOD_SAMPLES, _STAMP.size).copy()
            periods.append((int(_STAMP.unpack_from(self._frame)[0]), samples))
        return periods
