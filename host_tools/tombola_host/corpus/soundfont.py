"""Notes out of a soundfont: the recordings in it as they are, or a preset rendered key by key.

A recording in a soundfont ends where its loop ends, so a held note has no end of its own. It gets the release that the
font gives it: the loop goes on while the level falls steadily.

Source: SoundFont Technical Specification 2.01, sections 4 to 7 (chunks ``smpl`` and ``shdr`` of a RIFF file).
"""

from __future__ import annotations

import importlib.util
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadAudio

LOUDEST_PEAK = 0.97
"""Of the loudest note of a mode; the others keep their distance to it."""
HELD_S = 6.0
"""The corpus takes 8 s of a note, and its release belongs to them."""
RELEASE_DB = 80.0
_HEADER = struct.Struct("<20sIIIIIBbHH")
_FULL_SCALE = 2.0**15
_LEFT_SIDE = re.compile(r"L(\)?)$")


@dataclass(frozen=True, slots=True)
class Layer:
    """The recordings of one dynamic.

    Args:
        names: Matches their names in the font; of a stereo pair the left side's, which ends in ``L`` or ``L)``.
        notes: Keys to record, as MIDI numbers: each the recording of the nearest pitch, shifted as a sampler shifts it
            where that is another key.
        dynamic: Added to the files' names.
        gain_db: The font keeps all recordings equally loud; this is how its presets set them apart.
    """

    names: str
    notes: tuple[int, ...]
    dynamic: str = ""
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A mode out of a font's recordings.

    Args:
        layers: Where they are.
        release_db_per_s: How fast the level falls once the key is up: what the font's preset says.
    """

    layers: tuple[Layer, ...]
    release_db_per_s: float


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mode out of a font's preset.

    Args:
        program: Of bank 0, counted from 0.
        notes: Keys to play, as MIDI numbers.
        velocities: 1 … 127; several only where the preset changes its sound with them.
        held_s: How long the key is down.
        released_s: How long what comes after is recorded.
    """

    program: int
    notes: tuple[int, ...]
    velocities: tuple[int, ...] = (100,)
    held_s: float = HELD_S
    released_s: float = 1.0


