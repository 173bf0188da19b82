"""MIDI as a stream of bytes: from a DIN socket, a TCP connection, a UART.

Source: MIDI 1.0 detailed specification: running status, real-time bytes that may stand anywhere, system exclusive.
"""

from __future__ import annotations

from typing import Final, TypeAlias

MidiMessage: TypeAlias = tuple[int, ...]

_FIRST_STATUS, _FIRST_SYSTEM, _FIRST_REAL_TIME = 0x80, 0xF0, 0xF8
_ONE_DATA_BYTE = (0xC0, 0xD0)
PASSED_ON: Final = (0xF8, 0xFA, 0xFB, 0xFC, 0xFF)
"""Clock, start, continue, stop, reset: the system messages that a player acts on."""


class MidiBytes:
    """Puts channel and real-time messages together; other system messages are left out, since the player knows none.

    A real-time message comes out where it stood in the stream, before the message that it interrupted. Memory is one
    message, whatever comes in: the inside of a system exclusive message is not kept.
    """

    def __init__(self) -> None:
        self._status = 0
        self._data: list[int] = []

    def feed(self, data: bytes) -> list[MidiMessage]:
        """Take the next bytes, in pieces of any length, and give the messages that they complete."""
        messages: list[MidiMessage] = []
        for byte in data:
            if byte >= _FIRST_REAL_TIME:
                if byte in PASSED_ON:
                    messages.append((byte,))
                continue
            if byte >= _FIRST_STATUS:
                # A system message ends running status; its data bytes are then without a status and left out.
                self._status, self._data = (byte if byte < _FIRST_SYSTEM else 0), []
                continue
            if self._status == 0:
                continue
            self._data.append(byte)
            if len(self._data) == (1 if self._status & 0xF0 in _ONE_DATA_BYTE else 2):
                messages.append((self._status, *self._data))
                self._data = []
        return messages
