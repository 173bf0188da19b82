"""What was understood of a folder, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.doubts import doubts
from tombola_host.corpus.free import fit_tracks
from tombola_host.corpus.refusals import Refusal

FEWEST_NOTES = 3
"""With fewer, no note can be held out to test on."""


@dataclass(frozen=True, slots=True)
class WrongLabel:
    """A file whose name states another note than the one that sounds; what sounds is used.

    Args:
        file: Its path in the folder, with the part's number where it holds several notes.
        label: The note in its name, as a MIDI number.
        note: What sounds and is used, as a MIDI number, fractional.
    """

    file: str
    label: float
    note: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of a corpus.

    Args:
        name: The folder's name.
        files: Audio files found, refused ones included.
        usable: Audio files that gave at least one clip.
        clips: Notes that can be learned from.
        seconds: Of all clips together.
        notes: Different notes among them.
        lowest_note: MIDI number, fractional; None without clips. ``highest_note`` likewise.
        tuning_cents: Median distance of the clips from the tempered scale at A4 = 440 Hz.
        loudness_db: 5th, 50th and 95th percentile of the level of all frames, dB re full-scale RMS 1.0.
        refused: What was left out and why.
        wrong_labels: Files whose names state another note than the one that sounds.
        remarks: What the user should know of the rest.
    """

    name: str
    files: int
    usable: int
    clips: int
    seconds: float
    notes: int
    lowest_note: float | None
    highest_note: float | None
    tuning_cents: float | None
    loudness_db: tuple[float, float, float] | None
    refused: tuple[Refusal, ...]
    wrong_labels: tuple[WrongLabel, ...]
    remarks: tuple[str, ...]


def summarise(
    name: str,
    files: int,
    clips: Sequence[Clip],
    refusals: Sequence[Refusal],
    remarks: Sequence[str],
    wrong_labels: Sequence[WrongLabel] = (),
) -> Summary:
    """Count and measure."""
    notes = np.array([clip.note for clip in clips])
    different = len(set(np.round(notes).astype(int).tolist()))
    remarks = [*remarks, *doubts(clips, len(fit_tracks(clips)))]
    if clips and different < FEWEST_NOTES:
        remarks.append(f"no note can be held out to test on: that takes {FEWEST_NOTES} different notes or more")
    low_db, median_db, high_db = (
        np.percentile(np.concatenate([clip.level_db for clip in clips]), (5, 50, 95)).tolist() if clips else (0.0,) * 3
    )
    return Summary(
        name=name,
        files=files,
        usable=len({clip.path for clip in clips}),
        clips=len(clips),
        seconds=round(sum(clip.frames for clip in clips) / FRAME_RATE_HZ, 3),
        notes=different,
        lowest_note=float(notes.min()) if clips else None,
        highest_note=float(notes.max()) if clips else None,
        tuning_cents=float(np.median(100 * (notes - np.round(notes)))) if clips else None,
        loudness_db=(low_db, median_db, high_db) if clips else None,
        refused=tuple(refusals),
        wrong_labels=tuple(wrong_labels),
        remarks=tuple(remarks),
    )
