"""Sinks without a card: no sound, and a wav file."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.pacer import Pacer
from tombola_device.hal.audio.port import check_block


class NullOut:
    """Discards the sound.

    Args:
        paced: Whether to take blocks in real time, or as fast as they arrive.
        name: What the user reads.
    """

    lost = False

    def __init__(self, *, paced: bool = True, name: str = "nothing (no sound)") -> None:
        self.name = name
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
"""Six hours. The lengths in a wav file end at 4 GiB."""


class WavOut:
    """Writes a file: 16 bit, mono, 48 kHz, at most six hours.

    Args:
        path: File; an existing one is replaced.
        paced: Whether to take blocks in real time, or as fast as they arrive.

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
            # Opened here: a Wave_write that fails to open its file also raises an error when it is collected.
            self._raw = path.open("wb")
        except OSError as error:
            raise DeviceUnavailable(f"{path} cannot be written: {error.strerror}; name another file") from error
        self._file: wave.Wave_write | None = wave.open(self._raw, "wb")  # noqa: SIM115 - closed in ``close``
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
            raise DeviceUnavailable(f"{self.name} has reached its limit of six hours; name another file, or use a card")
        np.multiply(block, np.float32(32767), out=self._scaled)
        np.rint(self._scaled, out=self._scaled)
        self._samples[:] = self._scaled
        try:
            self._file.writeframesraw(self._samples.tobytes())
        except OSError as error:
            raise DeviceUnavailable(f"{self._path} cannot be written: {error.strerror}; free some space") from error
        return self._pacer is None or self._pacer.count()

    def close(self) -> None:
        """See AudioOut."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._raw.close()
