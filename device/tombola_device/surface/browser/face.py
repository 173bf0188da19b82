"""The face in the control process: it passes views to the server and gives what the pages ask for.

It costs one look at shared memory in each tick; views are sent only while a page is open.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from tombola_device.contract.errors import BadConfig
from tombola_device.contract.foreign import plain
from tombola_device.hal.midi.bytes import MidiMessage
from tombola_device.hal.midi.held import HeldKeys, Sources
from tombola_device.surface.actions import AcceptKey, Action, AllowOnce, Choose, Enrol, Gate, TurnDownKey
from tombola_device.surface.view import View
from tombola_device.surface.wire import action_of

KEPT_LINES: Final = 100
HANDS_ONLY: Final = (Enrol, AcceptKey, TurnDownKey, AllowOnce)
"""Whom these let in stays; so where there is a panel, only hands at it may ask for them (``docs/adr/0019``)."""
_LOG = logging.getLogger(__name__)


class Server(Protocol):
    """The server of the pages: ``child.ServerProcess``.

    >>> class Silent:
    ...     idle = True
    ...     def send(self, message): print(message)
    ...     def receive(self): return [{"kind": "address", "address": "http://127.0.0.1:8662/#token"}]
    ...     def close(self): pass
    >>> server: Server = Silent()
    >>> BrowserFace(server, say=print).poll(View(), now_s=0.0)
    http://127.0.0.1:8662/#token
    []
    """

    @property
    def idle(self) -> bool:
        """Whether it has been sent everything."""

    def send(self, message: object) -> None:
        """Send a message."""

    def receive(self) -> Sequence[Any] | None:
        """What it says; None, once, if it has died."""

    def close(self) -> None:
        """End it."""


class BrowserFace:
    """All pages together are one face.

    Args:
        server: Serves them.
        say: Takes each address under which the page can be opened.
        hands_here: Whether the pages may do what else only hands at the panel may: there is no panel.
        sources: What else plays the instrument; see HeldKeys.
    """

    def __init__(
        self,
        server: Server,
        say: Callable[[str], None],
        *,
        hands_here: bool = True,
        sources: Sources | None = None,
    ) -> None:
        self._server, self._say, self._hands_here = server, say, hands_here
        self._held = HeldKeys(sources)
        self._actions: list[Action] = []
        self._messages: list[MidiMessage] = []
        self._gates: set[str] = set()
        """Those that pages hold high."""
        self.pages = 0
        """How many are open, or wait for an answer."""
        self._log = LogTail()
        self._told_lines = 0
        self.midi = FaceMidi("the page in the browser", self.receive)
        """The keys of the pages, as a source of MIDI."""

    @property
    def touched(self) -> bool:
        """See Face."""
        return bool(self._actions)

    def poll(self, view: View, now_s: float) -> list[Action]:  # noqa: ARG002 - it has no time-outs
        """See Face."""
        self.listen()
        if self.pages and self._server.idle:
            if self._told_lines != self._log.count:
                self._told_lines = self._log.count
                self._server.send({"log": list(self._log.lines)})
            self._server.send({"view": view})
        actions, self._actions = self._actions, []
        return actions

    def listen(self) -> None:
        """Take what the pages have sent. Does not wait."""
        said = self._server.receive()
        if said is None:  # The server has died, and its pages' keys with it.
            self._messages += self._held.release()
            self._actions += [Gate(jack, high=False) for jack in sorted(self._gates)]
            self._gates.clear()
            self.pages = 0
            return
        for message in said:
            try:
                self._take(message)
            except (BadConfig, TypeError, KeyError, ValueError) as error:
                _LOG.warning("a page asked for what cannot be: %s", error)

    def receive(self) -> list[MidiMessage]:
        """The MIDI messages of the pages since the last call."""
        self.listen()
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """See Face."""
        self._log.close()
        self._server.close()

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "midi":
            self._messages += heard(message, self._held)
        elif kind == "pages":
            self.pages, self._told_lines = int(message["count"]), -1
        elif kind == "address":
            self._say(str(message["address"]))
        else:
            action = action_of(message)
            if is_for_hands(action) and not self._hands_here:
                raise BadConfig("only hands at the panel may do this")
            if isinstance(action, Gate):
                (self._gates.add if action.high else self._gates.discard)(action.jack)
            self._actions.append(action)


class FaceMidi:
    """The keys of a face: a source of MIDI.

    Args:
        name: Name for the user.
        receive: Gives the messages since the last call.
    """

    done = False

    def __init__(self, name: str, receive: Callable[[], list[MidiMessage]]) -> None:
        self.name, self._receive = name, receive

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        return self._receive()

    def close(self) -> None:
        """See MidiIn; the face is closed with the other faces."""


class LogTail(logging.Handler):
    """The last lines of the log, for the pages."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.count = 0
        """Lines so far."""
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self.lines.append(plain(record.getMessage())[:500])
        self.count += 1

    def close(self) -> None:
        """See logging.Handler."""
        logging.getLogger().removeHandler(self)
        super().close()


def is_for_hands(action: Action) -> bool:
    """Whether only hands at the panel may ask for this: it lets somebody in who stays."""
    return isinstance(action, HANDS_ONLY) or (isinstance(action, Choose) and action.option == "page")


def heard(message: dict[str, Any], held: HeldKeys) -> list[MidiMessage]:
    """What the player hears of a page's message of MIDI; what a page that has gone held may be held elsewhere.

    Raises:
        BadConfig: It is none.
    """
    midi = checked_midi(message.get("bytes"))
    if message.get("gone") is True:
        return [midi] if held.left(midi) else []
    held.follow(midi)
    return [midi]


def checked_midi(given: object) -> MidiMessage:
    """One MIDI message of a channel, or of the clock, as the page sends it.

    Raises:
        BadConfig: It is none.

    >>> checked_midi([144, 60, 100])
    (144, 60, 100)
    """
    if isinstance(given, list) and 1 <= len(given) <= 3 and all(type(byte) is int for byte in given):
        status, *data = given
        if 0x80 <= status <= 0xFF and status != 0xF0 and all(0 <= byte < 0x80 for byte in data):
            return tuple(given)
    raise BadConfig(f"{str(given)[:40]} is no MIDI message; send two or three bytes")
