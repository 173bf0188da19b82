"""ALSA without a sound card: a configuration whose PCM writes to a file, and the way to read that file back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadAudio, BadConfig, StoreError

PCM = "tombola_file"
"""Name of the PCM; ``default`` leads to it too."""
ENVIRONMENT_VARIABLE = "ALSA_CONFIG_PATH"
"""Set it to the file that ``write_asoundrc`` wrote, for the process that plays."""
SYSTEM_CONFIGURATION = "/usr/share/alsa/alsa.conf"
"""Where ALSA's own definitions lie; without them no plug-in is known. Debian: libasound2-data."""

SampleFormat = Literal["S16_LE", "S32_LE", "FLOAT_LE"]
_TYPES: dict[SampleFormat, tuple[str, float]] = {
    "S16_LE": ("<i2", 2.0**15),
    "S32_LE": ("<i4", 2.0**31),
    "FLOAT_LE": ("<f4", 1.0),
}


def write_asoundrc(path: Path, capture: Path, file_format: Literal["raw", "wav"] = "raw") -> None:
    """Write an ALSA configuration with a PCM that appends what is played to a file.

    Nothing paces it: it takes sound as fast as it comes.

    Args:
        path: Of the configuration.
        capture: Of the file that will hold the sound.
        file_format: Of that file; the header of a ``wav`` is right only once the PCM was closed.

    Raises:
        BadConfig: ``capture`` cannot be written in a configuration of ALSA.
        StoreError: The configuration cannot be written.
    """
    name = str(capture.absolute())
    if not name.isprintable():
        raise BadConfig(f"the path {name!r} cannot stand in a configuration of ALSA; choose one without line breaks")
    # ALSA replaces %r and the like in it.
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    lines = (
        f"<{SYSTEM_CONFIGURATION}>",
        f"pcm.{PCM} {{",
        "    type file",
        "    slave.pcm null",
        f'    file "{quoted}"',
        f"    format {file_format}",
        "}",
        f'pcm.!default "{PCM}"',
        "",
    )
    try:
        path.write_text("\n".join(lines), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; choose another folder") from error


def read_capture(path: Path, sample_format: SampleFormat = "S32_LE", channels: int = 1) -> Float32Array:
    """Read back what was played into a raw file.

    Args:
        path: Of the raw file.
        sample_format: As ALSA was told when it was played.
        channels: C, as ALSA was told when it was played.

    Returns:
        Shape (T, C), full scale ±1.0. A last frame that is not whole, after a kill, is left out.

    Raises:
        BadAudio: The file cannot be read, or is empty.
    """
    kind, full_scale = _TYPES[sample_format]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadAudio(f"the captured sound {path} cannot be read ({error.strerror}); was anything played?") from error
    frame_bytes = np.dtype(kind).itemsize * channels
    whole = len(data) // frame_bytes * frame_bytes
    if not whole:
        raise BadAudio(f"the captured sound {path} is empty; was anything played?")
    samples = np.frombuffer(data[:whole], kind).reshape(-1, channels)
    return (samples / full_scale).astype(np.float32)
