"""Plays a bundle live, in one process: the instrument's own audio loop in a thread, and its inputs beside it.

The instrument has a process for the sound alone, and starts it in ways that only POSIX knows. A thread plays wherever
Python does; what the inputs do meanwhile is little, and onnxruntime leaves the interpreter to them while it computes.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tombola_device.audio.budget import voices_that_play
from tombola_device.audio.frames import AudioStatus, ControlsWriter, StatusReader, memory_bytes
from tombola_device.audio.process import AudioLoop
from tombola_device.audio.realtime import SWITCH_INTERVAL_S
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.engine.engine import Engine
from tombola_device.hal.audio.open import open_audio
from tombola_device.hal.keyboard.open import open_keyboard
from tombola_device.hal.midi.held import Sources
from tombola_device.hal.midi.port import MidiIn
from tombola_device.hal.midi.ports import NO_PORT, open_ports
from tombola_device.hal.midi.typed import LEVEL, TypedIn, check_layout
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player

__all__ = ["LEVEL", "Live", "TypedIn", "open_inputs"]  # The command may know the instrument from here only.
END_S: Final = 2.0
"""Fading out takes 11 ms; a card whose clock stands still never returns."""
TEST_NOTE_S: Final = 0.8


class Live:
    """A bundle that plays.

    Args:
        bundle: The bundle.
        sources: Where MIDI comes from. They are closed with it.
        audio: Name for ``hal.audio.open_audio``.
        voices: Largest number of notes at once; fewer if this computer is not fast enough.
        buffer_periods: Length of the card's buffer in periods.
        clock: Returns seconds.

    Raises:
        BadBundle: The bundle does not play.
        DeviceUnavailable: There is no sound output.
        BadConfig: The name of the output is unknown.
    """

    def __init__(
        self,
        bundle: Bundle,
        sources: Sequence[MidiIn],
        *,
        audio: str,
        voices: int,
        buffer_periods: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources, self._clock = list(sources), clock
        self._ends: list[tuple[float, float]] = []
        self.player = Player(len(bundle.manifest.modes), voices)
        self.player.set_modes(self.player.modes, bundle.manifest.blend, bundle.manifest.words)
        self._midi_map = MidiMap(self.player)
        memory = memoryview(bytearray(memory_bytes(voices)))
        self._controls, self._status = ControlsWriter(memory, voices), StatusReader(memory, voices)
        self._published = b""
        self._publish()
        engine = Engine(bundle, voices)
        engine.warm_up()
        self._loop = AudioLoop(engine, "", memory, voices_that_play(engine, voices), buffer_periods)
        self._loop.rehearse()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.collect()
        gc.freeze()  # A collection that walks through all imported modules would take longer than a buffer lasts.
        # The card last: opening fills its buffer, and from then on the thread must keep up.
        self._out = open_audio(audio, buffer_periods, Path())
        self.loudest_db = self._peak_db = SILENCE_DB
        """Highest peak so far, dBFS."""
        self._failure: DeviceUnavailable | None = None
        self._thread = threading.Thread(target=self._play, name="audio", daemon=True)
        self._thread.start()

    @property
    def output(self) -> str:
        """Name of the sound output."""
        return self._out.name

    @property
    def midi(self) -> str:
        """Names of the MIDI inputs; empty: none is connected."""
        return ", ".join(
            name for name in (source.name for source in self._sources) if name not in (NO_PORT, TypedIn.name)
        )

    def take_peak_db(self) -> float:
        """Highest peak since the last call, dBFS."""
        peak_db, self._peak_db = self._peak_db, SILENCE_DB
        return peak_db

    @property
    def status(self) -> AudioStatus:
        """What the audio loop said last."""
        return self._status.latest()

    def tick(self) -> None:
        """Pass on what came in. Does not wait; to be called every few milliseconds.

        Raises:
            DeviceUnavailable: The sound output is lost for good.
        """
        if self._failure is not None:
            raise self._failure
        now_s, status = self._clock(), self.status
        self._peak_db = max(self._peak_db, status.peak_db)
        self.loudest_db = max(self.loudest_db, status.peak_db)
        self.player.hear(status.levels_db)
        self.player.limit_voices(status.voice_limit)
        messages = [message for source in self._sources for message in source.poll()]
        for message in messages:
            self._midi_map.receive(message, now_s)
        due = [end for end in self._ends if end[0] <= now_s]
        for end in due:
            self._ends.remove(end)
            self.player.note_off(end[1])
        self._publish(now_s if messages else 0.0)

    def _publish(self, stamp_s: float = 0.0) -> None:
        packed = self.player.packed()
        if packed != self._published:  # The audio thread unpacks each frame.
            self._published = packed
            self._controls.write(packed, stamp_s)

    def sound_test_note(self, note: float) -> None:
        """Sound a note for TEST_NOTE_S."""
        self.player.note_on(note, 0.7)
        self._ends.append((self._clock() + TEST_NOTE_S, note))

    def close(self) -> None:
        """Fade out, and give everything back. May be called twice."""
        self._loop.stop = True
        self._thread.join(END_S)
        for source in self._sources:
            source.close()
        if not self._thread.is_alive():
            self._out.close()

    def _play(self) -> None:
        try:
            self._loop.run(self._out)
        except DeviceUnavailable as error:
            self._failure = error


def open_inputs(midi: str, layout: str, words: Sequence[str] = ()) -> tuple[TypedIn | None, list[MidiIn]]:
    """The letter keys, if the program was started in a terminal; and all sources, these keys included.

    Args:
        midi: ``auto`` (all MIDI inputs), ``none``, or what else ``hal.midi.ports.open_ports`` takes.
        layout: Layout of the letter keys, one of ``hal.midi.typed.ROWS``.
        words: Names of the bundle's knobs that bear a word: further dials of the letter keys.

    Raises:
        DeviceUnavailable: A MIDI input that was named is missing, or there is nothing to play with.
        BadConfig: The layout is unknown.
    """
    check_layout(layout)
    sources: list[MidiIn] = []
    held: Sources = []
    if midi != "none":
        try:
            sources.append(open_ports(midi, held))
        except DeviceUnavailable:
            if midi != "auto":
                raise
    keyboard = open_keyboard()
    typed = TypedIn(keyboard, layout, sources=held, words=words) if keyboard is not None else None
    if typed is not None:
        sources.append(typed)
    elif not any(source.name != NO_PORT for source in sources):
        raise DeviceUnavailable(
            "there is nothing to play with: start `tombola play` in a terminal, whose letter keys play, "
            "or connect a MIDI keyboard"
        )
    return typed, sources
