"""What the rig is made of: time, errands, processes, card, line and keyboards, without threads and without waiting."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from faults import Plan, Tap, protocols
from tombola_device.audio.client import AudioLost
from tombola_device.audio.frames import ControlsWriter, StatusReader, memory_bytes
from tombola_device.audio.messages import AudioEvent
from tombola_device.audio.process import AudioLoop
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.errors import DeviceUnavailable, TombolaError
from tombola_device.contract.packed import voices_of
from tombola_device.disk.errands import _outcome, nothing, said
from tombola_device.engine.crossfade import preroll
from tombola_device.hal.audio import returning as returning_module
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.hal.midi.ports import FakeBackend

VOICES = 3
PERIOD_S = PERIOD_SAMPLES / SAMPLE_RATE_HZ
FINE_S, COARSE_S = PERIOD_S, 0.02
START_S = 0.3
"""An audio process takes that long to start, in virtual time."""
AUDIBLE = 0.003
PROTOCOLS = protocols()


class Clock:
    """Virtual time; stands in for the module ``time`` in all modules of the instrument."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.ahead_s = {"monotonic": 0.0, "time": 1.7e9, "perf_counter": 0.0, "thread_time": 0.0}

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self.now_s + self.ahead_s["monotonic"]

    def time(self) -> float:
        """Seconds since 1970."""
        return self.now_s + self.ahead_s["time"]

    def perf_counter(self) -> float:
        """As monotonic."""
        return self.now_s + self.ahead_s["perf_counter"]

    def thread_time(self) -> float:
        """Nothing takes time here but what a fault adds."""
        return self.ahead_s["thread_time"]

    def sleep(self, _: float) -> None:
        """Only the rig moves the time."""

    def jump(self, name: str, seconds: float) -> None:
        """Let one clock jump."""
        self.ahead_s[name] += seconds


class InTurn:
    """Does each errand in the tick after the one that sends it, as the thread of the disk does."""

    def __init__(self) -> None:
        self._queue: list[Callable[[], str]] = []

    def send(self, work: Any, done: Any = nothing, failed: Any = said) -> None:
        """See Errands."""

        def act() -> str:
            future: Future[Any] = Future()
            try:
                future.set_result(work())
            except Exception as error:  # noqa: BLE001 - as a thread pool keeps it
                future.set_exception(error)
            return _outcome(future, done, failed)

        self._queue.append(act)

    def collect(self) -> list[str]:
        """See Errands."""
        queue, self._queue = self._queue, []
        return [notice for act in queue if (notice := act())]

    def close(self) -> None:
        """See Errands."""
        self.collect()


class AtOnce:
    """A worker without a thread."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, task: Callable[[], Any], /) -> Future[Any]:
        """See Worker."""
        future: Future[Any] = Future()
        try:
            future.set_result(task())
        except Exception as error:  # noqa: BLE001 - as a thread pool keeps it
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        """See Worker."""


class Patience(Future[Any]):
    """A future that is worked for when somebody waits for it."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work

    def result(self, timeout: float | None = None) -> Any:
        """See Future."""
        if not self.done():
            self._work()
        return super().result(timeout)


