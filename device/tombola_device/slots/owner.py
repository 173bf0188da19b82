"""Decides which bundles the instrument accepts: by enrolled keys, or by the player's permission at the panel.

A key is enrolled in two steps: the player opens the pairing window, a key asks in it, and the player accepts the
fingerprint that the panel shows; each window enrols one key. A bundle without the signature of an enrolled key is
refused unless the player allows this one by its SHA-256. A new instrument has no keys and follows the same rules: the
first computer plugged in does not become an owner (``docs/adr/0007`` and ``0019``).
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

from tombola_device.contract.errors import BadConfig, StoreError
from tombola_device.contract.refusals import SHOWN_DIGITS, ErrorCode, Refused
from tombola_device.contract.signing import bundle_is_signed, fingerprint, pairing_is_signed
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.disk.sealed import SealedFile

MAX_OWNERS: Final = 8
OWNERS_FILE: Final = "owners.json"
"""Name of the file in the state folder."""
PAIRING_S: Final = 60.0
"""Enough to walk to the computer and type."""
ALLOWANCE_S: Final = 300.0
"""An unused permission expires, and so does the question for it."""
Unsigned: TypeAlias = Literal["allow", "ask"]
_LOG = logging.getLogger(__name__)


class EnrolledKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enrolled public key, in hexadecimal, and its label."""

    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    label: Annotated[str, Meta(max_length=32)] = ""

    @property
    def fingerprint(self) -> str:
        """The key for people to compare; the host shows the same text."""
        return fingerprint(bytes.fromhex(self.key))


class _Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    keys: Annotated[list[EnrolledKey], Meta(max_length=MAX_OWNERS)] = []


