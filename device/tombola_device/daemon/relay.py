"""Shows the panel of an instrument at the other end of a serial line in a browser of this computer.

    instrument ◄── Look, Seen over USB ──► Relay ◄── views, actions ──► server of the page ◄──► browser

The instrument has no listener and no network; what reads HTTP is this computer.
"""

from __future__ import annotations

import secrets
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
MOST_MESSAGE_BYTES: Final = 512
"""Of one message; what is longer is no touch."""


class Relay:
    """Carries views and actions between a serial line and the server of a page.

    Args:
        port: The line to the instrument.
        server: Serves the page.
        code: The code that the instrument's display shows.
        say: Takes each address under which the page can be opened.
        clock: Seconds.
    """

    def __init__(
        self,
        port: SerialPort,
        server: Server,
        code: int,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port, self._server, self._say, self._clock = port, server, say, clock
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
        try:
            if waiting := self._port.in_waiting:
                self._looker.receive(self._port.read(waiting))
            if output := self._looker.poll(now_s):
                self._port.write(output)
        except TombolaError:  # Some are OSErrors too.
            raise
        except OSError as error:
            raise DeviceUnavailable("the line to the instrument was cut; plug it in and start again") from error
        if self._looker.view != self._shown and self._server.idle:
            self._shown = self._looker.view
            self._server.send({"view": view_of(self._shown)})
        every_s = LOOK_S if self._pages else REST_S
        if self._looker.idle and (self._touched or now_s - self._looked_s >= every_s):
            self._looked_s = now_s
            self._looker.look(self._next())

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
        place = Place(
            free_listener(port, say), -1, keys, config.slots_path, config.factory_path, hands_here=False, flashes=False
        )
        with closing(ServerProcess(place)) as server:
            Relay(line, server, int(code), Address(say, show=show).say).run(stop)
