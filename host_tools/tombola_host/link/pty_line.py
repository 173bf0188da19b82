"""A serial line made of two ptys, for the demo and for tests; it can be slowed down and unplugged."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STEP_S: Final = 0.002
PIECE_BYTES: Final = 4096


class PtyLine:
    """Two ports that are joined: what is written to one is read from the other.

    ``device_port`` and ``host_port`` are links that keep their names when the line is plugged in again, as with a udev
    rule. Both ends see an unplugged line as a hang-up.

    Args:
        folder: Gets the links.
        bytes_per_s: Rate of each direction; None: unlimited. A serial line sends 10 bits per byte.
    """

    def __init__(self, folder: Path, bytes_per_s: float | None = None) -> None:
        self.device_port = folder / "device"
        self.host_port = folder / "host"
        self._bytes_per_s = bytes_per_s
        self._unplug_after: int | None = None
        self._stop = threading.Event()
        self._pump: threading.Thread | None = None
        self.to_device_bytes = 0
        """Total number of bytes sent from the host to the device."""

    def __enter__(self) -> Self:
        """Plug the line in."""
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unplug it for good."""
        self.unplug()

    def plug(self) -> None:
        """Make the ports."""
        self._stop.clear()
        ends = [os.openpty() for _ in range(2)]
        for (master, slave), link in zip(ends, (self.host_port, self.device_port), strict=True):
            tty.setraw(slave)
            os.set_blocking(master, False)
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(slave))
        self._pump = threading.Thread(target=self._run, args=(ends,), name="pty line", daemon=True)
        self._pump.start()

    def unplug(self) -> None:
        """Pull the plug: both ends hang up at once and the ports disappear."""
        self._stop.set()
        if self._pump is not None and self._pump is not threading.current_thread():
            self._pump.join()

    def unplug_after(self, to_device_bytes: int) -> None:
        """Pull the plug after this many more bytes from the host to the device."""
        self._unplug_after = self.to_device_bytes + to_device_bytes

    @property
    def plugged(self) -> bool:
        """Whether the line is plugged in."""
        return self._pump is not None and self._pump.is_alive()

    def _run(self, ends: list[tuple[int, int]]) -> None:
        (host, _), (device, _) = ends
        ways = [_Way(host, device, self._bytes_per_s), _Way(device, host, self._bytes_per_s)]
        try:
            while not self._stop.is_set():
                limit = PIECE_BYTES if self._unplug_after is None else self._unplug_after - self.to_device_bytes
                if limit <= 0:
                    self._unplug_after = None
                    return
                self.to_device_bytes += ways[0].carry(limit)
                ways[1].carry(PIECE_BYTES)
                select.select([] if self._bytes_per_s else [host, device], [], [], STEP_S)
        finally:
            for link in (self.host_port, self.device_port):
                link.unlink(missing_ok=True)
            for handle in (*ends[0], *ends[1]):
                os.close(handle)


class _Way:
    """One direction."""

    def __init__(self, source: int, sink: int, bytes_per_s: float | None) -> None:
        self._source, self._sink, self._bytes_per_s = source, sink, bytes_per_s
        self._due = b""
        self._credit = 0.0
        self._then_s = time.monotonic()

    def carry(self, limit_bytes: int) -> int:
        """Carry as much as the rate allows; returns the number of bytes that arrived."""
        now_s = time.monotonic()
        room = limit_bytes
        if self._bytes_per_s is not None:
            # Limited to 50 ms: a line does not run faster after a pause.
            self._credit = min(self._credit + (now_s - self._then_s) * self._bytes_per_s, 0.05 * self._bytes_per_s)
            room = min(room, int(self._credit))
        self._then_s = now_s
        with contextlib.suppress(BlockingIOError):
            if len(self._due) < room:
                self._due += os.read(self._source, room - len(self._due))
        sent = 0
        with contextlib.suppress(BlockingIOError):
            if self._due and room:
                sent = os.write(self._sink, self._due[:room])
        self._due = self._due[sent:]
        self._credit -= sent
        return sent
