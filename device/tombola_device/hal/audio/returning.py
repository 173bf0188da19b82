"""A card that may be unplugged. Without it the music continues unheard; when it returns, the sound returns."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.pacer import Pacer
from tombola_device.hal.audio.port import AudioOut

RETRY_S: Final = 0.5
_LOG = logging.getLogger(__name__)


class ReturningOut:
    """A sink that is opened again after it was lost.

    Args:
        open_out: Opens the card. The constructor calls it; later a separate thread does, because it takes milliseconds
            and may wait.
        retry_s: Time between two attempts.

    Raises:
        DeviceUnavailable: The card is missing at the start.
    """

    def __init__(self, open_out: Callable[[], AudioOut], retry_s: float = RETRY_S) -> None:
        self._open_out, self._retry_s = open_out, retry_s
        self._out: AudioOut | None = open_out()
        self._back: AudioOut | None = None
        self.name = self._out.name
        self._pacer = Pacer()
        self._missing = threading.Event()
        self._closed = threading.Event()
        threading.Thread(target=self._look, name="card", daemon=True).start()

    @property
    def lost(self) -> bool:
        """Whether the card is unplugged."""
        return self._out is None

    def wait(self) -> int:
        """See AudioOut; without a card a period takes its real time.

        Real time: audio thread.
        """
        return self._out.wait() if self._out is not None else self._pacer.wait()

    def write(self, block: Float32Array) -> bool:
        """See AudioOut; without a card a write is not an xrun.

        Real time: audio thread.
        """
        if self._out is None and self._back is not None:
            self._out, self._back = self._back, None
        if self._out is not None:
            try:
                return self._out.write(block)
            except DeviceUnavailable:
                out, self._out = self._out, None
                with contextlib.suppress(DeviceUnavailable):
                    out.close()
                self._pacer = Pacer()
                self._missing.set()
        self._pacer.count()
        return True

    def close(self) -> None:
        """See AudioOut."""
        self._closed.set()
        self._missing.set()
        for out in (self._out, self._back):
            if out is not None:
                out.close()

    def _look(self) -> None:
        """Whenever the card is lost, try to open it until it returns."""
        _become_ordinary()
        while not self._closed.is_set():
            self._missing.wait()
            if self._closed.wait(self._retry_s):
                return
            try:
                back = self._open_out()
            except DeviceUnavailable:
                continue
            # In this order, so that a card that is lost again at once is noticed.
            self._missing.clear()
            self._back = back


def _become_ordinary() -> None:
    """Give up the priority inherited from the audio thread."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
