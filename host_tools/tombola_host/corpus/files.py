"""The sound files under a folder, and what else lies there."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from tombola_device.contract.errors import BadAudio

from tombola_host.corpus.mp4 import MP4_SUFFIXES
from tombola_host.corpus.refusals import NOT_SOUND, Refusal, Unusable

SNDFILE_SUFFIXES = (
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"),
    *(".caf", ".au", ".snd", ".w64", ".rf64"),
)
AUDIO_SUFFIXES = MP4_SUFFIXES.union(SNDFILE_SUFFIXES)
EMPTY_HASH = hashlib.sha256(b"").hexdigest()


def find_files(folder: Path) -> tuple[list[Path], list[Refusal]]:
    """Audio files under a folder, sorted, and everything else there that is not hidden.

    Links are followed; a folder that a link leads back to is not read twice.

    Raises:
        BadAudio: The folder is not there or cannot be listed.
    """
    if not folder.is_dir():
        raise BadAudio(f"{folder} is not a folder; give a folder of recordings")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise BadAudio(f"{folder} may not be read; change its permissions")
    files: list[Path] = []
    refusals: list[Refusal] = []
    _walk(folder, folder, {}, files, refusals)
    return files, refusals


def _walk(
    top: Path, folder: Path, seen: dict[tuple[int, int], Path], files: list[Path], refusals: list[Refusal]
) -> None:
    try:
        status = folder.stat()
        first = seen.setdefault((status.st_dev, status.st_ino), folder)
        entries = sorted(folder.iterdir()) if first == folder else []
    except OSError as error:
        refusals.append(Refusal(_relative(folder, top), os_reason(error)))
        return
    if first != folder:
        reason = "a link to a folder that is read already"
        refusals.append(Refusal(_relative(folder, top), reason, _relative(first, top)))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            refusals.append(Refusal(_relative(entry, top), os_reason(error)))
            continue
        if stat.S_ISDIR(mode):
            _walk(top, entry, seen, files, refusals)
        elif not stat.S_ISREG(mode):
            refusals.append(Refusal(_relative(entry, top), "not a regular file"))
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            files.append(entry)
        else:
            refusals.append(Refusal(_relative(entry, top), NOT_SOUND, entry.suffix.lower() or "no ending"))


def _relative(path: Path, top: Path) -> str:
    text = str(path.relative_to(top))
    # Names that are not valid in the file system's encoding must still be printable.
    return text.encode("utf-8", "replace").decode()


def os_reason(error: OSError) -> str:
    """Why a file cannot be read, and what to do."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return "may not be read; change its permissions"
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    if error.errno == errno.ENOENT:
        return "a link that leads nowhere"
    return f"cannot be read: {error.strerror or type(error).__name__}"


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        Unusable: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unusable(os_reason(error)) from error
