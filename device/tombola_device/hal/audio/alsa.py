"""Sound through ALSA, with pyalsaaudio.

After an xrun, ``write`` of pyalsaaudio 0.11 returns -32 (EPIPE) and raises no exception; before it, ``write`` may
return a short count. ``avail`` returns -32 after an xrun and another negative number if the card is lost.

Source: alsa-lib's PCM interface.
"""

from __future__ import annotations

import contextlib
import select
import time
from types import ModuleType
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.pacer import Pacer
from tombola_device.hal.audio.port import check_block

CHANNELS: Final = 2
"""Cards offer no mono; both channels get the same samples."""
FORMATS: Final = (
    ("PCM_FORMAT_S32_LE", "<i4", 2147483520.0),
    ("PCM_FORMAT_S16_LE", "<i2", 32767.0),
    ("PCM_FORMAT_FLOAT_LE", "<f4", 1.0),
)
"""Name in alsaaudio, type, full scale. For 32 bit, full scale is the largest float32 that fits."""  # fmt: skip
UNPACED_S: Final = 0.5
"""A PCM that is this far ahead of the clock does not wait (for example a file over null); then AlsaOut waits itself."""
PATIENCE_S: Final = 0.25
"""Longest wait for a period. After it ``write`` is called, which waits and then reports the error."""
LOOKS: Final = 2
"""Polls without room before ``Room`` sleeps by the clock instead. A late period causes one such poll."""
SHORTEST_S: Final = 0.0002


class _Pcm(Protocol):
    """The part of ``alsaaudio.PCM`` in use; alsaaudio has no annotations."""

    def info(self) -> dict[str, int]: ...
    def avail(self) -> int: ...
    def polldescriptors(self) -> list[tuple[int, int]]: ...
    def polldescriptors_revents(self, descriptors: list[tuple[int, int]], /) -> int: ...
    def write(self, data: npt.NDArray[np.generic]) -> int: ...
    def close(self) -> None: ...


def _library() -> ModuleType:
    try:
        import alsaaudio
    except ImportError as error:
        raise DeviceUnavailable(
            "ALSA needs the Python package pyalsaaudio, which is not installed; install tombola-device[alsa] or set "
            "audio to wav:FILE"
        ) from error
    library: ModuleType = alsaaudio
    return library


def has_card() -> bool:
    """Whether ALSA has a card or a PCM named ``default``. False without pyalsaaudio."""
    try:
        library = _library()
    except DeviceUnavailable:
        return False
    return bool(library.cards()) or "default" in library.pcms()


class StereoFrames:
    """Converts a period to the card's format: the same sample in both channels, in the card's type.

    Args:
        dtype: The card's type, as a numpy name.
        scale: Full scale of this type.

    >>> frames = StereoFrames("<i2", 32767.0).of(np.full(PERIOD_SAMPLES, 0.5, np.float32))
    >>> frames.shape, frames[0].tolist()
    ((128, 2), [16383, 16383])
    """

    def __init__(self, dtype: str, scale: float) -> None:
        self._frames: npt.NDArray[np.generic] = np.zeros((PERIOD_SAMPLES, CHANNELS), dtype)
        self._left, self._right = self._frames.T
        # An array, because numpy multiplies by an array faster than by one number.
        self._scale = np.full(PERIOD_SAMPLES, scale, np.float32)
        self._scaled = np.zeros(PERIOD_SAMPLES, np.float32)

    def of(self, block: Float32Array) -> npt.NDArray[np.generic]:
        """Convert shape (128,), full scale ±1.0, to shape (128, 2). Every call returns the same memory.

        Real time: audio thread.
        """
        np.multiply(block, self._scale, self._scaled)
        # Assignment, because copyto takes a third longer.
        self._left[...] = self._scaled
        self._right[...] = self._left
        return self._frames


