"""The audio process: ``python -m tombola_device.audio.process``, started by ``AudioProcess``.

Shared memory carries controls to this process and status from it. Commands arrive as lines of JSON on standard input;
events leave as lines on standard output. When standard input ends, the control process has ended, and this process
fades out.

A second thread of this process loads new bundles and lets them play the held notes unheard. Two processes could not
cross-fade on one card without a mixer, and a mixer would add a buffer. The thread disturbs the sound little, because
onnxruntime releases the interpreter while it makes a session. Measured on 2 x86 cores:

- A FIFO thread that wakes every 0.5 ms, beside 30 sessions of 5 ms each: latest wake-up 0.96 ms; beside a sleeping
  thread 0.59 ms. A card's buffer holds 10.7 ms.
- 16 voices that take 0.5 of a period: beside the loading thread's preroll the median period is no longer than without
  it; in the 4 periods of the fade it takes 0.9. When the preroll ran in the audio thread, 53 periods took that long,
  and a swap left 6 to 9 of 16 voices.
- Five swaps of bundles under two held notes, a timer-paced card with such a buffer, a load of 6: 0 xruns in two runs
  with SCHED_FIFO, 20 without. When each bundle made its own noise table there were 4, so the bundles share one table.
"""

from __future__ import annotations

import math
import select
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from tombola_device.audio.budget import Overload, Times, VoiceBudget, voices_that_play
from tombola_device.audio.frames import FAULT_BYTES, ControlsReader, StatusWriter, memory_bytes
from tombola_device.audio.limits import limit_memory
from tombola_device.audio.loader import load_engine, serve_commands
from tombola_device.audio.messages import AudioEvent, Start, tell
from tombola_device.audio.realtime import become_realtime
from tombola_device.audio.ring import map_memory
from tombola_device.audio.tap import TAP_BYTES, TappedOut
from tombola_device.contract.controls import (
    PERIOD_SAMPLES,
    SAMPLE_RATE_HZ,
    SILENCE_DB,
    Controls,
    Float32Array,
)
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.foreign import log_plainly
from tombola_device.engine.crossfade import Crossfade, fit_modes
from tombola_device.engine.engine import Engine
from tombola_device.engine.onsets import OnsetClock
from tombola_device.hal.audio.files import NullOut
from tombola_device.hal.audio.open import open_audio
from tombola_device.hal.audio.port import AudioOut

STATUS_PERIODS = 8
"""Every 21 ms: the player steals silent voices first and needs their levels soon."""
LOAD_PERIODS = 64
LATENCIES = 64
FADE_OUT_PERIODS = 4
REHEARSED_PERIODS = LOAD_PERIODS
LONGEST_END_S: Final = 2
"""Fading out takes 11 ms, and a card plays its buffer to the end. Shorter than ``AudioProcess.stop`` waits."""