class Later:
    """The thread that starts audio processes: what is submitted is done START_S later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, Future[Any], Callable[[], Any]]] = []

    @property
    def busy(self) -> bool:
        """Whether a process is starting."""
        return bool(self._waiting)

    def submit(self, task: Callable[[], Any], /) -> Future[Any]:
        """See ThreadPoolExecutor."""
        future = Patience(lambda: self.work(waited_for=True))
        self._waiting.append((self._clock.now_s + START_S, future, task))
        return future

    def work(self, *, waited_for: bool = False) -> None:
        """Do what is due, or all."""
        for entry in [entry for entry in self._waiting if waited_for or entry[0] <= self._clock.now_s]:
            self._waiting.remove(entry)
            try:
                entry[1].set_result(entry[2]())
            except Exception as error:  # noqa: BLE001 - as a thread pool keeps it
                entry[1].set_exception(error)

    def shutdown(self) -> None:
        """See ThreadPoolExecutor."""


class Speaker:
    """What can be heard: the sound of the card that plays now, unless the panel mutes it."""

    def __init__(self) -> None:
        self.peak = self.jump = self.now = 0.0
        self.periods = 0
        self._last = 0.0

    def begin(self) -> None:
        """Another card, or a card after a gap: what came before is over."""
        self._last = 0.0

    def hear(self, block: Any, *, muted: bool) -> None:
        """One period."""
        steps = np.diff(block, prepend=np.float32(self._last))
        peak = float(np.abs(block).max())
        assert np.isfinite(block).all(), "the sound is not a number"
        self.jump, self.peak = max(self.jump, float(np.abs(steps).max())), max(self.peak, peak)
        self._last, self.now = float(block[-1]), 0.0 if muted else peak
        self.periods += 1


class Card(FakeOut):
    """A card whose sound is heard and not kept."""

    def __init__(self, stage: Any) -> None:
        super().__init__()
        self._stage = stage
        self.fill(512)
        stage.speaker.begin()

    def write(self, block: Any) -> bool:
        """See AudioOut."""
        whole = super().write(block)
        self._stage.speaker.hear(self.blocks.pop(), muted=self._stage.muted)
        return whole


class Blocked(Exception):
    """A thread of the instrument waits here."""


class Passing:
    """An event whose ``wait`` comes back once, and otherwise ends the pass."""

    def __init__(self) -> None:
        self._set = self.spent = False

    def set(self) -> None:
        """See Event."""
        self._set = True

    def clear(self) -> None:
        """See Event."""
        self._set = False

    def is_set(self) -> bool:
        """See Event."""
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        """See Event."""
        if self._set:
            return True
        if timeout is None or self.spent:
            raise Blocked
        self.spent = True
        return False


class Process:
    """The audio process, without a process: see AudioProcess."""

    def __init__(self, stage: Any, bundle: Path, controls: bytes) -> None:
        if stage.dies_at_start:
            stage.dies_at_start -= 1
            raise AudioLost("the audio process has ended by itself while it started; it is started again")
        voices = voices_of(controls)
        memory = memoryview(bytearray(memory_bytes(voices)))
        self._stage = stage
        self._writer, self._reader = ControlsWriter(memory, voices), StatusReader(memory, voices)
        self._writer.write(controls)
        engine, sha256 = stage.engine(bundle)
        self.loop = AudioLoop(engine, sha256, memory, voices)
        self.alive, self.stopped, self._events, self._loads = True, False, [], []
        self.out = returning_module.ReturningOut(lambda: Tap(Card(stage), PROTOCOLS["AudioOut"], stage.plan))
        self._lost_s = 0.0
        self.ready = AudioEvent("ready", audio=self.out.name, sha256=sha256, manifest=engine.manifest, voices=voices)
        stage.processes.append(self)

    def advance(self, periods: int) -> None:
        """Let time pass."""
        if not self.alive or self.stopped:
            return
        self._load()
        try:
            for _ in range(periods):
                self.loop._period(self.out)
        except TombolaError as error:
            self._events.append(AudioEvent("ended", reason=str(error), kind=type(error).__name__))
            self.alive = False
        except Exception as error:  # noqa: BLE001 - the process ends with a traceback
            self._stage.note(f"the audio process died of {error!r}")
            self.alive = False
        self._look()

    def _load(self) -> None:
        loads, self._loads = self._loads, []
        for path in loads:
            try:
                engine, sha256 = self._stage.engine(path)
                preroll(engine, lambda: self.loop.frame)
            except Exception as error:  # noqa: BLE001 - as ``serve_commands`` does
                self._events.append(AudioEvent("refused", path=str(path), reason=str(error)))
                continue
            self._events.append(AudioEvent("loaded", path=str(path), sha256=sha256, manifest=engine.manifest))
            self.loop.take_over(engine, sha256)
        self.loop.forget()

    def _look(self) -> None:
        """Let the thread that looks for a lost card work twice a second."""
        if not self.out.lost:
            self._lost_s = self._stage.clock.now_s
        elif self._stage.clock.now_s - self._lost_s >= returning_module.RETRY_S:
            self._lost_s = self._stage.clock.now_s
            self.out._closed.spent = False
            with contextlib.suppress(Blocked):
                self.out._look()

    def send(self, controls: bytes, stamp_s: float = 0.0) -> None:
        """See Audio."""
        self._writer.write(controls, stamp_s)

    def status(self) -> Any:
        """See Audio."""
        return self._reader.latest()

    def load(self, bundle: Path) -> None:
        """See Audio."""
        if not self.alive:
            raise DeviceUnavailable("the audio process has ended; start tombolad again")
        self._loads.append(bundle)

    def events(self) -> list[AudioEvent]:
        """See Audio."""
        events, self._events = self._events, []
        return events

    def kill(self) -> None:
        """See Audio."""
        self.alive = False

    def stop(self) -> None:
        """See Audio."""
        self.alive = False
        with contextlib.suppress(Exception):
            self.out.close()


class Line:
    """The serial line between a host and flashd."""

    def __init__(self) -> None:
        self.down, self.up = bytearray(), bytearray()

    @property
    def in_waiting(self) -> int:
        """See SerialPort."""
        return len(self.down)

    def read(self, size: int, /) -> bytes:
        """See SerialPort."""
        data = bytes(self.down[:size])
        del self.down[:size]
        return data

    def write(self, data: bytes, /) -> int:
        """See SerialPort."""
        self.up += data
        return len(data)

    def close(self) -> None:
        """See SerialPort."""


class Wire(Line):
    """A UART of a DIN socket; the test puts bytes into ``down``."""


class Backend(FakeBackend):
    """Keyboards whose ports are tapped."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def open_input(self, name: str, /) -> Any:
        """See MidiBackend."""
        return Tap(super().open_input(name), PROTOCOLS["MidiPort"], self._plan)


class Heard(logging.Handler):
    """The sentences that the instrument logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(record.getMessage())


class PassingThread:
    """A thread that ``Process`` runs a pass at a time."""

    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        """See Thread."""
