"""A folder of recordings becomes a corpus: analysed clips, refusals, remarks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.cache import AnalysisCache, default_cache_dir
from tombola_host.corpus.clip import Clip
from tombola_host.corpus.files import EMPTY_HASH, content_hash, find_files
from tombola_host.corpus.labels import note_from_name, states_several_notes
from tombola_host.corpus.reading import FileResult, Part, read_file
from tombola_host.corpus.refusals import MISSING_PYAV, SEVERAL_NAMES, UNCERTAIN, Refusal, Unusable, part_name
from tombola_host.corpus.summary import Summary, WrongLabel, summarise
from tombola_host.corpus.trim import LONGEST_S
from tombola_host.progress import Silent, Step
from tombola_host.runs.pool import InProcessPool, Job, LocalPool, Pool, WorkerEnded

POOL_FROM_FILES = 6
"""Starting two processes costs about 2 s each; a labelled file of some seconds takes 0.3 s."""
VELOCITY_RANGE_DB = 24.0
"""A clip this much quieter than the loudest of its corpus was played at velocity 0."""
SAME_CORRELATION = 0.9999
SAME_LEVEL_DB = 0.1
SAME_LENGTH_S = 0.01
SAME_NOTE = 0.05


@dataclass(frozen=True, slots=True)
class Corpus:
    """The analysed sounds of one mode.

    Args:
        name: The folder's name.
        clips: In the order of the files' paths.
        refusals: Every file, or part of one, that was left out.
        summary: What the user is told.
    """

    name: str
    clips: tuple[Clip, ...]
    refusals: tuple[Refusal, ...]
    summary: Summary


@dataclass(frozen=True, slots=True)
class _File:
    """A recording that is to be read.

    Args:
        path: Of the file.
        shown: Its path in the folder.
        label: Note that its name states, MIDI; None where it states none.
        key: Of its analysis in the cache.
        origin: What its clips are known by.
    """

    path: Path
    shown: str
    label: float | None
    key: str
    origin: str


def read_corpus(
    folder: Path,
    cache_dir: Path | None = None,
    progress: Step | None = None,
    *,
    longest_s: float = LONGEST_S,
    processes: int | None = None,
) -> Corpus:
    """Read every recording under a folder.

    Args:
        folder: Searched with its sub-folders; hidden files are skipped.
        cache_dir: Where analyses are kept; None is ``default_cache_dir()``.
        progress: Called after every file.
        longest_s: Every note is cut there.
        processes: At most so many; None is one per core, 1 stays in this process.

    Raises:
        BadAudio: The folder does not exist or may not be read. A bad file gives a ``Refusal`` instead.
    """
    paths, refusals = find_files(folder)
    cache = AnalysisCache(cache_dir or default_cache_dir())
    files, refused_files = _distinct(folder, paths, cache, longest_s)
    refusals += refused_files
    results: dict[_File, FileResult] = {}

    def finished(file: _File, result: FileResult) -> None:
        results[file] = result
        if progress is not None:
            progress(len(results), len(files), file.shown)

    for file in files:
        cached = cache.load(file.key)
        if cached is not None:
            finished(file, cached)
    missing = [file for file in files if file not in results]
    _read(missing, cache, longest_s, _pool(len(missing), processes), finished)
    parts: list[tuple[_File, Part]] = []
    remarks: list[str] = []
    for file in files:
        result = results[file]
        remarks += [f"{file.shown}: {text}" for text in result.remarks]
        refusals += [
            Refusal(file.shown, _for_name(reason, file), detail, part) for part, reason, detail in result.refused
        ]
        parts += [(file, part) for part in result.parts]
    parts, twice = _without_duplicates(parts)
    refusals += twice
    clips = _clips(parts)
    name = folder.resolve().name or "corpus"
    summary = summarise(name, len(paths), clips, refusals, remarks, _wrong_labels(parts))
    return Corpus(name, clips, tuple(refusals), summary)


def _distinct(
    folder: Path, paths: Sequence[Path], cache: AnalysisCache, longest_s: float
) -> tuple[list[_File], list[Refusal]]:
    """Files of different content, in order; unreadable ones and copies are refused."""
    files: list[_File] = []
    refusals: list[Refusal] = []
    first: dict[str, str] = {}
    for path in paths:
        shown = str(path.relative_to(folder)).encode("utf-8", "replace").decode()
        try:
            digest = content_hash(path)
        except Unusable as error:
            refusals.append(Refusal(shown, error.reason, error.detail))
            continue
        # Two empty files are not duplicates of a sound: each is refused as empty.
        if digest in first and digest != EMPTY_HASH:
            refusals.append(Refusal(shown, "the same file as another", first[digest]))
            continue
        first.setdefault(digest, shown)
        label = note_from_name(path.name)
        origin = f"{digest} label={label} longest_s={longest_s:g}"
        files.append(_File(path, shown, label, cache.key(digest, label, longest_s), origin))
    return files, refusals


def _pool(files: int, processes: int | None) -> Pool:
    """Where so many files are read."""
    few = processes is None and files < POOL_FROM_FILES
    alone = min(processes or os.cpu_count() or 1, files) < 2
    return InProcessPool() if few or alone else LocalPool(processes)


def _read(
    missing: Sequence[_File],
    cache: AnalysisCache,
    longest_s: float,
    pool: Pool,
    finished: Callable[[_File, FileResult], None],
) -> None:
    """Read files; one whose decoder takes its process down is refused, and the others are read again."""
    left = list(missing)
    while left:
        files = tuple(left)
        jobs = [Job(file.shown, _read_and_keep, (file, cache, longest_s)) for file in files]

        def one_finished(number: int, result: FileResult, files: Sequence[_File] = files) -> None:
            left.remove(files[number])
            finished(files[number], result)

        try:
            pool.run(jobs, Silent(), one_finished)
        except WorkerEnded as error:
            one_finished(error.number, _refused("reading it ends the process; convert it to wav"))


def _read_and_keep(file: _File, cache: AnalysisCache, longest_s: float, step: Step) -> FileResult:
    del step  # A file has no steps worth telling.
    try:
        result = read_file(file.path, file.label, longest_s)
    except Exception as error:  # noqa: BLE001 - one strange file among hundreds must not end the reading
        # Shown as a refusal, but not kept in the cache.
        return _refused("could not be analysed; please report it with the file", f"{type(error).__name__}: {error}")
    # Entries are written where the work is done, so that an interrupted reading resumes.
    # But PyAV may be installed before the next reading.
    if all(reason != MISSING_PYAV for _, reason, _ in result.refused):
        cache.save(file.key, result)
    return result


def _refused(reason: str, detail: str = "") -> FileResult:
    return FileResult((), ((0, reason, detail),), ())


def _for_name(reason: str, file: _File) -> str:
    """Nobody is asked for a note's name who gave two."""
    return SEVERAL_NAMES if reason == UNCERTAIN and states_several_notes(file.path.name) else reason


