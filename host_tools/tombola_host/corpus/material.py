"""What a build starts from: for each mode its notes, parted in training and test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tombola_device.contract.errors import BadAudio
from tombola_device.contract.manifest import Envelope

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.corpus import Corpus, read_corpus
from tombola_host.corpus.envelope import fit_envelope
from tombola_host.corpus.sources import licence_of
from tombola_host.corpus.split import split
from tombola_host.corpus.windows import ModeData, mode_data, mode_gain_db
from tombola_host.progress import Reporter

SPLIT_SEED = 0
"""Which notes are held out does not change with the seed of a training, or seeds could not be compared."""


@dataclass(frozen=True, slots=True)
class Material:
    """One mode.

    Args:
        name: The mode's name.
        training: Notes to learn from.
        test: Notes never learned from; may be empty.
        envelope: How its level moves.
        note_range: Lowest and highest MIDI note.
        licence: Of the recordings.
        fingerprint: Hash of all that was measured.
    """

    name: str
    training: ModeData
    test: ModeData
    envelope: Envelope
    note_range: tuple[float, float]
    licence: str
    fingerprint: str


def gather(folders: Mapping[str, Path], reporter: Reporter, cache: Path | None = None) -> tuple[Material, ...]:
    """Read, analyse and split the recordings of each mode.

    Raises:
        BadAudio: A folder has nothing that can be learned from.
    """
    return tuple(_material(name, folder, reporter, cache) for name, folder in folders.items())


def _material(name: str, folder: Path, reporter: Reporter, cache: Path | None) -> Material:
    step = reporter.task(f"listening to {name}")
    corpus = read_corpus(folder, cache, step)
    if not corpus.clips:
        raise BadAudio(f"nothing in {folder} can be learned from; `tombola corpus {folder}` says why for each file")
    return from_corpus(name, corpus, licence_of(folder))


def from_corpus(name: str, corpus: Corpus, licence: str) -> Material:
    """Split and level an analysed corpus."""
    train, test = split(corpus, seed=SPLIT_SEED)
    gain_db = mode_gain_db(train)
    notes = [clip.note for clip in corpus.clips]
    return Material(
        name,
        mode_data(name, train, gain_db),
        mode_data(name, test, gain_db),
        fit_envelope(train, gain_db),
        (round(min(notes), 2), round(max(notes), 2)),
        licence,
        _fingerprint(corpus.clips),
    )


def _fingerprint(clips: Sequence[Clip]) -> str:
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.name} {clip.note:.4f} {clip.velocity:.4f}".encode())
        for array in (clip.f0_hz, clip.level_db, clip.partials, clip.noise, clip.audio):
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]
