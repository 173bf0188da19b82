"""The files of bundles in one folder: whole ones and the part of an incoming one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tombola_device.contract.bundle import check_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.disk.files import Files
from tombola_device.disk.sealed import READS


@dataclass(frozen=True, slots=True)
class HeldPart:
    """The part of an announced bundle that the device holds: its first ``offset`` bytes and their CRC-32."""

    offset: int
    crc32: int
    active: bool


class Shelf:
    """The bundles in one folder, by their SHA-256, and the factory bundle.

    Args:
        folder: The folder.
        factory: File of the factory bundle, which is called None.
        files: The file system.
    """

    def __init__(self, folder: Path, factory: Path | None, files: Files) -> None:
        self._folder, self._factory, self._files = folder, factory, files

    def path_of(self, sha256: str | None) -> Path | None:
        """File of a bundle; for None the factory bundle, if it exists."""
        return self._factory if sha256 is None else self._folder / f"{sha256}.tombola"

    def part_of(self, sha256: str) -> Path:
        """File of what has arrived of a bundle."""
        return self._folder / f"{sha256}.partial"

    def bundles(self) -> list[str]:
        """The whole bundles; none if the folder cannot be listed."""
        with contextlib.suppress(OSError):  # What slots.json names needs no list.
            names = self._files.names(self._folder)
            return [name.removesuffix(".tombola") for name in names if name.endswith(".tombola")]
        return []

    def is_playable(self, sha256: str | None) -> bool:
        """Whether the file of a bundle is there and whole."""
        path = self.path_of(sha256)
        if path is None:
            return False
        for _ in range(READS):
            try:
                data = path.read_bytes() if sha256 is None else self._files.read(path)
                check_bundle(data)
            except FileNotFoundError:
                return False
            except (OSError, BadBundle):
                continue
            if sha256 is None or hashlib.sha256(data).hexdigest() == sha256:
                return True
        return False

    def keep_only(self, bundles: Collection[str | None] | None, part: str | None) -> None:
        """Remove all other bundles and parts.

        Args:
            bundles: Those that stay; None: all.
            part: The bundle of which also what has arrived stays.

        Raises:
            OSError: The folder cannot be listed or written.
        """
        for name in self._files.names(self._folder):
            stem, _, end = name.partition(".")
            is_spare = bundles is not None and stem not in bundles
            if (end == "partial" and stem != part) or (end == "tombola" and is_spare):
                self._files.remove(self._folder / name)
