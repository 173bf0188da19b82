"""The interface of all sources of MIDI.

Sources: ``ports`` (USB and other programs), ``din`` (the DIN socket's UART), ``socket`` (TCP), ``file`` (a MIDI file)
and the fake here.
"""

from __future__ import annotations

from typing import Protocol

from tombola_device.hal.midi.bytes import MidiMessage


class MidiIn(Protocol):
    """A source of MIDI.

    >>> class Metronome:
    ...     name, done = "a metronome", False
    ...     def poll(self): return [(0x99, 76, 100)]
    ...     def close(self): pass
    >>> source: MidiIn = Metronome()
    >>> source.poll()
    [(153, 76, 100)]
    """

    @property
    def name(self) -> str:
        """Name for the user."""

    @property
    def done(self) -> bool:
        """Whether no more messages will arrive."""

    def poll(self) -> list[MidiMessage]:
        """The messages since the last call, in order. Does not wait."""

    def close(self) -> None:
        """Close the source. May be called twice."""


class FakeMidi:
    """A source that a test plays with ``press``, ``release``, ``turn`` and ``select``.

    >>> midi = FakeMidi()
    >>> midi.press(60)
    >>> midi.poll(), midi.poll()
    ([(144, 60, 100)], [])
    """

    name = "a fake"

    def __init__(self) -> None:
        self.done = False
        self._messages: list[MidiMessage] = []

    def press(self, note: int, velocity: int = 100) -> None:
        """Press a key."""
        self._messages.append((0x90, note, velocity))

    def release(self, note: int) -> None:
        """Release a key."""
        self._messages.append((0x80, note, 0))

    def turn(self, controller: int, value: int) -> None:
        """Move a controller."""
        self._messages.append((0xB0, controller, value))

    def select(self, program: int) -> None:
        """Change the program."""
        self._messages.append((0xC0, program))

    def finish(self) -> None:
        """End the source."""
        self.done = True

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """See MidiIn."""
        self.done = True
