"""One small struct in one file that is whole or not there: JSON, a line end and the CRC-32 of the JSON.

    write FILE.new ► sync ► rename over FILE ► sync folder

So a power cut leaves either what was there or what was to be there, and what rots is noticed.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from tombola_device.disk.files import Files

Sealed = TypeVar("Sealed", bound=msgspec.Struct)


def read_sealed(files: Files, path: Path, kind: type[Sealed]) -> Sealed | None:
    """What the file holds; None if there is none, or a damaged or unknown one."""
    try:
        text, _, crc = files.read(path).rpartition(b"\n")
        if crc != f"{zlib.crc32(text):08x}".encode():
            return None
        return msgspec.json.decode(text, type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def write_sealed(files: Files, path: Path, value: msgspec.Struct) -> None:
    """Replace what the file holds, durably.

    Raises:
        OSError: The disk refuses; the file is as it was.
    """
    text = msgspec.json.encode(value)
    new = path.with_name(f"{path.name}.new")
    files.make_folder(path.parent)
    files.write(new, text + b"\n" + f"{zlib.crc32(text):08x}".encode())
    files.sync(new)
    files.rename(new, path)
    files.sync_folder(path.parent)
