"""Sound of mp4 files, as telephones record it (m4a, mp4, mov, 3gp).

libsndfile does not read them; PyAV does. It is well kept, comes as wheels for every Python we support, and has the BSD
licence. But the FFmpeg inside its wheels is built with x264 and x265 and so is under the GPL, and it takes 100 MB. So
PyAV is an extra, ``tombola-host[m4a]``, that the user installs (docs/adr: phone recordings).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from tombola_device.contract.controls import Float32Array

from tombola_host.corpus.refusals import MISSING_PYAV, UNDECODABLE, Unusable

MP4_SUFFIXES = frozenset([".m4a", ".m4b", ".mp4", ".mov", ".3gp"])
CODEC_DELAY_FRAMES = 4_096
"""Of the length that a file promises, an AAC decoder drops its encoder's start and end: two blocks of 2048 at most."""


class Mp4File:
    """The first sound track of an mp4 file. Use it in a ``with`` statement.

    Args:
        path: The file.

    Raises:
        Unusable: PyAV is not installed, or there is no sound track that it can decode.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if importlib.util.find_spec("av") is None:
            raise Unusable(MISSING_PYAV)
        self._av: Any = importlib.import_module("av")
        self._file = path.open("rb")
        try:
            # An open file and one named format: FFmpeg cannot be led to other files or to the network.
            self._container = self._av.open(self._file, format="mov", metadata_errors="ignore")
            self._track = self._container.streams.audio[0]
            self.rate_hz, self.channels = int(self._track.rate), int(self._track.channels)
            seconds = float((self._track.duration or 0) * self._track.time_base)
        except (self._av.FFmpegError, IndexError, AttributeError, TypeError, ValueError) as error:
            self._file.close()
            raise Unusable(UNDECODABLE) from error
        self.subtype = "AAC"
        self.frames = round(seconds * self.rate_hz)
        """Length that the file promises, in frames of ``channels`` samples; 0 where it promises none."""

    def __enter__(self) -> Self:
        """Nothing: it is open."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    def blocks(self) -> Iterator[Float32Array]:
        """The sound in pieces of shape (t, C).

        Raises:
            Unusable: It cannot be decoded to its end.
        """
        try:
            # Same rate and channels: only the format of the samples is converted.
            converter = self._av.AudioResampler("flt", self._track.layout, self.rate_hz)
            for frame in self._container.decode(self._track):
                yield from self._samples(converter.resample(frame))
            yield from self._samples(converter.resample(None))
        except (self._av.FFmpegError, ValueError) as error:
            raise Unusable(UNDECODABLE) from error

    def _samples(self, frames: list[Any]) -> Iterator[Float32Array]:
        for frame in frames:
            yield frame.to_ndarray().reshape(-1, self.channels)
