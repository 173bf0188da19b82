"""The control process's connection to the audio process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from tombola_device.audio.frames import AudioStatus, ControlsWriter, StatusReader, memory_bytes
from tombola_device.audio.messages import AudioEvent, Load, Start
from tombola_device.audio.ring import create_memory, map_memory
from tombola_device.contract import errors
from tombola_device.contract.errors import DeviceUnavailable, TombolaError
from tombola_device.contract.packed import voices_of

START_S = 60.0
"""Longest start. A Raspberry Pi imports numpy and onnxruntime from a cold card in much less."""
STOP_S = 5.0


class AudioLost(DeviceUnavailable):
    """The audio process has died, or renders no more: another one can take its place."""


class Audio(Protocol):
    """The audio process, as the control process sees it: ``AudioProcess``, or the fake ``audio.fake.FakeAudio``.

    >>> class Still:
    ...     ready, alive = AudioEvent("ready", audio="nothing", voices=1), True
    ...     def __init__(self): self.said = []
    ...     def send(self, controls, stamp_s=0.0): pass
    ...     def status(self): return quiet_status(1)
    ...     def load(self, bundle): self.said.append(AudioEvent("loaded", path=str(bundle)))
    ...     def events(self): said, self.said = self.said, []; return said
    ...     def kill(self): pass
    ...     def stop(self): pass
    >>> audio: Audio = Still()
    >>> audio.load(Path("quartet.tombola"))
    >>> [event.path for event in audio.events()]
    ['quartet.tombola']
    """

    @property
    def ready(self) -> AudioEvent:
        """The ``ready`` event."""

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""

    def send(self, controls: bytes, stamp_s: float = 0.0) -> None:
        """Publish a frame of controls, packed as in ``contract.packed``; ``stamp_s`` as in ``ControlsWriter.write``."""

    def status(self) -> AudioStatus:
        """The newest status; the same object until another status arrives."""

    def load(self, bundle: Path) -> None:
        """Request a cross-fade to another bundle. A ``loaded`` or ``refused`` event follows.

        Raises:
            DeviceUnavailable: The process has ended.
        """

    def events(self) -> list[AudioEvent]:
        """The events since the last call. Does not wait."""

    def kill(self) -> None:
        """End the process at once, whatever it is at."""

    def stop(self) -> None:
        """Let the process fade out, and wait for its end. May be called twice."""


class AudioProcess:
    """A running audio process.

    Args:
        bundle: File of the first bundle.
        controls: The performance that it joins, packed, with V voices: held notes begin, released ones do not.
        audio: Name for ``hal.audio.open_audio``.
        buffer_periods: Length of the card's buffer in periods.
        fallback: Wav file for ``auto`` without a card.
        realtime: Whether to request SCHED_FIFO and locked memory.
        measure: Whether to measure first how many voices this computer can play.
        should_stop: Called during the start; True aborts the start.
        tap: Descriptor of shared memory that takes a copy of the sound; -1: none.

    Raises:
        AudioLost: The process died.
        TombolaError: The audio process ended during the start; its error, in the same class.
    """

    def __init__(  # noqa: PLR0913 - all but two are named
        self,
        bundle: Path,
        controls: bytes,
        *,
        audio: str,
        buffer_periods: int,
        fallback: Path,
        realtime: bool,
        measure: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        tap: int = -1,
    ) -> None:
        voices = voices_of(controls)
        descriptor = create_memory(memory_bytes(voices))
        try:
            memory = map_memory(descriptor, memory_bytes(voices))
            self._controls, self._status = ControlsWriter(memory, voices), StatusReader(memory, voices)
            self._controls.write(controls)
            start = Start(descriptor, voices, str(bundle), audio, buffer_periods, str(fallback), realtime, measure, tap)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tombola_device.audio.process", msgspec.json.encode(start).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(descriptor,) if tap < 0 else (descriptor, tap),
                env=os.environ | {"ORT_DISABLE_TELEMETRY": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        finally:
            os.close(descriptor)
        self._pending = b""
        os.set_blocking(self._stdout, False)
        self.ready = self._wait_until_ready(should_stop)
        """The ``ready`` event."""

    @property
    def _stdout(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def send(self, controls: bytes, stamp_s: float = 0.0) -> None:
        """Publish a frame of controls, packed as in ``contract.packed``; ``stamp_s`` as in ``ControlsWriter.write``."""
        self._controls.write(controls, stamp_s)

    def status(self) -> AudioStatus:
        """The newest status of the audio process."""
        return self._status.latest()

    def load(self, bundle: Path) -> None:
        """Request a cross-fade to another bundle. A ``loaded`` or ``refused`` event follows.

        Raises:
            DeviceUnavailable: The audio process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(Load(str(bundle))) + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise DeviceUnavailable("the audio process has ended; start tombolad again") from error

    def events(self) -> list[AudioEvent]:
        """The events since the last call. Does not wait."""
        try:
            while data := os.read(self._stdout, 65_536):
                self._pending += data
        except BlockingIOError:
            pass
        *lines, self._pending = self._pending.split(b"\n")
        return [msgspec.json.decode(line, type=AudioEvent) for line in lines]

    def kill(self) -> None:
        """End the process at once, whatever it is at."""
        self._process.kill()

    def stop(self) -> None:
        """Let the process fade out, and wait for its end. May be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(OSError):  # The process has already ended.
                self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _wait_until_ready(self, should_stop: Callable[[], bool]) -> AudioEvent:
        until_s = time.monotonic() + START_S
        while True:
            ended = not self.alive
            for event in self.events():
                if event.event == "ready":
                    return event
                if event.event == "ended":
                    self.stop()
                    raise error_of(event)
            if ended or time.monotonic() > until_s or should_stop():
                self.stop()
                if ended and self._process.returncode < 0:  # By a signal: native code crashed, or memory ran out.
                    raise AudioLost("the audio process has ended by itself while it started; it is started again")
                raise DeviceUnavailable("the audio process did not start; run tombolad again and read its log")
            time.sleep(0.005)


def error_of(event: AudioEvent) -> TombolaError:
    """The error of an ``ended`` event, in the class that it names."""
    kind = getattr(errors, event.kind, TombolaError)
    is_ours = isinstance(kind, type) and issubclass(kind, TombolaError)
    return kind(event.reason) if is_ours else DeviceUnavailable(event.reason)
