"""Keeps analysed files on disk under a hash of everything they depend on; a damaged entry counts as missing."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from tombola_device.contract.errors import ShapeError

from tombola_host.corpus.analysis import ANALYSIS_VERSION, Analysis
from tombola_host.corpus.character import Character
from tombola_host.corpus.pitch import NoteFinding, default_trackers
from tombola_host.corpus.reading import READING_VERSION, FileResult, Part

CACHE_VERSION = 3
_ARRAYS = ("audio", "f0_hz", "level_db", "partials", "noise")
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    msgspec.MsgspecError,
)
"""What numpy and zipfile raise on a file with any byte changed or missing."""


class _Meta(msgspec.Struct, frozen=True):
    """The part of an entry that is not arrays."""

    parts: list[tuple[int, float, float, Character]]
    refused: list[tuple[int, str, str]]
    remarks: list[str]


def default_cache_dir() -> Path:
    """``$XDG_CACHE_HOME/tombola/corpus``, or the same under ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: a relative path there is to be ignored.
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "tombola" / "corpus"


@dataclass(frozen=True, slots=True)
class AnalysisCache:
    """A directory of npz files."""

    directory: Path

    def key(self, content_hash: str, label: float | None, longest_s: float) -> str:
        """Name of the entry for a file's content, read with these settings."""
        trackers = [] if label is not None else [tracker.name for tracker in default_trackers()]
        text = repr((CACHE_VERSION, READING_VERSION, ANALYSIS_VERSION, content_hash, label, longest_s, trackers))
        return hashlib.sha256(text.encode()).hexdigest()

    def load(self, key: str) -> FileResult | None:
        """The entry, or None if it is missing or damaged."""
        try:
            # numpy leaves a damaged file open where it opened it itself.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as entry:
                meta = msgspec.json.decode(entry["meta"].tobytes(), type=_Meta)
                parts = []
                for index, (number, note, confidence, character) in enumerate(meta.parts):
                    audio, *analysis = (entry[f"{index}_{name}"] for name in _ARRAYS)
                    finding = NoteFinding(note, confidence)
                    parts.append(Part(number, finding, audio, Analysis(*analysis), character))
        except (*_DAMAGE, ShapeError):
            return None
        return FileResult(tuple(parts), tuple(meta.refused), tuple(meta.remarks))

    def save(self, key: str, result: FileResult) -> bool:
        """Write an entry, whole or not at all; False if the directory cannot be written."""
        meta = _Meta(
            [(part.number, part.finding.note, part.finding.confidence, part.character) for part in result.parts],
            list(result.refused),
            list(result.remarks),
        )
        arrays = {"meta": np.frombuffer(msgspec.json.encode(meta), np.uint8)}
        for index, part in enumerate(result.parts):
            values = (part.audio, *(getattr(part.analysis, name) for name in _ARRAYS[1:]))
            arrays |= {f"{index}_{name}": value for name, value in zip(_ARRAYS, values, strict=True)}
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-", delete=False) as file:
                temporary = Path(file.name)
                try:
                    np.savez(file, allow_pickle=False, **arrays)
                    file.close()
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError:
            return False  # a cache only saves time: a full disk or a read-only home must not end the reading
        return True

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key}.npz"
