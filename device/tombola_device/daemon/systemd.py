"""Tells systemd that the daemon is ready, alive or ending. Does nothing if systemd does not ask.

Source: sd_notify(3), sd_watchdog_enabled(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends lines to the service manager.

    Args:
        environment: Where NOTIFY_SOCKET and WATCHDOG_USEC are found.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if path else None
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(watchdog_us) / 2e6 if path and watchdog_us.isdecimal() else 0.0
        """How often ``alive`` must be told, half of what systemd waits; 0: never."""

    def ready(self) -> None:
        """The instrument is ready."""
        self._tell("READY=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._tell(f"STATUS={text}")

    def alive(self) -> None:
        """The instrument is alive: told by the control loop, while it plays only as long as sound is rendered."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon is ending."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, line: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # A manager that is gone need not be told.
                self._socket.sendto(line.encode(), self._address)
