"""Who may come in: a token is exchanged for a cookie once, and a logout ends all of both."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final

import msgspec

MOST_SESSIONS: Final = 16
"""The oldest one ends with the seventeenth login."""


class KeptKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What outlives a restart: the token, and the SHA-256 of each living cookie, oldest first."""

    token: str
    sessions: tuple[str, ...] = ()


def new_keys() -> KeptKeys:
    """A token of 128 random bits, and no cookie."""
    return KeptKeys(secrets.token_urlsafe(16))


class Keys:
    """The token and the cookies of one server.

    Args:
        kept: As they were kept.
        keep: Keeps them, whenever they change.

    >>> said = []
    >>> keys = Keys(KeptKeys("token"), said.append)
    >>> cookie = keys.login("token")
    >>> keys.login("wrong"), keys.knows(cookie), keys.knows("wrong"), len(said)
    ('', True, False, 1)
    >>> keys.logout()
    >>> keys.knows(cookie), keys.login("token")
    (False, '')
    """

    def __init__(self, kept: KeptKeys, keep: Callable[[KeptKeys], None]) -> None:
        self._kept, self._keep = kept, keep

    @property
    def token(self) -> str:
        """What stands in the address that the user was given."""
        return self._kept.token

    def login(self, token: str) -> str:
        """A new cookie's value; empty: the token is wrong."""
        if not hmac.compare_digest(token.encode(errors="replace"), self._kept.token.encode()):
            return ""
        cookie = secrets.token_urlsafe(32)
        self._change(KeptKeys(self._kept.token, (*self._kept.sessions, _digest(cookie))[-MOST_SESSIONS:]))
        return cookie

    def knows(self, cookie: str) -> bool:
        """Whether this cookie was given and lives."""
        return _digest(cookie) in self._kept.sessions

    def logout(self) -> None:
        """End every cookie, and the token too: whoever has seen the address does not come in again."""
        self._change(new_keys())

    def _change(self, kept: KeptKeys) -> None:
        self._kept = kept
        self._keep(kept)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
