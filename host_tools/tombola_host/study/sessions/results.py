"""The votes of all listeners of a session as tables, and as rows of a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from tombola_host.study.sessions.ballot import Ballot, Vote, ballots
from tombola_host.study.sessions.preference import SAME, Votes
from tombola_host.study.sessions.session import REFERENCE, Session
from tombola_host.study.sessions.setting import Points, Space
from tombola_host.study.sessions.statistics import (
    Abx,
    Interval,
    Pair,
    Strengths,
    abx,
    bradley_terry,
    misses_reference,
    resampled,
)

SIGNS: Final = {"a": 1, "b": -1, "same": 0}
COLUMNS: Final = (
    *("session", "kind", "listener", "left_out", "trial", "passage", "letter", "stimulus", "bundle", "setting"),
    *("answer", "rating", "words", "marks", "seconds", "replaced", "at"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One listener.

    Args:
        ballot: All that was said.
        votes: What counts: votes on stimuli that the session has.
        unknown: How many votes name something else.
        left_out: Whether the hidden reference was missed too often.
    """

    ballot: Ballot
    votes: tuple[Vote, ...]
    unknown: int
    left_out: bool

    @property
    def name(self) -> str:
        """Of the listener."""
        return self.ballot.listener


@dataclass(frozen=True, slots=True)
class Results:
    """All listeners of one session."""

    session: Session
    said: tuple[Said, ...]

    @property
    def counted(self) -> tuple[Said, ...]:
        """Those who are not left out."""
        return tuple(each for each in self.said if not each.left_out)

    @property
    def votes(self) -> int:
        """How many votes count."""
        return sum(len(each.votes) for each in self.counted)

    def strengths(self) -> tuple[Strengths, list[Interval]]:
        """Of pairs: Bradley-Terry, and the intervals of the strengths."""
        names = self.session.sheet.compared
        by_listener = {each.name: [pair_of(vote) for vote in each.votes] for each in self.counted}

        def figure(votes: Sequence[Sequence[Pair]]) -> Points:
            return bradley_terry(names, [pair for each in votes for pair in each]).strength

        everything = [pair for each in by_listener.values() for pair in each]
        return bradley_terry(names, everything), resampled(by_listener, figure, self.session.sheet.seed)

    def abx(self) -> dict[tuple[str, str], Abx]:
        """Of ABX: by pair of stimuli, all listeners together; each alone under its name and the empty name."""
        counts: dict[tuple[str, str], list[int]] = {}
        for each in self.counted:
            for vote in each.votes:
                pair = sorted((vote.heard["A"].name, vote.heard["B"].name))
                right = vote.heard["X"].name == vote.heard[vote.answer.upper()].name
                for key in ((pair[0], pair[1]), (each.name, "")):
                    count = counts.setdefault(key, [0, 0])
                    count[0] += right
                    count[1] += 1
        return {key: abx(*count) for key, count in counts.items()}

    def ratings(self) -> dict[str, Interval]:
        """Of ratings: the mean of each stimulus; the mean over listeners of each one's mean."""
        names = list(self.session.sheet.stimuli)
        by_listener = {each.name: _means(each.votes, names) for each in self.counted if each.votes}
        if not by_listener:
            return {}

        def figure(means: Sequence[Points]) -> Points:
            whole = np.array(means)
            heard = np.isfinite(whole)
            return np.where(heard.any(0), np.where(heard, whole, 0).sum(0) / np.maximum(heard.sum(0), 1), np.nan)

        found = dict(zip(names, resampled(by_listener, figure, self.session.sheet.seed), strict=True))
        return {name: interval for name, interval in found.items() if np.isfinite(interval.value)}

    def choices(self, space: Space) -> Votes:
        """What was preferred, as settings in a space."""
        said = Votes(space.dimensions)
        for each in self.counted:
            for vote in each.votes:
                said = with_vote(said, vote, space)
        return said

    def words(self) -> list[tuple[str, int, str]]:
        """Free words: listener, trial from 1, what was said."""
        return [(each.name, vote.trial + 1, vote.words) for each in self.said for vote in each.votes if vote.words]


def read_results(session: Session) -> Results:
    """Read all listeners' files.

    Raises:
        StoreError: One is damaged.
    """
    return Results(session, tuple(_said(session, ballot) for ballot in ballots(session.listeners)))


def _said(session: Session, ballot: Ballot) -> Said:
    votes = tuple(ballot.votes.values())
    known = tuple(vote for vote in votes if _knows(session, vote))
    hidden = [
        score
        for vote in known
        for letter, score in vote.ratings.items()
        if vote.heard[letter].name == REFERENCE and letter != REFERENCE
    ]
    return Said(ballot, known, len(votes) - len(known), misses_reference(hidden))


def _knows(session: Session, vote: Vote) -> bool:
    """Whether all that the vote is about is what the session has under that name."""
    sheet = session.sheet
    passages = {passage.name: passage for passage in sheet.passages}
    for heard in vote.heard.values():
        if passages.get(heard.passage.name) != heard.passage:
            return False
        if sheet.kind == "tune":
            if heard.bundle != sheet.bundle or heard.setting is None:
                return False
        elif (found := sheet.stimuli.get(heard.name)) is None or (found.bundle, found.setting) != (
            heard.bundle,
            heard.setting,
        ):
            return False
    return set(vote.ratings) <= set(vote.heard) and (sheet.kind == "ratings" or {"A", "B"} <= set(vote.heard))


def pair_of(vote: Vote) -> Pair:
    """A vote on a pair, by name."""
    return vote.heard["A"].name, vote.heard["B"].name, SIGNS[vote.answer]


def with_vote(said: Votes, vote: Vote, space: Space) -> Votes:
    """Add a vote on settings; a vote on recordings, or one that prefers nothing, adds nothing."""
    points = [space.point(heard.setting) for heard in vote.heard.values() if heard.setting is not None]
    letters = [letter.lower() for letter in vote.heard]
    if len(points) < len(letters) or vote.answer not in {*letters, "same"}:
        return said
    return said.with_vote(points, SAME if vote.answer == "same" else letters.index(vote.answer))


def _means(votes: Sequence[Vote], names: Sequence[str]) -> Points:
    """The mean score of each stimulus; NaN where there is none. Shape (N,)."""
    scores: dict[str, list[float]] = {name: [] for name in names}
    for vote in votes:
        for letter, score in vote.ratings.items():
            if vote.heard[letter].name in scores:
                scores[vote.heard[letter].name].append(score)
    return np.array([np.mean(each) if each else np.nan for each in scores.values()])


def as_csv(results: Results) -> str:
    """One row for each stimulus of each vote that holds."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    sheet = results.session.sheet
    for each in results.said:
        at = {entry.vote.trial: entry.at for entry in each.ballot.entries if entry.vote is not None}
        for vote in each.votes:
            replaced = len(each.ballot.history(vote.trial)) - 1
            for letter, heard in vote.heard.items():
                setting = msgspec.json.encode(heard.setting).decode() if heard.setting is not None else ""
                row = [sheet.name, sheet.kind, each.name, int(each.left_out), vote.trial + 1, heard.passage.name]
                row += [letter, heard.name, heard.bundle, setting, vote.answer, vote.ratings.get(letter, "")]
                row += [vote.words, " ".join(vote.marks.get(letter, [])), round(vote.seconds, 1)]
                writer.writerow([_harmless(cell) for cell in (*row, replaced, at[vote.trial])])
    return file.getvalue()


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@"} else cell
