"""MIDI messages from a stream of bytes, as from a DIN socket, a UART or a TCP connection.

Source: MIDI 1.0 detailed specification: running status, real-time bytes between any two bytes, system exclusive.
"""

from __future__ import annotations

from typing import Final, TypeAlias

MidiMessage: TypeAlias = tuple[int, ...]
"""The bytes of one MIDI message, status first."""

_FIRST_STATUS, _FIRST_SYSTEM, _FIRST_REAL_TIME = 0x80, 0xF0, 0xF8
_ONE_DATA_BYTE = (0xC0, 0xD0)
PASSED_ON: Final = (0xF8, 0xFA, 0xFB, 0xFC, 0xFF)
"""Clock, start, continue, stop and reset: the system messages that the player uses."""


class MidiBytes:
    """Assembles channel messages and the messages of PASSED_ON; drops other system messages.

    A real-time message that interrupts another message is returned first. At most one incomplete message is kept: the
    bytes of a system exclusive message are dropped at once.

    >>> stream = MidiBytes()
    >>> stream.feed(bytes([0x90, 60, 100, 64]))  # The last byte uses running status.
    [(144, 60, 100)]
    >>> stream.feed(bytes([0xF8, 100]))
    [(248,), (144, 64, 100)]
    """

    def __init__(self) -> None:
        self._status = 0
        self._data: list[int] = []

    def feed(self, data: bytes) -> list[MidiMessage]:
        """Take received bytes, in pieces of any length; return the messages that they complete."""
        messages: list[MidiMessage] = []
        for byte in data:
            if byte >= _FIRST_REAL_TIME:
                if byte in PASSED_ON:
                    messages.append((byte,))
                continue
            if byte >= _FIRST_STATUS:
                # A system message ends running status, so its data bytes have no status and are dropped.
                self._status, self._data = (byte if byte < _FIRST_SYSTEM else 0), []
                continue
            if self._status == 0:
                continue
            self._data.append(byte)
            if len(self._data) == (1 if self._status & 0xF0 in _ONE_DATA_BYTE else 2):
                messages.append((self._status, *self._data))
                self._data = []
        return messages
