"""The two frames between the processes, of fixed layout: controls to the audio process, status from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tombola_device.audio.ring import RingReader, RingWriter, ring_bytes
from tombola_device.contract.controls import MAX_MODES, SILENCE_DB, Controls
from tombola_device.contract.errors import ShapeError

FAULT_BYTES = 240
PER_VOICE = (
    *("note", "bend_semitones", "glide_s", "gate", "velocity", "onset", "onset_s"),
    *("loudness_db", "timbre", "life"),
)
"""The fields of ``Controls`` whose length does not depend on the bundle."""


def controls_dtype(voices: int) -> np.dtype[np.void]:
    """Layout of a frame of controls; each blend has MAX_MODES places."""
    return np.dtype(
        [
            ("stamp_s", "<f8"),
            ("onset_s", "<f8", (voices,)),
            ("modes", "<i4"),
            ("note", "<f4", (voices,)),
            ("bend_semitones", "<f4", (voices,)),
            ("glide_s", "<f4", (voices,)),
            ("loudness_db", "<f4", (voices,)),
            ("timbre", "<f4", (voices, 2)),
            ("life", "<f4", (voices,)),
            ("velocity", "<f4", (voices,)),
            ("onset", "<i4", (voices,)),
            ("gate", "?", (voices,)),
            ("blend", "<f4", (voices, MAX_MODES)),
        ]
    )


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


def memory_bytes(voices: int) -> int:
    """Size of the memory of both rings."""
    return ring_bytes(controls_dtype(voices).itemsize) + ring_bytes(status_dtype(voices).itemsize)


def _split(memory: memoryview, voices: int) -> tuple[memoryview, memoryview]:
    cut = ring_bytes(controls_dtype(voices).itemsize)
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
    >>> ControlsWriter(memory, voices=1).write(player.controls())
    >>> float(ControlsReader(memory, voices=1, modes=2).latest().note[0])
    69.0
    """

    def __init__(self, memory: memoryview, voices: int) -> None:
        record, self._bytes = _record(controls_dtype(voices))
        # Views of the fields, made once: assigning to a field by name sometimes leaks a few bytes (numpy 2.4).
        self._fields = {name: record[name][0:1] for name in record.dtype.names or ()}
        self._ring = RingWriter(_split(memory, voices)[0], len(self._bytes))

    def write(self, controls: Controls, stamp_s: float = 0.0) -> None:
        """Publish a frame.

        Args:
            controls: The frame.
            stamp_s: Arrival time of the input that changed the frame, by ``time.monotonic``; 0: no input.

        Raises:
            ShapeError: The controls have another number of voices.
        """
        fields, voices = self._fields, self._fields["note"].shape[1]
        if controls.note.shape != (voices,):
            raise ShapeError(f"the controls are for {len(controls.note)} voices, not {voices}")
        modes = controls.blend.shape[1]
        fields["stamp_s"][0], fields["modes"][0] = stamp_s, modes
        for name in PER_VOICE:
            fields[name][0] = getattr(controls, name)
        fields["blend"][0, :, :modes] = controls.blend
        self._ring.write(self._bytes)


class ControlsReader:
    """Gives the newest frame of controls. ``memory``: ``memory_bytes(voices)`` long."""

    def __init__(self, memory: memoryview, voices: int, modes: int) -> None:
        self._record, self._bytes = _record(controls_dtype(voices))
        self._ring = RingReader(_split(memory, voices)[0], self._bytes)
        self._stamp_s = self._record["stamp_s"]
        self._record[0]["modes"] = modes
        self._record[0]["blend"][:, 0] = 1.0
        self._record[0]["timbre"] = 0.5
        self._record[0]["life"] = 1.0
        self._latest = self._unpack()

    @property
    def stamp_s(self) -> float:
        """Arrival time of the input that changed the newest frame, by ``time.monotonic``; 0: no input."""
        return float(self._stamp_s[0])

    def latest(self) -> Controls:
        """The newest frame; the same object until another frame arrives.

        Real time: audio thread; allocates objects only for a new frame.
        """
        if self._ring.read():
            self._latest = self._unpack()
        return self._latest

    def _unpack(self) -> Controls:
        record = self._record[0]
        return Controls(
            **{name: record[name].copy() for name in PER_VOICE},
            blend=record["blend"][:, : int(record["modes"])].copy(),
        )


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