class Owner:
    """The enrolled keys and the player's permissions. Any thread may call it.

    Args:
        path: File of the keys; made when the first key is enrolled.
        unsigned: ``allow`` accepts any bundle, for computers without a panel; ``ask`` lets the player decide.
        files: The file system.
        clock: Returns seconds that never decrease.

    >>> from tombola_device.disk.fake import FakeFiles
    >>> owner = Owner(Path("owners.json"), "ask", FakeFiles())
    >>> owner.check("00" * 32, key=b"", signature=b"")
    Traceback (most recent call last):
    tombola_device.contract.refusals.Refused: the device accepts only bundles signed by an owner; make a key with
    `tombola key new` and pair with `tombola pair`, or allow this bundle on the device's slots page, then flash again
    >>> owner.asking_bundle
    '000000000000'
    >>> owner.allow_once("000000000000")
    >>> owner.check("00" * 32, key=b"", signature=b"")
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
        self._window_end_s = self._question_end_s = self._allowance_end_s = float("-inf")
        self._asking_key: EnrolledKey | None = None
        self._turned_down: set[str] = set()
        self._asking_sha256 = self._allowed_sha256 = self._let_in_sha256 = ""
        self._stored = SealedFile(self._files, path, _Keys)
        self.keys = self._read_keys()
        """The enrolled keys, oldest first."""

    @property
    def window_s(self) -> float:
        """Time until the pairing window closes, s; 0: closed."""
        return max(self._window_end_s - self._clock(), 0.0)

    @property
    def asking_key(self) -> str:
        """Fingerprint of the key that waits for the player's answer; empty: none."""
        key = self._asking_key
        return key.fingerprint if key is not None and self.window_s > 0 else ""

    @property
    def asking_bundle(self) -> str:
        """First digits of the SHA-256 of the bundle that was refused last and can be allowed; empty: none."""
        return self._asking_sha256[:SHOWN_DIGITS] if self._question_end_s > self._clock() else ""

    @property
    def allowed_bundle(self) -> str:
        """First digits of the SHA-256 of the bundle that the player has allowed; empty: none."""
        return self._allowed_sha256[:SHOWN_DIGITS] if self._allowance_end_s > self._clock() else ""

    @property
    def unsigned_allowed(self) -> bool:
        """Whether some unsigned bundle is accepted."""
        return self._unsigned == "allow" or bool(self.allowed_bundle)

    def open_window(self, seconds: float = PAIRING_S) -> None:
        """Let keys ask within this time. Only the panel may call this."""
        with self._lock:
            self._asking_key, self._turned_down = None, set()
            self._window_end_s = self._clock() + seconds

    def accept(self, fingerprint: str) -> None:
        """Enrol the key that asks, if it is the one that the player was shown. Only the panel may call this.

        Raises:
            BadConfig: This key does not ask, or not any more.
            StoreError: The keys cannot be stored.
        """
        with self._lock:
            key = self._asking_key
            if key is None or fingerprint != self.asking_key:
                raise BadConfig(f"the key {fingerprint} does not ask any more; open the window and pair again")
            self._store((*self.keys, key))
            self._window_end_s = float("-inf")

    def turn_down(self) -> None:
        """Refuse the key that asks for the rest of the window; another may ask. Only the panel may call this."""
        with self._lock:
            if self._asking_key is not None:
                self._turned_down.add(self._asking_key.key)
                self._asking_key = None

    def allow_once(self, bundle: str, seconds: float = ALLOWANCE_S) -> None:
        """Accept one bundle within this time, with any signature or none. Only the panel may call this.

        Args:
            bundle: As ``asking_bundle`` named it to the player.
            seconds: Until it must begin.

        Raises:
            BadConfig: This bundle has not asked, or another has asked since.
        """
        with self._lock:
            if not bundle or bundle != self.asking_bundle:
                raise BadConfig("no such bundle has been refused; flash it, then allow it")
            self._allowed_sha256, self._allowance_end_s = self._asking_sha256, self._clock() + seconds

    def enrol(self, key: bytes, label: str, signature: bytes) -> int:
        """Ask for a key to be enrolled; return the number of enrolled keys once the player has accepted it.

        A host asks again and again. The first key that asks in a window waits for the player's answer.

        Raises:
            Refused: The signature is not by ``key``, the window is closed or the player has not accepted the key
                yet, or MAX_OWNERS keys are enrolled.
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
            if self._asking_key is None and key.hex() not in self._turned_down:
                self._asking_key = EnrolledKey(key.hex(), label)
            raise Refused(ErrorCode.NOT_PAIRING)

    def remove(self, fingerprint: str) -> None:
        """Remove the key with this fingerprint, if it is enrolled.

        Raises:
            StoreError: The keys cannot be stored.
        """
        with self._lock:
            left = tuple(key for key in self.keys if key.fingerprint != fingerprint)
            if left != self.keys:
                self._store(left)

    def check(self, sha256: str, key: bytes, signature: bytes) -> None:
        """Decide whether an announced bundle is accepted.

        A permission that was used in time holds until the bundle is ``installed``. So after an unplugged cable the
        player need not walk to the panel again.

        Args:
            sha256: SHA-256 of the bundle, hexadecimal.
            key: Public key of the signer; empty: not signed.
            signature: Signature of the signer; empty: not signed.

        Raises:
            Refused: The signature is wrong, or neither an enrolled key nor a permission covers the bundle.
        """
        if key and not bundle_is_signed(key, bytes.fromhex(sha256), signature):
            raise Refused(ErrorCode.BAD_SIGNATURE)
        with self._lock:
            if self._unsigned == "allow" or (key and self._knows(key)) or sha256 == self._let_in_sha256:
                return
            if sha256 != self._allowed_sha256 or self._allowance_end_s <= self._clock():
                self._asking_sha256, self._question_end_s = sha256, self._clock() + ALLOWANCE_S
                raise Refused(ErrorCode.UNKNOWN_KEY if key else ErrorCode.UNSIGNED)
            self._allowed_sha256, self._let_in_sha256 = "", sha256

    def installed(self, sha256: str) -> None:
        """End the permission of this bundle: it is installed."""
        with self._lock:
            if sha256 == self._let_in_sha256:
                self._let_in_sha256 = ""

    def _knows(self, key: bytes) -> bool:
        if self._stored.unread:
            self.keys = self._read_keys()
        return any(known.key == key.hex() for known in self.keys)

    def _read_keys(self) -> tuple[EnrolledKey, ...]:
        found = self._stored.read()
        if self._stored.damaged:
            _LOG.warning("%s is damaged, so no owner is known; pair again", self._path)
        elif self._stored.unread:
            _LOG.warning("%s cannot be read, so no owner is known yet; check the disk", self._path)
        return tuple(found.keys) if found else ()

    def _store(self, keys: tuple[EnrolledKey, ...]) -> None:
        unread = self._stored.unread
        try:
            self._stored.write(_Keys(list(keys)))
        except OSError as error:
            if unread:
                self.keys = self._read_keys()
            raise StoreError(
                f"the keys of the owners cannot be written to {self._path} ({error.strerror or error}); check the disk"
            ) from error
        self.keys = keys
