"""A client of the server, for tests and for programs: requests and WebSockets, one after the other.

It sends what it is told to, wrong headers and damaged frames too.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT_S: Final = 10.0
TEXT, CLOSE = 1, 8


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, headers in small letters, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        """The body's JSON."""
        return json.loads(self.body)


class WebClient:
    """A browser's requests without a browser.

    Args:
        port: The server's port.
        host: What it calls the server.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port, self.host = port, f"{host}:{port}"
        self.cookie = ""
        self._opened: list[WebSocketClient] = []

    def close(self) -> None:
        """Hang up all WebSockets."""
        for each in self._opened:
            each.close()

    def login(self, token: str) -> Reply:
        """Exchange the token for a cookie, and keep it."""
        reply = self.post("/login", json.dumps({"token": token}).encode(), {"Content-Type": "application/json"})
        self.cookie = reply.headers.get("set-cookie", "").partition(";")[0] or self.cookie
        return reply

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path."""
        return self.request("GET", path, b"", headers)

    def post(self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """POST a body, from the server's own page unless ``headers`` say otherwise."""
        return self.request("POST", path, body, {"Origin": f"http://{self.host}", **(headers or {})})

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """One request; a header of None is left out."""
        with self.connect() as line:
            line.sendall(self.head(method, path, {"Content-Length": str(len(body)), **(headers or {})}) + body)
            return read_reply(line)

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """The head of a request."""
        own = {"Host": self.host, **({"Cookie": self.cookie} if self.cookie else {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**own, **headers}.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def connect(self) -> socket.socket:
        """A connection that has not said anything yet."""
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)

    def socket(self, path: str, headers: Mapping[str, str] | None = None) -> WebSocketClient:
        """Open a WebSocket.

        Raises:
            ConnectionRefusedError: The server answers something else; its first argument is the answer.
        """
        line = self.connect()
        upgrade = {
            "Origin": f"http://{self.host}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        opened = WebSocketClient(line)
        self._opened.append(opened)
        line.sendall(self.head("GET", path, upgrade | dict(headers or {})))
        head = _read_head(line)
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionRefusedError(read_reply(line, head))
        return opened


class WebSocketClient:
    """One open WebSocket."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line

    def send(self, message: object, kind: int = TEXT) -> None:
        """Send a message; what is neither text nor bytes goes as JSON."""
        data = message if isinstance(message, bytes) else (message if isinstance(message, str) else json.dumps(message))
        payload = data.encode() if isinstance(data, str) else data
        self.line.sendall(frame(payload, kind))

    def receive(self) -> str | bytes:
        """The next message.

        Raises:
            ConnectionError: The server has hung up.
            TimeoutError: It says nothing.
        """
        first, second = self._read(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
        payload, kind = self._read(size), first & 0x0F
        if kind == CLOSE:
            raise ConnectionResetError("the server has closed the socket")
        return payload.decode() if kind == TEXT else payload

    def close(self) -> None:
        """Hang up."""
        self.line.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.line.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("the server has hung up")
            data += piece
        return data


def frame(payload: bytes, kind: int = TEXT) -> bytes:
    """A client's frame: masked, as RFC 6455 wants it.

    >>> len(frame(b"a" * 125)), len(frame(b"a" * 126))
    (131, 134)
    """
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    if size > 0xFFFF:
        length = b"\xff" + struct.pack(">Q", size)
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | kind]) + length + mask + masked


def read_reply(line: socket.socket, head: bytes = b"") -> Reply:
    """Read an answer until the server hangs up; ``head``: what was read of it."""
    data = head or _read_head(line)
    top, _, body = data.partition(b"\r\n\r\n")
    while piece := line.recv(65_536):
        body += piece
    first, *rest = top.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rest)}
    return Reply(int(first.split()[1]), headers, body)


def _read_head(line: socket.socket) -> bytes:
    """The bytes until an empty line; of a WebSocket nothing after it has come yet, or it is read one by one."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = line.recv(1)
        if not piece:
            raise ConnectionResetError("the server has hung up")
        data += piece
    return data