class Soundfont:
    """The recordings in an SF2 file.

    Args:
        path: The file; it is read where it is needed, not as a whole.

    Raises:
        BadAudio: It cannot be read, or is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = np.memmap(path, np.uint8, "r")
            parts = dict(_chunks(self._bytes, 12, len(self._bytes)))
            self._samples, headers = parts["smpl"].view("<i2"), parts["shdr"].tobytes()
        except (OSError, ValueError, KeyError, struct.error) as error:
            raise BadAudio(
                f"{path} is not a soundfont that can be read (SF2, uncompressed); give another one"
            ) from error
        whole = headers[: len(headers) // _HEADER.size * _HEADER.size]
        found = (_Header(*fields) for fields in _HEADER.iter_unpack(whole))
        self._headers = {header.text: header for header in found}

    def recorded(self, mode: Recorded) -> Iterator[tuple[str, Float32Array, int]]:
        """The notes of a mode: file name without its ending, mono sound of any level, sample rate in Hz.

        Raises:
            BadAudio: A layer has no recordings.
        """
        for layer in mode.layers:
            headers = [header for name, header in self._headers.items() if re.fullmatch(layer.names, name)]
            if not headers:
                raise BadAudio(
                    f"{self.path} holds no recordings named {layer.names}; give the version that the card names"
                )
            for note in layer.notes:
                nearest = min(headers, key=lambda header, note=note: abs(header.root - note))  # type: ignore[misc]
                # Another rate is another pitch.
                rate_hz = round(nearest.rate_hz * 2 ** ((note - nearest.root) / 12 + nearest.correction_cents / 1200))
                audio = self._held_and_released(nearest, rate_hz, mode.release_db_per_s)
                name = "_".join(filter(None, (f"note_{note:03d}", layer.dynamic)))
                yield name, audio * np.float32(10 ** (layer.gain_db / 20)), rate_hz

    def _held_and_released(self, header: _Header, rate_hz: int, release_db_per_s: float) -> Float32Array:
        right = self._headers.get(_LEFT_SIDE.sub(r"R\1", header.text), header)
        end = min(header.loop_stop - header.start, round(HELD_S * rate_hz))
        released = round(RELEASE_DB / release_db_per_s * rate_hz)
        order = np.arange(end + released)
        loop_start, loop = header.loop_start - header.start, header.loop_stop - header.loop_start
        order = np.where(order < loop_start + loop, order, loop_start + (order - loop_start) % max(loop, 1))
        sides = [self._samples[side.start + order].astype(np.float32) for side in (header, right)]
        fall_db = release_db_per_s / rate_hz * np.maximum(np.arange(end + released) - end, 0)
        return np.asarray(np.mean(sides, axis=0) / _FULL_SCALE * 10 ** (-fall_db / 20), np.float32)


@dataclass(frozen=True, slots=True)
class _Header:
    """A record of the chunk ``shdr``; positions are counted in the chunk ``smpl``."""

    name: bytes
    start: int
    stop: int
    loop_start: int
    loop_stop: int
    rate_hz: int
    root: int
    correction_cents: int
    link: int
    kind: int

    @property
    def text(self) -> str:
        """Its name."""
        return self.name.split(b"\0")[0].decode("latin-1")


class Player:
    """Plays presets of a soundfont without effects.

    Args:
        path: SF2 or SF3.

    Raises:
        BadAudio: tinysoundfont is missing, or does not read the file.
    """

    def __init__(self, path: Path) -> None:
        if importlib.util.find_spec("tinysoundfont") is None:
            raise BadAudio("soundfonts need the package tinysoundfont, which is missing; install it")
        import tinysoundfont  # an extra

        self._synth: Any = tinysoundfont.Synth(samplerate=SAMPLE_RATE_HZ)
        try:
            # 6 dB below: chords of samples at full scale must not be clipped.
            self._font = self._synth.sfload(str(path), gain=-6.0)
        except Exception as error:  # it raises bare ones
            raise BadAudio(f"{path} is not a soundfont that can be played: {error}; give another one") from error

    def note(self, mode: Rendered, note: int, velocity: int) -> Float32Array:
        """One key, down and up, mono at 48 kHz."""
        self._synth.sounds_off()
        self._synth.program_select(0, self._font, 0, mode.program)
        self._synth.noteon(0, note, velocity)
        held = self._heard(mode.held_s)
        self._synth.noteoff(0, note)
        return np.concatenate([held, self._heard(mode.released_s)])

    def rendered(self, mode: Rendered) -> Iterator[tuple[str, Float32Array, int]]:
        """The notes of a mode: file name without its ending, mono sound, sample rate in Hz."""
        for note in mode.notes:
            for velocity in mode.velocities:
                dynamic = f"_v{velocity:03d}" if len(mode.velocities) > 1 else ""
                yield f"note_{note:03d}{dynamic}", self.note(mode, note, velocity), SAMPLE_RATE_HZ

    def _heard(self, seconds: float) -> Float32Array:
        # The synthesizer reuses the buffer; the mean copies it.
        stereo = np.frombuffer(self._synth.generate(int(seconds * SAMPLE_RATE_HZ)), np.float32)
        return np.asarray(stereo.reshape(-1, 2).mean(axis=1), np.float32)


def write_notes(notes: Iterator[tuple[str, Float32Array, int]], folder: Path, *, louder: bool = True) -> None:
    """Write notes as wav files of 24 bits, in the relation that they have.

    Args:
        notes: File name without its ending, mono sound, sample rate in Hz.
        folder: Where to.
        louder: Whether to raise them until the loudest is near full scale; otherwise they are only lowered.
    """
    kept = list(notes)
    peak = max((float(np.abs(audio).max()) for _, audio, _ in kept), default=0.0)
    gain = LOUDEST_PEAK / max(peak, 1e-6)
    if not louder:
        gain = min(gain, 1.0)
    for name, audio, rate_hz in kept:
        soundfile.write(folder / f"{name}.wav", audio * gain, rate_hz, subtype="PCM_24")


def _chunks(data: np.ndarray, start: int, stop: int) -> Iterator[tuple[str, np.ndarray]]:
    """Names and contents of a RIFF file's chunks, also of those in lists."""
    while start + 8 <= stop:
        name, size = (
            data[start : start + 4].tobytes().decode("latin-1"),
            int(data[start + 4 : start + 8].view("<u4")[0]),
        )
        content, end = start + 8, min(start + 8 + size, stop)
        if name == "LIST":
            yield from _chunks(data, content + 4, end)
        else:
            yield name, data[content:end]
        start = end + (size & 1)
