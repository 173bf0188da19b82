"""Signatures: test vectors for other implementations, and every changed bit is noticed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.signing import (
    BUNDLE_DOMAIN,
    PAIRING_DOMAIN,
    bundle_is_signed,
    fingerprint,
    pairing_is_signed,
    public_key,
    sign_bundle,
    sign_pairing,
)

SEED = bytes(range(32))
KEY = public_key(SEED)
SHA256 = hashlib.sha256(b"tombola").digest()
SIGNATURE = sign_bundle(SEED, SHA256)


def test_the_public_key_is_that_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert public_key(seed).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_golden_signatures_and_fingerprint() -> None:
    assert KEY.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert SIGNATURE.hex() == (
        "8f8728acf636e84aef480806c4fb1f91a375c967accbc08a32553b16834631c1d992b0a3cd38403bd83d5053729d387595f5222677768bcd33163ffd2f46bd09"
    )
    assert sign_pairing(SEED, "me").hex() == (
        "be95ffdbcb4782dc95835fc62b4ddfefddce0c400af9cb7e960872745bb7a48865f394a88615b0b337cf9de99024aaf9dee2e1bee885e54da1c5bff0b131060a"
    )
    assert fingerprint(KEY) == "YLW7-LEGO-LDGH"


@given(st.integers(0, 8 * 128 - 1))
def test_every_flipped_bit_of_key_hash_or_signature_is_noticed(bit: int) -> None:
    parts = bytearray(KEY + SHA256 + SIGNATURE)
    parts[bit // 8] ^= 1 << bit % 8
    assert not bundle_is_signed(bytes(parts[:32]), bytes(parts[32:64]), bytes(parts[64:]))


def test_a_signature_of_one_kind_is_not_valid_for_the_other() -> None:
    assert bundle_is_signed(KEY, SHA256, SIGNATURE)
    assert BUNDLE_DOMAIN != PAIRING_DOMAIN
    # The same bytes follow the domain: a signature of the pairing must not be valid for a bundle with this hash.
    pairing = sign_pairing(SEED, "")
    assert pairing_is_signed(KEY, "", pairing)
    assert not bundle_is_signed(KEY, KEY, pairing)
    assert not pairing_is_signed(KEY, "", sign_bundle(SEED, KEY))


def test_the_label_is_part_of_what_a_pairing_signs() -> None:
    assert not pairing_is_signed(KEY, "you", sign_pairing(SEED, "me"))


@pytest.mark.parametrize(
    ("key", "signature"), [(b"", SIGNATURE), (KEY, b""), (KEY[:31], SIGNATURE), (KEY, SIGNATURE[1:])]
)
def test_keys_and_signatures_of_other_lengths_are_invalid(key: bytes, signature: bytes) -> None:
    assert not bundle_is_signed(key, SHA256, signature)


def test_a_key_of_zeros_is_never_valid() -> None:
    # A point of small order: careless implementations accept forged signatures for it.
    assert not bundle_is_signed(bytes([1]) + bytes(31), SHA256, bytes([1]) + bytes(63))
    assert not bundle_is_signed(bytes(32), SHA256, bytes(64))
