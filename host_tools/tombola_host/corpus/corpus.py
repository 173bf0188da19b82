"""A folder of recordings becomes a corpus: analysed clips, refusals, remarks."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.cache import AnalysisCache, default_cache_dir
from tombola_host.corpus.clip import Clip
from tombola_host.corpus.files import EMPTY_HASH, content_hash, find_files
from tombola_host.corpus.labels import note_from_name
from tombola_host.corpus.reading import FileResult, Part, read_file
from tombola_host.corpus.refusals import MISSING_PYAV, Refusal, Unusable, part_name
from tombola_host.corpus.summary import Summary, WrongLabel, summarise
from tombola_host.corpus.trim import LONGEST_S
from tombola_host.progress import Step

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
class _Job:
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
    jobs, refused_jobs = _jobs(folder, paths, cache, longest_s)
    refusals += refused_jobs
    results: dict[_Job, FileResult] = {}
    for job, result in _results(jobs, cache, longest_s, processes):
        results[job] = result
        if progress is not None:
            progress(len(results), len(jobs), job.shown)
    parts: list[tuple[_Job, Part]] = []
    remarks: list[str] = []
    for job in jobs:
        result = results[job]
        remarks += [f"{job.shown}: {text}" for text in result.remarks]
        refusals += [Refusal(job.shown, reason, detail, part) for part, reason, detail in result.refused]
        parts += [(job, part) for part in result.parts]
    parts, twice = _without_duplicates(parts)
    refusals += twice
    clips = _clips(parts)
    name = folder.resolve().name or "corpus"
    summary = summarise(name, len(paths), clips, refusals, remarks, _wrong_labels(parts))
    return Corpus(name, clips, tuple(refusals), summary)


def _jobs(
    folder: Path, paths: Sequence[Path], cache: AnalysisCache, longest_s: float
) -> tuple[list[_Job], list[Refusal]]:
    jobs: list[_Job] = []
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
        jobs.append(_Job(path, shown, label, cache.key(digest, label, longest_s), origin))
    return jobs, refusals


def _results(
    jobs: Sequence[_Job], cache: AnalysisCache, longest_s: float, processes: int | None
) -> Iterator[tuple[_Job, FileResult]]:
    """Cached results first, then new ones as they finish."""
    missing = []
    for job in jobs:
        cached = cache.load(job.key)
        if cached is None:
            missing.append(job)
        else:
            yield job, cached
    workers = min(processes or os.cpu_count() or 1, len(missing))
    few = processes is None and len(missing) < POOL_FROM_FILES
    if workers < 2 or few or not _processes_start():
        for job in missing:
            yield job, _read_and_keep(job, cache, longest_s)
        return
    left = dict.fromkeys(missing)
    for job, result in _pooled(missing, cache, longest_s, workers):
        del left[job]
        yield job, result
    for job in left:  # a decoder took its process down: find out which file did it
        alone = list(_pooled([job], cache, longest_s, 1))
        yield alone[0] if alone else (job, _refused("reading it ends the process; convert it to wav"))


def _processes_start() -> bool:
    """Whether another process can be started; a script on standard input or without a main guard cannot.

    This is tested first, so that a process that dies later was killed by the file it read.
    """
    main_file = getattr(sys.modules["__main__"], "__file__", None)
    if main_file is not None and not Path(main_file).exists():
        return False  # the new process would look for it there, and say so on the terminal
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(os.getpid).result()
    except (BrokenProcessPool, OSError):
        # No other RuntimeError: multiprocessing raises it in the child of an unguarded script, which must end there.
        return False
    return True


def _pooled(
    jobs: Sequence[_Job], cache: AnalysisCache, longest_s: float, workers: int
) -> Iterator[tuple[_Job, FileResult]]:
    """Results as they finish; ends early if a process dies."""
    # Not fork: torch and BLAS threads may already run in this process.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        futures: dict[Future[FileResult], _Job] = {pool.submit(_read_and_keep, j, cache, longest_s): j for j in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(cancel_futures=True)


def _read_and_keep(job: _Job, cache: AnalysisCache, longest_s: float) -> FileResult:
    try:
        result = read_file(job.path, job.label, longest_s)
    except Exception as error:  # noqa: BLE001 - one strange file among hundreds must not end the reading
        # Shown as a refusal, but not kept in the cache.
        return _refused("could not be analysed; please report it with the file", f"{type(error).__name__}: {error}")
    # Entries are written where the work is done, so that an interrupted reading resumes.
    # But PyAV may be installed before the next reading.
    if all(reason != MISSING_PYAV for _, reason, _ in result.refused):
        cache.save(job.key, result)
    return result


def _refused(reason: str, detail: str = "") -> FileResult:
    return FileResult((), ((0, reason, detail),), ())


def _wrong_labels(parts: Sequence[tuple[_Job, Part]]) -> tuple[WrongLabel, ...]:
    return tuple(
        WrongLabel(part_name(job.shown, part.number), job.label, part.finding.note)
        for job, part in parts
        if job.label is not None and round(part.finding.note) != round(job.label)
    )


def _without_duplicates(parts: list[tuple[_Job, Part]]) -> tuple[list[tuple[_Job, Part]], list[Refusal]]:
    """Leave out the same sound in another file format."""
    kept: list[tuple[_Job, Part]] = []
    refusals: list[Refusal] = []
    for job, part in parts:
        twin = next((other for other, seen in kept if other is not job and _same_sound(seen, part)), None)
        if twin is None:
            kept.append((job, part))
        else:
            refusals.append(Refusal(job.shown, "the same sound as another", twin.shown, part.number))
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


def _clips(parts: Sequence[tuple[_Job, Part]]) -> tuple[Clip, ...]:
    if not parts:
        return ()
    loudest = [float(part.analysis.level_db.max()) for _, part in parts]
    names = Counter(job.path.name for job, _ in parts)
    clips = []
    for (job, part), level in zip(parts, loudest, strict=True):
        # The path tells two files of one name in different folders apart.
        shown = job.shown if names[job.path.name] > 1 else job.path.name
        velocity = float(np.clip(1 + (level - max(loudest)) / VELOCITY_RANGE_DB, 0.0, 1.0))
        found = part.analysis
        arrays = (found.f0_hz, found.level_db, found.partials, found.noise, part.audio)
        name, origin = part_name(shown, part.number), f"{job.origin} part={part.number}"
        clips.append(Clip(name, str(job.path), origin, part.finding.note, velocity, *arrays))
    return tuple(clips)
