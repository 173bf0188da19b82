"""The key that signs bundles: one small file that only its owner may read."""

from __future__ import annotations

import getpass
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.signing import (
    MAX_LABEL_BYTES,
    SEED_BYTES,
    fingerprint,
    public_key,
    sign_bundle,
    sign_pairing,
)

HEADER: Final = "tombola-ed25519-seed "
"""Stands before the 64 hexadecimal digits and says what the file is."""
MOST_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class OwnerKey:
    """A private key.

    Args:
        seed: 32 bytes; secret.
    """

    seed: bytes

    def __repr__(self) -> str:
        """Its fingerprint; the seed must not be logged."""
        return f"OwnerKey({self.fingerprint})"

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes; devices keep it."""
        return public_key(self.seed)

    @property
    def fingerprint(self) -> str:
        """A short form for people; devices show the same."""
        return fingerprint(self.public)

    def bundle_signature(self, sha256: str) -> bytes:
        """The public key and its signature of a bundle, 96 bytes, as a flash begins with them.

        Args:
            sha256: SHA-256 of the bundle, hexadecimal.
        """
        return self.public + sign_bundle(self.seed, bytes.fromhex(sha256))

    def pairing_signature(self, label: str) -> bytes:
        """Proof of owning the key, 64 bytes."""
        return sign_pairing(self.seed, label)


def key_path() -> Path:
    """Where the key is: TOMBOLA_KEY in the environment, else a file in the user's configuration folder."""
    named = os.environ.get("TOMBOLA_KEY", "")
    return Path(named).expanduser() if named else platformdirs.user_config_path("tombola") / "owner.key"


def new_key(path: Path) -> OwnerKey:
    """Make a key and store it where only its owner can read it.

    Raises:
        BadConfig: The file exists already, or cannot be written.
    """
    key = OwnerKey(secrets.token_bytes(SEED_BYTES))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Created with its permissions: if they were set afterwards, others could read it for a moment.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{HEADER}{key.seed.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise BadConfig(
            f"{path} already holds a key, with which devices may be paired; move it away to make a new one"
        ) from error
    except OSError as error:
        raise BadConfig(
            f"the key {path} cannot be written ({error.strerror}); name another with TOMBOLA_KEY"
        ) from error
    return key


def read_key(path: Path) -> OwnerKey:
    """Read a key that nobody else can read.

    Raises:
        BadConfig: It is missing, others may read it, or it is not a key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MOST_BYTES)
    except FileNotFoundError as error:
        raise BadConfig(f"there is no key in {path}; make one with `tombola key new`") from error
    except OSError as error:
        raise BadConfig(f"the key {path} cannot be read ({error.strerror}); change its permissions") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise BadConfig(f"the key {path} can be read or written by others; run `chmod 600 {path}`")
    try:
        text = content.decode("ascii").strip()
        seed = bytes.fromhex(text.removeprefix(HEADER))
    except ValueError:
        text, seed = "", b""
    if not text.startswith(HEADER) or len(seed) != SEED_BYTES:
        raise BadConfig(f"{path} is not a Tombola key; move it away and make one with `tombola key new`")
    return OwnerKey(seed)


def default_label() -> str:
    """The key's name on devices: the user's and the computer's name, cut to MAX_LABEL_BYTES."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # The user's number has no name, as in some containers.
        user = "user"
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "computer")
    return f"{user}@{name}".encode()[:MAX_LABEL_BYTES].decode(errors="ignore")
