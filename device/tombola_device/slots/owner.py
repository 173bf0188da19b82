"""Whose bundles the instrument takes: the keys that are enrolled, and what the player allows at the panel.

A key is enrolled only while the player holds the pairing window open, and one window enrols one key. A bundle that no
enrolled key has signed is refused unless the player allows one. A fresh instrument knows nobody, and makes no
exception: whoever plugs in first is not for that its owner (``docs/adr/0007``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from tombola_device.contract.errors import StoreError
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.contract.signing import bundle_is_signed, fingerprint, pairing_is_signed
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.disk.sealed import read_sealed, write_sealed

MAX_OWNERS: Final = 8
OWNERS_FILE: Final = "owners.json"
"""Below the folder of the state."""
PAIRING_S: Final = 60.0
"""Time to walk to the computer and type."""
ALLOWANCE_S: Final = 300.0
"""A permission that nobody uses must not wait for somebody else."""
Unsigned: TypeAlias = Literal["allow", "ask"]
_LOG = logging.getLogger(__name__)


class EnrolledKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enrolled public key, in hexadecimal, and what its owner calls it."""

    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    label: Annotated[str, Meta(max_length=32)] = ""

    @property
    def fingerprint(self) -> str:
        """The key for eyes; the host shows the same."""
        return fingerprint(bytes.fromhex(self.key))


class _Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    keys: Annotated[list[EnrolledKey], Meta(max_length=MAX_OWNERS)] = []


class Owner:
    """Knows the keys in one file. May be called by any thread.

    Args:
        path: The file; made when the first key is enrolled.
        unsigned: ``allow`` takes any bundle, as suits a computer without a panel; ``ask`` leaves it to the player.
        files: The file system.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        unsigned: Unsigned = "ask",
        files: Files | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._unsigned = unsigned
        self._files: Files = files or DiskFiles()
        self._clock = clock
        self._lock = threading.Lock()
        self._window_end_s = self._allowance_end_s = float("-inf")
        self._allowed_sha256 = ""
        found = read_sealed(self._files, path, _Keys)
        if found is None and self._files.size_bytes(path) is not None:
            _LOG.warning("%s is damaged, so no owner is known; pair again", path)
        self.keys: tuple[EnrolledKey, ...] = tuple(found.keys) if found else ()
        """In the order in which they were enrolled."""

    @property
    def window_s(self) -> float:
        """How long the pairing window still is open, s; 0: closed."""
        return max(self._window_end_s - self._clock(), 0.0)

    @property
    def unsigned_allowed(self) -> bool:
        """Whether the next bundle that comes unsigned is taken."""
        return self._unsigned == "allow" or self._allowance_end_s > self._clock()

    def open_window(self, seconds: float = PAIRING_S) -> None:
        """Let one key be enrolled within that time. For the panel alone."""
        with self._lock:
            self._window_end_s = self._clock() + seconds

    def close_window(self) -> None:
        """Let no key be enrolled."""
        with self._lock:
            self._window_end_s = float("-inf")

    def allow_unsigned_once(self, seconds: float = ALLOWANCE_S) -> None:
        """Take one bundle that comes within that time whoever signed it, or nobody. For the panel alone."""
        with self._lock:
            self._allowance_end_s = self._clock() + seconds

    def enrol(self, key: bytes, label: str, signature: bytes) -> int:
        """Make a key an owner's; returns how many there are. One that is already is welcome at any time.

        Raises:
            Refused: It is not the host's own, the window is closed, or there are MAX_OWNERS already.
            StoreError: It cannot be stored.
        """
        if not pairing_is_signed(key, label, signature):
            raise Refused(ErrorCode.BAD_SIGNATURE)
        with self._lock:
            if self._knows(key):
                return len(self.keys)
            if self.window_s <= 0.0:
                raise Refused(ErrorCode.NOT_PAIRING)
            if len(self.keys) >= MAX_OWNERS:
                raise Refused(ErrorCode.OWNERS_FULL, MAX_OWNERS)
            shown = "".join(character for character in label if character.isprintable())
            self._store((*self.keys, EnrolledKey(key.hex(), shown)))
            self._window_end_s = float("-inf")
            return len(self.keys)

    def remove(self, fingerprint: str) -> None:
        """Forget the key with this fingerprint; nothing happens if there is none.

        Raises:
            StoreError: That cannot be stored.
        """
        with self._lock:
            left = tuple(key for key in self.keys if key.fingerprint != fingerprint)
            if left != self.keys:
                self._store(left)

    def remove_all(self) -> None:
        """Forget all keys.

        Raises:
            StoreError: That cannot be stored.
        """
        with self._lock:
            self._store(())

    def check(self, sha256: str, key: bytes, signature: bytes) -> None:
        """Decide whether a bundle that is announced may come; empty ``key`` and ``signature``: it is not signed.

        A permission for one unsigned bundle goes to the first that asks, and stays with it until it is ``installed``:
        an unplugged cable does not cost another walk to the panel.

        Raises:
            Refused: It may not.
        """
        if key and not bundle_is_signed(key, bytes.fromhex(sha256), signature):
            raise Refused(ErrorCode.BAD_SIGNATURE)
        with self._lock:
            if self._unsigned == "allow" or (key and self._knows(key)) or sha256 == self._allowed_sha256:
                return
            if self._allowance_end_s <= self._clock():
                raise Refused(ErrorCode.UNKNOWN_KEY if key else ErrorCode.UNSIGNED)
            self._allowance_end_s, self._allowed_sha256 = float("-inf"), sha256

    def installed(self, sha256: str) -> None:
        """This bundle is in its slot: the permission that it had is used up."""
        with self._lock:
            if sha256 == self._allowed_sha256:
                self._allowed_sha256 = ""

    def _knows(self, key: bytes) -> bool:
        return any(known.key == key.hex() for known in self.keys)

    def _store(self, keys: tuple[EnrolledKey, ...]) -> None:
        try:
            write_sealed(self._files, self._path, _Keys(list(keys)))
        except OSError as error:
            raise StoreError(
                f"the owners' keys in {self._path} cannot be written ({error.strerror or error}); check the card"
            ) from error
        self.keys = keys
