"""What can be reached with a recording: the error of its own analysis, played back by the synthesizer.

No network that learns from the analysis comes nearer to the recording, so a file with a large floor is one that the
generator cannot render: a chord, a bell, a noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tombola_device.contract.controls import Float32Array

from tombola_host.corpus.analysis import ANALYSIS_VERSION
from tombola_host.corpus.cache import default_cache_dir
from tombola_host.corpus.clip import Clip
from tombola_host.corpus.free import FREE_VERSION, Tracks, fit_tracks
from tombola_host.corpus.windows import Note, mode_data, mode_gain_db
from tombola_host.evaluation.held_out import LONGEST_FRAMES, note_errors
from tombola_host.evaluation.ladder import resynthesised
from tombola_host.progress import Step

FLOOR_VERSION = 1
"""Part of every cache key: raise it when the synthesizer's sound or the measure changes."""


def resynthesis(note: Note) -> Float32Array:
    """Play a note's analysed amplitudes; no network is asked. Shape (T,), at most 4 s."""
    return resynthesised(note, note.relative[:LONGEST_FRAMES])


def floors(clips: Sequence[Clip], step: Step, cache_dir: Path | None = None) -> tuple[float, ...]:
    """The multi-scale spectral error of each clip's resynthesis.

    Args:
        clips: Of one mode.
        step: Called after every clip.
        cache_dir: Where floors are kept, beside the analyses; None is ``default_cache_dir()``.
    """
    if not clips:
        return ()
    gain_db, tracks = round(mode_gain_db(clips)), fit_tracks(clips)
    found = []
    for clip in clips:
        path = _path(cache_dir or default_cache_dir(), clip, gain_db, tracks)
        floor = _kept(path)
        if floor is None:
            (entry,) = note_errors(resynthesis, mode_data(clip.name, [clip], gain_db, tracks).notes)
            floor = entry.error
            _keep(path, floor)
        found.append(floor)
        step(len(found), len(clips), clip.name)
    return tuple(found)


def _path(directory: Path, clip: Clip, gain_db: int, tracks: Tracks) -> Path:
    free = (FREE_VERSION, tracks) if len(tracks) else ()
    text = repr((FLOOR_VERSION, ANALYSIS_VERSION, clip.origin, gain_db, *free))
    key = hashlib.sha256(text.encode()).hexdigest()
    return directory / key[:2] / f"{key}.floor"


def _kept(path: Path) -> float | None:
    try:
        return float(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _keep(path: Path, floor: float) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{floor:.6f}\n", "ascii")
    except OSError:
        return  # a cache only saves time
