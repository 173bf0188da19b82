"""Opens a sink by its name in the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.audio.files import NullOut, WavOut
from tombola_device.hal.audio.port import AudioOut

BROWSER: Final = "browser"
IN_BROWSER: Final = "the browser"
"""What the user reads when there is no card and the sound comes out of a page."""


def open_audio(name: str, periods: int, fallback: Path) -> AudioOut:
    """Open a sink by its name in the configuration.

    Args:
        name: ``auto`` (the first of ALSA's default card and PortAudio's output that can be opened, else the file
            ``fallback``), ``card`` (the same, without the file), ``alsa`` or ``alsa:PCM``, ``portaudio`` or
            ``portaudio:DEVICE``, ``browser`` (a clock; a page plays what it is sent), ``wav:FILE``, ``null``;
            ``wav-fast:FILE`` and ``null-fast`` do not wait.
        periods: Length of a card's buffer in periods.
        fallback: Wav file for ``auto`` without a card; the path ``browser``: the browser.

    Raises:
        DeviceUnavailable: The sink cannot be opened.
        BadConfig: The name is unknown.

    >>> import numpy as np
    >>> sink = open_audio("null-fast", periods=4, fallback=Path("tombola.wav"))
    >>> sink.wait(), sink.write(np.zeros(128, np.float32))
    (0, True)
    """
    kind, _, rest = name.partition(":")
    if kind in _CARDS:
        return _CARDS[kind](rest, periods)
    if kind == "card" and not rest:
        return _open_any(periods)
    if kind == "auto":
        try:
            return _open_any(periods)
        except DeviceUnavailable:
            return _otherwise(fallback)  # No card, or one in use or broken: better than no instrument.
    if name == BROWSER:
        return _otherwise(Path(name))
    if kind in ("wav", "wav-fast") and rest:
        return WavOut(Path(rest).expanduser(), paced=kind == "wav")
    if kind in ("null", "null-fast") and not rest:
        return NullOut(paced=kind == "null")
    raise BadConfig(f"the audio output {name!r} is unknown; give auto, alsa, alsa:PCM, portaudio, wav:FILE or null")


def _otherwise(fallback: Path) -> AudioOut:
    return NullOut(name=IN_BROWSER) if str(fallback) == BROWSER else WavOut(fallback)


def _open_any(periods: int) -> AudioOut:
    """The first output that can be opened: the board's way first, for there it is what was measured.

    Raises:
        DeviceUnavailable: There is none; why, of the one that was tried last.
    """
    from tombola_device.hal.audio.alsa import has_card

    if has_card():
        try:
            return _open_alsa("", periods)
        except DeviceUnavailable:
            pass  # It is in use, or only its name is there.
    return _open_portaudio("", periods)


def _open_alsa(pcm: str, periods: int) -> AudioOut:
    from tombola_device.hal.audio.alsa import AlsaOut
    from tombola_device.hal.audio.returning import ReturningOut

    return ReturningOut(lambda: AlsaOut(pcm or "default", periods))


def _open_portaudio(device: str, periods: int) -> AudioOut:
    from tombola_device.hal.audio.portaudio import PortAudioOut
    from tombola_device.hal.audio.returning import ReturningOut

    return ReturningOut(lambda: PortAudioOut(device, periods))


_CARDS: dict[str, Callable[[str, int], AudioOut]] = {"alsa": _open_alsa, "portaudio": _open_portaudio}
