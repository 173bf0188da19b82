"""The key with which bundles are signed: one small file that only its owner may read."""

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
from tombola_device.contract.signing import MAX_LABEL_BYTES, SEED_BYTES, fingerprint, public_key, sign_pairing

HEADER: Final = "tombola-ed25519-seed "
"""In front of the 64 hexadecimal digits, so that the file says what it is."""
MOST_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class OwnerKey:
    """A private key.

    Args:
        seed: 32 bytes; secret.
    """

    seed: bytes

    def __repr__(self) -> str:
        """Its fingerprint: a seed does not belong into a log."""
        return f"OwnerKey({self.fingerprint})"

    @property
    def public(self) -> bytes:
        """What devices know it by, 32 bytes."""
        return public_key(self.seed)

    @property
    def fingerprint(self) -> str:
        """For eyes; devices show the same."""
        return fingerprint(self.public)

    def pairing_signature(self, label: str) -> bytes:
        """Proof that the key is one's own, 64 bytes."""
        return sign_pairing(self.seed, label)


def key_path() -> Path:
    """Where the key is kept: the environment's TOMBOLA_KEY, else a file in the user's configuration folder."""
    named = os.environ.get("TOMBOLA_KEY", "")
    return Path(named).expanduser() if named else platformdirs.user_config_path("tombola") / "owner.key"


def new_key(path: Path) -> OwnerKey:
    """Make a key and store it for its owner's eyes only.

    Raises:
        BadConfig: There is one already, or it cannot be written.
    """
    key = OwnerKey(secrets.token_bytes(SEED_BYTES))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made with its permissions, not given them afterwards: there is no moment in which others can read it.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{HEADER}{key.seed.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise BadConfig(
            f"there is a key in {path} already; devices are paired with it, so move it away yourself to have a new one"
        ) from error
    except OSError as error:
        raise BadConfig(
            f"the key {path} cannot be written ({error.strerror}); name another with TOMBOLA_KEY"
        ) from error
    return key


def read_key(path: Path) -> OwnerKey:
    """Read a key, if nobody else can.

    Raises:
        BadConfig: There is none, others may read it, or it is no key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MOST_BYTES)
    except FileNotFoundError as error:
        raise BadConfig(f"there is no key in {path}; make one with `tombola key new`") from error
    except OSError as error:
        raise BadConfig(f"the key {path} cannot be read ({error.strerror}); see to its permissions") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise BadConfig(f"the key {path} can be read or written by others; run `chmod 600 {path}`")
    try:
        text = content.decode("ascii").strip()
        seed = bytes.fromhex(text.removeprefix(HEADER))
    except ValueError:
        text, seed = "", b""
    if not text.startswith(HEADER) or len(seed) != SEED_BYTES:
        raise BadConfig(f"{path} is no key of Tombola's; move it away and make one with `tombola key new`")
    return OwnerKey(seed)


def default_label() -> str:
    """What devices call this key: the user's and the computer's name, cut to what fits."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # Nobody has that number: in a container, say.
        user = "user"
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "computer")
    return f"{user}@{name}".encode()[:MAX_LABEL_BYTES].decode(errors="ignore")
