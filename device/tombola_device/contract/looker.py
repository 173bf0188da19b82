"""The computer's end of the line while it shows the panel: one Look after another, each until it is answered.

Like ``sender``, it does no I/O and reads no clock.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, Final

from tombola_device.contract import protocol as p
from tombola_device.contract.asking import Requests, hello
from tombola_device.contract.errors import FlashError
from tombola_device.contract.refusals import ErrorCode, Refused

EVERY_S: Final = 0.25
"""A Look that was not answered is sent again."""
SILENT_TRIES: Final = 40
MOST_VIEW_BYTES: Final = 1 << 20


class Looker:
    """Looks at an instrument's panel.

    Args:
        session: Number of the session; see ``Asker``.
        code: The code that the display shows.

    >>> looker = Looker(session=7, code=482913)
    >>> looker.receive(p.encode_frame(7, p.Welcome(2, 2048, 64)))
    >>> looker.idle, looker.look([{"kind": "panic"}])
    (True, None)
    >>> p.FrameReader().feed(looker.poll(now=0.0))
    [(7, Look(number=1, code=482913, tail=b'[{"kind":"panic"}]'))]
    >>> looker.receive(p.encode_frame(7, p.Seen(1, zlib.compress(b"{}"))))
    >>> looker.view
    b'{}'
    """

    def __init__(self, session: int, code: int) -> None:
        self._session, self._code, self._number = session, code, 0
        self._reader, self._requests = p.FrameReader(), Requests()
        self._requests.ask(hello(p.MAX_CHUNK_BYTES))
        self.view = b""
        """The newest view, as JSON."""

    @property
    def idle(self) -> bool:
        """Whether the last Look was answered, and another one can be sent."""
        return self._requests.message is None

    def look(self, touched: Sequence[dict[str, Any]]) -> None:
        """Ask for a view, and say what was touched since the last Look. Only when ``idle``."""
        assert self.idle
        self._number = (self._number + 1) & 0xFFFF_FFFF
        said = json.dumps(list(touched), separators=(",", ":")).encode()
        self._requests.ask(p.Look(self._number, self._code, said), EVERY_S)

    def receive(self, data: bytes) -> None:
        """Take received bytes, in pieces of any length.

        Raises:
            Refused: The panel is closed, or shows another code.
        """
        for session, message in self._reader.feed(data):
            if session != self._session:
                continue
            if isinstance(message, p.Error):
                if message.code != ErrorCode.NO_SESSION:
                    raise Refused(message.code, message.value)
                self._again()
            elif isinstance(message, p.Welcome) and isinstance(self._requests.message, p.Hello):
                self._requests.answered()
            elif isinstance(message, p.Seen) and message.number == self._number and not self.idle:
                self.view = unpacked(message.tail)
                self._requests.answered()

    def poll(self, now: float) -> bytes:
        """Bytes to write to the line at time ``now``, s.

        Raises:
            FlashError: Nobody answers.
        """
        message = self._requests.due(now)
        if self._requests.tries > SILENT_TRIES:
            raise FlashError("the instrument does not answer any more; check the cable, and start again")
        return p.encode_frame(self._session, message) if message else b""

    def _again(self) -> None:
        """The instrument was started again, or another computer has flashed: a new session."""
        self._session = (self._session + 1) & 0xFFFF_FFFF
        self._requests.ask(hello(p.MAX_CHUNK_BYTES))


def unpacked(data: bytes) -> bytes:
    """The view in a Seen.

    Raises:
        FlashError: It is damaged, or far too long.
    """
    inflating = zlib.decompressobj()
    try:
        view = inflating.decompress(data, MOST_VIEW_BYTES)
    except zlib.error as error:
        raise FlashError("the instrument sends a view that is damaged; update the older side") from error
    if not inflating.eof:
        raise FlashError("the instrument sends a view without end; update the older side")
    return view
