"""Any folder of recordings, read file by file into mono at 48 kHz, or refused with a reason."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadAudio

AUDIO_SUFFIXES = frozenset(
    [
        ".wav",
        ".wave",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
        ".au",
        ".snd",
        ".w64",
        ".rf64",
    ]
)
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
MAX_FILE_S = 300.0
MAX_FILE_VALUES = 32_000_000
"""Samples times channels that are read of one file: 128 MB as float32."""
MAX_CHANNELS = 64
SILENCE_PEAK_DB = -66.0
"""RMS of the loudest 20 ms; below it a 16-bit recording has fewer than 5 bits left."""
HIGHEST_PEAK = 8.0
"""Float files may exceed full scale a little; far beyond it they were written in another scale."""
OGG_PAGE_BYTES = 65_307
RAIL = 0.98
CLIPPED_RUN = 4
CLIPPED_SHARE = 0.002
CLIPPED_SHARE_8_BIT = 0.15
"""With 8 bits a sine at full scale spends 6 % of its time on its two outermost values."""
EMPTY_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file, or one part of it, that is left out.

    Args:
        path: Relative to the corpus folder, with the part's number where only a part is left out.
        reason: Half a sentence that ends with what to do, where something can be done.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One decoded file.

    Args:
        audio: 48 kHz, mono, without DC. Shape (T,), float32.
        remark: What was done that the user should know, or "".
    """

    audio: Float32Array
    remark: str


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
        refusals.append(Refusal(_relative(folder, top), _os_reason(error)))
        return
    if first != folder:
        reason = f"a link to {_relative(first, top)}, which is read already"
        refusals.append(Refusal(_relative(folder, top), reason))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            refusals.append(Refusal(_relative(entry, top), _os_reason(error)))
            continue
        if stat.S_ISDIR(mode):
            _walk(top, entry, seen, files, refusals)
        elif not stat.S_ISREG(mode):
            refusals.append(Refusal(_relative(entry, top), "not a regular file"))
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            files.append(entry)
        else:
            refusals.append(Refusal(_relative(entry, top), f"not audio ({entry.suffix.lower() or 'no ending'})"))


def _relative(path: Path, top: Path) -> str:
    text = str(path.relative_to(top))
    # Names that are not valid in the file system's encoding must still be printable.
    return text.encode("utf-8", "replace").decode()


def _os_reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "may not be read; change its permissions"
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    if error.errno == errno.ENOENT:
        return "a link that leads nowhere"
    return f"cannot be read ({error.strerror or type(error).__name__})"


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        BadAudio: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadAudio(_os_reason(error)) from error


def read_recording(path: Path) -> Recording:
    """Decode one file to mono at 48 kHz.

    Raises:
        BadAudio: It cannot be decoded, is truncated, silent, clipped, or holds NaN; the message is the reason alone.
    """
    try:
        if path.stat().st_size == 0:
            raise BadAudio("empty (0 bytes)")
        lack = _missing_end(path)
    except OSError as error:
        raise BadAudio(_os_reason(error)) from error
    if lack:
        raise BadAudio(lack)
    samples, rate_hz, subtype, remark = _decode(path)
    if not np.isfinite(samples).all():
        raise BadAudio("holds NaN or infinite samples")
    peak = float(np.abs(samples).max())
    if peak > HIGHEST_PEAK:
        raise BadAudio(f"peaks at {peak:.3g} times full scale; scale it to ±1")
    share = clipped_share(samples)
    if share > (CLIPPED_SHARE_8_BIT if subtype in ("PCM_U8", "PCM_S8") else CLIPPED_SHARE):
        raise BadAudio(f"clipped ({100 * share:.1f} % of the samples are cut off); record it at a lower level")
    audio = soxr.resample(_mono(samples), rate_hz, SAMPLE_RATE_HZ, quality="VHQ").astype(np.float32)
    audio -= np.float32(audio.mean(dtype=np.float64)) if audio.size else np.float32(0)
    if loudest_db(audio) < SILENCE_PEAK_DB:
        raise BadAudio(f"silent (never above {SILENCE_PEAK_DB:.0f} dBFS)")
    return Recording(np.ascontiguousarray(audio), remark)


