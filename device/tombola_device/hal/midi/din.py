"""MIDI from the DIN or TRS socket: a UART at 31 250 baud, in both directions.

Source: MIDI 1.0 electrical specification, 31.25 kbaud ± 1 %; on a Raspberry Pi the port is /dev/ttyAMA0.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import Final, Protocol

import serial

from tombola_device.hal.midi.bytes import MidiBytes, MidiMessage
from tombola_device.hal.midi.held import HeldKeys, Sources

BAUD: Final = 31_250
REOPEN_S: Final = 0.5
MOST_BYTES: Final = 4096
"""Most bytes per read: 1.3 s of a busy line."""
_LOG = logging.getLogger(__name__)


class Uart(Protocol):
    """The part of ``serial.Serial`` in use, without time-outs. Every method may raise OSError.

    >>> class Loopback:
    ...     def __init__(self): self.bytes = b""
    ...     def read(self, size, /):
    ...         data, self.bytes = self.bytes[:size], self.bytes[size:]
    ...         return data
    ...     def write(self, data, /): self.bytes += data
    ...     def close(self): pass
    >>> uart: Uart = Loopback()
    >>> uart.write(b"note")
    >>> uart.read(3)
    b'not'
    """

    def read(self, size: int, /) -> bytes:
        """Received bytes, at most ``size``; does not wait."""

    def write(self, data: bytes, /) -> int | None:
        """Send bytes; does not wait."""

    def close(self) -> None:
        """Close the UART."""


def open_uart(path: str) -> Uart:
    """Open a UART or pty for MIDI, for this process only.

    Raises:
        OSError: The port is missing, or another process uses it.
    """
    uart: Uart = serial.Serial(path, BAUD, timeout=0, write_timeout=0, exclusive=True)
    return uart


class DinIn:
    """A DIN socket. When its port is lost, its keys are released; the port is opened again when it returns.

    Args:
        path: The serial port.
        thru: Whether to send received bytes out again, unchanged.
        open_port: Opens ``path``.
        clock: Returns seconds.
        sources: What else plays the instrument; see HeldKeys.
    """

    def __init__(
        self,
        path: str,
        *,
        thru: bool = False,
        open_port: Callable[[str], Uart] = open_uart,
        clock: Callable[[], float] = time.monotonic,
        sources: Sources | None = None,
    ) -> None:
        self.name, self.done = f"DIN at {path}", False
        self._path, self._thru, self._open_port, self._clock = path, thru, open_port, clock
        self._bytes, self._held = MidiBytes(), HeldKeys(sources)
        self._port: Uart | None = None
        self._reopen_s = clock()
        self._known = False
        """Whether the port has been there, or the user was told that it is not."""
        self._open()

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        if self._port is None and not self._open():
            return []
        assert self._port is not None
        try:
            data = self._port.read(MOST_BYTES)
        except OSError as error:
            _LOG.info("%s is lost: %s", self.name, error)
            self._hang_up()
            return self._held.release()
        if data and self._thru:
            self._pass_on(data)
        messages = self._bytes.feed(data)
        for message in messages:
            self._held.follow(message)
        return messages

    def close(self) -> None:
        """See MidiIn."""
        self.done = True
        self._hang_up()

    def _pass_on(self, data: bytes) -> None:
        assert self._port is not None
        # A full output drops the bytes, because the input must not wait for the output.
        with contextlib.suppress(OSError):
            self._port.write(data)

    def _open(self) -> bool:
        now_s = self._clock()
        if self.done or now_s < self._reopen_s:
            return False
        self._reopen_s = now_s + REOPEN_S
        try:
            self._port = self._open_port(self._path)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            if not self._known:
                _LOG.warning("%s cannot be opened (%s); check midi_serial, or plug it in", self.name, reason)
            self._known = True
            return False
        self._known = True
        self._bytes = MidiBytes()  # Drop an incomplete message from before the interruption.
        return True

    def _hang_up(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(OSError):
                port.close()
