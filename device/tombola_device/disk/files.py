"""The few file operations that the slots are built of, on a disk or on one whose power can be cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What the store asks of a file system. Every method may raise OSError."""

    def read(self, path: Path) -> bytes:
        """Whole content."""

    def size_bytes(self, path: Path) -> int | None:
        """Length, or None if there is no such file."""

    def names(self, folder: Path) -> list[str]:
        """Names of the files in a folder, sorted; none if there is no such folder."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, if missing."""

    def append(self, path: Path, data: bytes) -> None:
        """Add to the end, making the file if missing. Not durable before ``sync``."""

    def write(self, path: Path, data: bytes) -> None:
        """Replace the content, making the file if missing. Not durable before ``sync``."""

    def sync(self, path: Path) -> None:
        """Return when the content is durable; the file's name is only after ``sync_folder``."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, replacing who had it, at once. Not durable before ``sync_folder``."""

    def remove(self, path: Path) -> None:
        """Remove a file. Not durable before ``sync_folder``."""

    def sync_folder(self, folder: Path) -> None:
        """Return when all names in a folder are durable."""

    def free_bytes(self, folder: Path) -> int:
        """Room that is left."""


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
            return  # Windows has no handle for this; the device is never one.
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def free_bytes(self, folder: Path) -> int:
        """See Files."""
        return shutil.disk_usage(folder if folder.exists() else folder.parent).free


def _write_all(handle: int, data: bytes) -> None:
    """Write despite short writes, which a disk that is nearly full makes."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
