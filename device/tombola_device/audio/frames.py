"""The two frames between the processes, of fixed layout: controls to the audio process, status from it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tombola_device.audio.ring import RingReader, RingWriter, ring_bytes
from tombola_device.contract.controls import SILENCE_DB, Controls
from tombola_device.contract.errors import ShapeError
from tombola_device.contract.packed import at_rest, most_bytes, unpack, voices_of

FAULT_BYTES = 240
_STAMP = struct.Struct("<d")


def status_dtype(voices: int) -> np.dtype[np.void]:
    """Layout of a frame of status."""
    return np.dtype(
        [
            ("periods", "<u8"),
            ("xruns", "<u8"),
            ("played", "<u8"),
            ("load_p50_us", "<f4"),
            ("load_p99_us", "<f4"),
            ("latency_p50_ms", "<f4"),
            ("latency_max_ms", "<f4"),
            ("peak_db", "<f4"),
            ("voice_limit", "<i4"),
            ("slimmed", "<i4"),
            ("fading", "?"),
            ("lost", "?"),
            ("levels_db", "<f4", (voices,)),
            ("sha256", "S64"),
            ("fault", f"S{FAULT_BYTES}"),
        ]
    )


@dataclass(frozen=True, slots=True)
class AudioStatus:
    """The state of the audio process.

    Args:
        periods: Rendered periods since the start.
        xruns: Number of times that the card ran out of samples.
        played: Periods that the bundle ``sha256`` has played alone and without a fault.
        load_p50_us: Median time to render a period, over the last 1024; a period lasts 2667 µs.
        load_p99_us: 99th percentile of these times.
        latency_p50_ms: Median time from the change of an input until the card plays the first changed sample, over the
            last 64 changes with a known time.
        latency_max_ms: Longest of these times.
        peak_db: Highest peak since the last frame, dBFS.
        voice_limit: Number of voices that may sound now; reduced after overload.
        slimmed: Number of these reductions.
        fading: Whether a cross-fade between two bundles is running.
        lost: Whether the card is unplugged.
        levels_db: Wanted level of each voice.
        sha256: SHA-256 of the bundle that plays.
        fault: Reason for the silence; empty while the bundle plays.
    """

    periods: int
    xruns: int
    played: int
    load_p50_us: float
    load_p99_us: float
    latency_p50_ms: float
    latency_max_ms: float
    peak_db: float
    voice_limit: int
    slimmed: int
    fading: bool
    lost: bool
    levels_db: tuple[float, ...]
    sha256: str
    fault: str


def quiet_status(voices: int) -> AudioStatus:
    """The status before the first frame arrives."""
    return AudioStatus(
        periods=0,
        xruns=0,
        played=0,
        load_p50_us=0.0,
        load_p99_us=0.0,
        latency_p50_ms=0.0,
        latency_max_ms=0.0,
        peak_db=SILENCE_DB,
        voice_limit=voices,
        slimmed=0,
        fading=False,
        lost=False,
        levels_db=(SILENCE_DB,) * voices,
        sha256="",
        fault="",
    )


def _controls_bytes(voices: int) -> int:
    return _STAMP.size + most_bytes(voices)


def memory_bytes(voices: int) -> int:
    """Size of the memory of both rings."""
    return ring_bytes(_controls_bytes(voices)) + ring_bytes(status_dtype(voices).itemsize)


def _split(memory: memoryview, voices: int) -> tuple[memoryview, memoryview]:
    cut = ring_bytes(_controls_bytes(voices))
    return memory[:cut], memory[cut:]


def _record(dtype: np.dtype[np.void]) -> tuple[npt.NDArray[np.void], memoryview]:
    """One record, and a view of its bytes."""
    record = np.zeros(1, dtype)
    return record, record.view(np.uint8).data


class ControlsWriter:
    """Publishes frames of controls. ``memory``: ``memory_bytes(voices)`` long.

    >>> from tombola_device.play.player import Player
    >>> memory, player = memoryview(bytearray(memory_bytes(1))), Player(modes=2, voices=1)
    >>> player.note_on(69, velocity=0.8)
    >>> ControlsWriter(memory, voices=1).write(player.packed())
    >>> float(ControlsReader(memory, voices=1, modes=2).latest().note[0])
    69.0
    """

    def __init__(self, memory: memoryview, voices: int) -> None:
        self._voices, self._bytes = voices, _controls_bytes(voices)
        self._ring = RingWriter(_split(memory, voices)[0], self._bytes)
        self._stamp_s = 0.0

    def write(self, packed: bytes, stamp_s: float = 0.0) -> None:
        """Publish a frame.

        Args:
            packed: The frame, as in ``contract.packed``.
            stamp_s: Arrival time of the input that changed the frame, by ``time.monotonic``; 0: no input. The frame
                then keeps the stamp of the one before, which the reader may not have seen.

        Raises:
            ShapeError: The frame has another number of voices.
        """
        if voices_of(packed) != self._voices:
            raise ShapeError(f"the controls are for {voices_of(packed)} voices, not {self._voices}")
        self._stamp_s = stamp_s or self._stamp_s
        self._ring.write((_STAMP.pack(self._stamp_s) + packed).ljust(self._bytes, b"\0"))


class ControlsReader:
    """Gives the newest frame of controls. ``memory``: ``memory_bytes(voices)`` long."""

    def __init__(self, memory: memoryview, voices: int, modes: int) -> None:
        self._bytes = memoryview(bytearray(_controls_bytes(voices)))
        self._ring = RingReader(_split(memory, voices)[0], self._bytes)
        self.stamp_s = 0.0
        """Arrival time of the newest input that changed a frame, by ``time.monotonic``; 0: none did."""
        self._latest = at_rest(modes, voices)

    def latest(self) -> Controls:
        """The newest frame; the same object until another frame arrives.

        Real time: audio thread; allocates objects only for a new frame.
        """
        if self._ring.read():
            self.stamp_s = _STAMP.unpack_from(self._bytes)[0]
            self._latest = unpack(self._bytes[_STAMP.size :])
        return self._latest


class StatusWriter:
    """Publishes frames of status. ``memory``: ``memory_bytes(voices)`` long."""

    def __init__(self, memory: memoryview, voices: int) -> None:
        record, self._bytes = _record(status_dtype(voices))
        self.fields = {name: record[name] for name in record.dtype.names or ()}
        """The fields of the next frame, to write to; each of shape (1,) or (1, V)."""
        self._ring = RingWriter(_split(memory, voices)[1], len(self._bytes))

    def write(self) -> None:
        """Publish ``fields``.

        Real time: audio thread.
        """
        self._ring.write(self._bytes)


class StatusReader:
    """Gives the newest frame of status. ``memory``: ``memory_bytes(voices)`` long."""

    def __init__(self, memory: memoryview, voices: int) -> None:
        self._record, self._bytes = _record(status_dtype(voices))
        self._ring = RingReader(_split(memory, voices)[1], self._bytes)
        self._latest = quiet_status(voices)

    def latest(self) -> AudioStatus:
        """The newest frame."""
        if self._ring.read():
            record = self._record[0]
            self._latest = AudioStatus(
                periods=int(record["periods"]),
                xruns=int(record["xruns"]),
                played=int(record["played"]),
                load_p50_us=float(record["load_p50_us"]),
                load_p99_us=float(record["load_p99_us"]),
                latency_p50_ms=float(record["latency_p50_ms"]),
                latency_max_ms=float(record["latency_max_ms"]),
                peak_db=float(record["peak_db"]),
                voice_limit=int(record["voice_limit"]),
                slimmed=int(record["slimmed"]),
                fading=bool(record["fading"]),
                lost=bool(record["lost"]),
                levels_db=tuple(record["levels_db"].tolist()),
                sha256=bytes(record["sha256"]).decode(),
                fault=bytes(record["fault"]).decode("utf-8", "replace"),
            )
        return self._latest
