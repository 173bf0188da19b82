"""Sound through ALSA, by pyalsaaudio.

Source: alsa-lib's PCM interface; pyalsaaudio 0.11 returns -32 (EPIPE) from ``write`` after an xrun, without an
exception, and may return a short count before it; ``avail`` returns the same, or another negative number if the card
is gone.
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
"""Cards have no mono; both channels carry the same."""
FORMATS: Final = (
    ("PCM_FORMAT_S32_LE", "<i4", 2147483520.0),
    ("PCM_FORMAT_S16_LE", "<i2", 32767.0),
    ("PCM_FORMAT_FLOAT_LE", "<f4", 1.0),
)
"""Name in alsaaudio, type, full scale. For 32 bit it is the largest float32 that still fits."""  # fmt: skip
UNPACED_S: Final = 0.5
"""A PCM that has taken so much more than time has passed does not wait (a file over null); then we do."""
PATIENCE_S: Final = 0.25
"""A card that has not played a period for so long is left to ``write``, which waits and then says what is wrong."""
LOOKS: Final = 2
"""How often a descriptor may be ready without room before we sleep by the clock; once is what a late period leaves."""
SHORTEST_S: Final = 0.0002


class _Pcm(Protocol):
    """The part of ``alsaaudio.PCM`` that is used; it has no annotations."""

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
    """Whether ALSA knows a card or a PCM called default. False without pyalsaaudio."""
    try:
        library = _library()
    except DeviceUnavailable:
        return False
    return bool(library.cards()) or "default" in library.pcms()


class StereoFrames:
    """One period as a card takes it: the same sample for both channels, in the card's type.

    Args:
        dtype: The card's type, as numpy names it.
        scale: What ±1.0 becomes.
    """

    def __init__(self, dtype: str, scale: float) -> None:
        self._frames: npt.NDArray[np.generic] = np.zeros((PERIOD_SAMPLES, CHANNELS), dtype)
        self._left, self._right = self._frames.T
        # An array: numpy multiplies by a number more slowly than by as many numbers.
        self._scale = np.full(PERIOD_SAMPLES, scale, np.float32)
        self._scaled = np.zeros(PERIOD_SAMPLES, np.float32)

    def of(self, block: Float32Array) -> npt.NDArray[np.generic]:
        """Shape (128,), full scale ±1.0 → (128, 2); the same memory each time.

        Real time: audio thread.
        """
        np.multiply(block, self._scale, self._scaled)
        # Assigned, not by copyto: that takes a third longer.
        self._left[...] = self._scaled
        self._right[...] = self._left
        return self._frames


class Room:
    """Waits until a PCM has room for a period.

    A card's descriptor becomes ready at the end of a period, when its counter has just moved; a clock of ours would
    have to guess when that is. Others are ready for reasons of their own (a plugin's timer that nobody read after a
    period that came late), so what counts is the room; and one that is always ready must not make this spin.

    Args:
        pcm: An open one.
    """

    def __init__(self, pcm: _Pcm) -> None:
        self._pcm = pcm
        self._poller = select.poll()
        descriptors = pcm.polldescriptors()
        self._descriptors = [descriptor for descriptor, _ in descriptors]
        for descriptor, events in descriptors:
            self._poller.register(descriptor, events)

    def wait(self) -> int:
        """Return when there is room for a period, with the room in samples; 0 after an xrun, or if the card stands.

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
        # Said to be ready or not: a plugin reads its descriptors here, so that they can become ready again.
        with contextlib.suppress(_library().ALSAAudioError):
            self._pcm.polldescriptors_revents([(at, ready.get(at, 0)) for at in self._descriptors])


class AlsaOut:
    """One PCM, opened in the first of FORMATS that it takes.

    Args:
        pcm: Name of the PCM, as in ``aplay -L``.
        periods: How many periods of 128 samples its buffer should hold.

    Raises:
        DeviceUnavailable: There is no such PCM, somebody else has it, or it takes none of our formats.
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
            raise DeviceUnavailable(f"{self.name} is gone ({error}); plug the card in and start again") from error
        if taken == len(frames):
            return True
        # An xrun. Before the stream runs again its buffer must be full, or it is dry at once; the block is lost.
        self._prefill()
        return False

    def _prefill(self) -> None:
        """One buffer of silence in one write."""
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
        info = opened.info()  # What was asked for is only a wish.
        if (info["format"], info["rate"], info["channels"]) == (wanted, SAMPLE_RATE_HZ, CHANNELS):
            return opened, dtype, scale
        opened.close()
    raise DeviceUnavailable(
        f"ALSA's {pcm!r} takes neither 32 nor 16 bit nor float at {SAMPLE_RATE_HZ} Hz in stereo; try plug:{pcm}"
    )
