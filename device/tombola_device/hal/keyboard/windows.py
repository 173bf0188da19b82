"""The keyboard of Windows' console, by msvcrt. It does not say when a key goes up."""

from __future__ import annotations

import importlib
from typing import Any, Final

from tombola_device.hal.keyboard.decoding import Decoder
from tombola_device.hal.keyboard.port import KeyPress

_ARROWS: Final = {"H": "up", "P": "down", "M": "right", "K": "left"}
_PREFIXES: Final = ("\x00", "\xe0")


class WindowsKeyboard:
    """The console that the program was started in."""

    releases = False

    def __init__(self) -> None:
        self._console: Any = importlib.import_module("msvcrt")
        self._decoder = Decoder()

    def poll(self) -> list[KeyPress]:
        """See Keyboard."""
        presses: list[KeyPress] = []
        while self._console.kbhit():
            key = self._console.getwch()
            # An arrow comes as two characters. The first may be an à, which comes alone.
            if key in _PREFIXES and self._console.kbhit():
                name = _ARROWS.get(self._console.getwch())
                presses += [KeyPress(name)] if name else []
            else:
                presses += self._decoder.feed(key.encode(errors="ignore"))
        return presses

    def close(self) -> None:
        """See Keyboard; nothing was changed."""
