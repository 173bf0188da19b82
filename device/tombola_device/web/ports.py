"""Opens the port of a server on the loopback interface; if another program has it, says which, and offers the next."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadConfig, DeviceUnavailable

LOOPBACK: Final = "127.0.0.1"
NEXT_PORTS: Final = 20
BACKLOG: Final = 16


class PortTaken(DeviceUnavailable):
    """Another program has the port. ``free``: the next one that nobody has; 0: none was found."""

    def __init__(self, sentence: str, free: int) -> None:
        super().__init__(sentence)
        self.free = free


def listen(port: int) -> socket.socket:
    """Listen on a port of 127.0.0.1.

    Raises:
        PortTaken: Another program has it.
        DeviceUnavailable: It cannot be opened for another reason.
        BadConfig: It is no port.
    """
    if not 0 < port < 65_536:
        raise BadConfig(f"{port} is no port; give one from 1024 to 65535")
    try:
        return _listen(port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise DeviceUnavailable(f"port {port} cannot be opened ({error.strerror}); give another one") from error
        free = next((other for other in range(port + 1, min(port + NEXT_PORTS, 65_536)) if _is_free(other)), 0)
        whom = owner_of(port)
        offer = f"take --port {free}" if free else "give another one"
        raise PortTaken(f"port {port} is used by {whom or 'another program'}; end it, or {offer}", free) from error


def owner_of(port: int) -> str:
    """The program that listens on a port of this computer, as far as the system tells; empty: it does not."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        wanted = f":{port:04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":  # LISTEN
                return _holder_of(f"socket:[{fields[9]}]")
    return ""


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # A port in TIME_WAIT is free; on Windows the option would share a port in use.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _is_free(port: int) -> bool:
    try:
        _listen(port).close()
    except OSError:
        return False
    return True


def _holder_of(inode: str) -> str:
    """Name and number of the process that has a socket open; only own processes can be looked into."""
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            for handle in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(handle.readlink()) == inode:
                        return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return ""
