"""Good inputs in which the fuzzer chooses what to change.

The text of a document is cut into its values once. A change replaces, removes or doubles one of them by its place, so
that an input costs microseconds: to parse the text and write it again cost 5 ms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LEAVES: tuple[object, ...] = (
    None, True, 0, -1, 1, 127, 2**31, 2**53 + 1, 10**400, -0.5, 1e308, "", "x", "x" * 70, "a\nb", "\x1b[2J", "../up",
    "\u202e", [], {}, [[]], "frame", "onset", "state", "controls", "block", "held", "one_shot", "#000000",
)  # fmt: skip
_LEAVES = [json.dumps(leaf) for leaf in LEAVES]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies in a document: it ends at ``end``, and its entry with name and comma begins at ``entry``.

    ``closes``: where the entry ends if it is removed, which takes the comma after the first one. ``name``: before it.
    """

    start: int
    end: int
    entry: int
    closes: int
    name: str


class Document:
    """A JSON text and the places of all its values."""

    def __init__(self, text: bytes) -> None:
        self._pieces: list[str] = []
        self._at = 0
        self._places: list[Place] = []
        self._write(json.loads(text))
        self.text = "".join(self._pieces)

    def changed(self, source: Any) -> bytes:
        """The text with up to four values replaced, removed or doubled. ``source``: a FuzzedDataProvider."""
        text, before = self.text, len(self.text)
        for number in sorted(
            (source.ConsumeIntInRange(0, len(self._places) - 1) for _ in range(source.ConsumeIntInRange(0, 4))),
            reverse=True,
        ):
            place = self._places[number]
            if place.closes > before:
                continue  # It holds another one that was changed.
            before = place.entry
            kind = source.ConsumeIntInRange(0, 5)
            if kind == 0:
                text = text[: place.entry] + text[place.closes :]
                continue
            if kind == 1:
                name = f"{json.dumps(source.ConsumeUnicode(12))}:" if place.name else ""
                text = f"{text[: place.end]},{name}{self.text[place.start : place.end]}{text[place.end :]}"
                continue
            if kind == 2:
                value = json.dumps(source.ConsumeInt(8) if source.ConsumeBool() else source.ConsumeRegularFloat())
            elif kind == 3:
                value = json.dumps(source.ConsumeUnicode(70))
            elif kind == 4:
                other = self._places[source.ConsumeIntInRange(0, len(self._places) - 1)]
                value = self.text[other.start : other.end]
            else:
                value = _LEAVES[source.ConsumeIntInRange(0, len(LEAVES) - 1)]
            text = text[: place.start] + value + text[place.end :]
        return text.encode()

    def _write(self, value: Any) -> None:
        if not isinstance(value, dict | list):
            self._put(json.dumps(value))
            return
        is_object = isinstance(value, dict)
        self._put("{" if is_object else "[")
        for number, key in enumerate(value if is_object else range(len(value))):
            entry, place = self._at, len(self._places)
            self._put("," if number else "")
            name = f"{json.dumps(key)}:" if is_object else ""
            self._put(name)
            start = self._at
            self._places.append(Place(0, 0, 0, 0, ""))
            self._write(value[key])
            swallowed = 1 if number == 0 and len(value) > 1 else 0
            self._places[place] = Place(start, self._at, entry, self._at + swallowed, name)
        self._put("}" if is_object else "]")

    def _put(self, piece: str) -> None:
        self._pieces.append(piece)
        self._at += len(piece)


def bytes_of(data: bytes, source: Any) -> bytes:
    """Bytes of which up to three were replaced. ``source``: a FuzzedDataProvider."""
    changed = bytearray(data)
    for _ in range(source.ConsumeIntInRange(0, 3)):
        at = source.ConsumeIntInRange(0, len(changed))
        changed[at : at + source.ConsumeIntInRange(0, 16)] = source.ConsumeBytes(8)
    return bytes(changed)
