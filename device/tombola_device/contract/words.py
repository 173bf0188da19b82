"""Knobs that bear a word: a bundle's own, each a path through blend, timbre and life along which the word grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tombola_device.contract.controls import MAX_MODES, MOST_LIFE
from tombola_device.contract.errors import BadBundle

MAX_WORDS: Final = 4
"""As many as players can tell apart, and as there are CC 12 to 15."""
MAX_STOPS: Final = 9
LONGEST_WORD: Final = 24
"""Letters; a line of the display holds no more."""

Share = Annotated[float, Meta(ge=0, le=1)]
WordName = Annotated[str, Meta(min_length=1, max_length=LONGEST_WORD, pattern=r"^[\w .+-]+\Z")]


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A setting on the way of a word. In JSON a list, in this order.

    Args:
        blend: One weight per mode of the bundle, one of them above 0. Shape (M,).
        timbre_x: Place of the knob, 0.5 is the modes' default; as ``timbre_y``.
        timbre_y: See ``timbre_x``.
        life: How much held notes move; 1: as recorded.
    """

    blend: Annotated[list[Share], Meta(min_length=1, max_length=MAX_MODES)]
    timbre_x: Share
    timbre_y: Share
    life: Annotated[float, Meta(ge=0, le=MOST_LIFE)]


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A knob that bears a word.

    Args:
        name: The word.
        path: From the least of it to the most, in equal steps of the knob.
    """

    name: WordName
    path: Annotated[list[Stop], Meta(min_length=2, max_length=MAX_STOPS)]


Words = Annotated[list[Word], Meta(max_length=MAX_WORDS)]


def check_words(words: Sequence[Word], modes: int) -> None:
    """Check what the types cannot express.

    Raises:
        BadBundle: Two have one name, or a path leads through blends that so many modes cannot have.
    """
    names = [word.name for word in words]
    if len(set(names)) < len(names):
        raise BadBundle(f"the bundle has two knobs of one word ({', '.join(names)}); rename one and export again")
    for word in words:
        if any(len(stop.blend) != modes or not any(stop.blend) for stop in word.path):
            raise BadBundle(
                f"the knob {word.name!r} leads through blends that the bundle's {modes} modes cannot have; export again"
            )
