"""A guarded server in a thread, with an address of each kind, and a client that may misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import pytest
from tombola_device.web.client import WebClient
from tombola_device.web.files import read_files
from tombola_device.web.keys import KeptKeys, Keys
from tombola_device.web.server import Answer, WebServer
from tombola_device.web.socket import Closed

TOKEN = "right"


class Served:
    """What a test sees of the server."""

    def __init__(self, folder, slow_s):
        (folder / "static").mkdir()
        (folder / "static" / "index.html").write_text("<!doctype html><title>page</title>")
        (folder / "secret.txt").write_text("SECRET")
        self.kept, self.taken, self.flooded = [], [], threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.clients = []
        self.client = self.visit()
        self._files, self._slow_s = read_files(folder / "static"), slow_s
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(10)

    def visit(self, host="127.0.0.1"):
        self.clients.append(WebClient(self.port, host))
        return self.clients[-1]

    def login(self):
        client = self.visit()
        assert client.login(TOKEN).status == 204
        return client

    def close(self):
        for client in self.clients:
            client.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.server = WebServer(self.listener, Keys(KeptKeys(TOKEN), self.kept.append), self._files, self._slow_s)
        self.server.get("/state", self._state)
        self.server.post("/store", self._store, 1000)
        self.server.post("/broken", self._broken, 10)
        self.server.socket("/echo", self._echo, 4096)
        self.server.socket("/flood", self._flood, 64)
        async with self.server:
            self._started.set()
            await self._stop.wait()

    async def _state(self, asked):
        return Answer.of({"state": 1})

    async def _store(self, asked):
        self.taken.append(asked.body)
        return Answer.of({"said": "kept"})

    async def _broken(self, asked):
        raise RuntimeError("/secret/path of ours")

    async def _echo(self, socket):
        while True:
            await socket.send(await socket.receive())

    async def _flood(self, socket):
        try:
            while True:
                await socket.send(b"x" * 65_536)
        except Closed:
            self.flooded.set()
            raise


@pytest.fixture
def make_served(tmp_path):
    with contextlib.ExitStack() as stack:

        def make(slow_s=15.0):
            served = Served(tmp_path, slow_s)
            stack.callback(served.close)
            return served

        yield make


@pytest.fixture
def served(make_served):
    return make_served()
