"""A frame of controls in bytes: as the control process makes it, and as the audio process receives it.

    modes, voices │ one row per voice: onset_s, note, …, gate │ one blend per voice

The control loop may make one in each millisecond. To pack numbers costs it 9 µs after a sleep, to make arrays 34 (x86).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from tombola_device.contract.controls import MAX_MODES, Controls

_ROW: Final = np.dtype(
    [
        ("onset_s", "<f8"),
        ("note", "<f4"),
        ("bend_semitones", "<f4"),
        ("glide_s", "<f4"),
        ("velocity", "<f4"),
        ("loudness_db", "<f4"),
        ("timbre", "<f4", (2,)),
        ("life", "<f4"),
        ("onset", "<i4"),
        ("gate", "?"),
    ]
)
_HEADER: Final = struct.Struct("<ii")


@lru_cache(maxsize=4)  # To make one costs more than to use it.
def _layout(modes: int, voices: int) -> struct.Struct:
    return struct.Struct("<ii" + "d8fi?" * voices + f"{modes * voices}f")


def most_bytes(voices: int) -> int:
    """Length of the longest frame for V voices."""
    return _layout(MAX_MODES, voices).size


def voices_of(packed: bytes) -> int:
    """V of a frame."""
    return int(_HEADER.unpack_from(packed)[1])


def pack(modes: int, voices: int, rows: Sequence[float], blends: Sequence[float]) -> bytes:
    """Make a frame.

    Args:
        modes: M.
        voices: V.
        rows: For each voice: onset_s, note, bend_semitones, glide_s, velocity, loudness_db, timbre X and Y, life,
            onset, gate; as in ``Controls``. Shape (11 V,).
        blends: Shape (V M,).

    >>> row = (12.5, 69.0, 0.0, 0.0, 0.8, -6.0, 0.5, 0.5, 1.0, 3, True)
    >>> controls = unpack(pack(2, 1, row, (0.25, 0.75)))
    >>> controls.note, controls.onset, controls.gate, controls.blend
    (array([69.], dtype=float32), array([3], dtype=int32), array([ True]), array([[0.25, 0.75]], dtype=float32))
    """
    return _layout(modes, voices).pack(modes, voices, *rows, *blends)


def at_rest(modes: int, voices: int) -> Controls:
    """The controls before the first frame: nothing was struck."""
    row = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 0, False)
    return unpack(pack(modes, voices, row * voices, (1.0, *(0.0,) * (modes - 1)) * voices))


def unpack(packed: bytes | memoryview) -> Controls:
    """The controls of a frame; what follows the frame in ``packed`` is ignored.

    Real time: audio thread; allocates the arrays of the frame.
    """
    modes, voices = _HEADER.unpack_from(packed)
    rows = np.frombuffer(packed, _ROW, voices, _HEADER.size)
    blend = np.frombuffer(packed, "<f4", voices * modes, _HEADER.size + rows.nbytes)
    return Controls(**{name: rows[name].copy() for name in _ROW.names or ()}, blend=blend.reshape(voices, modes).copy())
