"""A file system in memory whose power a test can cut."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECTOR_BYTES: Final = 512


class PowerCut(Exception):
    """The power of the fake was cut: continue with the result of ``after_power_cut``."""


@dataclass(slots=True)
class _Content:
    """The content of a file, and the content that would survive a power cut."""

    data: bytes = b""
    durable: bytes = b""


class FakeFiles:
    """A file system in memory that loses unsynced changes when its power is cut.

    Each sector of unsynced content becomes its new bytes, its old bytes or zeros; bytes before an ``append`` stay.
    Changes of names survive up to a random point, in order (a journal); on a disk that reorders, each change survives
    or not. A rename happens completely or not at all.

    Args:
        capacity_bytes: Size of the disk.

    >>> disk, path = FakeFiles(), Path("/slots/notes")
    >>> disk.append(path, b"synced")
    >>> disk.sync(path); disk.sync_folder(path.parent)
    >>> disk.append(path, b" and not synced")
    >>> disk.after_power_cut(random.Random(0)).read(path)[:6]
    b'synced'
    """

    def __init__(self, capacity_bytes: int = 1 << 30) -> None:
        self._capacity_bytes = capacity_bytes
        self._files: dict[Path, _Content] = {}
        self._durable: dict[Path, _Content] = {}
        self._unsynced: list[Callable[[dict[Path, _Content]], object]] = []
        self.operations = 0
        """Number of changes so far."""
        self._cut_at: int | None = None
        self._cut_after_bytes: int | None = None

    def cut_power_at(self, operation: int, after_bytes: int | None = None) -> None:
        """Cut the power just before a change, or within it. All later changes fail too.

        Args:
            operation: Number of the change, counted from now; 0 is the next.
            after_bytes: Bytes that a write still stores before the cut.
        """
        self._cut_at = self.operations + operation
        self._cut_after_bytes = after_bytes

    def after_power_cut(self, rng: random.Random, *, reorders: bool = False) -> FakeFiles:
        """A disk as the next boot might find it; ``rng`` chooses among the possible ones."""
        names = dict(self._durable)
        survived = rng.randint(0, len(self._unsynced))
        for index, change in enumerate(self._unsynced):
            if rng.random() < 0.5 if reorders else index < survived:
                change(names)
        found = FakeFiles(self._capacity_bytes)
        for path, content in names.items():
            data = content.data if content.data == content.durable else _torn(content, rng)
            found._files[path] = found._durable[path] = _Content(data, data)
        return found

    def flip_bit(self, path: Path, bit: int) -> None:
        """Flip one bit of a file, as a failing disk would."""
        data = bytearray(self._files[path].data)
        data[bit // 8] ^= 1 << bit % 8
        self._files[path].data = self._files[path].durable = bytes(data)

    def read(self, path: Path) -> bytes:
        """See Files."""
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return self._files[path].data

    def size_bytes(self, path: Path) -> int | None:
        """See Files."""
        return len(self._files[path].data) if path in self._files else None

    def names(self, folder: Path) -> list[str]:
        """See Files."""
        return sorted(path.name for path in self._files if path.parent == folder)

    def make_folder(self, folder: Path) -> None:  # noqa: ARG002 - the fake is one folder
        """See Files."""
        self._operate()

    def append(self, path: Path, data: bytes) -> None:
        """See Files."""
        self._put(path, data, fresh=False)

    def write(self, path: Path, data: bytes) -> None:
        """See Files."""
        self._put(path, data, fresh=True)

    def sync(self, path: Path) -> None:
        """See Files."""
        self._operate()
        content = self._content(path)
        content.durable = content.data

    def rename(self, old: Path, new: Path) -> None:
        """See Files."""
        self._operate()
        content = self._files[old]

        def change(names: dict[Path, _Content]) -> None:
            names.pop(old, None)
            names[new] = content

        self._change(change)

    def remove(self, path: Path) -> None:
        """See Files."""
        self._operate()
        self._change(lambda names: names.pop(path, None))

    def sync_folder(self, folder: Path) -> None:  # noqa: ARG002 - the fake is one folder
        """See Files."""
        self._operate()
        self._durable = dict(self._files)
        self._unsynced.clear()

    def free_bytes(self, folder: Path) -> int:  # noqa: ARG002 - the fake is one folder
        """See Files."""
        return self._capacity_bytes - sum(len(content.data) for content in self._files.values())

    def _put(self, path: Path, data: bytes, *, fresh: bool) -> None:
        torn = self._cut_after_bytes if self.operations == self._cut_at else None
        if torn is None:
            self._operate()
        content = self._content(path)
        if fresh:
            content.data = b""
        content.data += data[:torn][: max(self.free_bytes(path.parent), 0)]
        if torn is not None:
            self._operate()
        if self.free_bytes(path.parent) <= 0:
            raise OSError(errno.ENOSPC, "no space left", str(path))

    def _content(self, path: Path) -> _Content:
        if path not in self._files:
            made = _Content()
            self._change(lambda names: names.__setitem__(path, made))
        return self._files[path]

    def _change(self, change: Callable[[dict[Path, _Content]], object]) -> None:
        change(self._files)
        self._unsynced.append(change)

    def _operate(self) -> None:
        if self._cut_at is not None and self.operations >= self._cut_at:
            raise PowerCut
        self.operations += 1


def _torn(content: _Content, rng: random.Random) -> bytes:
    """Possible content of a file that was being written at a power cut."""
    new, old = content.data, content.durable
    if rng.random() < 0.25:
        return rng.choice([new, old])
    kept = len(old) if new.startswith(old) else 0
    data = bytearray(rng.randint(min(len(new), len(old)), max(len(new), len(old))))
    for start in range(0, len(data), SECTOR_BYTES):
        sector = slice(start, min(start + SECTOR_BYTES, len(data)))
        written = rng.choice([new, old, b""])[sector]
        data[start : start + len(written)] = written
    data[:kept] = old[:kept]
    return bytes(data)
