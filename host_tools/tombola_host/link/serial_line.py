"""The host's end of a serial line: bytes out and in, reopened after hang-ups, with an optional trace of every frame."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import serial
from tombola_device.contract import protocol as p
from tombola_device.contract.errors import FlashError

BAUD: Final = 115_200
"""Rate of a UART; USB ignores it."""
READ_TIMEOUT_S: Final = 0.005
WRITE_TIMEOUT_S: Final = 1.0
WRITE_BYTES: Final = 1024
"""Written at once; acknowledgements are read in between. 90 ms at 115200 baud."""
REOPEN_S: Final = 0.25

Trace: TypeAlias = Callable[[str], None]
"""Called with each frame in hexadecimal."""


class HungUp(Exception):
    """The line was unplugged."""


class SerialLine:
    """A serial port, written to in pieces and read between them."""

    def __init__(self, path: str, baud: int, trace: Trace | None) -> None:
        self._path = path
        self._baud = baud
        self._tracer = _Tracer(trace) if trace else None
        self._port: serial.Serial | None = None
        self._due = bytearray()
        self.received = b""
        """What the last exchange read."""

    def open(self) -> None:
        """Open the port.

        Raises:
            FlashError: It does not exist, or another program has it.
        """
        self.close()
        self._due.clear()
        try:
            self._port = serial.Serial(
                self._path, self._baud, timeout=READ_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except (OSError, ValueError) as error:
            raise FlashError(
                f"{self._path} cannot be opened: {_reason(error)}; check the name and the cable"
            ) from error

    def reopen(self, limit_s: float, advice: str) -> None:
        """Wait until the port is back.

        Raises:
            FlashError: It is not back after ``limit_s``; ``advice`` says what to do.
        """
        self.close()
        end_s = time.monotonic() + limit_s
        while True:
            time.sleep(REOPEN_S)
            try:
                return self.open()
            except FlashError as error:
                if time.monotonic() > end_s:
                    raise FlashError(f"{self._path} did not come back within {limit_s:g} s, {advice}") from error

    def exchange(self, output: bytes) -> None:
        """Write the next piece of the output and read what has arrived into ``received``.

        Raises:
            HungUp: The line was unplugged.
        """
        self._due += output
        piece = bytes(self._due[:WRITE_BYTES])
        if self._port is None:
            raise HungUp
        try:
            if piece:
                self._port.write(piece)
                del self._due[: len(piece)]
            waiting = self._port.in_waiting
            # Wait for a byte only if there is nothing left to write.
            self.received = self._port.read(waiting or 1) if waiting or not self._due else b""
        except serial.SerialTimeoutException:
            self._due.clear()  # It is unknown how much was sent; the protocol sends again what did not arrive.
            self.received = b""
        except OSError as error:
            raise HungUp from error
        if self._tracer:
            self._tracer.see(">", output)
            self._tracer.see("<", self.received)

    def close(self) -> None:
        """Close the port."""
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError:
                self._due.clear()  # It was unplugged already.


class _Tracer:
    """Dumps each frame in either direction: time, direction, message, bytes."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._begun_s = time.monotonic()
        self._open = {">": b"", "<": b""}

    def see(self, direction: str, data: bytes) -> None:
        *frames, rest = (self._open[direction] + data).split(p.DELIMITER)
        self._open[direction] = rest[-p.MAX_FRAME_BYTES :]
        for frame in filter(None, frames):
            found = p.decode_frame(frame)
            name = type(found[1]).__name__ if found else "damaged"
            self._trace(f"{time.monotonic() - self._begun_s:9.4f} {direction} {name}, {len(frame)} bytes")
            for start in range(0, len(frame), 32):
                self._trace(f"          {start:04x}  {frame[start : start + 32].hex(' ')}")


def _reason(error: OSError | ValueError) -> str:
    """Why a port does not open, in short."""
    number = getattr(error, "errno", None)
    if number == errno.EAGAIN:
        return "another program has it"
    return os.strerror(number) if number else str(error)
