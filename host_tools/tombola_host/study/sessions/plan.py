"""A session's file, written by hand: what is compared, how, and on which notes. docs/sessions.md describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from tombola_device.contract.controls import MOST_LIFE
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.words import LONGEST_WORD, WordName

from tombola_host.corpus.folders import check_name
from tombola_host.study.sessions.passage import LONGEST_S, Note
from tombola_host.study.sessions.setting import Share

Kind = Literal["pairs", "abx", "ratings", "tune"]
QUESTIONS: Final = {
    "pairs": "Which one do you prefer?",
    "abx": "Is X the same as A, or the same as B?",
    "ratings": "How near is each to the reference?",
    "tune": "Which one do you prefer?",
}
MOST_MINUTES: Final = 20.0
MOST_STIMULI: Final = 24
MOST_PASSAGES: Final = 16
BUNDLE_ENDING: Final = ".tombola"


class PassagePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Notes to play; without any, the built-in phrase.

    Args:
        name: Of the passage.
        notes: Start and length in s, MIDI note and velocity of each key.
        reference: A recording of these notes, which is hidden among what is rated; relative to the file.
    """

    name: str
    notes: Annotated[list[Note], Meta(max_length=64)] = []
    reference: str = ""


class StimulusPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setting of one bundle.

    Args:
        name: For the report; listeners do not see it.
        bundle: The file, relative to the session's; the session's own by default.
        blend: Weights by name of mode; the first mode by default.
        timbre: X and Y.
        life: How much notes move.
    """

    name: str
    bundle: str = ""
    blend: dict[str, Share] = {}
    timbre: tuple[Share, Share] = (0.5, 0.5)
    life: Annotated[float, Meta(ge=0, le=MOST_LIFE)] = 1.0


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session: who hears what in which order follows from it, its seed and the listener's name.

    Args:
        name: Of the session.
        kind: pairs, abx, ratings or tune.
        question: What listeners are asked.
        word: What is rated or compared, such as "scary"; it becomes a knob. Empty: preference, or likeness.
        bundle: The bundle of stimuli that name none, and of a tuning session.
        settings: Adds so many settings of ``bundle``, far apart; for ratings of a word.
        stimulus: What is compared.
        passage: What is played; the built-in phrase by default.
        votes: Of a tuning session.
        options: How many settings a tuning session compares in one vote; more find a better one in as many votes.
        repeats: How often each pair of an ABX session is asked.
        minutes: Longest time that is planned for one listener.
        seed: Of orders and settings.
    """

    name: str
    kind: Kind
    question: str = ""
    word: Annotated[str, Meta(max_length=32)] = ""
    bundle: str = ""
    settings: Annotated[int, Meta(ge=0, le=MOST_STIMULI)] = 0
    stimulus: Annotated[list[StimulusPlan], Meta(max_length=MOST_STIMULI)] = []
    passage: Annotated[list[PassagePlan], Meta(max_length=MOST_PASSAGES)] = []
    votes: Annotated[int, Meta(ge=1, le=60)] = 25
    options: Annotated[int, Meta(ge=2, le=6)] = 4
    repeats: Annotated[int, Meta(ge=1, le=40)] = 16
    minutes: Annotated[float, Meta(gt=0, le=MOST_MINUTES)] = MOST_MINUTES
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0

    @property
    def asked(self) -> str:
        """The question."""
        if self.question or not self.word:
            return self.question or QUESTIONS[self.kind]
        return f"How {self.word} is each?" if self.kind == "ratings" else f"Which one is more {self.word}?"

    def check(self) -> None:
        """Refuse what cannot be heard, before anything is rendered.

        Raises:
            BadConfig: Something is missing, given twice, or does not fit the kind.
        """
        check_name("session", self.name)
        if self.word:
            check_word(self.word)
        for what, names in (("stimulus", self.stimulus), ("passage", self.passage)):
            _check_names(what, [each.name for each in names])
        if self.settings and not self.bundle:
            raise BadConfig("`settings` are drawn from a bundle; name it with `bundle`")
        for passage in self.passage:
            _check_passage(passage)
        compared = len(self.stimulus) + self.settings
        if self.kind == "tune":
            if not self.bundle or compared:
                raise BadConfig('a session of kind "tune" looks for settings itself; give `bundle`, and no stimulus')
            return
        referred = bool(self.passage) and all(passage.reference for passage in self.passage)
        if self.kind == "ratings" and not self.word and not referred:
            raise BadConfig("ratings need a `reference` for each passage, or a `word` to rate; give one of them")
        least = 1 if self.kind == "ratings" else 2
        if not least <= compared <= MOST_STIMULI:
            raise BadConfig(f'{compared} stimuli cannot be compared by "{self.kind}"; give {least} to {MOST_STIMULI}')


def check_word(word: str) -> None:
    """Raise BadConfig unless a knob can bear this word."""
    try:
        msgspec.convert(word, WordName)
    except msgspec.ValidationError as error:
        raise BadConfig(
            f"no knob can bear the word {word[:40]!r}; give 1 to {LONGEST_WORD} letters, digits, blanks and . _ + -"
        ) from error


def _check_names(what: str, names: Sequence[str]) -> None:
    for name in names:
        check_name(what, name)
    twice = {a for a, b in combinations(names, 2) if a == b}
    if twice:
        raise BadConfig(f"there are two of the name {min(twice)!r} among what is called {what}; rename one")


def _check_passage(passage: PassagePlan) -> None:
    if passage.notes and max(start + length for start, length, *_ in passage.notes) > LONGEST_S:
        raise BadConfig(f"the passage {passage.name!r} is longer than {LONGEST_S:g} s; nobody compares so much at once")


def read_plan(path: Path) -> Plan:
    """Read and check a session's file.

    Raises:
        BadConfig: It cannot be read, is not TOML, or asks for what there is not.
    """
    try:
        plan = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Plan)
    except OSError as error:
        raise BadConfig(f"the session {path} cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadConfig(f"the session {path} is not TOML ({error}); correct it") from error
    except msgspec.ValidationError as error:
        raise BadConfig(f"the session {path} asks for what there is not ({error}); correct it") from error
    plan.check()
    return plan


def plan_of_folder(folder: Path) -> Plan:
    """A session out of a folder with bundles, such as those of builds or of a study: all in pairs, on one phrase.

    Raises:
        BadConfig: There are not two bundles, or more than can be compared.
    """
    found = sorted(path for path in folder.rglob(f"*{BUNDLE_ENDING}") if path.is_file())
    if not 2 <= len(found) <= MOST_STIMULI:
        raise BadConfig(f"{folder} holds {len(found)} bundles; a comparison needs 2 to {MOST_STIMULI} of them")
    names = [_plain(str(path.relative_to(folder).with_suffix(""))) for path in found]
    stimuli = [StimulusPlan(name, str(path.resolve())) for name, path in zip(names, found, strict=True)]
    plan = Plan(_plain(folder.resolve().name), "pairs", stimulus=stimuli)
    plan.check()
    return plan


def _plain(text: str) -> str:
    """A name that ``check_name`` takes."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._+-") else "-" for sign in text)[-64:] or "-"
