"""Hears the instrument by its tap: for pages that listen, and for the scope. Hears nothing while nobody wants it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from tombola_device.audio.tap import TapReader
from tombola_device.contract.controls import Float32Array
from tombola_device.surface.browser.scope import WINDOW_SAMPLES, pcm, sound_message
from tombola_device.web.socket import Closed, Socket

HEAR_S: Final = 0.008
"""Three periods: sound waits for no more than this."""
LOOK_S: Final = 0.1
MOST_UNHEARD_BYTES: Final = 48_000
"""Half a second of sound that a listener has not acknowledged."""
MOST_LISTENERS: Final = 16
DEAF_S: Final = 15.0
"""Who has acknowledged nothing for so long is hung up on."""


class Ear:
    """Reads the tap while somebody listens or looks.

    Args:
        tap: The tap; None: there is no sound.
    """

    def __init__(self, tap: TapReader | None) -> None:
        self._tap = tap
        self._listeners: list[Listener] = []
        self._look: Callable[[], None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._looked_s = 0.0
        self.window: Float32Array = np.zeros(WINDOW_SAMPLES, np.float32)
        """The newest samples."""

    @property
    def hears(self) -> bool:
        """Whether there is a tap."""
        return self._tap is not None

    def watch(self, look: Callable[[], None] | None) -> None:
        """Call ``look`` every LOOK_S from now on; None: nobody looks."""
        self._look = look
        self._go_on()

    async def serve(self, socket: Socket) -> None:
        """Send the sound to one listener until it has gone."""
        if len(self._listeners) >= MOST_LISTENERS or not self.hears:
            return
        listener = Listener(socket)
        self._listeners.append(listener)
        self._go_on()
        try:
            await listener.run()
        finally:
            self._listeners.remove(listener)

    def _go_on(self) -> None:
        if self._hearing is None and self.hears and (self._listeners or self._look is not None):
            self._hearing = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        assert self._tap is not None
        self._tap.read()  # What was played while nobody listened is past.
        while self._listeners or self._look is not None:
            await asyncio.sleep(HEAR_S if self._listeners else LOOK_S)
            periods = self._tap.read()
            if periods:
                samples = np.concatenate([block for _, block in periods])
                self.window = np.concatenate([self.window, samples])[-WINDOW_SAMPLES:]
                sound = pcm(samples) if self._listeners else b""
                for listener in self._listeners:
                    listener.put(periods[0][0], sound)
            now_s = time.monotonic()
            if self._look is not None and now_s - self._looked_s >= LOOK_S - HEAR_S / 2:
                self._looked_s = now_s
                self._look()
        self._hearing = None


class Listener:
    """One page that listens: it is sent what it has room for.

    Args:
        socket: Its socket.
    """

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._seq = 0
        self._unheard: dict[int, int] = {}

    def put(self, written_us: int, sound: bytes) -> None:
        """Give it a block, from ``pcm``, unless it has not heard half a second of the blocks before."""
        self._seq += 1
        if sum(self._unheard.values()) + len(sound) <= MOST_UNHEARD_BYTES:
            self._unheard[self._seq] = len(sound)
            self._queue.put_nowait(sound_message(self._seq, written_us, sound))

    async def run(self) -> None:
        """Send until it has gone, or has acknowledged nothing for DEAF_S."""
        sending = asyncio.create_task(self._send())
        try:
            while not sending.done():
                async with asyncio.timeout(DEAF_S):
                    message = await self._socket.receive()
                self._heard(message)
        except TimeoutError:
            self._socket.abort()
        finally:
            sending.cancel()

    def _heard(self, message: str | bytes) -> None:
        try:
            seq = msgspec.json.decode(message, type=dict[str, int])["heard"]
        except (msgspec.DecodeError, UnicodeError, KeyError) as error:
            raise Closed from error
        self._unheard = {number: size for number, size in self._unheard.items() if number > seq}

    async def _send(self) -> None:
        try:
            while True:
                await self._socket.send(await self._queue.get())
        except Closed:
            self._socket.abort()
