"""The note that a file's name states."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import PurePath

_SEMITONE = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTAL = {"": 0, "#": 1, "♯": 1, "s": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_SUFFIX = r"(?:v\d+|vel\d+|rr\d+|p{1,4}|f{1,4}|m[pf])?"
"""What samplers write straight after a note: velocity layer, round robin, dynamic."""
_NOTE_WORD = re.compile(rf"(?P<letter>[A-Ga-g])(?P<accidental>sharp|flat|#|♯|♭|s|b)?(?P<octave>\d){_SUFFIX}")
_NUMBER_WORD = re.compile(r"(?:midi|note|key|pitch|nn)(?P<number>\d{1,3})", re.IGNORECASE)
_ANNOUNCES_NUMBER = frozenset({"midi", "note", "key", "pitch", "nn"})
_ANNOUNCES_OTHER = frozenset(
    [
        "take",
        "track",
        "side",
        "disc",
        "disk",
        "part",
        "no",
        "nr",
        "number",
        "vol",
        "volume",
        "version",
        "file",
        "rec",
        "recording",
        "img",
        "session",
        "day",
    ]
)
"""After these words a letter and a digit, or a number, count something else: ``take A2``, ``track 012``."""
_NSYNTH = re.compile(r"_\d{3}-(?P<number>\d{3})-\d{3}$")
"""NSynth's naming: instrument, MIDI note, velocity, as in ``guitar_acoustic_001-082-050``."""
_SEPARATORS = re.compile(r"[\s_\-.,;+()\[\]{}=]+")
_LOWEST_NUMBER, _HIGHEST_NUMBER = 12, 127


def note_from_name(name: str) -> float | None:
    """The MIDI note number that a file name states, or None where it states none or several.

    Understood: ``A4 As3 Bb2 F#5 Csharp3 Eflat4`` as a word of its own (with ``v2``, ``rr1`` or a dynamic after it),
    ``note_60 note60 midi-60 key60``, a three-digit number from 012 to 127 standing alone (``060``,
    ``violin_060``), and NSynth's names. C4 is 60. Small letters count only where no capital one is there.

    Args:
        name: File name or path, with or without its ending.
    """
    stem = _stem(name)
    nsynth = _NSYNTH.search(stem)
    if nsynth:
        return _in_range(int(nsynth["number"]))
    words = [word for word in _SEPARATORS.split(stem) if word]
    names = {note for word, note in _named(words) if word[0].isupper()}
    names = names or {note for _, note in _named(words)}
    if names:
        return float(names.pop()) if len(names) == 1 else None
    announced = {number for number in _announced(words) if number is not None}
    if announced:
        return announced.pop() if len(announced) == 1 else None
    return _lone_number(words)


def states_several_notes(name: str) -> bool:
    """Whether a file name states more than one note, so that ``note_from_name`` trusts none of them."""
    words = [word for word in _SEPARATORS.split(_stem(name)) if word]
    capital = {note for word, note in _named(words) if word[0].isupper()}
    return len(capital or {note for _, note in _named(words)}) > 1


def _stem(name: str) -> str:
    path = PurePath(name.replace("\\", "/"))
    # "A4" and "violin.A4" have no ending; ".wav" has letters and perhaps a digit, but is never a note.
    return path.stem if path.suffix and not _NOTE_WORD.fullmatch(path.suffix[1:]) else path.name


def _named(words: list[str]) -> list[tuple[str, int]]:
    """The words that name a note, with that note."""
    found = []
    for before, word in pairwise(["", *words]):
        match = _NOTE_WORD.fullmatch(word)
        if match and before.lower() not in _ANNOUNCES_OTHER:
            semitone = _SEMITONE[match["letter"].upper()] + _ACCIDENTAL[match["accidental"] or ""]
            note = 12 * (int(match["octave"]) + 1) + semitone
            if 0 <= note <= _HIGHEST_NUMBER:
                found.append((word, note))
    return found


def _announced(words: list[str]) -> list[float | None]:
    """Numbers behind a word such as ``note``."""
    together = [_in_range(int(match["number"])) for word in words if (match := _NUMBER_WORD.fullmatch(word))]
    apart = [
        _in_range(int(word))
        for before, word in pairwise(words)
        if before.lower() in _ANNOUNCES_NUMBER and word.isascii() and word.isdigit() and len(word) <= 3
    ]
    return together + apart


def _lone_number(words: list[str]) -> float | None:
    """A three-digit number that is the only number of the name."""
    with_digits = [index for index, word in enumerate(words) if any(character.isdigit() for character in word)]
    if len(with_digits) != 1:
        return None
    index = with_digits[0]
    word, before = words[index], words[index - 1].lower() if index else ""
    if len(word) != 3 or not (word.isascii() and word.isdigit()) or before in _ANNOUNCES_OTHER:
        return None
    return _in_range(int(word))


def _in_range(number: int) -> float | None:
    return float(number) if _LOWEST_NUMBER <= number <= _HIGHEST_NUMBER else None
