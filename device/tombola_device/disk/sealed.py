"""One small struct in one file, written completely or not at all: JSON, a line end and the CRC-32 of the JSON.

    write FILE.new ► sync ► rename over FILE ► sync folder

A power cut leaves the old or the new content, and the CRC shows later damage. What a disk does not give now, or gives
as garbage, it may give later: such a file is read once more before it is replaced (``SealedFile``).
"""

from __future__ import annotations

import errno
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from tombola_device.disk.files import Files

Sealed = TypeVar("Sealed", bound=msgspec.Struct)
READS: Final = 3
"""A card that fails to read once may read the next time; what is taken for missing is soon overwritten."""
LOST_S: Final = 60.0
"""A file that cannot be read for so long will not be read any more, and may be replaced."""


class SealedFile(Generic[Sealed]):
    """One struct in one file, which is not replaced by what was made without having read it.

    Args:
        files: The disk.
        path: The file.
        kind: The struct.
        clock: Seconds.
    """

    def __init__(
        self, files: Files, path: Path, kind: type[Sealed], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._files, self._path, self._kind, self._clock = files, path, kind, clock
        self._unread_s: float | None = None
        self.damaged = False
        """Whether the disk gave at the last ``read`` what is no such struct."""

    @property
    def unread(self) -> bool:
        """Whether there is a file of which the last ``read`` did not learn what it holds."""
        return self.damaged or self._unread_s is not None

    def read(self) -> Sealed | None:
        """The struct in the file; None if the file is missing, damaged, of another layout or cannot be read."""
        failed = self.damaged = False
        found = None
        for _ in range(READS):
            try:
                found = _opened(self._files.read(self._path), self._kind)
            except FileNotFoundError:
                failed = self.damaged = False
                break
            except OSError:
                failed, self.damaged = True, False
            else:
                failed, self.damaged = False, found is None
                if found is not None:
                    break
        if not failed:
            self._unread_s = None
        elif self._unread_s is None:
            self._unread_s = self._clock()
        return found

    def write(self, value: Sealed) -> None:
        """Replace the content of the file durably.

        Raises:
            OSError: The disk cannot be written, and the file holds the old content, or already the new one. Or the
                file could not be read, or was damaged; it was read again now, and ``unread`` says whether that helped.
        """
        if self.unread:
            since_s = self._clock() if self._unread_s is None else self._unread_s
            self.read()
            is_silent_long = self._unread_s is not None and self._clock() - since_s >= LOST_S
            if not self.damaged and not is_silent_long:
                raise OSError(errno.EIO, "what is stored could not be read and is kept")
        write_sealed(self._files, self._path, value)
        self._unread_s, self.damaged = None, False


def read_sealed(files: Files, path: Path, kind: type[Sealed]) -> Sealed | None:
    """See ``SealedFile.read``, for a file that is not written here."""
    return SealedFile(files, path, kind).read()


def is_there(files: Files, path: Path) -> bool:
    """Whether there is a file, whole or damaged; True too if the disk does not say so."""
    try:
        return files.size_bytes(path) is not None
    except OSError:
        return True


def _opened(data: bytes, kind: type[Sealed]) -> Sealed | None:
    text, _, crc = data.rpartition(b"\n")
    if crc != f"{zlib.crc32(text):08x}".encode():
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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
