"""Serves pages and sockets to this computer, one guarded request after another.

    bytes ─► head (limited, timed) ─► Host ─► route ─► cookie ─► Origin ─► handler

microdot reads requests, writes answers and frames WebSockets; what is let in is decided here. A connection carries one
request. The server opens no file and knows no path but those that were given to it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket as sockets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self, cast

from microdot.microdot import HTTPException, Request, Response

from tombola_device.web.files import StaticFile
from tombola_device.web.guard import Guard, Refusal
from tombola_device.web.keys import Keys
from tombola_device.web.limits import PIECE_BYTES, SLOW_S, Bucket, Reader, TooMuch, Writer
from tombola_device.web.socket import Closed, Socket

MOST_CONNECTIONS: Final = 64
HEAD_S: Final = 5.0
"""Time for the head of a request: who sends it byte by byte does not hold a place for long."""
BODY_S: Final = 60.0
"""Longest pause within a body."""
MOST_ARRIVING_BYTES: Final = 80 * 1024 * 1024
"""Of all bodies together that are being read: one bundle of the largest size, and smaller things beside it."""
LOGIN_BYTES: Final = 4096
_LOG = logging.getLogger(__name__)

# microdot would read bodies before the request is judged; here each handler's limit counts.
Request.max_body_length = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in.

    Args:
        headers: Its headers; names in any spelling.
        body: Its body; empty for GET.
    """

    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers.

    Args:
        body: The body.
        status: The status.
        headers: Headers beside the guard's.
    """

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, value: object, status: int = 200) -> Answer:
        """An answer in JSON."""
        return cls(json.dumps(value).encode(), status, (("Content-Type", "application/json"),))


Handler = Callable[[Asked], Awaitable[Answer]]
SocketHandler = Callable[[Socket], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    handler: Handler
    most_bytes: int = 0
    login: bool = True


class WebServer:
    """A server on one listening socket.

    Args:
        listener: Bound to the loopback interface; see ``ports.listen``.
        keys: Who may come in.
        files: What everybody may read: the page.
        slow_s: How long a client may take to read what was written.

    >>> async def main():
    ...     server = WebServer(listener, Keys(new_keys(), print), files={})
    ...     server.get("/answer", lambda _: Answer.of({"answer": 42}))
    ...     async with server:
    ...         await asyncio.Event().wait()
    """

    def __init__(
        self, listener: sockets.socket, keys: Keys, files: Mapping[str, StaticFile], slow_s: float = SLOW_S
    ) -> None:
        self._listener, self._keys, self._files, self._slow_s = listener, keys, files, slow_s
        self.guard = Guard(listener.getsockname()[1])
        self._routes: dict[str, _Route] = {}
        self._sockets: dict[str, tuple[SocketHandler, int]] = {}
        self._open: set[Socket] = set()
        self._connections = self._arriving_bytes = 0
        self._guesses = Bucket(rate=1.0, burst=10.0)
        """Only wrong tokens count, and the right one is let in at any time: a guesser must not keep the owner out."""
        self._server: asyncio.Server | None = None
        self.post("/login", self._login, LOGIN_BYTES, login=False)
        self.post("/logout", self._logout, 0)
        self.logged_out: Callable[[], None] = lambda: None
        """Called when cookies and token were ended."""

    @property
    def address(self) -> str:
        """What the user opens, token included."""
        return f"http://{self.guard.hosts[0]}/#{self._keys.token}"

    def get(self, path: str, handler: Handler) -> None:
        """Serve a path to who is logged in."""
        self._routes[path] = _Route("GET", handler)

    def post(self, path: str, handler: Handler, most_bytes: int, *, login: bool = True) -> None:
        """Take bodies of at most ``most_bytes`` at a path, from our own page only."""
        self._routes[path] = _Route("POST", handler, most_bytes, login)

    def socket(self, path: str, handler: SocketHandler, most_bytes: int) -> None:
        """Open WebSockets at a path, with messages of at most ``most_bytes``; they close when the handler returns."""
        self._sockets[path] = handler, most_bytes

    async def __aenter__(self) -> Self:
        """Serve from now on."""
        self._server = await asyncio.start_server(self._connect, sock=self._listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Serve no more, and hang up."""
        if self._server is not None:
            self._server.close()
        for each in tuple(self._open):
            each.abort()

    async def _connect(self, stream: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        reader, writer = Reader(stream), Writer(writing, self._slow_s)
        if self._connections >= MOST_CONNECTIONS:
            writer.abort()
            return
        self._connections += 1
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.IncompleteReadError):
            writer.abort()
        except Exception as error:  # noqa: BLE001 - whatever a request does, the server serves the next one
            _LOG.warning("a request has failed: %s: %s", type(error).__name__, error)
            writer.abort()
        finally:
            self._connections -= 1
            await writer.aclose()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        try:
            request = await self._head(reader, writer)
            answer = await self._handle(request, reader, writer)
        except Refusal as refusal:
            await self._write(Answer.of({"error": refusal.sentence}, refusal.status), writer)
            await writer.linger(reader)
            return
        if answer is not None:
            await self._write(answer, writer)

    async def _head(self, reader: Reader, writer: Writer) -> Request:
        try:
            incoming, outgoing = cast("asyncio.StreamReader", reader), cast("asyncio.StreamWriter", writer)
            request = await asyncio.wait_for(Request.create(None, incoming, outgoing, ("", 0)), HEAD_S)
        except TimeoutError as error:
            raise Refusal(408, "the request takes too long; send it again") from error
        except TooMuch as error:
            raise Refusal(431, "the request's head is too long; send a shorter one") from error
        except (ValueError, IndexError) as error:
            raise Refusal(400, "this is no request; open the address in a browser") from error
        if request is None:
            raise EOFError
        return request

    async def _handle(self, request: Request, reader: Reader, writer: Writer) -> Answer | None:
        headers: Mapping[str, str] = request.headers
        self.guard.check_host(headers)
        if request.path in self._files:
            if request.method != "GET":
                raise Refusal(405, "this page can only be read; use GET")
            return self._file(self._files[request.path], headers)
        self.guard.check_site(headers)
        if request.path in self._sockets:
            await self._upgrade(request, reader, writer)
            return None
        route = self._routes.get(request.path)
        if route is None:
            raise Refusal(404, "there is no such page; open the address that the terminal shows")
        if request.method != route.method:
            raise Refusal(405, f"this address takes {route.method} only")
        if route.login:
            self._check_cookie(request)
        if route.method == "POST":
            self.guard.check_origin(headers)
        asked = Asked(headers, await self._body(request, reader, route))
        try:
            return await route.handler(asked)
        except Refusal:
            raise
        except Exception as error:  # A fault of ours must not show its insides to a page.
            _LOG.warning("%s has failed: %s: %s", request.path, type(error).__name__, error)
            raise Refusal(500, "the instrument could not do this; its log says why") from error

    def _check_cookie(self, request: Request) -> str:
        cookie: str = request.cookies.get(self.guard.cookie, "")
        if not self._keys.knows(cookie):
            raise Refusal(401, "you are not logged in; open the address that the terminal shows")
        return cookie

    def _file(self, file: StaticFile, headers: Mapping[str, str]) -> Answer:
        if headers.get("If-None-Match", "") == file.tag:
            return Answer(status=304, headers=(("ETag", file.tag), ("Content-Type", file.kind)))
        return Answer(file.content, headers=(("Content-Type", file.kind), ("ETag", file.tag)))

    async def _body(self, request: Request, reader: Reader, route: _Route) -> bytes:
        size = request.content_length
        if route.method == "GET" or not size:
            return b""
        if not 0 <= size <= route.most_bytes:
            raise Refusal(413, f"at most {route.most_bytes} bytes are taken here; send less")
        if self._arriving_bytes + size > MOST_ARRIVING_BYTES:
            raise Refusal(503, "too much is arriving at once; send it again when the rest is there")
        self._arriving_bytes += size
        try:
            return await self._read_body(reader, size)
        finally:
            self._arriving_bytes -= size

    async def _read_body(self, reader: Reader, size: int) -> bytes:
        body = bytearray()
        while len(body) < size:
            piece = await asyncio.wait_for(reader.read(min(size - len(body), PIECE_BYTES)), BODY_S)
            if not piece:
                raise EOFError
            body += piece
        return bytes(body)

    async def _upgrade(self, request: Request, reader: Reader, writer: Writer) -> None:
        self._check_cookie(request)
        self.guard.check_origin(request.headers)
        handler, most_bytes = self._sockets[request.path]
        socket = Socket(request, reader, writer, most_bytes)
        try:
            await socket.shake_hands()
        except (HTTPException, ValueError) as error:
            raise Refusal(400, "this address takes WebSockets only; open the page") from error
        self._open.add(socket)
        try:
            await handler(socket)
        except Closed:
            pass
        finally:
            self._open.discard(socket)
            await socket.close()

    async def _write(self, answer: Answer, writer: Writer) -> None:
        response = Response(answer.body, answer.status, self.guard.headers | dict(answer.headers))
        await response.write(cast("asyncio.StreamWriter", writer))

    async def _login(self, asked: Asked) -> Answer:
        if asked.headers.get("Content-Type", "").partition(";")[0] != "application/json":
            raise Refusal(415, "the login is JSON; open the page")
        try:
            token = json.loads(asked.body)["token"]
        except (ValueError, KeyError, TypeError, RecursionError):
            token = None
        cookie = self._keys.login(token) if isinstance(token, str) else ""
        if not cookie and not self._guesses.spend():
            raise Refusal(429, "there were too many wrong tokens; take the address that the terminal shows")
        if not cookie:
            raise Refusal(403, "this token is not or no more valid; take the address that the terminal shows")
        kept = f"{self.guard.cookie}={cookie}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"
        return Answer(status=204, headers=(("Set-Cookie", kept),))

    async def _logout(self, _: Asked) -> Answer:
        self._keys.logout()
        for each in tuple(self._open):
            each.abort()
        self.logged_out()
        dead = f"{self.guard.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
        return Answer(status=204, headers=(("Set-Cookie", dead),))
