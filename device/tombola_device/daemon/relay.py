"""Shows the panel of an instrument at the other end of a serial line in a browser of this computer.

    instrument ◄── Look, Seen over USB ──► Relay ◄── views, actions ──► server of the page ◄──► browser

The instrument has no listener and no network; what reads HTTP is this computer.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from tombola_device.config import Config
from tombola_device.contract.errors import BadConfig, DeviceUnavailable, TombolaError
from tombola_device.contract.looker import Looker
from tombola_device.contract.protocol import MAX_LOOK_BYTES
from tombola_device.flash.serve import SerialPort, open_serial
from tombola_device.surface.browser.child import Place, ServerProcess
from tombola_device.surface.browser.face import Server
from tombola_device.surface.browser.open import Address, free_listener
from tombola_device.surface.remote import DIGITS
from tombola_device.surface.wire import view_of

LOOK_S: Final = 0.05
"""Twenty views a second, and at once if something was touched."""
REST_S: Final = 1.0
"""While no page is open."""
STEP_S: Final = 0.002
FLASH_BYTES: Final = 1024
"""At a time: at 115200 baud they take 0.09 s."""
FLASHING_S: Final = 2.0
"""A sender that says nothing for so long is done; it repeats its questions every quarter or whole second."""
MOST_MESSAGE_BYTES: Final = 512
"""Of one message; what is longer is no touch."""


class Relay:
    """Carries views and actions between a serial line and the server of a page.

    Args:
        port: The line to the instrument.
        server: Serves the page.
        code: The code that the instrument's display shows.
        say: Takes each address under which the page can be opened.
        take_flash: Gives the line over which the page flashes, once; None: there is no other than before.
        clock: Seconds.
    """

    def __init__(
        self,
        port: SerialPort,
        server: Server,
        code: int,
        say: Callable[[str], None],
        take_flash: Callable[[], socket.socket | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port, self._server, self._say, self._clock = port, server, say, clock
        self._take_flash = take_flash
        self._flash: socket.socket | None = None
        self._flashed_s = float("-inf")
        self._looker = Looker(secrets.randbits(32), code)
        self._touched: list[dict[str, Any]] = []
        self._pages = 0
        self._looked_s = float("-inf")
        self._shown = b""

    def run(self, stop: threading.Event) -> None:
        """Carry until ``stop`` is set.

        Raises:
            Refused: The panel is closed, or shows another code.
            FlashError: The instrument does not answer.
            DeviceUnavailable: The line was cut.
        """
        while not stop.wait(STEP_S):
            self.step()

    def step(self) -> None:
        """Carry once; see ``run``."""
        for message in self._server.receive() or ():
            self._take(message)
        now_s = self._clock()
        flashing = self._carry_flash(now_s)
        try:
            if waiting := self._port.in_waiting:
                self._hear(self._port.read(waiting))
            if not flashing and (output := self._looker.poll(now_s)):
                self._port.write(output)
        except TombolaError:  # Some are OSErrors too.
            raise
        except OSError as error:
            raise DeviceUnavailable("the line to the instrument was cut; plug it in and start again") from error
        if self._looker.view != self._shown and self._server.idle:
            self._shown = self._looker.view
            self._server.send({"view": view_of(self._shown)})
        if flashing:
            return
        every_s = LOOK_S if self._pages else REST_S
        if self._looker.idle and (self._touched or now_s - self._looked_s >= every_s):
            self._looked_s = now_s
            self._looker.look(self._next())

    def close(self) -> None:
        """Hang up the page's line."""
        if self._flash is not None:
            self._flash.close()

    def _carry_flash(self, now_s: float) -> bool:
        """Carry what the page flashes; True while it does. Meanwhile nobody looks: a line has one session.

        What is touched meanwhile is dropped, and the instrument lets go of the keys after ``remote.GONE_S``.
        """
        fresh = self._take_flash()
        if fresh is not None:
            self.close()
            self._flash = fresh
            fresh.settimeout(0)
        if self._flash is not None:
            try:
                data = self._flash.recv(FLASH_BYTES)
            except OSError:
                data = b""
            if data:
                self._flashed_s = now_s
                self._port.write(data)
        flashing = now_s - self._flashed_s < FLASHING_S
        if flashing:
            self._touched.clear()
        return flashing

    def _hear(self, data: bytes) -> None:
        """Each of the two knows its own frames by their session."""
        self._looker.receive(data)
        if self._flash is not None:
            with contextlib.suppress(OSError):  # Who does not read asks again.
                self._flash.send(data)

    def _take(self, message: dict[str, Any]) -> None:
        match message.get("kind"):
            case "pages":
                self._pages, self._shown = int(message["count"]), b""
            case "address":
                self._say(str(message["address"]))
            case _:
                self._touched.append(message)

    def _next(self) -> list[dict[str, Any]]:
        """What was touched, as much as fits into one Look."""
        fits = MAX_LOOK_BYTES // MOST_MESSAGE_BYTES
        now, self._touched = self._touched[:fits], self._touched[fits:]
        return [message for message in now if len(str(message)) < MOST_MESSAGE_BYTES - 64]


def show_panel(
    config: Config, path: str, code: str, stop: threading.Event, say: Callable[[str], None], *, port: int, show: bool
) -> None:
    """Show the panel of an instrument on a serial line until ``stop`` is set.

    Args:
        config: Of this computer: where the page's token is kept, and bundles that it knows.
        path: The serial port.
        code: The code that the instrument's display shows.
        stop: Ends it.
        say: Takes lines for the user.
        port: The page's port; 0: the usual one, or the next that is free.
        show: Whether to open the page too.

    Raises:
        TombolaError: The line or the port cannot be opened, the panel is closed, or the instrument does not answer.
    """
    if not (code.isdecimal() and len(code) == DIGITS):
        raise BadConfig(f"{code!r} is no code; give the {DIGITS} digits that the display shows on its page *about*")
    try:
        line = open_serial(path)
    except OSError as error:
        raise DeviceUnavailable(
            f"the port {path} cannot be opened ({error.strerror or error}); name another"
        ) from error
    with closing(line):
        keys = config.state_path / "panel.json"
        place = Place(free_listener(port, say), -1, keys, config.slots_path, config.factory_path, hands_here=False)
        with closing(ServerProcess(place)) as server:
            relay = Relay(line, server, int(code), Address(say, show=show).say, server.take_flash)
            with closing(relay):
                relay.run(stop)
