"""A performance from a standard MIDI file."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.midi.bytes import MidiMessage


def read_midi_file(path: Path) -> list[tuple[float, MidiMessage]]:
    """All channel messages of a standard MIDI file with their times in seconds.

    Raises:
        DeviceUnavailable: mido is missing.
        BadConfig: It cannot be read or is no MIDI file.
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
    except Exception as error:  # mido raises whatever its parser stumbles over.
        raise BadConfig(f"{path} is no MIDI file ({error}); name another") from error
    return messages


class FileIn:
    """Plays timed messages against the clock.

    Args:
        name: Where they are from.
        messages: (seconds, message), rising.
        clock: Seconds; the first call of ``poll`` is time 0.
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
