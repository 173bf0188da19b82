"""Ed25519 signatures: over a flashed bundle, and over a key that pairs.

    bundle    sign(seed, "tombola bundle 1" 00, SHA-256 of the bundle)
    pairing   sign(seed, "tombola pair 1" 00, public key, label)

The words in front keep a signature of one kind from being valid for another kind. A private key is given by its seed.

Source: RFC 8032 (Ed25519), by libsodium through PyNaCl. The functions import PyNaCl themselves: the import takes 20 ms
and would delay the first sound after power-on.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

SEED_BYTES: Final = 32
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MAX_LABEL_BYTES: Final = 32
BUNDLE_DOMAIN: Final = b"tombola bundle 1\0"
PAIRING_DOMAIN: Final = b"tombola pair 1\0"
_FINGERPRINT_DOMAIN: Final = b"tombola key 1\0"


def public_key(seed: bytes) -> bytes:
    """The public key (32 bytes) of a private key's seed (32 bytes)."""
    from nacl.signing import SigningKey

    return bytes(SigningKey(seed).verify_key)


def sign_bundle(seed: bytes, sha256: bytes) -> bytes:
    """Sign a bundle's SHA-256 (32 bytes). The signature has 64 bytes and is always the same.

    >>> seed, sha256 = bytes(SEED_BYTES), hashlib.sha256(b"a bundle").digest()
    >>> bundle_is_signed(public_key(seed), sha256, sign_bundle(seed, sha256))
    True
    """
    return _sign(seed, BUNDLE_DOMAIN + sha256)


def bundle_is_signed(key: bytes, sha256: bytes, signature: bytes) -> bool:
    """Whether the owner of ``key`` signed the bundle with this SHA-256 (32 bytes)."""
    return _is_signed(key, BUNDLE_DOMAIN + sha256, signature)


def sign_pairing(seed: bytes, label: str) -> bytes:
    """Sign one's own public key and its label. The signature proves possession of the private key."""
    return _sign(seed, PAIRING_DOMAIN + public_key(seed) + label.encode())


def pairing_is_signed(key: bytes, label: str, signature: bytes) -> bool:
    """Whether the sender of ``key`` and this label has the private key."""
    return _is_signed(key, PAIRING_DOMAIN + key + label.encode(), signature)


def fingerprint(key: bytes) -> str:
    """A public key for people to compare: 60 bits of its hash as ``ABCD-EFGH-JKLM``, to fit a small display."""
    text = base64.b32encode(hashlib.sha256(_FINGERPRINT_DOMAIN + key).digest()).decode()
    return "-".join(text[start : start + 4] for start in (0, 4, 8))


def _sign(seed: bytes, message: bytes) -> bytes:
    from nacl.signing import SigningKey

    return bytes(SigningKey(seed).sign(message).signature)


def _is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(key).verify(message, signature)
    except BadSignatureError:
        return False
    return True
