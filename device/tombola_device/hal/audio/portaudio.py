"""Sound through PortAudio, with sounddevice: macOS, Windows, and Linux without pyalsaaudio.

PortAudio's blocking interface: ``write_available`` says how much room there is, and ``write`` returns whether the
stream ran dry before it. PortAudio makes its buffer longer than asked for (768 samples for 512 on ALSA, measured), so
its length is learned: it is the most room that was ever seen. Nothing here paces a device without a clock.

The list of devices is made when PortAudio is initialised. A card that was plugged in later is found only by a library
that is initialised anew.

Source: PortAudio's portaudio.h; the documentation of sounddevice 0.5.
"""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any, Final

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.port import check_block

CHANNELS: Final = 2
PATIENCE_S: Final = 0.25
"""Longest wait for a period. After it ``write`` is called, which waits and then reports the error."""
SHORTEST_S: Final = 0.0005
WASAPI: Final = "Windows WASAPI"
"""Windows' first host API, MME, delays by 100 ms and more."""


def _library() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceUnavailable(
            "sound needs the Python package sounddevice, which is not installed; run `pip install sounddevice`"
        ) from error
    except OSError as error:  # Its wheels hold PortAudio for macOS and Windows only.
        raise DeviceUnavailable(
            "sound needs the library PortAudio, which is not installed; install it, on Debian with "
            "`apt-get install libportaudio2`"
        ) from error
    library: ModuleType = sounddevice
    return library


def _device(library: ModuleType, name: str) -> dict[str, Any]:
    """What tells sounddevice a device: a part of its name; empty: the system's output, on Windows that of WASAPI."""
    if name:
        return {"device": name}
    for interface in library.query_hostapis():
        if interface["name"] == WASAPI and interface["default_output_device"] >= 0:
            # Windows' mixer has one rate, and converts only if asked to.
            convert = library.WasapiSettings(auto_convert=True)
            return {"device": int(interface["default_output_device"]), "extra_settings": convert}
    return {}


class PortAudioOut:
    """One output of PortAudio, in stereo, 32-bit float.

    Args:
        device: A part of its name as ``python -m sounddevice`` lists it; empty: the system's output.
        periods: Wanted length of its buffer, in periods of 128 samples.

    Raises:
        DeviceUnavailable: sounddevice or PortAudio is missing, or there is no such output, or it cannot be opened.
    """

    lost = False

    def __init__(self, device: str, periods: int) -> None:
        library = _library()
        # The list of devices is as old as the library; no other stream is open in this process.
        library._terminate()  # noqa: SLF001 - sounddevice has no public way
        library._initialize()  # noqa: SLF001
        self.name = f"PortAudio's {device or 'output'}"
        self._error = library.PortAudioError
        try:
            self._stream = library.OutputStream(
                samplerate=SAMPLE_RATE_HZ,
                blocksize=PERIOD_SAMPLES,
                channels=CHANNELS,
                dtype="float32",
                latency=periods * PERIOD_SAMPLES / SAMPLE_RATE_HZ,
                **_device(library, device),
            )
            self._stream.start()
            self._room = int(self._stream.write_available)
        except (library.PortAudioError, ValueError) as error:  # ValueError: no device has this name.
            wanted = f"has no output {device!r}" if device else "finds no sound output that it can open"
            raise DeviceUnavailable(
                f"PortAudio {wanted} ({_plainly(error)}); connect one, or see which there are: python -m sounddevice"
            ) from error
        self._frames = np.zeros((PERIOD_SAMPLES, CHANNELS), np.float32)
        self._left, self._right = self._frames.T
        self._open = True
        self._prefill()

    def wait(self) -> int:
        """See AudioOut."""
        if not self._open:
            return 0
        until_s = time.monotonic() + PATIENCE_S
        while (room := self._available()) < PERIOD_SAMPLES and time.monotonic() < until_s:
            time.sleep(max((PERIOD_SAMPLES - room) / SAMPLE_RATE_HZ, SHORTEST_S))
        self._room = max(self._room, room)
        return self._room - room

    def write(self, block: Float32Array) -> bool:
        """See AudioOut."""
        check_block(block)
        if not self._open:
            raise DeviceUnavailable(f"{self.name} is closed; open it again")
        self._left[...] = block
        self._right[...] = block
        try:
            dry = self._stream.write(self._frames)
            if dry:  # The buffer must be full before the stream runs again, or it is empty at once.
                self._prefill()
        except self._error as error:
            raise DeviceUnavailable(f"{self.name} is lost ({_plainly(error)}); plug the card in again") from error
        return not dry

    def close(self) -> None:
        """See AudioOut."""
        if self._open:
            self._open = False
            self._stream.close(ignore_errors=True)

    def _available(self) -> int:
        """Room in samples; that for a period if the card has stopped, so that ``write`` reports it."""
        try:
            return max(int(self._stream.write_available), 0)
        except self._error:
            return PERIOD_SAMPLES

    def _prefill(self) -> None:
        """Fill the buffer with silence, in whole periods."""
        periods = self._available() // PERIOD_SAMPLES
        if periods:
            self._stream.write(np.zeros((periods * PERIOD_SAMPLES, CHANNELS), np.float32))


def _plainly(error: Exception) -> str:
    """PortAudio's own words, without sounddevice's number."""
    return str(error.args[0] if error.args else error).splitlines()[0].rstrip(".")
