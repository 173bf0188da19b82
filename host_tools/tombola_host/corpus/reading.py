"""One file: decoded, cut into notes, trimmed, pitched and analysed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.analysis import Analysis, analyse
from tombola_host.corpus.character import Character, character
from tombola_host.corpus.decoding import check_not_silent, read_recording
from tombola_host.corpus.melody import split_at_note_changes, wanders
from tombola_host.corpus.pitch import Contour, NoteFinding, Tracker, default_trackers, find_note
from tombola_host.corpus.refusals import WANDERING, Unusable
from tombola_host.corpus.trim import SHORTEST_S, Span, split_at_silences, trim

READING_VERSION = 4
"""Part of every cache key: raise it when a change to decoding, cutting or pitch changes a number."""


@dataclass(frozen=True, slots=True)
class Part:
    """One note of a file.

    Args:
        number: 1, 2, …; 0 where the file is one note.
        finding: What sounds.
        audio: A whole number of periods. Shape (F * 128,), float32.
        analysis: F frames.
        character: What else was measured.
    """

    number: int
    finding: NoteFinding
    audio: Float32Array
    analysis: Analysis
    character: Character


@dataclass(frozen=True, slots=True)
class FileResult:
    """What a file gave.

    Args:
        parts: Its notes.
        refused: Number of the part (0: the whole file), reason and detail.
        remarks: What was done that the user should know.
    """

    parts: tuple[Part, ...]
    refused: tuple[tuple[int, str, str], ...]
    remarks: tuple[str, ...]


def read_file(
    path: Path, label: float | None, longest_s: float, trackers: tuple[Tracker, ...] | None = None
) -> FileResult:
    """Read one file; what is wrong with it is in ``refused``.

    Args:
        path: An audio file.
        label: MIDI note number from its name.
        longest_s: Every note is cut there.
        trackers: For files without a label; None: ``default_trackers()``.
    """
    try:
        recording = read_recording(path)
        audio = recording.audio
        pieces = _labelled_pieces(audio) if label is not None else _pieces(audio, trackers or default_trackers())
    except Unusable as error:
        return FileResult((), ((0, error.reason, error.detail),), ())
    parts, refused = [], []
    for index, (span, contours) in enumerate(pieces):
        number = index + 1 if len(pieces) > 1 else 0
        try:
            parts.append(_read_part(number, audio, span, label, contours, longest_s))
        except Unusable as error:
            refused.append((number, error.reason, error.detail))
    remarks = [text for text in (recording.remark,) if text]
    if len(parts) > 1:
        remarks.append(f"holds {len(parts)} notes: each is a clip")
    elif len(parts) == 1:
        parts = [replace(parts[0], number=0)]
    return FileResult(tuple(parts), tuple(refused), tuple(remarks))


def _labelled_pieces(audio: Float32Array) -> list[tuple[Span, tuple[Contour, ...]]]:
    """Spans of one note each, cut at silences; the label says which note, so no tracker is asked."""
    return [(span, ()) for span in split_at_silences(audio)]


def _pieces(audio: Float32Array, trackers: tuple[Tracker, ...]) -> list[tuple[Span, tuple[Contour, ...]]]:
    """Spans of one note each, cut at silences and where the pitch moves, with the pitch of each piece.

    Raises:
        Unusable: The pitch never rests, as in speech.
    """
    spans = split_at_silences(audio)
    heard = [tuple(tracker.contour(audio[span.start : span.stop]) for tracker in trackers) for span in spans]
    if wanders([contours[0] for contours in heard]):
        raise Unusable(WANDERING)
    pieces: list[tuple[Span, tuple[Contour, ...]]] = []
    for span, contours in zip(spans, heard, strict=True):
        for note in split_at_note_changes(contours[0], audio[span.start : span.stop]):
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
    check_not_silent(piece)
    sounding = trim(piece, longest_s)
    if sounding.seconds < SHORTEST_S:
        raise Unusable(f"too short; at least {SHORTEST_S} s of sound are needed", f"{sounding.seconds:.2f} s")
    note_audio = piece[sounding.start : sounding.stop]
    if label is None:
        contours = tuple(_cut(contour, sounding) for contour in contours)
    finding = find_note(note_audio, label, contours)
    whole = np.pad(note_audio, (0, -len(note_audio) % PERIOD_SAMPLES)).astype(np.float32)
    found = analyse(whole, finding.note)
    return Part(number, finding, whole, found, character(piece[sounding.start :], note_audio, finding.note))
