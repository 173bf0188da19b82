"""What a build starts from: the notes of each mode, split into training and test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tombola_device.contract.errors import BadAudio
from tombola_device.contract.manifest import Envelope

from tombola_host.corpus.analysis import ANALYSIS_VERSION
from tombola_host.corpus.corpus import Corpus, read_corpus
from tombola_host.corpus.doubts import doubts
from tombola_host.corpus.envelope import fit_envelope
from tombola_host.corpus.free import FREE_VERSION, fit_tracks
from tombola_host.corpus.reading import READING_VERSION
from tombola_host.corpus.refusals import grouped
from tombola_host.corpus.sources import licence_of
from tombola_host.corpus.split import fresh_split, split
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
        recordings: Hash of which recordings these are and which of them are held out. It is made of the files' bytes
            and of settings, never of computed sound, so it is the same on every machine, whatever the files are called.
        fingerprint: Names what is learned from, for runs: the recordings, their order, and the version of the analysis.
        left_out: What was refused and why, in a line for each reason.
        doubts: What will not be rendered well, one sentence each.
    """

    name: str
    training: ModeData
    test: ModeData
    envelope: Envelope
    note_range: tuple[float, float]
    licence: str
    recordings: str
    fingerprint: str
    left_out: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def gather(
    folders: Mapping[str, Path], reporter: Reporter, cache: Path | None = None, *, fresh: bool = False
) -> tuple[Material, ...]:
    """Read, analyse and split the recordings of each mode.

    Args:
        fresh: Hold out other notes than a build does, which chose nothing so far.

    Raises:
        BadAudio: A folder has nothing that can be learned from.
    """
    materials = [_material(name, folder, reporter, cache, fresh=fresh) for name, folder in folders.items()]
    # One network has one number of free partials.
    count = max((len(material.training.tracks) for material in materials), default=0)
    return tuple(
        replace(material, training=material.training.widened(count), test=material.test.widened(count))
        if count
        else material
        for material in materials
    )


def _material(name: str, folder: Path, reporter: Reporter, cache: Path | None, *, fresh: bool) -> Material:
    step = reporter.task(f"listening to {name}")
    corpus = read_corpus(folder, cache, step)
    if not corpus.clips:
        raise BadAudio(f"nothing in {folder} can be learned from; `tombola corpus {folder}` says why for each file")
    return from_corpus(name, corpus, licence_of(folder), fresh=fresh)


def from_corpus(name: str, corpus: Corpus, licence: str, *, fresh: bool = False) -> Material:
    """Split and level an analysed corpus."""
    train, test = fresh_split(corpus) if fresh else split(corpus, seed=SPLIT_SEED)
    gain_db, tracks = mode_gain_db(train), fit_tracks(train)
    notes = [clip.note for clip in corpus.clips]
    # The order counts for runs alone: from another one the same seed learns other weights.
    free = [f"free={FREE_VERSION}"] if len(tracks) else []
    origins = [f"training {clip.origin}" for clip in train] + [f"test {clip.origin}" for clip in test]
    return Material(
        name,
        mode_data(name, train, gain_db, tracks),
        mode_data(name, test, gain_db, tracks),
        fit_envelope(train, gain_db),
        (round(min(notes), 2), round(max(notes), 2)),
        licence,
        _short_hash(sorted(origins)),
        _short_hash([*origins, f"reading={READING_VERSION}", f"analysis={ANALYSIS_VERSION}", *free]),
        grouped(corpus.refusals),
        doubts(corpus.clips, len(tracks)),
    )


def _short_hash(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
