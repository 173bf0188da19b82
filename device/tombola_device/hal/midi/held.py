"""Tracks the held keys and controls of a source, to release them when it is unplugged."""

from __future__ import annotations

from typing import TypeAlias

from tombola_device.hal.midi.bytes import MidiMessage

_PEDALS = (64, 66)
_NOTES_OFF = (120, 123, 124, 125, 126, 127)
_CENTRE = (0, 64)


class HeldKeys:
    """The keys, pedals, pressures and wheels of one source that are not at rest.

    Args:
        sources: All sources that play the instrument; this one joins them. What two of them hold is not released with
            the first.

    >>> sources: Sources = []
    >>> din, usb = HeldKeys(sources), HeldKeys(sources)
    >>> din.follow((0x90, 60, 100)), usb.follow((0x90, 60, 80)), usb.follow((0x90, 64, 80))
    (None, None, None)
    >>> usb.release(), din.release(), din.release()
    ([(128, 64, 64)], [(128, 60, 64)], [])

    A key whose release was lost ends with all notes off, and holds nothing that another source plays later:

    >>> din.follow((0x90, 72, 100)), usb.follow((0xB0, 123, 0)), usb.follow((0x90, 72, 80)), usb.release()
    (None, None, None, [(128, 72, 64)])
    """

    def __init__(self, sources: Sources | None = None) -> None:
        self._rest: dict[tuple[int, ...], MidiMessage] = {}
        self._sources: Sources = [] if sources is None else sources
        self._sources.append(self)

    def follow(self, message: MidiMessage) -> None:
        """Take one message of the source; an incomplete message is ignored."""
        if len(message) != (2 if message[0] & 0xF0 in (0xC0, 0xD0) else 3):
            return
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        rest: MidiMessage
        if kind in (0x80, 0x90):
            key, rest = (0x80, channel, message[1]), (0x80 | channel, message[1], 64)
            down = kind == 0x90 and message[2] > 0
        elif kind == 0xB0 and message[1] in _NOTES_OFF:
            for source in self._sources:  # It silences what any of them holds.
                source._forget_keys()  # noqa: SLF001 - of the same class
            return
        elif kind == 0xB0 and message[1] in _PEDALS:
            key, rest = (0xB0, channel, message[1]), (0xB0 | channel, message[1], 0)
            down = message[2] >= 64
        elif kind == 0xD0:
            key, rest, down = (0xD0, channel, 0), (0xD0 | channel, 0), message[1] > 0
        elif kind == 0xE0:
            key, rest, down = (0xE0, channel, 0), (0xE0 | channel, *_CENTRE), message[1:] != _CENTRE
        else:
            return
        if down:
            self._rest[key] = rest
        else:
            self._rest.pop(key, None)

    def left(self, message: MidiMessage) -> bool:
        """Take a message that brings to rest what a player of this source has left behind; False: another holds it too.

        >>> sources: Sources = []
        >>> pages, usb = HeldKeys(sources), HeldKeys(sources)
        >>> pages.follow((0x90, 60, 100)), usb.follow((0x90, 60, 80))
        (None, None)
        >>> pages.left((0x80, 60, 64)), usb.left((0x80, 60, 64))
        (False, True)
        """
        before = set(self._rest)
        self.follow(message)
        return not (before - set(self._rest)) & self._held_by_any()

    def _held_by_any(self) -> set[tuple[int, ...]]:
        return {key for source in self._sources for key in source._rest}  # noqa: SLF001 - of the same class

    def _forget_keys(self) -> None:
        self._rest = {key: rest for key, rest in self._rest.items() if key[0] != 0x80}

    def release(self) -> list[MidiMessage]:
        """Return, once, the messages that bring to rest what no other source holds, in the order of the presses."""
        messages, self._rest = self._rest, {}
        still = self._held_by_any()
        return [rest for key, rest in messages.items() if key not in still]

    def leave(self) -> list[MidiMessage]:
        """Release everything, and be a source no more."""
        self._sources.remove(self)
        return self.release()


Sources: TypeAlias = list[HeldKeys]
