"""From the bytes of a terminal to keys: pure, no terminal needed.

A plain terminal sends characters, and for the arrows ``ESC [ A``. With the keyboard protocol of kitty each key comes as
``ESC [ code : shifted : base ; modifiers : event u``, and going up is an event of its own.

Source: ECMA-48 (control sequences); "Comprehensive keyboard handling in terminals", sw.kovidgoyal.net/kitty.
"""

from __future__ import annotations

import re
from typing import Final

from tombola_device.hal.keyboard.port import KeyPress, Stroke

ASK: Final = b"\x1b[?u\x1b[c"
"""Which of kitty's flags hold? And what terminal is this? Every terminal answers the second question."""
FLAGS: Final = re.compile(rb"\x1b\[\?\d*u")
ANSWERED: Final = re.compile(rb"\x1b\[\?[\d;]*c")
BEGIN: Final = b"\x1b[>15u"
"""Unambiguous, with events, with the key of a US keyboard, also for keys that type text."""
END: Final = b"\x1b[<u"
MOST_BYTES: Final = 64
"""A longer sequence is not one of a key."""
_ARROWS: Final = {"A": "up", "B": "down", "C": "right", "D": "left"}
_NAMES: Final = {"\t": "tab", "\r": "enter", "\n": "enter", " ": "space", "\x7f": "backspace", "\b": "backspace"}
_NAMES_OF_CODES: Final = {9: "tab", 13: "enter", 32: "space", 127: "backspace"}
_STROKES: Final = {"1": Stroke.DOWN, "2": Stroke.AGAIN, "3": Stroke.UP}
_SHIFT, _OTHERS = 1, 2 | 4 | 8 | 16 | 32
"""Bits of the modifiers: alt, ctrl, super, hyper, meta are others."""
_CTRL: Final = 4
_SEQUENCE: Final = re.compile(r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|O([@-~]))")
_BEGUN: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")


class Decoder:
    r"""Takes bytes in pieces of any length.

    >>> decoder = Decoder()
    >>> [press.key for press in decoder.feed(b"zX\x1b[")], [press.key for press in decoder.feed(b"C")]
    (['z', 'x'], ['right'])
    >>> decoder.feed(b"\x1b[121::122;2:3u")  # Y goes up, with SHIFT, where a US keyboard has Z.
    [KeyPress(key='y', stroke=<Stroke.UP: 'up'>, shift=True, place='z')]
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[KeyPress]:
        """Take received bytes; return the keys that they complete. What is no key is dropped."""
        text, self._rest = _characters(self._rest + data)
        presses: list[KeyPress] = []
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                presses += _typed(text[at])
                at += 1
            elif found := _SEQUENCE.match(text, at):
                presses += _sequence(*found.groups(default=""))
                at = found.end()
            elif _BEGUN.match(text, at) and len(text) - at < MOST_BYTES:
                self._rest = text[at:].encode() + self._rest
                break
            else:  # ESC before a character: that key with ALT.
                at += 1
        return presses


def _characters(data: bytes) -> tuple[str, bytes]:
    """The whole characters at the beginning, and the bytes of one that is not whole yet."""
    try:
        return data.decode(), b""
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return data[: error.start].decode(errors="ignore"), data[error.start :]
        return data.decode(errors="ignore"), b""


def _typed(character: str) -> list[KeyPress]:
    if character == "\x03":
        return [KeyPress("ctrl-c")]
    if name := _NAMES.get(character):
        return [KeyPress(name)]
    return [KeyPress(character.lower(), shift=character.isupper())] if character.isprintable() else []


def _sequence(parameters: str, final: str, single: str) -> list[KeyPress]:
    """One control sequence: ``ESC [ parameters final`` or ``ESC O single``."""
    code, _, rest = parameters.partition(";")
    modifiers, _, event = rest.partition(";")[0].partition(":")
    bits = (int(modifiers) - 1 if modifiers.isdecimal() else 0) & (_SHIFT | _OTHERS)
    stroke, shift = _STROKES.get(event or "1", Stroke.DOWN), bool(bits & _SHIFT)
    if name := _ARROWS.get(final or single):
        return [KeyPress(name, stroke, shift)]
    if final != "u":
        return []
    key, _, others = code.partition(":")
    if bits & _OTHERS:
        return [KeyPress("ctrl-c", stroke)] if bits & _OTHERS == _CTRL and key == "99" else []
    name = _name(key)
    return [KeyPress(name, stroke, shift, _name(others.rpartition(":")[2]))] if name else []


def _name(code: str) -> str:
    """Name of the key with a number of Unicode; empty if it is none that types."""
    number = int(code) if code.isdecimal() else 0
    if number in _NAMES_OF_CODES:
        return _NAMES_OF_CODES[number]
    private = 0xE000 <= number < 0xF900  # Kitty's numbers for keys without a character, such as SHIFT itself.
    return chr(number).lower() if 0x20 < number < 0x110000 and chr(number).isprintable() and not private else ""
