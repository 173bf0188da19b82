"""What a listener's page asks for and is given: the next trial, its sounds, a vote, undo. No network in it.

The page never learns what lies behind a letter: it asks for the sound of a letter of a trial.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta
from tombola_device.contract.errors import BadConfig

from tombola_host.study.sessions.ballot import LONGEST_WORDS, MARKS, Ballot, Score, Vote, ballot_of, check_vote
from tombola_host.study.sessions.preference import Votes
from tombola_host.study.sessions.results import with_vote
from tombola_host.study.sessions.session import Heard, Session, encoded
from tombola_host.study.sessions.trials import SLOTS, Trial, stream, trial_s, trials_of, tuning_trial, tuning_votes
from tombola_host.study.sessions.tuning import Tuner

LONGEST_TRIAL_S: Final = 3600.0
KEPT_SOUNDS: Final = 8


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page sends: an answer to a trial; see ``Vote``."""

    listener: Annotated[str, Meta(max_length=64)]
    trial: Annotated[int, Meta(ge=0)]
    answer: Annotated[str, Meta(max_length=8)] = ""
    ratings: Annotated[dict[str, Score], Meta(max_length=32)] = {}
    words: Annotated[str, Meta(max_length=LONGEST_WORDS)] = ""
    marks: Annotated[dict[str, list[str]], Meta(max_length=32)] = {}


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks."""

    listener: Annotated[str, Meta(max_length=64)]


class Desk:
    """One session, and all listeners who come to it.

    Args:
        session: The session.
        clock: Seconds that never jump; how long a trial took is measured with it.
    """

    def __init__(self, session: Session, clock: Callable[[], float] = time.monotonic) -> None:
        self.session, self._clock = session, clock
        self._ballots: dict[str, Ballot] = {}
        self._trials: dict[str, dict[int, Trial]] = {}
        self._heard: dict[tuple[str, int], dict[str, Heard]] = {}
        self._begun_s: dict[tuple[str, int], float] = {}
        self._rendered = lru_cache(KEPT_SOUNDS)(self._render)

    def state(self, listener: str) -> dict[str, object]:
        """Where a listener is: the question, the next trial, progress.

        Raises:
            BadConfig: The name cannot be taken.
            StoreError: The listener's file is damaged.
        """
        ballot, sheet = self._ballot(listener), self.session.sheet
        votes = ballot.votes
        total = self._total(listener)
        number = next((trial for trial in range(total) if trial not in votes), None)
        told: dict[str, object] = {
            "session": sheet.name,
            "kind": sheet.kind,
            "question": sheet.question,
            "done": len(votes),
            "total": total,
            "marks": list(MARKS),
            "undo": bool(votes),
            "minutes_left": round(self._left_s(listener) / 60, 1),
        }
        if number is not None:
            trial = self._trial(listener, number)
            self._begun_s.setdefault((listener, number), self._clock())
            told["trial"] = {"number": number, "slots": list(trial.slots), "passage": trial.passage}
        return told

    def vote(self, said: Said) -> dict[str, object]:
        """Keep an answer, and go on.

        Raises:
            BadConfig: It is no answer to this question.
            StoreError: The disk refuses; nothing was changed, and the page still has the answer.
        """
        ballot = self._ballot(said.listener)
        if said.trial >= self._total(said.listener):
            raise BadConfig(f"this session has no trial {said.trial + 1}; load the page again")
        begun_s = self._begun_s.get((said.listener, said.trial), self._clock())
        vote = Vote(
            said.trial,
            self._behind(said.listener, said.trial),
            said.answer,
            said.ratings,
            said.words,
            {letter: marks for letter, marks in said.marks.items() if marks},
            round(min(max(self._clock() - begun_s, 0.0), LONGEST_TRIAL_S), 2),
        )
        check_vote(vote, self.session.sheet)
        ballot.cast(vote)
        if self.session.sheet.kind == "tune":  # What comes after it follows from it.
            self._forget(said.listener, said.trial + 1)
        return self.state(said.listener)

    def undo(self, listener: str) -> dict[str, object]:
        """Take the last vote back, and ask again.

        Raises:
            BadConfig: There is none.
            StoreError: The disk refuses.
        """
        ballot = self._ballot(listener)
        held = set(ballot.votes)
        cast_order = [e.vote.trial for e in ballot.entries if e.vote is not None and e.vote.trial in held]
        if not cast_order:
            raise BadConfig("there is no vote to take back; go on")
        ballot.take_back(cast_order[-1])
        self._begun_s.pop((listener, cast_order[-1]), None)
        if self.session.sheet.kind == "tune":
            self._forget(listener, cast_order[-1] + 1)
        return self.state(listener)

    def sound(self, listener: str, number: int, letter: str) -> bytes:
        """The sound behind a letter, as a flac file.

        Raises:
            BadConfig: There is no such trial or letter.
        """
        if not 0 <= number < self._total(listener) or letter not in self._trial(listener, number).slots:
            raise BadConfig("there is no such sound; load the page again")
        return self._rendered(listener, number, json.dumps(self._trial(listener, number).slots))[letter]

    # Inside

    def _render(self, listener: str, number: int, _slots: str) -> dict[str, bytes]:
        trial, session = self._trial(listener, number), self.session
        if session.sheet.kind != "tune":
            return {
                letter: session.sound_path(trial.passage, name).read_bytes() for letter, name in trial.slots.items()
            }
        behind = self._behind(listener, number)
        part = session.folder / f".{stream(0, listener).integers(2**32)}.flac"
        sounds = session.play(list(behind.values()))
        return {letter: encoded(sound, part) for letter, sound in zip(behind, sounds, strict=True)}

    def _ballot(self, listener: str) -> Ballot:
        if listener not in self._ballots:
            self._ballots[listener] = ballot_of(self.session.listeners, listener)
        return self._ballots[listener]

    def _total(self, listener: str) -> int:
        if self.session.sheet.kind == "tune":
            return tuning_votes(self.session.sheet)
        return len(self._all(listener))

    def _all(self, listener: str) -> dict[int, Trial]:
        if listener not in self._trials:
            self._trials[listener] = dict(enumerate(trials_of(self.session.sheet, listener)))
        return self._trials[listener]

    def _trial(self, listener: str, number: int) -> Trial:
        trials = self._all(listener)
        if number not in trials:
            trials[number] = self._tuned(listener, number)
        return trials[number]

    def _tuned(self, listener: str, number: int) -> Trial:
        """The trial that the votes before ask for; they are kept, so that a reload asks for the same one."""
        session, votes = self.session, self._ballot(listener).votes
        if number in votes:
            heard = votes[number].heard
            self._heard[listener, number] = dict(heard)
            return Trial(heard["A"].passage.name, {letter: each.name for letter, each in heard.items()})
        if any(before not in votes for before in range(number)):
            raise BadConfig("there is no such trial yet; vote first")
        said = Votes(session.space.dimensions)
        for before in range(number):
            said = with_vote(said, votes[before], session.space)
        rng = stream(session.sheet.seed, f"tuning of {listener} {number}")
        seed = int(stream(session.sheet.seed, f"tuner of {listener}").integers(2**31))
        points = rng.permutation(Tuner(session.space, seed, session.sheet.options).ask(said))
        passage = session.sheet.passages[number % len(session.sheet.passages)]
        self._heard[listener, number] = {
            letter: Heard(f"trial {number + 1} {letter}", session.sheet.bundle, session.space.setting(point), passage)
            for letter, point in zip(SLOTS, points, strict=False)
        }
        return Trial(passage.name, {letter: each.name for letter, each in self._heard[listener, number].items()})

    def _behind(self, listener: str, number: int) -> dict[str, Heard]:
        trial = self._trial(listener, number)
        if self.session.sheet.kind == "tune":
            return self._heard[listener, number]
        return {letter: self.session.heard(name, trial.passage) for letter, name in trial.slots.items()}

    def _forget(self, listener: str, from_trial: int) -> None:
        for number in [number for number in self._all(listener) if number >= from_trial]:
            del self._trials[listener][number]
            self._heard.pop((listener, number), None)

    def _left_s(self, listener: str) -> float:
        sheet, votes = self.session.sheet, self._ballot(listener).votes
        if sheet.kind == "tune":
            left = max(self._total(listener) - len(votes), 0)
            return left * trial_s(sheet, tuning_trial(sheet))
        return sum(trial_s(sheet, trial) for number, trial in self._all(listener).items() if number not in votes)


def read_said(data: bytes) -> Said:
    """What a page sent.

    Raises:
        BadConfig: It is no vote.
    """
    return cast("Said", _read(data, Said))


def read_asking(data: bytes) -> str:
    """The listener's name in what a page sent.

    Raises:
        BadConfig: It is no question.
    """
    return cast("Asking", _read(data, Asking)).listener


def _read(data: bytes, kind: type) -> object:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig(f"the page has sent what is not understood ({error}); load it again") from error
