"""What was understood of a folder, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from tombola_device.contract.controls import FRAME_RATE_HZ

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.files import Refusal
from tombola_host.corpus.pitch import note_name

SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of a corpus.

    Args:
        name: The folder's name.
        files: Audio files found, refused ones included.
        clips: Notes that can be learned from.
        seconds: Of all clips together.
        notes: Different notes among them.
        lowest_note: MIDI number, fractional; None without clips. ``highest_note`` likewise.
        tuning_cents: Median distance of the clips from the tempered scale at A4 = 440 Hz.
        loudness_db: 5th, 50th and 95th percentile of the level of all frames, dB re full-scale RMS 1.0.
        refused: What was left out and why.
        remarks: What the user should know of the rest.
    """

    name: str
    files: int
    clips: int
    seconds: float
    notes: int
    lowest_note: float | None
    highest_note: float | None
    tuning_cents: float | None
    loudness_db: tuple[float, float, float] | None
    refused: tuple[Refusal, ...]
    remarks: tuple[str, ...]


def summarise(
    name: str, files: int, clips: Sequence[Clip], refusals: Sequence[Refusal], remarks: Sequence[str]
) -> Summary:
    """Count and measure."""
    notes = np.array([clip.note for clip in clips])
    different = len(set(np.round(notes).astype(int).tolist()))
    remarks = list(remarks)
    if different < 3:
        count = {0: "no note", 1: "a single note", 2: "two notes"}[different]
        remarks.append(f"{count}: none can be held out to test on, at least three are needed")
    low_db, median_db, high_db = (
        np.percentile(np.concatenate([clip.level_db for clip in clips]), (5, 50, 95)).tolist() if clips else (0.0,) * 3
    )
    return Summary(
        name=name,
        files=files,
        clips=len(clips),
        seconds=round(sum(clip.frames for clip in clips) / FRAME_RATE_HZ, 3),
        notes=different,
        lowest_note=float(notes.min()) if clips else None,
        highest_note=float(notes.max()) if clips else None,
        tuning_cents=float(np.median(100 * (notes - np.round(notes)))) if clips else None,
        loudness_db=(low_db, median_db, high_db) if clips else None,
        refused=tuple(refusals),
        remarks=tuple(remarks),
    )


def as_json(summary: Summary) -> str:
    """One JSON object with the fields of ``Summary``, indented."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=2).decode()


def as_table(summary: Summary) -> Group:
    """The same for a terminal, to be printed by rich; long lists are cut, and say so."""
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
    lists = [_lines("left out", [f"{refusal.path}: {refusal.reason}" for refusal in summary.refused])]
    lists.append(_lines("remarks", list(summary.remarks)))
    return Group(figures, *(lines for lines in lists if lines is not None))


def _lines(title: str, lines: list[str]) -> Text | None:
    if not lines:
        return None
    shown = lines[:SHOWN_LINES]
    if len(lines) > SHOWN_LINES:
        shown.append(f"… and {len(lines) - SHOWN_LINES} more (--json shows all)")
    return Text("\n".join([f"{title}:", *(f"  {line}" for line in shown)]))
