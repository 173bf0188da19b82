"""What was understood of a folder, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from tombola_host.corpus.pitch import note_name
from tombola_host.corpus.refusals import grouped, some
from tombola_host.corpus.summary import Summary, WrongLabel
from tombola_host.corpus.verdict import verdict

SHOWN_LINES = 20


def as_json(summary: Summary) -> str:
    """One JSON object: the fields of ``Summary``, and ``verdict`` with ``ready`` and ``sentence``; indented."""
    fields = msgspec.to_builtins(summary) | {"verdict": msgspec.to_builtins(verdict(summary))}
    return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode()


def as_table(summary: Summary) -> Group:
    """The same for a terminal, to be printed by rich, the verdict last; long lists are cut, and say so."""
    figures = Table(title=escape(summary.name), show_header=False, title_justify="left")
    figures.add_row("files", str(summary.files))
    figures.add_row("clips", str(summary.clips))
    figures.add_row("length", f"{summary.seconds:.1f} s")
    figures.add_row("notes", str(summary.notes))
    if summary.lowest_note is not None and summary.highest_note is not None:
        figures.add_row("range", f"{note_name(summary.lowest_note)} … {note_name(summary.highest_note)}")
    if summary.tuning_cents is not None:
        figures.add_row("tuning", f"{summary.tuning_cents:+.1f} cents")
    if summary.loudness_db is not None:
        low_db, median_db, high_db = summary.loudness_db
        figures.add_row("loudness", f"{median_db:.1f} dBFS ({low_db:.1f} … {high_db:.1f})")
    figures.add_row("left out", str(len(summary.refused)))
    lists = (
        _lines("left out", grouped(summary.refused)),
        _lines("another note than in the name", wrong_label_lines(summary.wrong_labels)),
        _lines("remarks", summary.remarks),
    )
    parts: list[RenderableType] = [figures, *(lines for lines in lists if lines is not None)]
    return Group(*parts, escape(verdict(summary).sentence))


def wrong_label_lines(wrong: Sequence[WrongLabel]) -> tuple[str, ...]:
    """One line for each distance between name and sound, the most frequent first."""
    by_distance: dict[int, list[WrongLabel]] = {}
    for entry in wrong:
        by_distance.setdefault(round(entry.note - entry.label), []).append(entry)
    lines = []
    for semitones, alike in sorted(by_distance.items(), key=lambda item: -len(item[1])):
        first = alike[0]
        if len(alike) == 1:
            heard = note_name(first.note)
            lines.append(f"{first.file}: labelled {note_name(first.label)}, but sounds as {heard}; {heard} is used")
        else:
            names = some([entry.file for entry in alike])
            lines.append(
                f"{len(alike)} files sound {_distance(semitones)} than labelled; what sounds is used ({names})"
            )
    return tuple(lines)


def _distance(semitones: int) -> str:
    size = abs(semitones)
    number, unit = (size // 12, "octave") if size % 12 == 0 else (size, "semitone")
    return f"{number} {unit}{'' if number == 1 else 's'} {'higher' if semitones > 0 else 'lower'}"


def _lines(title: str, lines: Sequence[str]) -> Group | None:
    if not lines:
        return None
    shown = list(lines[:SHOWN_LINES])
    if len(lines) > SHOWN_LINES:
        shown.append(f"… and {len(lines) - SHOWN_LINES} more (--json shows all)")
    return Group(f"{title}:", *(escape(f"  {line}") for line in shown))
