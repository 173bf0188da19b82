"""Where notes come from. Messages are tuples of bytes, status first; the player knows what they mean.

The sources: ``midi_ports`` (USB and other programs), ``midi_din`` (the DIN socket's UART), ``midi_socket`` (TCP),
``midi_file`` (a performance), and the fake here.
"""

from __future__ import annotations

from typing import Protocol

from tombola_device.hal.midi.bytes import MidiMessage


class MidiIn(Protocol):
    """A source of MIDI."""

    @property
    def name(self) -> str:
        """What a user would call it."""

    @property
    def done(self) -> bool:
        """Whether nothing will ever come any more."""

    def poll(self) -> list[MidiMessage]:
        """What came since the last call, in order. Does not wait."""

    def close(self) -> None:
        """Give the source back. May be called twice."""


class FakeMidi:
    """Plays what a test tells it to: ``press``, ``release``, ``turn``, ``select``."""

    name = "a fake"

    def __init__(self) -> None:
        self.done = False
        self._messages: list[MidiMessage] = []

    def press(self, note: int, velocity: int = 100) -> None:
        """Push a key down."""
        self._messages.append((0x90, note, velocity))

    def release(self, note: int) -> None:
        """Let a key go."""
        self._messages.append((0x80, note, 0))

    def turn(self, controller: int, value: int) -> None:
        """Move a controller."""
        self._messages.append((0xB0, controller, value))

    def select(self, program: int) -> None:
        """Change the program."""
        self._messages.append((0xC0, program))

    def finish(self) -> None:
        """Say that nothing more will come."""
        self.done = True

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """See MidiIn."""
        self.done = True
