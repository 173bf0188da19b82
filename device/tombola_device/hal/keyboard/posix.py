"""The keyboard of a terminal on Linux and macOS, by termios.

With kitty's protocol (kitty, foot, WezTerm, Ghostty, Alacritty, iTerm2, Konsole) it says when a key goes up.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import termios
import time
from typing import Final

from tombola_device.hal.keyboard.decoding import ANSWERED, ASK, BEGIN, END, FLAGS, Decoder
from tombola_device.hal.keyboard.port import KeyPress

ANSWER_S: Final = 0.3
"""A terminal answers within milliseconds; one behind a slow line within this, or it is taken for a plain one."""
_LOCAL, _CHARACTERS = 3, 6
"""Places in the list of ``tcgetattr``."""


class PosixKeyboard:
    """A terminal, read key by key.

    Args:
        keys: Descriptor of its input.
        screen: Descriptor of its output, for questions to it.

    ``close`` restores it; so does the end of the interpreter.
    """

    def __init__(self, keys: int, screen: int) -> None:
        self._keys, self._screen = keys, screen
        self._before = termios.tcgetattr(keys)
        self._open = True
        atexit.register(self.close)
        now = termios.tcgetattr(keys)
        now[_LOCAL] &= ~(termios.ECHO | termios.ICANON)
        # Ctrl-Z would stop the sound and leave the keys as they are here.
        now[_CHARACTERS][termios.VSUSP] = bytes([os.fpathconf(keys, "PC_VDISABLE") & 0xFF])
        now[_CHARACTERS][termios.VMIN], now[_CHARACTERS][termios.VTIME] = 1, 0
        termios.tcsetattr(keys, termios.TCSADRAIN, now)
        self._decoder = Decoder()
        self.releases = self._ask()
        """See Keyboard."""
        if self.releases:
            self._tell(BEGIN)

    def poll(self) -> list[KeyPress]:
        """See Keyboard; Ctrl-C interrupts the program as ever."""
        presses = self._decoder.feed(self._read())
        if any(press.key == "ctrl-c" for press in presses):  # With kitty's protocol the terminal sends no signal.
            signal.raise_signal(signal.SIGINT)
        return presses

    def close(self) -> None:
        """See Keyboard."""
        if self._open:
            self._open = False
            atexit.unregister(self.close)
            if self.releases:
                self._tell(END)
            with contextlib.suppress(termios.error):  # The terminal has gone.
                termios.tcsetattr(self._keys, termios.TCSAFLUSH, self._before)

    def _read(self) -> bytes:
        try:
            return os.read(self._keys, 4096) if select.select([self._keys], [], [], 0)[0] else b""
        except OSError:  # The terminal has gone.
            return b""

    def _tell(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._screen, data)

    def _ask(self) -> bool:
        """Whether the terminal knows kitty's protocol. Keys that are pressed meanwhile are lost."""
        if os.environ.get("TERM", "dumb") == "dumb":
            return False
        self._tell(ASK)
        until_s, answer = time.monotonic() + ANSWER_S, b""
        while not ANSWERED.search(answer) and (left_s := until_s - time.monotonic()) > 0:
            select.select([self._keys], [], [], left_s)
            answer += self._read()
        return FLAGS.search(answer) is not None
