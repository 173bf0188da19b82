"""The page of a listening session: who was preferred or heard, how sure that is, who said what, and the sounds."""

from __future__ import annotations

import math
from collections.abc import Mapping

import soundfile
from tombola_device.contract.controls import Float32Array

from tombola_host.report.data import Cell, ModeSounds, ReportData, Sound, Table
from tombola_host.study.sessions.results import Results
from tombola_host.study.sessions.session import Heard, Session
from tombola_host.study.sessions.statistics import HIDDEN_AT_LEAST, HIDDEN_MISSED, Interval
from tombola_host.study.sessions.tuning import Tuner

COLOR = "#d0ae64"
MOST_SOUNDS = 12
MOST_WORDS = 200
RESAMPLED = "The interval is of 1 000 draws of listeners, 95 %; with one listener there is none."


def session_page(results: Results) -> ReportData:
    """All that was said so far."""
    session, sheet = results.session, results.session.sheet
    tables = {"pairs": _pairs, "abx": _abx, "ratings": _ratings, "tune": _tuned}[sheet.kind](results)
    return ReportData(
        title=f"Session {sheet.name}",
        summary=sheet.question,
        facts={
            "listeners": str(len(results.counted)),
            "votes": str(results.votes),
            "left out": str(_left_out(results)),
        },
        modes=_sounds(session, results),
        judged=(*tables, _listeners(results), *_words(results)),
        provenance=_provenance(session),
        remarks=_remarks(results),
    )


def _pairs(results: Results) -> tuple[Table, ...]:
    strengths, intervals = results.strengths()
    order = sorted(range(len(strengths.names)), key=lambda place: -strengths.strength[place])
    wins = strengths.wins()
    rows = tuple(
        (strengths.names[place], round(intervals[place].value, 3), *_ends(intervals[place])) for place in order
    )
    ranked = Table(
        ("stimulus", "strength", "from", "to"),
        rows,
        "Bradley-Terry with ties (Davidson 1970), natural logarithm: 1.1 more is preferred three times of four. "
        + RESAMPLED,
    )
    against = Table(
        ("preferred to", *(strengths.names[place] for place in order)),
        tuple(
            (strengths.names[row], *("–" if row == column else f"{100 * wins[row, column]:.0f} %" for column in order))
            for row in order
        ),
        "How often the one in the row is preferred, as the strengths say; a tie counts half.",
    )
    return ranked, against


def _abx(results: Results) -> tuple[Table, ...]:
    rows: list[tuple[Cell, ...]] = []
    for (first, second), found in results.abx().items():
        what = f"{first} / {second}" if second else f"listener {first}"
        interval = f"{100 * found.share.low:.0f} to {100 * found.share.high:.0f} %"
        rows.append((what, f"{found.right} of {found.trials}", f"{found.p:.4f}", interval))
    caption = (
        "p: the chance of so many right answers by guessing, exact. Share: with the 95 % interval of "
        "Clopper and Pearson, all trials taken as independent. A p above 0.05 does not say that two sound the same: "
        "the interval says how far from guessing it can be."
    )
    return (Table(("what", "right", "p", "share of right answers"), tuple(rows), caption),)


def _ratings(results: Results) -> tuple[Table, ...]:
    found = sorted(results.ratings().items(), key=lambda item: -item[1].value)
    rows = tuple((name, round(interval.value, 1), *_ends(interval, 1)) for name, interval in found)
    return (Table(("stimulus", "mean", "from", "to"), rows, f"0 … 100, mean over listeners. {RESAMPLED}"),)


def _tuned(results: Results) -> tuple[Table, ...]:
    session = results.session
    rows: list[tuple[Cell, ...]] = []
    for said in results.counted:
        single = Results(session, (said,)).choices(session.space)
        if len(single):
            best = session.space.setting(Tuner(session.space, session.sheet.seed).best(single))
            rows.append((said.name, len(single), best.words))
    together = results.choices(session.space)
    if len(rows) > 1:
        best = session.space.setting(Tuner(session.space, session.sheet.seed).best(together))
        rows.append(("all together", len(together), best.words))
    caption = "The setting with the highest expected utility by the listener's votes."
    return (Table(("listener", "votes", "found"), tuple(rows), caption),)


def _listeners(results: Results) -> Table:
    rows = tuple(
        (
            each.name,
            len(each.votes),
            sum(len(each.ballot.history(vote.trial)) - 1 for vote in each.votes),
            round(sum(vote.seconds for vote in each.votes) / 60, 1),
            "left out" if each.left_out else "counts",
        )
        for each in results.said
    )
    caption = (
        f"Left out: who rated the hidden reference below {HIDDEN_AT_LEAST:g} in more than {100 * HIDDEN_MISSED:g} % of "
        "the trials (ITU-R BS.1534-3)."
    )
    return Table(("listener", "votes", "replaced", "minutes", ""), rows, caption)


def _words(results: Results) -> tuple[Table, ...]:
    rows: list[tuple[Cell, ...]] = [(name, trial, words) for name, trial, words in results.words()[:MOST_WORDS]]
    marks: dict[tuple[str, str], int] = {}
    for each in results.counted:
        for vote in each.votes:
            for letter, said in vote.marks.items():
                for mark in said:
                    key = (vote.heard[letter].name, mark)
                    marks[key] = marks.get(key, 0) + 1
    tables = []
    if rows:
        tables.append(Table(("listener", "trial", "in their own words"), tuple(rows)))
    if marks:
        marked = tuple((name, mark, count) for (name, mark), count in sorted(marks.items(), key=lambda item: -item[1]))
        tables.append(Table(("stimulus", "marked as wrong", "times"), marked))
    return tuple(tables)


def _sounds(session: Session, results: Results) -> tuple[ModeSounds, ...]:
    sheet = session.sheet
    if sheet.kind == "tune":
        said = results.choices(session.space)
        if not len(said):
            return ()
        best = session.space.setting(Tuner(session.space, sheet.seed).best(said))
        audio = session.play([Heard("found", sheet.bundle, best, sheet.passages[0])])[0]
        return (ModeSounds(sheet.passages[0].name, COLOR, (Sound("found", audio, best.words),)),)
    return tuple(
        ModeSounds(
            passage.name, COLOR, tuple(_sound(session, passage.name, name) for name in list(files)[:MOST_SOUNDS])
        )
        for passage in sheet.passages
        if (files := sheet.sounds[passage.name])
    )[:MOST_SOUNDS]


def _sound(session: Session, passage: str, name: str) -> Sound:
    audio: Float32Array = soundfile.read(session.sound_path(passage, name), dtype="float32")[0]
    setting = session.sheet.stimuli[name].setting
    return Sound(name, audio, setting.words if setting is not None else "")


def _provenance(session: Session) -> Mapping[str, Cell]:
    sheet = session.sheet
    bundles = {stimulus.bundle for stimulus in sheet.stimuli.values() if stimulus.bundle} | {sheet.bundle} - {""}
    return {
        "kind": sheet.kind,
        "seed": sheet.seed,
        **{f"bundle {place}": sha256 for place, sha256 in enumerate(sorted(bundles), 1)},
    }


def _remarks(results: Results) -> tuple[str, ...]:
    return tuple(
        f"{each.unknown} votes of {each.name} are on what this session does not have, and are left out; look whether "
        "the file belongs to another session."
        for each in results.said
        if each.unknown
    )


def _left_out(results: Results) -> int:
    return sum(each.left_out for each in results.said)


def _ends(interval: Interval, digits: int = 3) -> tuple[Cell, Cell]:
    if math.isnan(interval.low):
        return None, None
    return round(interval.low, digits), round(interval.high, digits)
