"""Passes frames between two processes through shared memory. Neither side ever waits.

    ┌────────┬──────────────┬──────────────┬─────┬──────────────┐
    │ newest │ slot 0       │ slot 1       │  …  │ slot 15      │     slot: number, CRC-32, payload
    └────────┴──────────────┴──────────────┴─────┴──────────────┘

The writer fills the slot after the newest one, then stores its number in ``newest``. The reader copies the newest slot
and checks its CRC. The CRC fails in two cases: the writer wrote sixteen frames during one copy, or a processor with
weak memory order (arm64) showed the number before the slot. The reader then keeps its old frame and tries again a
period later. So the ring needs neither atomic exchange nor memory barriers, which Python does not offer.

>>> memory, payload = memoryview(bytearray(ring_bytes(4))), bytearray(4)
>>> writer, reader = RingWriter(memory, 4), RingReader(memory, memoryview(payload))
>>> writer.write(b"note")
>>> reader.read(), bytes(payload), reader.read()
(True, b'note', False)
"""

from __future__ import annotations

import mmap
import os
import tempfile
import zlib
from pathlib import Path

SLOTS = 16
_HEADER_BYTES = 64
_NUMBER_BYTES, _CRC_BYTES = 8, 8


def ring_bytes(payload_bytes: int, slots: int = SLOTS) -> int:
    """Size of the memory of a ring with frames of ``payload_bytes``."""
    return _HEADER_BYTES + slots * _slot_bytes(payload_bytes)


def _slot_bytes(payload_bytes: int) -> int:
    return (_NUMBER_BYTES + _CRC_BYTES + payload_bytes + 63) // 64 * 64


def create_memory(size_bytes: int) -> int:
    """Make unnamed memory, all zeros; return a descriptor for ``map_memory`` in this process or a child."""
    folder = "/dev/shm"  # noqa: S108 - memory rather than disk, if the system has it
    usable = Path(folder).is_dir() and os.access(folder, os.W_OK)
    with tempfile.TemporaryFile(dir=folder if usable else None) as file:
        file.truncate(size_bytes)
        return os.dup(file.fileno())


def map_memory(descriptor: int, size_bytes: int) -> memoryview:
    """Map the memory behind a descriptor, for reading and writing."""
    return memoryview(mmap.mmap(descriptor, size_bytes))


class RingWriter:
    """The one writer of a ring.

    Args:
        memory: ``ring_bytes(payload_bytes, slots)`` long. A ring that was written before goes on.
        payload_bytes: Length of a frame.
        slots: Number of slots.
    """

    def __init__(self, memory: memoryview, payload_bytes: int, slots: int = SLOTS) -> None:
        self._memory, self._payload_bytes, self._slots = memory, payload_bytes, slots
        self._newest = memory[:_NUMBER_BYTES].cast("Q")
        self._number = self._newest[0]

    def write(self, payload: bytes | memoryview) -> None:
        """Publish a frame.

        Real time: audio thread.
        """
        self._number += 1
        at = _HEADER_BYTES + self._number % self._slots * _slot_bytes(self._payload_bytes)
        start = at + _NUMBER_BYTES + _CRC_BYTES
        number = self._number.to_bytes(_NUMBER_BYTES, "little")
        self._memory[at : at + _NUMBER_BYTES] = number
        self._memory[at + _NUMBER_BYTES : start] = zlib.crc32(payload, zlib.crc32(number)).to_bytes(
            _CRC_BYTES, "little"
        )
        self._memory[start : start + self._payload_bytes] = payload
        self._newest[0] = self._number


class RingReader:
    """A reader of a ring.

    Args:
        memory: ``ring_bytes(payload_bytes, slots)`` long.
        into: Receives the frames; as long as a frame.
        slots: Number of slots.
    """

    def __init__(self, memory: memoryview, into: memoryview, slots: int = SLOTS) -> None:
        self._memory, self._into, self._slots = memory, into, slots
        self._newest = memory[:_NUMBER_BYTES].cast("Q")
        self._number = 0
        self._copy = bytearray(_NUMBER_BYTES + _CRC_BYTES + len(into))
        self._view = memoryview(self._copy)

    def read(self) -> bool:
        """Copy the newest frame; return False if it is damaged or already known.

        Real time: audio thread.
        """
        number = self._newest[0]
        return number != self._number and self._copy_out(number)

    def read_next(self) -> bool:
        """Copy the oldest frame that was not read yet and is still there; return False if there is none.

        Frames are left out if more than half of the slots were written since the last call.
        """
        newest = self._newest[0]
        if newest == self._number:
            return False
        wanted = self._number + 1
        if newest < wanted or newest - wanted >= self._slots // 2:
            wanted = newest
        return self._copy_out(wanted)

    @property
    def number(self) -> int:
        """Number of the frame that was read last; 0: none was."""
        return self._number

    def _copy_out(self, number: int) -> bool:
        at = _HEADER_BYTES + number % self._slots * _slot_bytes(len(self._into))
        view, start = self._view, _NUMBER_BYTES + _CRC_BYTES
        view[:] = self._memory[at : at + len(view)]
        crc = zlib.crc32(view[start:], zlib.crc32(view[:_NUMBER_BYTES]))
        if int.from_bytes(view[:_NUMBER_BYTES], "little") != number:
            return False
        if int.from_bytes(view[_NUMBER_BYTES:start], "little") != crc:
            return False
        self._number = number
        self._into[:] = view[start:]
        return True
