"""Who hears what in which order: blinded, and drawn from the session's seed and the listener's name alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from typing import Final

import msgspec
import numpy as np

from tombola_host.study.sessions.session import REFERENCE, Sheet

LISTENS: Final = {"pairs": 1.5, "abx": 1.7, "ratings": 2.5, "tune": 1.5}
"""How often the passage is heard behind each letter: what is planned for."""
THINK_S: Final = 5.0
SLOTS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:24]
X: Final = "X"


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question to one listener.

    Args:
        passage: What is played.
        slots: Stimulus by the letter that the listener sees. ABX has X beside A and B; a rating that has a
            reference has it openly too, under its own name.
    """

    passage: str
    slots: dict[str, str]


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose."""
    words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], np.uint32)
    return np.random.default_rng([seed, *words.tolist()])


def trials_of(sheet: Sheet, listener: str) -> tuple[Trial, ...]:
    """All trials of one listener, as many as fit into the session's minutes; a tuning session has none beforehand.

    If not all fit, each listener gets others, drawn at random.
    """
    rng = stream(sheet.seed, f"order of {listener}")
    passages = [passage.name for passage in sheet.passages]
    compared = list(sheet.compared)
    drawn: list[Trial] = []
    if sheet.kind == "pairs":
        drawn = [
            Trial(name, dict(zip("AB", _shuffled(rng, pair), strict=True)))
            for name in passages
            for pair in combinations(compared, 2)
        ]
    elif sheet.kind == "abx":
        for name in passages:
            for pair in combinations(compared, 2):
                for _ in range(sheet.repeats):
                    a, b = _shuffled(rng, pair)
                    drawn.append(Trial(name, {"A": a, "B": b, X: (a, b)[int(rng.integers(2))]}))
    elif sheet.kind == "ratings":
        for name in passages:
            shown = list(sheet.sounds[name])
            open_reference = {REFERENCE: REFERENCE} if REFERENCE in shown else {}
            drawn.append(Trial(name, {**open_reference, **dict(zip(SLOTS, _shuffled(rng, shown), strict=False))}))
    order = [drawn[place] for place in rng.permutation(len(drawn))]
    return tuple(order[: _fitting(sheet, order)])


def planned_s(sheet: Sheet, trials: Sequence[Trial]) -> float:
    """How long a listener will take."""
    return sum(trial_s(sheet, trial) for trial in trials)


def trial_s(sheet: Sheet, trial: Trial) -> float:
    """How long one trial takes."""
    seconds = next(passage.seconds for passage in sheet.passages if passage.name == trial.passage)
    answers = len(trial.slots) if sheet.kind == "ratings" else 1
    return len(trial.slots) * LISTENS[sheet.kind] * seconds + answers * THINK_S


def tuning_votes(sheet: Sheet) -> int:
    """How many votes of a tuning session fit into its minutes."""
    each_s = trial_s(sheet, tuning_trial(sheet))
    return max(1, min(sheet.votes, int(60 * sheet.minutes / each_s)))


def tuning_trial(sheet: Sheet) -> Trial:
    """What a trial of a tuning session looks like."""
    return Trial(sheet.passages[0].name, dict.fromkeys(SLOTS[: sheet.options], ""))


def _fitting(sheet: Sheet, trials: Sequence[Trial]) -> int:
    """How many fit; one at least."""
    ends_s = np.cumsum([trial_s(sheet, trial) for trial in trials])
    return max(1, int(np.searchsorted(ends_s, 60 * sheet.minutes, side="right")))


def _shuffled(rng: np.random.Generator, names: Sequence[str]) -> list[str]:
    return [names[place] for place in rng.permutation(len(names))]
