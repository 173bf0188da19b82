"""The host's questions. The host repeats each request until the device answers.

    Asker      hello ──Welcome──► asking ──answer──► done

Like ``sender``, this module does no I/O and reads no clock. The caller passes received bytes and the time, and writes
the returned bytes to the line.
"""

from __future__ import annotations

from typing import Final

from tombola_device.contract import protocol as p
from tombola_device.contract.errors import FlashError
from tombola_device.contract.refusals import Refused

REQUEST_EVERY_S: Final = 1.0
REQUEST_TRIES: Final = 10
NO_ANSWER: Final = "no device answers on the port; check that tombolad runs, the cable and the port's name"


class Requests:
    """One request and the times at which to send it."""

    def __init__(self) -> None:
        self.message: p.Message | None = None
        self.tries = 0
        self._every_s = 0.0
        self._due_s = 0.0

    def ask(self, message: p.Message, every_s: float = REQUEST_EVERY_S) -> None:
        """Send the request at once, then every ``every_s`` seconds."""
        self.message, self._every_s, self._due_s, self.tries = message, every_s, float("-inf"), 0

    def answered(self) -> None:
        """Stop repeating the request."""
        self.message = None

    def due(self, now: float) -> p.Message | None:
        """The request if it is due, else None."""
        if self.message is None or now < self._due_s:
            return None
        self._due_s = now + self._every_s
        self.tries += 1
        return self.message


class Asker:
    """Sends a device one request and waits for the answer.

    Args:
        session: Number of the session, 0 … 2**32 - 1; different from other recent sessions.
        request: Sent when the session is open.
        least_version: Lowest protocol version that has the request.

    >>> asker = Asker(session=7, request=p.Ask())
    >>> p.FrameReader().feed(asker.poll(now=0.0))
    [(7, Hello(lowest_version=1, highest_version=2, chunk_bytes=4096, window_chunks=255))]
    >>> asker.receive(p.encode_frame(7, p.Welcome(2, 2048, 64)))
    >>> p.FrameReader().feed(asker.poll(now=0.1))
    [(7, Ask())]
    >>> asker.receive(p.encode_frame(7, p.Status(b"{}")))
    >>> asker.answer
    Status(tail=b'{}')
    """

    def __init__(self, session: int, request: p.Message, least_version: int = p.LOWEST_VERSION) -> None:
        self._session = session
        self._request = request
        self._least_version = least_version
        self._reader = p.FrameReader()
        self._requests = Requests()
        self._requests.ask(hello(p.MAX_CHUNK_BYTES))
        self.answer: p.Message | None = None
        """The device's answer; None until it arrives."""

    def receive(self, data: bytes) -> None:
        """Take received bytes, in pieces of any length.

        Raises:
            FlashError: The device refused the request, or its protocol version lacks the request.
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
        """Bytes to write to the line at time ``now``, s.

        Raises:
            FlashError: The device did not answer REQUEST_TRIES times.
        """
        message = self._requests.due(now)
        if self._requests.tries > REQUEST_TRIES:
            raise FlashError(NO_ANSWER)
        return p.encode_frame(self._session, message) if message else b""

    def _welcome(self, welcome: p.Welcome) -> None:
        if not max(self._least_version, p.LOWEST_VERSION) <= welcome.version <= p.PROTOCOL_VERSION:
            raise FlashError(
                f"the device speaks version {welcome.version} of the flash protocol, which lacks this request; "
                "update the device"
            )
        if isinstance(self._requests.message, p.Hello):
            self._requests.ask(self._request)


def hello(chunk_bytes: int) -> p.Hello:
    """The Hello with which a host of this version opens a session."""
    return p.Hello(p.LOWEST_VERSION, p.PROTOCOL_VERSION, chunk_bytes, p.WINDOW_CHUNKS)
