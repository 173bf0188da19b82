"""A judgement for a terminal: two tables with a column for each mode, one screen for four."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from rich.box import SIMPLE
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tombola_host.evaluation.judge import ModeJudgement
from tombola_host.evaluation.motion import BANDS_HZ, Motion
from tombola_host.evaluation.strikes import Compared

Row = tuple[str, ...]
Cell = Callable[[ModeJudgement], str]
NETWORK = "network"
NONE, FEW = "–", "few notes"
UNITS = {"level": "dB", "f0": "cents", "partials": "dB"}
EXPLAINED = (
    "Error: multi-scale spectral error at life 0; table: the two nearest notes of the training. Moves: standard "
    "deviation, played / recorded (1 is as alive), and what was recorded; below it, power in "
    + ", ".join(f"{low:g} … {high:g}" for low, high in BANDS_HZ)
    + " Hz, played / recorded. a|b: medians, played|recorded. ρ: the lowest of all notes. Fréchet: distance to the "
    "recordings; followed: at their pitch and level, / that of two halves of them; else played / a sampler without the "
    "note. Some notes are left out to save time; --json has every figure."
)


def as_tables(judgements: Sequence[ModeJudgement]) -> Group:
    """The ladder, what is played from keys, and how to read both."""
    modes = [_heading(entry) for entry in judgements]
    return Group(
        _table("error on notes that were not learned from", [*modes, "mean"], error_rows(judgements)),
        _table("played from keys", [entry.mode for entry in judgements], played_rows(judgements)),
        Text(EXPLAINED),
    )


def error_rows(judgements: Sequence[ModeJudgement]) -> list[Row]:
    """The held-out error and the rungs that it is measured against: name, a cell for each mode, the mean."""
    rungs = list(dict.fromkeys(name for entry in judgements for name in entry.ladder))
    own, tables = (
        [
            _errors(name, [entry.ladder[name].error if name in entry.ladder else None for entry in judgements])
            for name in part
        ]
        for part in (rungs[:2], rungs[2:])
    )
    return [
        *own,
        _errors(NETWORK, [entry.spectral_error for entry in judgements]),
        _errors("on notes learned from", [entry.training_error for entry in judgements]),
        *tables,
        _errors("network / table", [network_to_table(entry) for entry in judgements]),
    ]


def network_to_table(entry: ModeJudgement) -> float | None:
    """The network's error over that of the table of two notes; None without a table."""
    return entry.spectral_error / entry.ladder["table"].error if "table" in entry.ladder else None


def played_rows(judgements: Sequence[ModeJudgement]) -> list[Row]:
    """What is played from keys, beside the recordings: name and a cell for each mode."""
    rows: list[tuple[str, Cell]] = [
        ("notes held out", lambda entry: str(entry.notes)),
        ("pitch 50, 95 %, cents", lambda entry: f"{entry.pitch_median_cents:.2f} {entry.pitch_p95_cents:.2f}"),
    ]
    for name, unit in UNITS.items():
        rows += [
            (f"{name} move{'' if name == 'partials' else 's'}, {unit}", _movement(name)),
            ("  by band", _bands(name)),
        ]
    rows += [
        ("attack, ms", lambda entry: _pair(entry.performed.attack, 1000)),
        ("release, dB/s", lambda entry: _pair(entry.performed.release)),
        ("partials decay, dB/s", lambda entry: _pair(_decays(entry, "rate"))),
        ("  spread among them", lambda entry: _pair(_decays(entry, "spread"))),
        ("velocity, centroid ρ", lambda entry: f"{entry.dynamics.rho:.2f}" if entry.dynamics else NONE),
        ("  octaves per 10 dB", _slope),
    ]
    for index, name in enumerate("XY"):
        rows += [(f"timbre {name}, ρ", _axis(index)), ("  dB per partial", _moved(index))]
    rows.append(("Fréchet, followed", lambda entry: f"{entry.frechet_ratio:.2f}" if entry.frechet_ratio else FEW))
    rows += [(f"Fréchet, {name}", _likeness(name)) for name in embeddings_of(judgements)]
    return [(name, *map(cell, judgements)) for name, cell in rows]


def _table(title: str, headings: Sequence[str], rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(escape(heading), justify="right")
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == NETWORK else "")
    return table


def _errors(name: str, errors: Sequence[float | None]) -> Row:
    there = [error for error in errors if error is not None]
    mean = f"{np.mean(there):.3f}" if there and len(there) == len(errors) else NONE
    return (name, *(NONE if error is None else f"{error:.3f}" for error in errors), mean)


def embeddings_of(judgements: Sequence[ModeJudgement]) -> list[str]:
    """Names of what heard the likeness, in order."""
    return list(dict.fromkeys(name for entry in judgements for name in entry.likeness))


def _heading(entry: ModeJudgement) -> str:
    return entry.mode if entry.held_out else f"{entry.mode} (recordings unknown to the bundle)"


def _movement(name: str) -> Cell:
    def cell(entry: ModeJudgement) -> str:
        found = entry.performed.motion
        return f"{found.deviation[name]:.2f} ({_deviation(found.real, name):.2g})" if found else NONE

    return cell


def _deviation(motion: Motion, name: str) -> float:
    return float(getattr(motion, name).deviation)


def _bands(name: str) -> Cell:
    def cell(entry: ModeJudgement) -> str:
        found = entry.performed.motion
        return " ".join(map(_short, found.bands[name])) if found else NONE

    return cell


def _short(ratio: float) -> str:
    """Two digits that matter: .05, 1.2, 12."""
    return f"{ratio:.2f}"[1:] if ratio < 0.995 else f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def _axis(index: int) -> Cell:
    def cell(entry: ModeJudgement) -> str:
        if entry.timbre is None:
            return NONE
        axis = entry.timbre[index]
        return f"{axis.descriptor} {axis.rho[axis.descriptor]:.2f}"

    return cell


def _moved(index: int) -> Cell:
    return lambda entry: f"{entry.timbre[index].moved_db:.1f}" if entry.timbre else NONE


def _slope(entry: ModeJudgement) -> str:
    if entry.dynamics is None:
        return NONE
    real = entry.dynamics.real_slope
    return f"{entry.dynamics.slope:.2f}|{NONE if real is None else f'{real:.2f}'}"


def _likeness(name: str) -> Cell:
    def cell(entry: ModeJudgement) -> str:
        found = entry.likeness.get(name)
        return f"{found.ratio:.2f}" if found else FEW

    return cell


def _decays(entry: ModeJudgement, which: Literal["rate", "spread"]) -> Compared | None:
    decays = entry.performed.decays
    return None if decays is None else decays.rate if which == "rate" else decays.spread


def _pair(found: Compared | None, factor: float = 1.0) -> str:
    return f"{factor * found.played:.0f}|{factor * found.real:.0f}" if found else NONE
