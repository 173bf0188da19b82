"""The host's questions: one request at a time, repeated until it is answered.

    Asker      hello ──Welcome──► asking ──answer──► done

Like ``sender``, no I/O and no clock: the caller feeds it what came in and the time, and writes what it returns.
"""

from __future__ import annotations

from typing import Final

from tombola_device.contract import protocol as p
from tombola_device.contract.errors import FlashError
from tombola_device.contract.refusals import Refused

REQUEST_EVERY_S: Final = 1.0
REQUEST_TRIES: Final = 10
NOBODY: Final = "nothing answers on the port; check that tombolad runs, the cable and the port's name"


class Requests:
    """The request that waits for its answer."""

    def __init__(self) -> None:
        self.message: p.Message | None = None
        self.tries = 0
        self._every_s = 0.0
        self._due_s = 0.0

    def ask(self, message: p.Message, every_s: float = REQUEST_EVERY_S) -> None:
        """Ask at once and then again each ``every_s``."""
        self.message, self._every_s, self._due_s, self.tries = message, every_s, float("-inf"), 0

    def answered(self) -> None:
        """Ask no more."""
        self.message = None

    def due(self, now: float) -> p.Message | None:
        """The request, if it is time for it."""
        if self.message is None or now < self._due_s:
            return None
        self._due_s = now + self._every_s
        self.tries += 1
        return self.message


class Asker:
    """Asks a device one thing.

    Args:
        session: A number that no other recent session has, 0 … 2**32 - 1.
        request: What is asked once the session is open.
        least_version: Of the protocol, in which the request exists.
    """

    def __init__(self, session: int, request: p.Message, least_version: int = p.LOWEST_VERSION) -> None:
        self._session = session
        self._request = request
        self._least_version = least_version
        self._reader = p.FrameReader()
        self._requests = Requests()
        self._requests.ask(hello(p.MAX_CHUNK_BYTES))
        self.answer: p.Message | None = None
        """None until it has come."""

    def receive(self, data: bytes) -> None:
        """Take in what the line brought.

        Raises:
            FlashError: The device refused, or is too old for the question.
        """
        for session, message in self._reader.feed(data):
            if session != self._session:
                continue
            if isinstance(message, p.Error):
                raise Refused(message.code, message.value)
            if isinstance(message, p.Welcome):
                self._welcome(message)
            elif self._requests.message == self._request:
                self.answer = message
                self._requests.answered()

    def poll(self, now: float) -> bytes:
        """What is to be written to the line at time ``now``, s.

        Raises:
            FlashError: Nobody answers.
        """
        message = self._requests.due(now)
        if self._requests.tries > REQUEST_TRIES:
            raise FlashError(NOBODY)
        return p.encode_frame(self._session, message) if message else b""

    def _welcome(self, welcome: p.Welcome) -> None:
        if not max(self._least_version, p.LOWEST_VERSION) <= welcome.version <= p.PROTOCOL_VERSION:
            raise FlashError(
                f"the device speaks version {welcome.version} of the flash protocol, in which this cannot be asked; "
                "update it"
            )
        if isinstance(self._requests.message, p.Hello):
            self._requests.ask(self._request)


def hello(chunk_bytes: int) -> p.Hello:
    """What a host of this version opens a session with."""
    return p.Hello(p.LOWEST_VERSION, p.PROTOCOL_VERSION, chunk_bytes, p.WINDOW_CHUNKS)
