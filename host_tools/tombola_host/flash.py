"""Sends a bundle to a device over a serial port, through unplugging, and asks a device for its status."""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import serial
from tombola_device.contract import protocol as p
from tombola_device.contract.bundle import MAX_BUNDLE_BYTES, bundle_sha256, decode_bundle
from tombola_device.contract.errors import FlashError
from tombola_device.contract.sender import Inquirer, Phase, Sender

BAUD: Final = 115_200
"""Of a real UART; USB ignores it."""
READ_TIMEOUT_S: Final = 0.005
WRITE_TIMEOUT_S: Final = 1.0
WRITE_BYTES: Final = 1024
"""Written at a time, so that acknowledgements are read between; 90 ms at 115200 baud."""
REOPEN_S: Final = 0.25
UNPLUGGED_S: Final = 60.0
"""How long a device may be away: long enough to find the cable, or for a Raspberry Pi to boot."""
BARREN_PLUGGINGS: Final = 5

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with bytes held by the device, bytes in all, and what is going on."""
Trace: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FlashReport:
    """What a flash did.

    Args:
        sha256: By which the device knows the bundle.
        size_bytes: Length of the bundle.
        resumed_from: Bytes that the device held before.
        seconds: From opening the port until the device had installed it.
        payload_bytes_per_s: Bytes of the bundle per second of sending, pauses of an unplugged line included.
        already_active: The device was playing it already; nothing was sent.
        sessions: How often the conversation began anew, and the first time.
        resent_chunks: Chunks that had to be sent again.
        pluggings: How often the line came back after it had been cut.
    """

    sha256: str
    size_bytes: int
    resumed_from: int
    seconds: float
    payload_bytes_per_s: float
    already_active: bool
    sessions: int
    resent_chunks: int
    pluggings: int


def flash(
    bundle_path: Path,
    port: str,
    *,
    baud: int = BAUD,
    progress: Progress | None = None,
    trace: Trace | None = None,
    check: bool = True,
    unplugged_s: float = UNPLUGGED_S,
) -> FlashReport:
    """Send a bundle and wait until the device has installed it; go on after unplugging.

    Args:
        bundle_path: The file.
        port: The device's serial port; it may go and come back under this name.
        baud: Rate of a real UART.
        progress: Told what is going on.
        trace: Given each frame in hexadecimal.
        check: Refuse a damaged bundle here already.
        unplugged_s: How long the line may be away each time.

    Raises:
        BadBundle: The file is not a whole bundle.
        FlashError: It did not complete; the device plays on what it played before.
    """
    data = _read_bundle(bundle_path, check=check)
    sender = Sender(data, secrets.randbits(32))
    line = _Line(port, baud, trace)
    watch = _Watch(progress, len(data))
    begun_s = time.monotonic()
    pluggings = barren = held = 0
    try:
        line.open()
        while sender.phase is not Phase.DONE:
            try:
                line.exchange(sender.poll(time.monotonic()))
                sender.receive(line.received, time.monotonic())
                watch.see(sender)
            except _HungUp:
                barren = barren + 1 if sender.held_bytes == held else 0
                held = sender.held_bytes
                if barren >= BARREN_PLUGGINGS:
                    raise FlashError(f"{port} hangs up again and again; check the cable, then flash again") from None
                watch.say(held, "unplugged: waiting for the device")
                line.reopen(unplugged_s, f"{held} of {len(data)} bytes are there; plug it in and flash again")
                sender.reconnect()
                pluggings += 1
    finally:
        line.close()
    watch.say(len(data), "done")
    resumed_from = sender.resumed_from or 0
    return FlashReport(
        sha256=bundle_sha256(data),
        size_bytes=len(data),
        resumed_from=resumed_from,
        seconds=time.monotonic() - begun_s,
        payload_bytes_per_s=watch.rate(len(data) - resumed_from),
        already_active=sender.already_active,
        sessions=sender.sessions,
        resent_chunks=sender.resent_chunks,
        pluggings=pluggings,
    )


def device_info(port: str, *, baud: int = BAUD, trace: Trace | None = None) -> dict[str, object]:
    """Ask a device who it is and what it does: version, slots, free bytes, what is playing.

    Raises:
        FlashError: It cannot be asked.
    """
    inquirer = Inquirer(secrets.randbits(32))
    line = _Line(port, baud, trace)
    try:
        line.open()
        while inquirer.status is None:
            line.exchange(inquirer.poll(time.monotonic()))
            inquirer.receive(line.received)
    except _HungUp:
        raise FlashError(f"{port} was unplugged; plug it in and ask again") from None
    finally:
        line.close()
    try:
        info = json.loads(inquirer.status)
    except ValueError as error:
        raise FlashError(f"the device at {port} gave a status that is not JSON; update it") from error
    return info if isinstance(info, dict) else {}


def _read_bundle(path: Path, *, check: bool) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise FlashError(f"{path} cannot be read: {error.strerror}; give the path of a bundle") from error
    if check:
        decode_bundle(data)
    if not 0 < len(data) <= MAX_BUNDLE_BYTES:
        raise FlashError(f"{path} has not 1 to {MAX_BUNDLE_BYTES} bytes; export the bundle again")
    return data


def _reason(error: OSError | ValueError) -> str:
    """Why a port does not open, without pyserial's repetitions."""
    number = getattr(error, "errno", None)
    if number == errno.EAGAIN:
        return "another program has it"
    return os.strerror(number) if number else str(error)


