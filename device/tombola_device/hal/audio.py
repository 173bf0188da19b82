"""Where the sound goes. One seam, and the back ends that need no library: nothing, a file, a fake.

``wait`` returns when there is room for a period, ``write`` fills it: what is played is read from the inputs in between,
as late as it can be. Read after ``write`` instead, it would be a period older when it is heard.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Protocol

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadConfig, DeviceUnavailable, ShapeError
from tombola_device.hal.clock import Pacer


class AudioOut(Protocol):
    """A mono sink at 48 kHz."""

    name: str
    """What a user would call it."""

    @property
    def lost(self) -> bool:
        """Whether the sink is away just now, and the sound goes nowhere."""

    def wait(self) -> int:
        """Return when there is room for a period, with the number of samples that will be heard before it.

        Real time: audio thread; sleeps, at most as long as a period. What goes wrong is told by ``write``.
        """

    def write(self, block: Float32Array) -> bool:
        """Hand one period over, shape (128,), full scale ±1.0; False if the sink had run dry before it (an xrun).

        Raises:
            DeviceUnavailable: The sink is gone.

        Real time: audio thread; does not sleep after ``wait``.
        """

    def close(self) -> None:
        """Play out what was handed over, and give the sink back. May be called twice."""


def check_block(block: Float32Array) -> None:
    """Raise ShapeError unless it is one period of float32."""
    if block.shape != (PERIOD_SAMPLES,) or block.dtype != np.float32:
        raise ShapeError(f"the block is {block.dtype} {block.shape}; write float32 ({PERIOD_SAMPLES},)")


class NullOut:
    """Throws the sound away, at the speed of sound or as fast as it comes."""

    name = "nothing (no sound)"
    lost = False

    def __init__(self, *, paced: bool = True) -> None:
        self._pacer = Pacer() if paced else None

    def wait(self) -> int:
        """See AudioOut."""
        return self._pacer.wait() if self._pacer is not None else 0

    def write(self, block: Float32Array) -> bool:
        """See AudioOut."""
        check_block(block)
        return self._pacer is None or self._pacer.count()

    def close(self) -> None:
        """See AudioOut."""


MAX_WAV_SAMPLES = 2**30
"""Six hours; the format's lengths end at 4 GiB."""


class WavOut:
    """Writes a file: 16 bit, mono, 48 kHz, at most six hours.

    Args:
        path: Replaced if it is there.
        paced: Whether it takes sound at the speed of sound, or as fast as it comes.

    Raises:
        DeviceUnavailable: The file cannot be written.
    """

    lost = False

    def __init__(self, path: Path, *, paced: bool = True) -> None:
        self.name = f"the file {path}"
        self._path = path
        self._pacer = Pacer() if paced else None
        self._scaled = np.zeros(PERIOD_SAMPLES, np.float32)
        self._samples = np.zeros(PERIOD_SAMPLES, "<i2")
        try:
            # Not left to wave: one that could not open its file complains again when it is collected.
            self._raw = path.open("wb")
        except OSError as error:
            raise DeviceUnavailable(f"{path} cannot be written: {error.strerror}; name another file") from error
        self._file: wave.Wave_write | None = wave.open(self._raw, "wb")  # noqa: SIM115 - open as long as this is
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(SAMPLE_RATE_HZ)

    def wait(self) -> int:
        """See AudioOut."""
        return self._pacer.wait() if self._pacer is not None else 0

    def write(self, block: Float32Array) -> bool:
        """See AudioOut."""
        check_block(block)
        if self._file is None:
            raise DeviceUnavailable(f"{self.name} is closed; open it again")
        if self._file.getnframes() >= MAX_WAV_SAMPLES:
            raise DeviceUnavailable(f"{self.name} is six hours long and full; name another, or use a card")
        np.multiply(block, np.float32(32767), out=self._scaled)
        np.rint(self._scaled, out=self._scaled)
        self._samples[:] = self._scaled
        try:
            self._file.writeframesraw(self._samples.tobytes())
        except OSError as error:
            raise DeviceUnavailable(f"{self._path} cannot be written: {error.strerror}; make room") from error
        return self._pacer is None or self._pacer.count()

    def close(self) -> None:
        """See AudioOut."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._raw.close()


class FakeOut:
    """Keeps what it is given, and does what a test tells it to.

    Verbs: ``run_dry`` makes the next write an xrun, ``unplug`` makes the next one fail, ``fill`` says how many samples
    lie before the next.
    """

    name = "a fake"
    lost = False

    def __init__(self) -> None:
        self.blocks: list[Float32Array] = []
        self.closed = False
        self._dry = self._gone = False
        self._ahead_samples = 0

    def run_dry(self) -> None:
        """Let the next write find the sink empty."""
        self._dry = True

    def unplug(self) -> None:
        """Let all further writes fail."""
        self._gone = True

    def fill(self, samples: int) -> None:
        """So much lies in the buffer from now on."""
        self._ahead_samples = samples

    def wait(self) -> int:
        """See AudioOut."""
        return self._ahead_samples

    def write(self, block: Float32Array) -> bool:
        """See AudioOut."""
        check_block(block)
        if self._gone or self.closed:
            raise DeviceUnavailable("the fake is unplugged; plug it in")
        self.blocks.append(block.copy())
        dry, self._dry = self._dry, False
        return not dry

    def close(self) -> None:
        """See AudioOut."""
        self.closed = True

    @property
    def sound(self) -> Float32Array:
        """All that was written. Shape (T,)."""
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.float32)


def open_audio(name: str, periods: int, fallback: Path) -> AudioOut:
    """Open a sink by its name in the configuration.

    Args:
        name: ``auto`` (ALSA's default, else the file ``fallback``), ``alsa`` or ``alsa:PCM``, ``wav:FILE``,
            ``null``; ``wav-fast:FILE`` and ``null-fast`` do not wait.
        periods: How many periods a card's buffer holds.

    Raises:
        DeviceUnavailable: It is not there.
        BadConfig: The name is unknown.
    """
    kind, _, rest = name.partition(":")
    if kind == "auto":
        return _open_auto(periods, fallback)
    if kind == "alsa":
        return _open_card(rest or "default", periods)
    if kind in ("wav", "wav-fast") and rest:
        return WavOut(Path(rest).expanduser(), paced=kind == "wav")
    if kind in ("null", "null-fast") and not rest:
        return NullOut(paced=kind == "null")
    raise BadConfig(f"the audio output {name!r} is unknown; give auto, alsa, alsa:PCM, wav:FILE or null")


def _open_auto(periods: int, fallback: Path) -> AudioOut:
    from tombola_device.hal.alsa import has_card

    try:
        if has_card():
            return _open_card("default", periods)
    except DeviceUnavailable:
        pass  # The card is there but taken or broken: rather a file than no instrument.
    return WavOut(fallback)


def _open_card(pcm: str, periods: int) -> AudioOut:
    from tombola_device.hal.alsa import AlsaOut
    from tombola_device.hal.returning import ReturningOut

    return ReturningOut(lambda: AlsaOut(pcm, periods))
