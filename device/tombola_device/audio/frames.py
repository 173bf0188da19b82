"""The two frames that cross between the processes: controls one way, status the other, of a fixed layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tombola_device.audio.ring import RingReader, RingWriter, ring_bytes
from tombola_device.contract.controls import MAX_MODES, SILENCE_DB, Controls
from tombola_device.contract.errors import ShapeError

FAULT_BYTES = 240
PER_VOICE = ("note", "bend_semitones", "glide_s", "gate", "velocity", "onset", "onset_s", "loudness_db", "timbre")
"""The fields of ``Controls`` whose length does not depend on the bundle."""


def controls_dtype(voices: int) -> np.dtype[np.void]:
    """Layout of a frame of controls; a blend has room for MAX_MODES."""
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
    """How the audio process fares.

    Args:
        periods: Rendered since the start.
        xruns: How often the card ran dry.
        played: Periods that the bundle with this ``sha256`` has played alone and without a fault.
        load_p50_us: Median time to render a period, over the last 1024; a period lasts 2667 µs.
        load_p99_us: 99th percentile of the same.
        latency_p50_ms: Median time from an input's change to the first sample that it changed, as it leaves the card:
            over the last 64 changes that said when they came.
        latency_max_ms: The longest of the same.
        peak_db: Highest peak since the last frame, dBFS.
        voice_limit: How many voices may sound now; fewer than asked for after the engine had too much to do.
        slimmed: How often voices were taken away for that.
        fading: Whether two bundles are being cross-faded.
        lost: Whether the card is unplugged.
        levels_db: Level asked of each voice.
        sha256: The bundle that plays.
        fault: Why it is mute; empty while it plays.
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
    """What is known before the first frame came."""
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
    """Memory that both rings take."""
    return ring_bytes(controls_dtype(voices).itemsize) + ring_bytes(status_dtype(voices).itemsize)


def _split(memory: memoryview, voices: int) -> tuple[memoryview, memoryview]:
    cut = ring_bytes(controls_dtype(voices).itemsize)
    return memory[:cut], memory[cut:]


def _record(dtype: np.dtype[np.void]) -> tuple[npt.NDArray[np.void], memoryview]:
    """One record, and its bytes to read and write."""
    record = np.zeros(1, dtype)
    return record, record.view(np.uint8).data


class ControlsWriter:
    """Publishes frames of controls. ``memory``: ``memory_bytes(voices)`` long."""

    def __init__(self, memory: memoryview, voices: int) -> None:
        record, self._bytes = _record(controls_dtype(voices))
        # Views of the fields, made once: assigning to a record by name leaks a few bytes now and then (numpy 2.4).
        self._fields = {name: record[name][0:1] for name in record.dtype.names or ()}
        self._ring = RingWriter(_split(memory, voices)[0], len(self._bytes))

    def write(self, controls: Controls, stamp_s: float = 0.0) -> None:
        """Publish a frame.

        Args:
            controls: What is played.
            stamp_s: When what it follows came in, by ``time.monotonic``; 0 if nothing did.

        Raises:
            ShapeError: It is for another number of voices.
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
        self._latest = self._unpack()

    @property
    def stamp_s(self) -> float:
        """When what the newest frame follows came in, by ``time.monotonic``; 0 if nothing did."""
        return float(self._stamp_s[0])

    def latest(self) -> Controls:
        """The newest frame; the same object until another one comes.

        Real time: audio thread; objects are made only for a frame that is new.
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
        """What will be published, to be written to; each of shape (1,), or (1, V)."""
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