class AudioLoop:
    """Renders and writes periods until ``stop`` is set.

    Args:
        engine: Engine of the first bundle.
        sha256: SHA-256 of the first bundle.
        memory: Memory shared with the control process.
        voices: Number of voices that may sound; reduced after overload.
        buffer_periods: Length of the card's buffer in periods.
    """

    def __init__(self, engine: Engine, sha256: str, memory: memoryview, voices: int, buffer_periods: int = 4) -> None:
        self.stop = False
        self._budget, self._overload = VoiceBudget(voices), Overload()
        self._fader = Crossfade(engine)
        self._controls = ControlsReader(memory, engine.voices, engine.modes)
        self._status = StatusWriter(memory, engine.voices)
        frame = self._controls.latest()
        engine.join(fit_modes(frame, engine.modes))  # An audio process may start in the middle of a performance.
        self._onsets = OnsetClock(buffer_periods, frame)
        self._known = {engine: sha256}
        self._current: Engine | None = None
        self._loads, self._latencies = Times(), Times(LATENCIES)
        self._stamp_s = 0.0
        self._rise: Float32Array = np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / np.float32(PERIOD_SAMPLES)
        self._enter = True
        self._block: Float32Array = np.zeros(PERIOD_SAMPLES, np.float32)
        self._peak = 0.0
        self._periods = self._xruns = self._played = 0
        self._lost = False
        self._nowhere = NullOut(paced=False)
        engine.limit_voices(voices)

    @property
    def engine(self) -> Engine:
        """The engine that plays, or that is being faded in."""
        return self._fader.engine

    @property
    def frame(self) -> Controls:
        """The controls that sound now."""
        return self._onsets.frame

    def take_over(self, engine: Engine, sha256: str) -> None:
        """Cross-fade to another bundle, which has played its preroll. Called by the loading thread."""
        self._known[engine] = sha256
        engine.limit_voices(self._budget.limit)
        self._fader.swap(engine)

    def forget(self) -> None:
        """Free bundles that no longer play. Called by the loading thread, because freeing one takes milliseconds."""
        # The newest is always kept: the audio thread may be starting it at this moment.
        kept = (*self._fader.engines, *list(self._known)[-1:])
        for engine in [engine for engine in self._known if engine not in kept]:
            del self._known[engine]

    def rehearse(self) -> None:
        """Run the loop without sound, because the first run of its code takes up to 12 ms (measured)."""
        for _ in range(REHEARSED_PERIODS):
            self._period(self._nowhere)
        self._periods = self._played = 0
        self._loads, self._latencies = Times(), Times(LATENCIES)
        self._budget, self._overload = VoiceBudget(self._budget.most), Overload()
        self._fader.limit_voices(self._budget.limit)
        self._enter = True
        self._publish()

    def run(self, audio: AudioOut) -> None:
        """Play into a sink until ``stop`` is set, then fade out.

        Raises:
            DeviceUnavailable: The card is lost.

        Real time: audio thread.
        """
        while not self.stop:
            self._period(audio)
        controls = self._controls.latest()
        for step in range(FADE_OUT_PERIODS):
            self._fader.render(controls, self._block)
            high, low = 1 - step / FADE_OUT_PERIODS, 1 - (step + 1) / FADE_OUT_PERIODS
            self._block *= np.linspace(high, low, PERIOD_SAMPLES, dtype=np.float32)
            audio.wait()
            audio.write(self._block)
        self._publish(whole=True)

    def _period(self, audio: AudioOut) -> None:
        # First wait, then read the controls: controls read before the wait would be a period older.
        ahead_samples = audio.wait()
        heard_s = time.monotonic() + ahead_samples / SAMPLE_RATE_HZ
        newest, onsets = self._controls.latest(), self._onsets
        start_s = time.perf_counter()
        taken = newest is not onsets.frame and onsets.take(newest, heard_s)
        if taken:
            self._fader.delay_onsets(onsets.samples)
        fading = self._fader.fading
        self._fader.render(onsets.frame, self._block)
        time_us = (time.perf_counter() - start_s) * 1e6
        self._loads.add(time_us)
        # Two engines in a period are no overload: it lasts FADE_PERIODS, for which the card's buffer suffices.
        if not fading and self._budget.rendered(time_us, self._fader.engine.sounding):
            self._fader.limit_voices(self._budget.limit)
        self._peak = max(self._peak, self._fader.peak)
        if self._enter:  # After an xrun or a lost card the sound returns with a ramp, not a step.
            self._block *= self._rise
        whole = audio.write(self._block)
        if not whole:
            self._xruns += 1
        lost = audio.lost
        self._enter, self._lost = not whole or lost, lost
        if not self._enter and onsets.frame is newest:
            self._note_latency(heard_s, taken=taken)
        self._periods += 1
        engine = self._fader.engine
        if engine is not self._current:
            self._current, self._played = engine, 0
            self._overload.pardon()
        if not engine.fault and not self._fader.fading:
            self._played += 1
        if self._periods % STATUS_PERIODS == 0:
            if self._overload.rendered(STATUS_PERIODS) and not engine.fault:
                engine.mute("takes longer than a period even for one voice")
            self._publish()

    def _note_latency(self, heard_s: float, *, taken: bool) -> None:
        """Note the time from an input to its first sample at the card; the engine may have delayed an onset."""
        stamp_s = self._controls.stamp_s
        if stamp_s != self._stamp_s:
            self._stamp_s = stamp_s
            if stamp_s > 0:
                waited_samples = self._fader.engine.waited_samples if taken else 0
                self._latencies.add((heard_s + waited_samples / SAMPLE_RATE_HZ - stamp_s) * 1e3)

    def _publish(self, *, whole: bool = False) -> None:
        """Write the status; the times, which take longer to count, now and then and at the end."""
        fields, engine = self._status.fields, self._fader.engine
        fields["periods"][0], fields["xruns"][0], fields["played"][0] = self._periods, self._xruns, self._played
        if whole or self._periods % LOAD_PERIODS == 0:
            fields["load_p50_us"][0], fields["load_p99_us"][0] = self._loads.quantiles(0.5, 0.99)
            fields["latency_p50_ms"][0], fields["latency_max_ms"][0] = self._latencies.quantiles(0.5, 1.0)
        fields["voice_limit"][0], fields["slimmed"][0] = self._budget.limit, self._budget.slimmed
        fields["lost"][0], fields["fading"][0] = self._lost, self._fader.fading
        fields["peak_db"][0] = 20 * math.log10(min(self._peak, 1.0)) if self._peak > 1e-4 else SILENCE_DB
        fields["levels_db"][0] = engine.levels_db
        fields["sha256"][0] = self._known[engine].encode()
        fields["fault"][0] = engine.fault.encode()[:FAULT_BYTES]
        self._status.write()
        self._peak = 0.0


