"""Why a file, or one note of it, is left out; many files with one reason are one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tombola_device.contract.errors import BadAudio

NOT_SOUND = "not a sound file"
UNDECODABLE = "not audio that can be decoded; convert it to wav"
MISSING_PYAV = "m4a and mp4 need PyAV: `pip install av`, or convert it to wav"
TRUNCATED = "truncated; copy it again"
CLIPPED = "clipped; record it at a lower level"
UNPITCHED = "no pitch: noise, a chord or percussion, which this generator cannot learn"
OFF_LABEL = "no pitch near the note in its name: noise, a chord or another sound"
UNCERTAIN = "its pitch is uncertain; put the note into the file's name, such as A4.wav"
SEVERAL_NAMES = "its pitch is uncertain, and its name states several notes; leave the one that sounds"
WANDERING = "speech, or another sound whose pitch never rests; record held notes"
NAMED_FILES = 3
"""So many files are named in a line; the others are counted."""


class Unusable(BadAudio):
    """A sound cannot be used.

    Args:
        reason: Half a sentence without the file's name or figures; it ends with what to do, where that is known.
        detail: The figures of this file, or "".
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(with_detail(reason, detail))
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file, or one part of it, that is left out.

    Args:
        path: Relative to the corpus folder.
        reason: As in ``Unusable``.
        detail: As in ``Unusable``.
        part: Number of the part, from 1 on; 0 where the whole file is left out.
    """

    path: str
    reason: str
    detail: str = ""
    part: int = 0


def with_detail(text: str, detail: str) -> str:
    """``text``, with the detail in brackets where there is one."""
    return f"{text} ({detail})" if detail else text


def part_name(path: str, part: int) -> str:
    """What a part of a file is called; the file itself for part 0."""
    return f"{path} #{part}" if part else path


def grouped(refusals: Sequence[Refusal]) -> tuple[str, ...]:
    """One line for each reason, the most frequent first."""
    by_reason: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        by_reason.setdefault(refusal.reason, []).append(refusal)
    return tuple(_line(alike) for alike in sorted(by_reason.values(), key=len, reverse=True))


def _line(alike: Sequence[Refusal]) -> str:
    first = alike[0]
    if len(alike) == 1:
        return f"{part_name(first.path, first.part)}: {with_detail(first.reason, first.detail)}"
    what = "notes" if all(refusal.part for refusal in alike) else "files"
    return f"{len(alike)} {what}: {first.reason} ({some([part_name(r.path, r.part) for r in alike])})"


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED_FILES
    return ", ".join(names[:NAMED_FILES]) + (f" and {more} more" if more > 0 else "")