class Room:
    """Waits until a PCM has room for a period.

    A card's descriptor becomes ready at the end of a period. A clock could only guess that moment. Other descriptors
    may be ready without room, for example a plugin's timer after a late period. So ``wait`` checks the room after each
    poll. After LOOKS polls it sleeps, because a descriptor that is always ready would make it spin.

    Args:
        pcm: An open PCM.
    """

    def __init__(self, pcm: _Pcm) -> None:
        self._pcm = pcm
        self._poller = select.poll()
        descriptors = pcm.polldescriptors()
        self._descriptors = [descriptor for descriptor, _ in descriptors]
        for descriptor, events in descriptors:
            self._poller.register(descriptor, events)

    def wait(self) -> int:
        """Wait for room for a period; return the room in samples, 0 after an xrun or if the card has stopped.

        Real time: audio thread.
        """
        until_s = time.monotonic() + PATIENCE_S
        looks = 0
        while 0 <= (room := self._pcm.avail()) < PERIOD_SAMPLES and time.monotonic() < until_s:
            looks += 1
            if looks <= LOOKS:
                self._poll()
            else:
                time.sleep(max((PERIOD_SAMPLES - room) / SAMPLE_RATE_HZ, SHORTEST_S))
        return max(room, 0)

    def _poll(self) -> None:
        ready = dict(self._poller.poll(1e3 * PATIENCE_S))
        # Also for descriptors that are not ready: here a plugin reads them, so that they can become ready again.
        with contextlib.suppress(_library().ALSAAudioError):
            self._pcm.polldescriptors_revents([(at, ready.get(at, 0)) for at in self._descriptors])


class AlsaOut:
    """One PCM, opened in the first of FORMATS that it supports.

    Args:
        pcm: Name of the PCM, as in ``aplay -L``.
        periods: Wanted length of its buffer, in periods of 128 samples.

    Raises:
        DeviceUnavailable: The PCM is missing, another program uses it, or it supports none of FORMATS.
    """

    lost = False

    def __init__(self, pcm: str, periods: int) -> None:
        library = _library()
        self.name = f"ALSA's {pcm}"
        self._pcm, dtype, scale = _open(library, pcm, periods)
        info = self._pcm.info()
        self._buffer_samples = max(int(info["buffer_size"]), PERIOD_SAMPLES)
        self._room = Room(self._pcm)
        self._frames = StereoFrames(dtype, scale)
        self._silence = np.zeros((self._buffer_samples, CHANNELS), dtype)
        self._pacer = Pacer(self._buffer_samples)
        self._paced_here = False
        self._open = True
        self._prefill()

    def wait(self) -> int:
        """See AudioOut."""
        if not self._open:
            return 0
        if self._paced_here:
            return self._pacer.wait()
        return max(self._buffer_samples - self._room.wait(), 0)

    def write(self, block: Float32Array) -> bool:
        """See AudioOut."""
        check_block(block)
        if not self._open:
            raise DeviceUnavailable(f"{self.name} is closed; open it again")
        whole = self._send(self._frames.of(block))
        self._pacer.count()
        if not self._paced_here:
            self._paced_here = self._pacer.lead_s > UNPACED_S + self._buffer_samples / SAMPLE_RATE_HZ
        return whole

    def close(self) -> None:
        """See AudioOut."""
        if self._open:
            self._open = False
            self._pcm.close()

    def _send(self, frames: npt.NDArray[np.generic]) -> bool:
        try:
            taken = self._pcm.write(frames)
        except _library().ALSAAudioError as error:
            raise DeviceUnavailable(f"{self.name} is lost ({error}); plug the card in and start again") from error
        if taken == len(frames):
            return True
        # An xrun; this block is lost. The buffer must be full before the stream runs again, or it is empty at once.
        self._prefill()
        return False

    def _prefill(self) -> None:
        """Write one buffer of silence in one call."""
        try:
            self._pcm.write(self._silence)
        except _library().ALSAAudioError as error:
            raise DeviceUnavailable(f"{self.name} cannot be started ({error}); choose another PCM") from error


def _open(library: ModuleType, pcm: str, periods: int) -> tuple[_Pcm, str, float]:
    for name, dtype, scale in FORMATS:
        wanted = getattr(library, name)
        try:
            opened: _Pcm = library.PCM(
                type=library.PCM_PLAYBACK,
                mode=library.PCM_NORMAL,
                rate=SAMPLE_RATE_HZ,
                channels=CHANNELS,
                format=wanted,
                periodsize=PERIOD_SAMPLES,
                periods=periods,
                device=pcm,
            )
        except library.ALSAAudioError as error:
            raise DeviceUnavailable(
                f"ALSA cannot open {pcm!r} ({error}); choose a PCM that `aplay -L` lists, or set audio to wav:FILE"
            ) from error
        info = opened.info()  # ALSA may have opened another format than the requested one.
        if (info["format"], info["rate"], info["channels"]) == (wanted, SAMPLE_RATE_HZ, CHANNELS):
            return opened, dtype, scale
        opened.close()
    raise DeviceUnavailable(
        f"ALSA's {pcm!r} supports neither 32 nor 16 bit nor float at {SAMPLE_RATE_HZ} Hz in stereo; try plug:{pcm}"
    )
