"""One file: decoded, cut into notes, trimmed, pitched and analysed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadAudio

from tombola_host.corpus.analysis import Analysis, analyse
from tombola_host.corpus.files import SILENCE_PEAK_DB, loudest_db, read_recording
from tombola_host.corpus.melody import split_at_note_changes
from tombola_host.corpus.pitch import Contour, NoteFinding, Tracker, default_trackers, find_note
from tombola_host.corpus.trim import SHORTEST_S, Span, split_at_silences, trim

READING_VERSION = 3
"""Part of every cache key: raise it when a change to decoding, cutting or pitch changes a number."""


@dataclass(frozen=True, slots=True)
class Part:
    """One note of a file.

    Args:
        number: 1, 2, …; 0 where the file is one note.
        finding: What sounds.
        audio: A whole number of periods. Shape (F * 128,), float32.
        analysis: F frames.
    """

    number: int
    finding: NoteFinding
    audio: Float32Array
    analysis: Analysis


@dataclass(frozen=True, slots=True)
class FileResult:
    """What a file gave.

    Args:
        parts: Its notes.
        refused: Number of the part (0: the whole file) and the reason.
        remarks: What was done that the user should know.
    """

    parts: tuple[Part, ...]
    refused: tuple[tuple[int, str], ...]
    remarks: tuple[str, ...]


def read_file(
    path: Path, label: float | None, longest_s: float, trackers: tuple[Tracker, ...] | None = None
) -> FileResult:
    """Everything there is to know of one file; whatever is wrong with it ends up in ``refused``.

    Args:
        path: An audio file.
        label: MIDI note number from its name.
        longest_s: Every note is cut there.
        trackers: For files without a label; None takes ``default_trackers()``.
    """
    try:
        recording = read_recording(path)
    except BadAudio as error:
        return FileResult((), ((0, str(error)),), ())
    audio = recording.audio
    if label is None and trackers is None:
        trackers = default_trackers()
    pieces = _pieces(audio, label, trackers or ())
    parts, refused = [], []
    for index, (span, contours) in enumerate(pieces):
        number = index + 1 if len(pieces) > 1 else 0
        try:
            parts.append(_read_part(number, audio, span, label, contours, longest_s))
        except BadAudio as error:
            refused.append((number, str(error)))
    remarks = [text for text in (recording.remark,) if text]
    if len(parts) > 1:
        remarks.append(f"holds {len(parts)} notes: each is a clip")
    elif len(parts) == 1:
        parts = [replace(parts[0], number=0)]
    return FileResult(tuple(parts), tuple(refused), tuple(remarks))


def _pieces(
    audio: Float32Array, label: float | None, trackers: tuple[Tracker, ...]
) -> list[tuple[Span, tuple[Contour, ...]]]:
    """Spans of one note each; without a label also cut where the pitch moves, with the pitch of each piece."""
    spans = split_at_silences(audio)
    if label is not None:
        return [(span, ()) for span in spans]
    pieces: list[tuple[Span, tuple[Contour, ...]]] = []
    for span in spans:
        piece = audio[span.start : span.stop]
        contours = tuple(tracker.contour(piece) for tracker in trackers)
        notes = split_at_note_changes(contours[0], piece) if contours else [Span(0, len(piece))]
        for note in notes:
            inside = tuple(_cut(contour, note) for contour in contours)
            pieces.append((Span(span.start + note.start, span.start + note.stop), inside))
    return pieces


def _cut(contour: Contour, span: Span) -> Contour:
    hop_samples = contour.hop_s * SAMPLE_RATE_HZ
    first = round(span.start / hop_samples)
    return Contour(contour.note[first : max(round(span.stop / hop_samples), first + 1)], contour.hop_s)


def _read_part(
    number: int, audio: Float32Array, span: Span, label: float | None, contours: tuple[Contour, ...], longest_s: float
) -> Part:
    piece = audio[span.start : span.stop]
    if loudest_db(piece) < SILENCE_PEAK_DB:
        raise BadAudio(f"silent (never above {SILENCE_PEAK_DB:.0f} dBFS)")
    sounding = trim(piece, longest_s)
    if sounding.seconds < SHORTEST_S:
        raise BadAudio(f"too short ({sounding.seconds:.2f} s of sound, at least {SHORTEST_S} s are needed)")
    note_audio = piece[sounding.start : sounding.stop]
    if label is None:
        contours = tuple(_cut(contour, sounding) for contour in contours)
    finding = find_note(note_audio, label, contours)
    whole = np.pad(note_audio, (0, -len(note_audio) % PERIOD_SAMPLES)).astype(np.float32)
    return Part(number, finding, whole, analyse(whole, finding.note))
