"""Opens a sink by its name in the configuration."""

from __future__ import annotations

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
        name: ``auto`` (ALSA's default card, else the file ``fallback``), ``alsa`` or ``alsa:PCM``, ``wav:FILE``,
            ``browser`` (a clock; a page plays what it is sent), ``null``; ``wav-fast:FILE`` and ``null-fast`` do not
            wait.
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
    if kind == "auto":
        return _open_auto(periods, fallback)
    if kind == "alsa":
        return _open_card(rest or "default", periods)
    if name == BROWSER:
        return _otherwise(Path(name))
    if kind in ("wav", "wav-fast") and rest:
        return WavOut(Path(rest).expanduser(), paced=kind == "wav")
    if kind in ("null", "null-fast") and not rest:
        return NullOut(paced=kind == "null")
    raise BadConfig(f"the audio output {name!r} is unknown; give auto, alsa, alsa:PCM, wav:FILE or null")


def _otherwise(fallback: Path) -> AudioOut:
    return NullOut(name=IN_BROWSER) if str(fallback) == BROWSER else WavOut(fallback)


def _open_auto(periods: int, fallback: Path) -> AudioOut:
    from tombola_device.hal.audio.alsa import has_card

    try:
        if has_card():
            return _open_card("default", periods)
    except DeviceUnavailable:
        pass  # The card is in use or broken: a file is better than no instrument.
    return _otherwise(fallback)


def _open_card(pcm: str, periods: int) -> AudioOut:
    from tombola_device.hal.audio.alsa import AlsaOut
    from tombola_device.hal.audio.returning import ReturningOut

    return ReturningOut(lambda: AlsaOut(pcm, periods))
