"""What one listener said: a file to which lines are only added, so that nothing that was said is ever lost.

    CRC-32 of the JSON, a space, the JSON of one entry, a line end

The order is that of the lines; the clock's time is noted, and nothing depends on it. A line that was torn by a power
cut is the last one and is cut off. A vote on a trial that has one replaces it; the line before stays.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from tombola_device.contract.errors import BadConfig, StoreError

from tombola_host.corpus.folders import check_name
from tombola_host.study.sessions.session import Heard, Sheet

LONGEST_WORDS: Final = 500
MOST_ENTRIES: Final = 10_000
ENDING: Final = ".votes"
BANDS: Final[dict[str, tuple[float, float]]] = {
    "low": (20.0, 250.0),
    "low middle": (250.0, 1000.0),
    "high middle": (1000.0, 4000.0),
    "high": (4000.0, 20_000.0),
}
"""What can be marked as wrong, Hz."""
WHOLE: Final = "all of it"
MARKS: Final = (*BANDS, WHOLE)
Score = Annotated[float, Meta(ge=0, le=100)]


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to one trial.

    Args:
        trial: Number of the trial, from 0.
        heard: What lay behind each letter.
        answer: The letter that was preferred, "a", "b", …, or "same"; of ABX what X was; empty for ratings.
        ratings: 0 … 100 by letter.
        words: Free words.
        marks: What is wrong with what lay behind a letter, in the words of MARKS.
        seconds: How long it took.
    """

    trial: Annotated[int, Meta(ge=0, lt=MOST_ENTRIES)]
    heard: dict[str, Heard]
    answer: str = ""
    ratings: dict[str, Score] = {}
    words: Annotated[str, Meta(max_length=LONGEST_WORDS)] = ""
    marks: dict[str, list[str]] = {}
    seconds: float = 0.0


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line.

    Args:
        at: The clock's time; it may jump.
        vote: A vote, or
        taken_back: the trial whose vote was taken back.
    """

    at: str
    vote: Vote | None = None
    taken_back: int | None = None


class Ballot:
    """The votes of one listener.

    Args:
        path: The file; it is made with the first vote.
        clock: Gives the time that is noted.

    Raises:
        StoreError: The file cannot be read, or is damaged before its last line.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._clock = path, clock
        self.entries: list[Entry] = []
        self._whole_bytes = 0
        self._read()

    @property
    def listener(self) -> str:
        """The listener's name."""
        return self._path.stem

    @property
    def votes(self) -> Mapping[int, Vote]:
        """The votes that hold, by trial."""
        held: dict[int, Vote] = {}
        for entry in self.entries:
            if entry.vote is not None:
                held[entry.vote.trial] = entry.vote
            elif entry.taken_back is not None:
                held.pop(entry.taken_back, None)
        return dict(sorted(held.items()))

    def history(self, trial: int) -> tuple[Vote, ...]:
        """All votes on a trial, the oldest first; those that were replaced or taken back too."""
        return tuple(entry.vote for entry in self.entries if entry.vote is not None and entry.vote.trial == trial)

    def cast(self, vote: Vote) -> None:
        """Add a vote durably; one on the same trial is replaced.

        Raises:
            StoreError: The disk refuses; the file is as it was.
        """
        self._add(Entry(self._now(), vote))

    def take_back(self, trial: int) -> None:
        """Take a vote back.

        Raises:
            StoreError: The disk refuses; the file is as it was.
        """
        self._add(Entry(self._now(), taken_back=trial))

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")

    def _add(self, entry: Entry) -> None:
        if len(self.entries) >= MOST_ENTRIES:
            raise StoreError(f"{self._path} has {MOST_ENTRIES} lines, which is the most; begin under another name")
        text = msgspec.json.encode(entry)
        line = f"{zlib.crc32(text):08x} ".encode() + text + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            append_whole(self._path, line, self._whole_bytes)
        except OSError as error:
            raise StoreError(
                f"the vote cannot be kept in {self._path} ({error.strerror or error}); free some space and vote again"
            ) from error
        self._whole_bytes += len(line)
        self.entries.append(entry)

    def _read(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read ({error.strerror}); check the disk") from error
        *lines, torn = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            entry = _entry(line)
            if entry is None and number == len(lines) and not torn:
                break  # Torn too: a power cut may leave a line whose end came to the disk before its middle.
            if entry is None:
                raise StoreError(f"line {number} of {self._path} is damaged; restore it, or move the file away")
            self.entries.append(entry)
            self._whole_bytes += len(line) + 1


def append_whole(path: Path, data: bytes, from_bytes: int) -> None:
    """Write data behind the first ``from_bytes`` of a file, durably; if that fails, cut them off again."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        os.ftruncate(handle, from_bytes)
        os.lseek(handle, 0, os.SEEK_END)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, from_bytes)
            raise
    finally:
        os.close(handle)


def _entry(line: bytes) -> Entry | None:
    crc, _, text = line.partition(b" ")
    if crc != f"{zlib.crc32(text):08x}".encode():
        return None
    try:
        return msgspec.json.decode(text, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def ballot_of(folder: Path, listener: str) -> Ballot:
    """The file of a listener.

    Raises:
        BadConfig: The name cannot be a file's.
    """
    check_name("listener", listener)
    if listener != listener.strip(" .") or listener.lower() in {"con", "nul", "prn", "aux"}:
        raise BadConfig(f"a listener cannot be called {listener!r}; use another name")
    return Ballot(folder / f"{listener}{ENDING}")


def ballots(folder: Path) -> tuple[Ballot, ...]:
    """The files of all listeners, by name."""
    return tuple(Ballot(path) for path in sorted(folder.glob(f"*{ENDING}")))


def check_vote(vote: Vote, sheet: Sheet) -> None:
    """Refuse an answer that the question does not have.

    Raises:
        BadConfig: It is no answer to this kind of question.
    """
    letters = {letter for letter in vote.heard if len(letter) == 1 and letter != "X"}
    letters_low = {letter.lower() for letter in letters}
    allowed = {"abx": letters_low, "ratings": {""}}.get(sheet.kind, {*letters_low, "same"})
    if vote.answer not in allowed:
        raise BadConfig(f"{vote.answer!r} is no answer to this question; give one of {', '.join(sorted(allowed))}")
    if sheet.kind == "ratings" and set(vote.ratings) != letters:
        raise BadConfig("a rating is missing; rate everything before you go on")
    if set(vote.marks) - set(vote.heard) or any(mark not in MARKS for marks in vote.marks.values() for mark in marks):
        raise BadConfig(f"a mark is unknown; choose among {', '.join(MARKS)}")