def end(loop: AudioLoop) -> None:
    """Let the sound fade out and the process end. The kernel ends a process that has not ended LONGEST_END_S later."""
    # A card whose clock stands still never returns from a write, and no thread of Python can end such a process.
    signal.alarm(LONGEST_END_S)
    loop.stop = True


def follow_parent(loop: AudioLoop) -> None:
    """End when the control process has ended or closes standard input, whatever the other threads are at."""
    poller = select.poll()
    poller.register(sys.stdin.fileno(), 0)  # A hang-up is reported without being asked for.
    poller.poll()
    end(loop)


def play(start: Start) -> None:
    """Open the bundle and the card, and play until told to stop.

    Raises:
        TombolaError: The first bundle does not play, or the card cannot be opened.
    """
    limit_memory()
    memory = map_memory(start.memory, memory_bytes(start.voices))
    tap = map_memory(start.tap, TAP_BYTES) if start.tap >= 0 else None
    engine, sha256 = load_engine(Path(start.bundle), start.voices)
    voices = voices_that_play(engine, start.voices) if start.measure else start.voices
    loop = AudioLoop(engine, sha256, memory, voices, start.buffer_periods)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the control process handles it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # So does the end of a terminal.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: end(loop))
    # These threads start before the priority is raised, because threads inherit the priority.
    for work in (partial(serve_commands, loop, realtime=start.realtime), partial(follow_parent, loop)):
        threading.Thread(target=work, daemon=True).start()
    refused = become_realtime() if start.realtime else []
    loop.rehearse()
    # Open the card last: opening fills its buffer, and freezing and locking take longer than the buffer lasts.
    audio = open_audio(start.audio, start.buffer_periods, Path(start.fallback))
    if tap is not None:
        audio = TappedOut(audio, tap)
    try:
        tell(
            sys.stdout.fileno(),
            AudioEvent(
                "ready",
                audio=audio.name,
                sha256=sha256,
                manifest=engine.manifest,
                refused=refused,
                voices=voices,
            ),
        )
        loop.run(audio)
    finally:
        audio.close()


def main() -> int:
    """Entry point; the only argument is a ``Start`` as JSON."""
    log_plainly()
    try:
        play(msgspec.json.decode(sys.argv[1].encode(), type=Start))
    except TombolaError as error:
        tell(sys.stdout.fileno(), AudioEvent("ended", reason=str(error), kind=type(error).__name__))
        return 1
    tell(sys.stdout.fileno(), AudioEvent("ended"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