class _HungUp(Exception):
    """The line is gone."""


class _Line:
    """A serial port, written to in pieces and read between them."""

    def __init__(self, path: str, baud: int, trace: Trace | None) -> None:
        self._path = path
        self._baud = baud
        self._tracer = _Tracer(trace) if trace else None
        self._port: serial.Serial | None = None
        self._due = bytearray()
        self.received = b""
        """What the last exchange brought."""

    def open(self) -> None:
        """Open the port.

        Raises:
            FlashError: It is not there, or somebody else has it.
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
        """Wait until the port is there again.

        Raises:
            FlashError: It stays away for longer than ``limit_s``; ``advice`` is what to do.
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
        """Write a piece of what is due and read what is there into ``received``.

        Raises:
            _HungUp: The line was cut.
        """
        self._due += output
        piece = bytes(self._due[:WRITE_BYTES])
        if self._port is None:
            raise _HungUp
        try:
            if piece:
                self._port.write(piece)
                del self._due[: len(piece)]
            waiting = self._port.in_waiting
            # Without anything to write there is time to wait for a byte.
            self.received = self._port.read(waiting or 1) if waiting or not self._due else b""
        except serial.SerialTimeoutException:
            self._due.clear()  # Nobody knows how much of it left; the protocol sends again what did not arrive.
            self.received = b""
        except OSError as error:
            raise _HungUp from error
        if self._tracer:
            self._tracer.see(">", output)
            self._tracer.see("<", self.received)

    def close(self) -> None:
        """Give the port back."""
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError:
                self._due.clear()  # It was gone already.


class _Tracer:
    """Dumps each frame that goes either way: time, direction, message, and its bytes."""

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


class _Watch:
    """Tells of the progress when there is some, and measures the rate."""

    def __init__(self, progress: Progress | None, size_bytes: int) -> None:
        self._progress = progress
        self._size_bytes = size_bytes
        self._told: tuple[int, str] | None = None
        self._first_s: float | None = None
        self._last_s = 0.0

    def see(self, sender: Sender) -> None:
        if sender.phase is Phase.SENDING:
            self._last_s = time.monotonic()
            self._first_s = self._first_s or self._last_s
        self.say(sender.held_bytes, sender.phase.value)

    def say(self, held_bytes: int, text: str) -> None:
        if self._progress and self._told != (held_bytes, text):
            self._progress(held_bytes, self._size_bytes, text)
        self._told = (held_bytes, text)

    def rate(self, payload_bytes: int) -> float:
        if self._first_s is None:
            return 0.0
        return payload_bytes / max(self._last_s - self._first_s, READ_TIMEOUT_S)