def _decode(path: Path) -> tuple[Float32Array, int, str, str]:
    """Samples of shape (T, C), rate, subtype and a remark."""
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz, channels, total = file.samplerate, file.channels, file.frames
            if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
                raise BadAudio(f"sampled at {rate_hz} Hz, outside {LOWEST_RATE_HZ} … {HIGHEST_RATE_HZ}; resample it")
            if not 1 <= channels <= MAX_CHANNELS:
                raise BadAudio(f"has {channels} channels, more than {MAX_CHANNELS}; mix it down")
            wanted = min(total, int(MAX_FILE_S * rate_hz), MAX_FILE_VALUES // channels)
            samples = _read_frames(file, wanted)
            subtype = str(file.subtype)
    except (soundfile.LibsndfileError, soundfile.SoundFileRuntimeError, OSError, ValueError, MemoryError) as error:
        if isinstance(error, BadAudio):
            raise
        raise BadAudio("not audio that can be decoded; convert it to wav") from error
    if wanted <= 0 or len(samples) == 0:
        raise BadAudio("holds no samples")
    if len(samples) < wanted and path.suffix.lower() != ".mp3":  # an mp3 only estimates its length
        raise BadAudio(f"truncated ({len(samples) / rate_hz:.2f} s of {wanted / rate_hz:.2f} s); copy it again")
    remark = f"only the first {wanted / rate_hz:.0f} s of {total / rate_hz:.0f} s are used" if wanted < total else ""
    return samples, rate_hz, subtype, remark


def _read_frames(file: soundfile.SoundFile, wanted: int) -> Float32Array:
    """Up to ``wanted`` frames, never allocating more than the file really delivers plus a block. Shape (T, C)."""
    blocks = []
    remaining = wanted
    while remaining > 0:
        block = file.read(min(remaining, 1 << 18), dtype="float32", always_2d=True)
        if len(block) == 0:
            break
        blocks.append(block)
        remaining -= len(block)
    return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)


def _missing_end(path: Path) -> str:
    """Why the file's own length fields say that its end is missing, or "".

    libsndfile reads such files to where they break off without a word.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"FORM") and len(head) == 12:
            promised = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big") + 8
            # Recorders that stream write 0 or all ones and never come back to mend it.
            if promised > size + 1 and promised < 0xFFFF_FF00:
                return f"truncated ({size} of {promised} bytes); copy it again"
        if head[:4] == b"OggS":
            file.seek(max(size - 2 * OGG_PAGE_BYTES, 0))
            if not _ends_ogg_stream(file.read()):
                return "truncated (no end-of-stream page); copy it again"
    return ""


def _ends_ogg_stream(tail: bytes) -> bool:
    """Whether the last page is whole and says that it is the last. Source: RFC 3533, section 6."""
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start < 0 or len(page) < 27 or not page[5] & 4:
        return False
    segments = page[27 : 27 + page[26]]
    return len(page) >= 27 + len(segments) + sum(segments)


def _mono(samples: Float32Array) -> Float32Array:
    """The mean of the channels, or the strongest channel where the mean cancels. Shape (T,)."""
    mean = samples.mean(axis=1)
    power = np.mean(samples.astype(np.float64) ** 2, axis=0)
    # 12 dB below the strongest channel: opposite phase, or one channel among many silent ones.
    if samples.shape[1] > 1 and np.mean(mean.astype(np.float64) ** 2) < power.max() / 16:
        mean = samples[:, int(power.argmax())]
    return np.asarray(mean, np.float32)


def clipped_share(samples: Float32Array) -> float:
    """Share of samples that lie in runs of at least 4 at exactly the highest or lowest value, 0 below 0.98.

    A few peaks that touch full scale make no runs; flat tops do.

    Args:
        samples: Shape (T, C).
    """
    clipped = 0
    for channel in samples.T:
        for rail in (channel.max(), channel.min()):
            if abs(rail) >= RAIL:
                clipped += sum(length for length in _runs(channel == rail) if length >= CLIPPED_RUN)
    return clipped / samples.size


def _runs(flags: np.ndarray) -> Iterator[int]:
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from (edges[1::2] - edges[::2]).tolist()


def loudest_db(audio: Float32Array) -> float:
    """RMS of the loudest 20 ms, dB re full scale; -200 where there is nothing."""
    block = SAMPLE_RATE_HZ // 50
    padded = np.pad(audio, (0, -len(audio) % block)).reshape(-1, block).astype(np.float64)
    power = np.mean(padded**2, axis=1)
    return float(10 * np.log10(power.max(initial=0.0) + 1e-20))
