"""What pages show, with a number for each change: every page is sent what is new to it, encoded once for all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_MISSING = object()


class Shown:
    """Fields with the version at which each has changed.

    Args:
        fields: As they are at first.

    >>> shown = Shown({"held": (60,), "load": 0.25})
    >>> shown.news(0), shown.put({"load": 0.5, "held": (60,)}), shown.news(1), shown.news(2)
    ((1, '{"held":[60],"load":0.25}'), True, (2, '{"load":0.5}'), None)
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields: dict[str, Any] = {}
        self._changed: dict[str, int] = {}
        self._encoded: dict[str, bytes] = {}
        self._told: dict[int, str] = {}
        self._version = 0
        self.put(fields)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a field may be anything that JSON can say
        """A field."""
        return self._fields[name]

    def put(self, fields: Mapping[str, Any]) -> bool:
        """Set fields; whether any of them is another than before."""
        changed = [name for name, value in fields.items() if self._fields.get(name, _MISSING) != value]
        if not changed:
            return False
        self._version += 1
        self._told.clear()
        for name in changed:
            self._fields[name], self._changed[name] = fields[name], self._version
            self._encoded.pop(name, None)
        return True

    def news(self, known: int) -> tuple[int, str] | None:
        """The newest version, and as JSON what has changed since ``known``; 0: everything. None: nothing."""
        if known == self._version:
            return None
        if known not in self._told:
            news = ",".join(f'"{name}":{self._json(name)}' for name, at in self._changed.items() if at > known)
            self._told[known] = f"{{{news}}}"
        return self._version, self._told[known]

    def _json(self, name: str) -> str:
        if name not in self._encoded:
            self._encoded[name] = msgspec.json.encode(self._fields[name])
        return self._encoded[name].decode()
