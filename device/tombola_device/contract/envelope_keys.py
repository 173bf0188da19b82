"""How the envelope of a mode differs over the keyboard: its part of the manifest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tombola_device.contract.errors import BadBundle

MAX_KEYS: Final = 16
"""A keyboard of 88 keys has one for each half octave."""
MOST_OCTAVES: Final = 6.0

Octaves = Annotated[float, Meta(ge=-MOST_OCTAVES, le=MOST_OCTAVES)]


class EnvelopeKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """How a note differs from the envelope of its mode; linear between two of them. In JSON a list, in this order.

    Args:
        note: The note; beyond the first and the last nothing changes.
        attack: How much longer the table takes until ``Envelope.attack_s``, octaves: 1 is twice as long.
        speed: How much faster than ``Envelope.keytrack`` says the table and the decay go after it, octaves.
        release: How much faster the release falls, octaves.
    """

    note: Annotated[float, Meta(ge=0, le=127)]
    attack: Octaves = 0.0
    speed: Octaves = 0.0
    release: Octaves = 0.0


SAME: Final = EnvelopeKey(0.0)
"""A note that does not differ."""


def key_at(keys: Sequence[EnvelopeKey], note: float) -> EnvelopeKey:
    """How any note differs; without keys, it does not.

    >>> key_at([EnvelopeKey(48, attack=1.0), EnvelopeKey(60, attack=-1.0)], 51).attack
    0.5
    """
    if not keys:
        return SAME
    above = bisect_right(keys, note, key=lambda key: key.note)
    low, high = keys[max(above - 1, 0)], keys[min(above, len(keys) - 1)]
    share = (note - low.note) / (high.note - low.note) if low.note < note < high.note else 0.0
    sides = ((low.attack, high.attack), (low.speed, high.speed), (low.release, high.release))
    return EnvelopeKey(note, *(one + share * (other - one) for one, other in sides))


def check_keys(mode: str, keys: Sequence[EnvelopeKey], attack_s: float, last_s: float) -> None:
    """Check what the types cannot express.

    Args:
        mode: Name of the mode.
        keys: Of its envelope.
        attack_s: Of its envelope.
        last_s: The end of its envelope's table.

    Raises:
        BadBundle: The keys do not rise, or the attack ends after the table.
    """
    if any(later.note <= earlier.note for earlier, later in pairwise(keys)):
        raise BadBundle(f"the envelope of mode {mode!r} has keys that do not rise; export again")
    if attack_s > last_s:
        raise BadBundle(f"the attack of mode {mode!r} ends after the table of its envelope; export again")
