"""What the two processes tell each other in lines of JSON: how to start, what to load, what has happened."""

from __future__ import annotations

import contextlib
import os

import msgspec

from tombola_device.contract.manifest import Manifest


class Start(msgspec.Struct, frozen=True):
    """The argument of the audio process.

    Args:
        memory: Descriptor of the shared memory.
        voices: V.
        bundle: File of the first bundle.
        audio: Name for ``open_audio``.
        buffer_periods: Length of the card's buffer in periods.
        fallback: Wav file for ``auto`` without a card.
        realtime: Whether to request SCHED_FIFO and locked memory.
        measure: Whether to measure first how many voices this computer can play.
        tap: Descriptor of shared memory that takes a copy of the sound; -1: none.
    """

    memory: int
    voices: int
    bundle: str
    audio: str = "auto"
    buffer_periods: int = 4
    fallback: str = "tombola.wav"
    realtime: bool = True
    measure: bool = False
    tap: int = -1


class Load(msgspec.Struct, frozen=True):
    """The command to cross-fade to the bundle in a file."""

    path: str


class AudioEvent(msgspec.Struct, frozen=True):
    """One event of the audio process.

    Args:
        event: ``ready``, ``loaded``, ``refused`` or ``ended``.
        audio: ``ready``: name of the sound output.
        sha256: ``ready``, ``loaded``: SHA-256 of the bundle.
        manifest: ``ready``, ``loaded``: the bundle's manifest, so that the control process need not read the file.
        path: ``loaded``, ``refused``: file of the bundle.
        reason: ``refused``, ``ended``: the error as one sentence; empty for a normal end.
        kind: ``ended``: class of the error.
        refused: ``ready``: real-time requests that the system refused.
        voices: ``ready``: number of voices that may sound.
    """

    event: str
    audio: str = ""
    sha256: str = ""
    manifest: Manifest | None = None
    path: str = ""
    reason: str = ""
    kind: str = ""
    refused: list[str] = []
    voices: int = 0


def tell(descriptor: int, event: AudioEvent) -> None:
    """Send one event to the control process. If that process has ended, drop the event."""
    line = msgspec.json.encode(event) + b"\n"
    with contextlib.suppress(OSError):
        while line:
            line = line[os.write(descriptor, line) :]
