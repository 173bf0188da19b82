"""One recording, decoded to mono at 48 kHz, or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import soundfile
import soxr
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.files import os_reason
from tombola_host.corpus.mp4 import CODEC_DELAY_FRAMES, MP4_SUFFIXES, Mp4File
from tombola_host.corpus.refusals import CLIPPED, TRUNCATED, UNDECODABLE, Unusable

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
BLOCK_FRAMES = 1 << 18


@dataclass(frozen=True, slots=True)
class Recording:
    """One decoded file.

    Args:
        audio: 48 kHz, mono, without DC. Shape (T,), float32.
        remark: What was done that the user should know, or "".
    """

    audio: Float32Array
    remark: str


class SoundSource(Protocol):
    """An open sound file of any format.

    A minimal one, a second of silence:

    >>> class Silence:
    ...     rate_hz, channels, frames, subtype = 48_000, 1, 48_000, "FLOAT"
    ...
    ...     def __enter__(self) -> Self:
    ...         return self
    ...
    ...     def __exit__(self, *exception: object) -> None:
    ...         pass
    ...
    ...     def blocks(self) -> Iterator[Float32Array]:
    ...         yield np.zeros((self.frames, self.channels), np.float32)
    >>> source: SoundSource = Silence()
    >>> with source as opened:
    ...     [block.shape for block in opened.blocks()]
    [(48000, 1)]
    """

    rate_hz: int
    channels: int
    frames: int
    subtype: str

    def __enter__(self) -> Self:
        """Open."""

    def __exit__(self, *exception: object) -> None:
        """Close."""

    def blocks(self) -> Iterator[Float32Array]:
        """The sound in pieces of shape (t, C), from the start."""


class Sndfile:
    """A file that libsndfile reads: all formats but mp4.

    Raises:
        LibsndfileError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(path)
        self.rate_hz, self.channels, self.frames = self._file.samplerate, self._file.channels, self._file.frames
        self.subtype = str(self._file.subtype)

    def __enter__(self) -> Self:
        """Nothing: it is open."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._file.close()

    def blocks(self) -> Iterator[Float32Array]:
        """The sound in pieces of shape (t, C)."""
        while len(block := self._file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            yield block


def read_recording(path: Path) -> Recording:
    """Decode one file to mono at 48 kHz.

    Raises:
        Unusable: It cannot be decoded, is truncated, silent, clipped, or holds NaN.
    """
    try:
        if path.stat().st_size == 0:
            raise Unusable("empty (0 bytes)")
        lack = _missing_end(path)
    except OSError as error:
        raise Unusable(os_reason(error)) from error
    if lack:
        raise Unusable(TRUNCATED, lack)
    samples, rate_hz, subtype, remark = _decode(path)
    if not np.isfinite(samples).all():
        raise Unusable("holds NaN or infinite samples")
    peak = float(np.abs(samples).max())
    if peak > HIGHEST_PEAK:
        raise Unusable("too loud for its format; scale it to ±1", f"peaks at {peak:.3g} times full scale")
    share = clipped_share(samples)
    if share > (CLIPPED_SHARE_8_BIT if subtype in ("PCM_U8", "PCM_S8") else CLIPPED_SHARE):
        raise Unusable(CLIPPED, f"{100 * share:.1f} % of the samples are cut off")
    audio = soxr.resample(_mono(samples), rate_hz, SAMPLE_RATE_HZ, quality="VHQ").astype(np.float32)
    audio -= np.float32(audio.mean(dtype=np.float64)) if audio.size else np.float32(0)
    check_not_silent(audio)
    return Recording(np.ascontiguousarray(audio), remark)


def check_not_silent(audio: Float32Array) -> None:
    """Check that something is heard.

    Raises:
        Unusable: Nothing is.
    """
    if loudest_db(audio) < SILENCE_PEAK_DB:
        raise Unusable(f"silent (never above {SILENCE_PEAK_DB:.0f} dBFS)")


def _decode(path: Path) -> tuple[Float32Array, int, str, str]:
    """Samples of shape (T, C), rate, subtype and a remark."""
    is_mp4 = path.suffix.lower() in MP4_SUFFIXES
    source: SoundSource
    try:
        with Mp4File(path) if is_mp4 else Sndfile(path) as source:
            rate_hz, channels, total, subtype = source.rate_hz, source.channels, source.frames, source.subtype
            _check_format(rate_hz, channels)
            most = min(int(MAX_FILE_S * rate_hz), MAX_FILE_VALUES // channels)
            # An mp4 that was recorded in fragments does not know its length.
            wanted = min(total, most) if total or not is_mp4 else most
            samples = _read_frames(source, wanted)
    except (soundfile.LibsndfileError, soundfile.SoundFileRuntimeError, OSError, ValueError, MemoryError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable(UNDECODABLE) from error
    if wanted <= 0 or len(samples) == 0:
        raise Unusable("holds no samples")
    # An mp3 only estimates its length.
    missing = 0 if path.suffix.lower() == ".mp3" else min(total, wanted) - len(samples)
    if missing > (CODEC_DELAY_FRAMES if is_mp4 else 0):
        raise Unusable(TRUNCATED, f"{len(samples) / rate_hz:.2f} s of {wanted / rate_hz:.2f} s")
    remark = f"only the first {wanted / rate_hz:.0f} s of {total / rate_hz:.0f} s are used" if wanted < total else ""
    return samples, rate_hz, subtype, remark


def _check_format(rate_hz: int, channels: int) -> None:
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise Unusable(f"sampled outside {LOWEST_RATE_HZ} … {HIGHEST_RATE_HZ} Hz; resample it", f"{rate_hz} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise Unusable(f"has more than {MAX_CHANNELS} channels; mix it down", f"{channels} channels")


def _read_frames(source: SoundSource, wanted: int) -> Float32Array:
    """Up to ``wanted`` frames, never allocating more than the file really delivers plus a block. Shape (T, C)."""
    blocks: list[Float32Array] = [np.zeros((0, source.channels), np.float32)]
    remaining = wanted
    for block in source.blocks() if wanted > 0 else ():
        blocks.append(block[:remaining])
        remaining -= len(blocks[-1])
        if remaining <= 0:
            break
    return np.concatenate(blocks)


def _missing_end(path: Path) -> str:
    """How the file's own length fields say that its end is missing, or "".

    libsndfile reads such files to where they break off without a word.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"FORM") and len(head) == 12:
            promised = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big") + 8
            # Recorders that stream write 0 or all ones and never come back to mend it.
            if promised > size + 1 and promised < 0xFFFF_FF00:
                return f"{size} of {promised} bytes"
        if head[:4] == b"OggS":
            file.seek(max(size - 2 * OGG_PAGE_BYTES, 0))
            if not _ends_ogg_stream(file.read()):
                return "its last page is missing"
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
