"""The few file operations that the slots need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """The file operations that the store needs. Every method may raise OSError.

    >>> class MemoryFiles:
    ...     def __init__(self): self.content = {}
    ...     def read(self, path): return self.content[path]
    ...     def size_bytes(self, path): return len(self.content[path]) if path in self.content else None
    ...     def names(self, folder): return sorted(path.name for path in self.content if path.parent == folder)
    ...     def make_folder(self, folder): pass
    ...     def append(self, path, data): self.content[path] = self.content.get(path, b"") + data
    ...     def write(self, path, data): self.content[path] = data
    ...     def sync(self, path): pass
    ...     def rename(self, old, new): self.content[new] = self.content.pop(old)
    ...     def remove(self, path): self.content.pop(path, None)
    ...     def sync_folder(self, folder): pass
    ...     def free_bytes(self, folder): return 1_000_000
    >>> files: Files = MemoryFiles()
    >>> files.append(Path("/slots/notes"), b"abc")
    >>> files.names(Path("/slots"))
    ['notes']
    """

    def read(self, path: Path) -> bytes:
        """The whole content of a file."""

    def size_bytes(self, path: Path) -> int | None:
        """Length of a file; None if it does not exist."""

    def names(self, folder: Path) -> list[str]:
        """Sorted names of the files in a folder; empty if the folder does not exist."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and its parents if they do not exist."""

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes to the end of a file; make the file if needed. Not durable before ``sync``."""

    def write(self, path: Path, data: bytes) -> None:
        """Replace the content of a file; make the file if needed. Not durable before ``sync``."""

    def sync(self, path: Path) -> None:
        """Return when the content is durable. The name is durable only after ``sync_folder``."""

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file in one step, replacing a file ``new``. Not durable before ``sync_folder``."""

    def remove(self, path: Path) -> None:
        """Remove a file. Not durable before ``sync_folder``."""

    def sync_folder(self, folder: Path) -> None:
        """Return when all names in a folder are durable."""

    def free_bytes(self, folder: Path) -> int:
        """Free bytes on the disk of a folder."""


class DiskFiles:
    """A real file system."""

    def read(self, path: Path) -> bytes:
        """See Files."""
        return path.read_bytes()

    def size_bytes(self, path: Path) -> int | None:
        """See Files."""
        return path.stat().st_size if path.is_file() else None

    def names(self, folder: Path) -> list[str]:
        """See Files."""
        return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []

    def make_folder(self, folder: Path) -> None:
        """See Files."""
        missing = [above for above in (folder, *folder.parents) if not above.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for made in missing:
            self.sync_folder(made.parent)

    def append(self, path: Path, data: bytes) -> None:
        """See Files."""
        with path.open("ab", buffering=0) as file:
            _write_all(file.fileno(), data)

    def write(self, path: Path, data: bytes) -> None:
        """See Files."""
        with path.open("wb", buffering=0) as file:
            _write_all(file.fileno(), data)

    def sync(self, path: Path) -> None:
        """See Files."""
        with path.open("rb+", buffering=0) as file:
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """See Files."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """See Files."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """See Files."""
        if os.name != "posix":
            return  # Windows cannot sync a folder; no device runs Windows.
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def free_bytes(self, folder: Path) -> int:
        """See Files."""
        return shutil.disk_usage(folder if folder.exists() else folder.parent).free


def _write_all(handle: int, data: bytes) -> None:
    """Write all bytes; a nearly full disk may take fewer per call."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