def _wrong_labels(parts: Sequence[tuple[_File, Part]]) -> tuple[WrongLabel, ...]:
    return tuple(
        WrongLabel(part_name(file.shown, part.number), file.label, part.finding.note)
        for file, part in parts
        if file.label is not None and round(part.finding.note) != round(file.label)
    )


def _without_duplicates(parts: list[tuple[_File, Part]]) -> tuple[list[tuple[_File, Part]], list[Refusal]]:
    """Leave out the same sound in another file format."""
    kept: list[tuple[_File, Part]] = []
    refusals: list[Refusal] = []
    for file, part in parts:
        twin = next((other for other, seen in kept if other is not file and _same_sound(seen, part)), None)
        if twin is None:
            kept.append((file, part))
        else:
            refusals.append(Refusal(file.shown, "the same sound as another", twin.shown, part.number))
    return kept, refusals


def _same_sound(first: Part, second: Part) -> bool:
    """Equal but for rounding; velocity layers that differ in gain alone are not the same."""
    if abs(first.finding.note - second.finding.note) > SAME_NOTE:
        return False
    if abs(len(first.audio) - len(second.audio)) > SAME_LENGTH_S * SAMPLE_RATE_HZ:
        return False
    if abs(float(first.analysis.level_db.max()) - float(second.analysis.level_db.max())) > SAME_LEVEL_DB:
        return False
    common = min(len(first.audio), len(second.audio))
    a, b = first.audio[:common], second.audio[:common]
    energy = float(np.sqrt(_dot(a, a) * _dot(b, b)))
    return energy > 0 and _dot(a, b) / energy > SAME_CORRELATION


def _dot(a: Float32Array, b: Float32Array) -> float:
    return float(np.dot(a, b))


def _clips(parts: Sequence[tuple[_File, Part]]) -> tuple[Clip, ...]:
    if not parts:
        return ()
    loudest = [float(part.analysis.level_db.max()) for _, part in parts]
    names = Counter(file.path.name for file, _ in parts)
    clips = []
    for (file, part), level in zip(parts, loudest, strict=True):
        # The path tells two files of one name in different folders apart.
        shown = file.shown if names[file.path.name] > 1 else file.path.name
        velocity = float(np.clip(1 + (level - max(loudest)) / VELOCITY_RANGE_DB, 0.0, 1.0))
        found = part.analysis
        arrays = (found.f0_hz, found.level_db, found.partials, found.noise, part.audio)
        name, origin = part_name(shown, part.number), f"{file.origin} part={part.number}"
        clips.append(Clip(name, str(file.path), origin, part.finding.note, velocity, *arrays, part.character))
    return tuple(clips)
