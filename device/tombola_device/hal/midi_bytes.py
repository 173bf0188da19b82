"""MIDI as a stream of bytes: from a DIN socket, a TCP connection, a UART.

Source: MIDI 1.0 detailed specification: running status, and real-time bytes that may stand anywhere.
"""

from __future__ import annotations

from typing import TypeAlias

Message: TypeAlias = tuple[int, ...]

_FIRST_STATUS, _FIRST_SYSTEM, _FIRST_REAL_TIME = 0x80, 0xF0, 0xF8
_ONE_DATA_BYTE = (0xC0, 0xD0)


class MidiBytes:
    """Puts channel messages together; system messages are left out, since the player knows none."""

    def __init__(self) -> None:
        self._status = 0
        self._data: list[int] = []

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes, in pieces of any length, and give the messages that they complete."""
        messages: list[Message] = []
        for byte in data:
            if byte >= _FIRST_REAL_TIME:
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
