"""MIDI from a standard MIDI file."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.midi.bytes import MidiMessage


def read_midi_file(path: Path) -> list[tuple[float, MidiMessage]]:
    """Read the channel messages of a standard MIDI file, with their times in seconds.

    Raises:
        DeviceUnavailable: mido is missing.
        BadConfig: The file cannot be read or is not a MIDI file.
    """
    mido = _load_mido()
    time_s, messages = 0.0, []
    try:
        for message in mido.MidiFile(path):
            time_s += message.time
            if not message.is_meta and message.type != "sysex":
                messages.append((time_s, tuple(message.bytes())))
    except OSError as error:
        raise BadConfig(f"the MIDI file {path} cannot be read ({error.strerror or error}); name another") from error
    except Exception as error:  # mido's parser raises many kinds of exceptions.
        raise BadConfig(f"{path} is not a MIDI file ({error}); name another") from error
    return messages


class FileIn:
    """Plays timed messages in real time.

    Args:
        name: Name of the source.
        messages: Pairs (seconds, message) with rising times.
        clock: Returns seconds; the first call of ``poll`` is time 0.

    >>> now_s = [0.0]
    >>> source = FileIn("two notes", [(0.0, (0x90, 60, 100)), (1.0, (0x80, 60, 0))], clock=lambda: now_s[0])
    >>> source.poll(), source.poll()
    ([(144, 60, 100)], [])
    >>> now_s[0] = 1.5
    >>> source.poll(), source.done
    ([(128, 60, 0)], True)
    """

    def __init__(
        self, name: str, messages: Sequence[tuple[float, MidiMessage]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._messages, self._clock = list(messages), clock
        self._next, self._start_s = 0, -1.0

    @property
    def done(self) -> bool:
        """See MidiIn."""
        return self._next >= len(self._messages)

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        if self._start_s < 0:
            self._start_s = self._clock()
        first, now_s = self._next, self._clock() - self._start_s
        while self._next < len(self._messages) and self._messages[self._next][0] <= now_s:
            self._next += 1
        return [message for _, message in self._messages[first : self._next]]

    def close(self) -> None:
        """See MidiIn."""
        self._next = len(self._messages)


def _load_mido() -> ModuleType:
    try:
        return importlib.import_module("mido")
    except ImportError as error:
        raise DeviceUnavailable(
            "MIDI files need the Python package mido, which is not installed; install tombola-device[midi]"
        ) from error
