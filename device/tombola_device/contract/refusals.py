"""Refusals of a device: a number on the line, a sentence on both sides."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from tombola_device.contract.errors import FlashError


class ErrorCode(IntEnum):
    """Numbers of the refusals. A test compares them with ``docs/protocol.md``."""

    VERSION = 1
    NO_SESSION = 2
    BAD_REQUEST = 3
    TOO_LARGE = 4
    DISK_FULL = 5
    WRITE_FAILED = 6
    BAD_HASH = 7
    BAD_BUNDLE = 8
    PROBE_FAILED = 9
    UNSIGNED = 10
    UNKNOWN_KEY = 11
    BAD_SIGNATURE = 12
    NOT_PAIRING = 13
    OWNERS_FULL = 14
    TOO_COSTLY = 15
    TOO_SLOW = 16
    NOT_OPEN = 17


SHOWN_DIGITS: Final = 12
"""By so many digits of its SHA-256 the display names a bundle; 48 bits are what fits a line."""
_HOLD: Final = "hold SHIFT and SAVE on the device until it says so, and push its encoder when it shows your key"
_SENTENCES: Final = {
    ErrorCode.VERSION: "the device speaks version {value} of the flash protocol; update the older side",
    ErrorCode.NO_SESSION: "the device no longer knows this transfer; flash again",
    ErrorCode.BAD_REQUEST: "the device did not understand message {value}; update the older side",
    ErrorCode.TOO_LARGE: "the bundle is larger than {value} bytes, the device's limit; export a smaller one",
    ErrorCode.DISK_FULL: "the device has only {value} bytes free; remove files from its disk",
    ErrorCode.WRITE_FAILED: "the device cannot write to its disk; check the memory card, then flash again",
    ErrorCode.BAD_HASH: "the stored bundle differs from the sent bundle; flash again",
    ErrorCode.BAD_BUNDLE: "the device found the bundle damaged, unknown or of a newer version; export it again",
    ErrorCode.PROBE_FAILED: "the bundle does not play on the device; ask for the device's status and export again",
    ErrorCode.UNSIGNED: "the device accepts only bundles signed by an owner; make a key with `tombola key new` and "
    "pair with `tombola pair`, or allow this bundle on the device's slots page, then flash again",
    ErrorCode.UNKNOWN_KEY: "the device does not know the key that signed the bundle; pair with `tombola pair`, or "
    "allow this bundle on the device's slots page, then flash again",
    ErrorCode.BAD_SIGNATURE: "the signature is wrong; check the key with `tombola key show`, then try again",
    ErrorCode.NOT_PAIRING: f"nobody has accepted the key at the device; pair again, {_HOLD}",
    ErrorCode.OWNERS_FULL: "the device already has {value} owners, the most possible; remove one on its slots page",
    ErrorCode.TOO_COSTLY: "the bundle needs {high_m:.1f} M instructions per period but the device's board has "
    "{low_m:.1f} M for sound; prune the bundle further",
    ErrorCode.NOT_OPEN: "the device's panel is closed to this computer; choose `page: open` on its settings page, and "
    "give the code that it shows",
    ErrorCode.TOO_SLOW: "the bundle needs {high} µs for a period of {low} µs on the device's board; prune it further",
}


def error_sentence(code: int, value: int) -> str:
    """The sentence for a device's error number: what is wrong and what to do.

    >>> error_sentence(ErrorCode.DISK_FULL, 4096)
    'the device has only 4096 bytes free; remove files from its disk'
    """
    known = _SENTENCES.get(ErrorCode(code)) if code in ErrorCode.__members__.values() else None
    if known is None:
        return f"the device refused with error {code} ({value}), which is unknown here; update this software"
    high, low = value >> 16, value & 0xFFFF
    return known.format(value=value, high=high, low=low, high_m=high / 1000, low_m=low / 1000)


def two_figures(high: float, low: float) -> int:
    """Pack two figures of 16 bits into the value of an Error; larger figures become 65535."""
    return min(round(high), 0xFFFF) << 16 | min(round(low), 0xFFFF)


class Refused(FlashError):
    """A refusal with a number; its message is the number's sentence.

    Args:
        code: An ErrorCode.
        value: The figure in the sentence, 0 … 2**32 - 1.
        bundle: SHA-256 of the bundle that the device's player can allow; empty: none.
    """

    def __init__(self, code: int, value: int = 0, bundle: str = "") -> None:
        named = f"; the device calls it {bundle[:SHOWN_DIGITS]}" if bundle else ""
        super().__init__(error_sentence(code, value) + named)
        self.code = code
        self.value = value
