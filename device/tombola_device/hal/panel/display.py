"""The display: 128 × 64 pixels on I²C, through luma.oled.

A full picture is 1 KiB and takes 25 ms at 400 kHz. In this time the control loop would miss 25 readings of the pitch
input. So a separate thread sends pictures, and only changed ones; the kernel lets other chips use the bus in between.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.late import Late

if TYPE_CHECKING:
    from PIL.Image import Image

_LOG = logging.getLogger(__name__)


class Display(Protocol):
    """Shows pictures to the player.

    >>> class Counter:
    ...     shown = 0
    ...     def show(self, image): self.shown += 1
    ...     def close(self): pass
    >>> display: Display = Counter()
    >>> display.show(None), display.shown
    (None, 1)
    """

    def show(self, image: Image) -> None:
        """Show a picture soon. Does not wait; a newer picture replaces one that was not shown yet."""

    def close(self) -> None:
        """Switch the display off. May be called twice."""


class FakeDisplay:
    """Keeps all pictures."""

    def __init__(self) -> None:
        self.images: list[Image] = []
        self.closed = False

    def show(self, image: Image) -> None:
        """See Display."""
        self.images.append(image)

    def close(self) -> None:
        """See Display."""
        self.closed = True


class LumaDisplay:
    """One of luma's devices; a thread sends the pictures.

    Args:
        late: A device of luma.core, with ``display(image)`` and ``hide()``, from when it answers.
    """

    def __init__(self, late: Late[Any]) -> None:
        self._late = late
        self._wanted: Image | None = None
        self._shown = b""
        self._wake, self._closed = threading.Event(), False
        self._thread = threading.Thread(target=self._send, name="display", daemon=True)
        self._thread.start()

    def show(self, image: Image) -> None:
        """See Display."""
        self._wanted = image
        self._wake.set()

    def close(self) -> None:
        """See Display."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join()

    def _send(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            try:
                self._show_wanted()
            except Exception as error:  # noqa: BLE001 - luma's errors are its own; the next picture may arrive
                _LOG.debug("the display does not answer: %s", error)

    def _show_wanted(self) -> None:
        image = self._wanted
        if image is not None and image.tobytes() != self._shown:
            device = self._late.get()
            device.display(image.convert(device.mode))
            self._shown = image.tobytes()
        if self._closed and self._late.chip is not None:
            self._late.chip.hide()


def open_display(bus: int, address: int) -> LumaDisplay:
    """Open the display of the panel, an SH1106; if it does not answer, pictures are shown from when it does."""
    late = Late(lambda: _open_sh1106(bus, address))
    if late.fault:
        _LOG.warning("%s", late.fault)
    return LumaDisplay(late)


def _open_sh1106(bus: int, address: int) -> Any:  # noqa: ANN401 - luma has no annotations
    try:
        from luma.core.error import DeviceNotFoundError
        from luma.core.interface.serial import i2c
        from luma.oled.device import sh1106
    except ImportError as error:
        raise DeviceUnavailable(
            "the display needs the Python package luma.oled, which is not installed; install tombola-device[gpio]"
        ) from error
    try:
        return sh1106(i2c(port=bus, address=address))
    except (DeviceNotFoundError, OSError) as error:
        raise DeviceUnavailable(f"the display does not answer on I²C {bus} ({error}); check the board") from error
