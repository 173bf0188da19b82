"""One small struct in one file, written completely or not at all: JSON, a line end and the CRC-32 of the JSON.

    write FILE.new ► sync ► rename over FILE ► sync folder

A power cut leaves the old or the new content, and the CRC shows later damage.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tombola_device.disk.files import Files

Sealed = TypeVar("Sealed", bound=msgspec.Struct)


READS: Final = 3
"""A card that fails to read once may read the next time; what is taken for missing is soon overwritten."""


def read_sealed(files: Files, path: Path, kind: type[Sealed]) -> Sealed | None:
    """The struct in a file; None if the file is missing, damaged, of another layout or cannot be read."""
    for _ in range(READS):
        if (found := _read(files, path, kind)) is not None or not is_there(files, path):
            return found
    return None


def is_there(files: Files, path: Path) -> bool:
    """Whether there is a file, whole or damaged; True too if the disk does not say so."""
    try:
        return files.size_bytes(path) is not None
    except OSError:
        return True


def _read(files: Files, path: Path, kind: type[Sealed]) -> Sealed | None:
    try:
        text, _, crc = files.read(path).rpartition(b"\n")
        if crc != f"{zlib.crc32(text):08x}".encode():
            return None
        return msgspec.json.decode(text, type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def write_sealed(files: Files, path: Path, value: msgspec.Struct) -> None:
    """Replace the content of a file durably.

    Raises:
        OSError: The disk cannot be written; the file holds the old content, or already the new one.

    >>> from tombola_device.disk.fake import FakeFiles
    >>> class Place(msgspec.Struct):
    ...     shelf: int
    >>> disk, path = FakeFiles(), Path("/state/place.json")
    >>> write_sealed(disk, path, Place(3))
    >>> read_sealed(disk, path, Place)
    Place(shelf=3)
    >>> disk.flip_bit(path, 5)
    >>> read_sealed(disk, path, Place) is None
    True
    """
    text = msgspec.json.encode(value)
    new = path.with_name(f"{path.name}.new")
    try:
        _write(files, path, new, text)
    except OSError:  # Once more: a card that fails once may take it the next time, and a late failure leaves two minds.
        _write(files, path, new, text)


def _write(files: Files, path: Path, new: Path, text: bytes) -> None:
    files.make_folder(path.parent)
    files.write(new, text + b"\n" + f"{zlib.crc32(text):08x}".encode())
    files.sync(new)
    files.rename(new, path)
    files.sync_folder(path.parent)
