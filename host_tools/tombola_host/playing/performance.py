"""Performances read from MIDI and automation files, rendered, and written as sound files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import mido
import soundfile
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_device.play.automation import read_automation
from tombola_device.play.offline import PerformedEvent, midi_events, render_performance

from tombola_host.playing.phrases import phrase

LARGEST_MIDI_BYTES = 4 * 1024 * 1024
VORBIS_LEVEL = 0.5
"""libsndfile's scale: 0 is best, 1 smallest. About 70 kbit/s for this mono sound."""
WRITE_SAMPLES = 16_384
"""libsndfile's Vorbis coder keeps its input on the stack; a long sound in one piece can overflow the stack."""


def read_midi(path: Path) -> list[PerformedEvent]:
    """All channel messages of a MIDI file.

    Raises:
        BadConfig: It is missing or not a MIDI file.
    """
    try:
        if path.stat().st_size > LARGEST_MIDI_BYTES:
            raise BadConfig(f"{path} is larger than {LARGEST_MIDI_BYTES} bytes; give a MIDI file, not a recording")
        midi = mido.MidiFile(path)
        timed, seconds = [], 0.0
        for message in midi:
            seconds += message.time
            if not message.is_meta and message.type != "sysex":
                timed.append((seconds, message.bytes()))
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        if isinstance(error, BadConfig):
            raise
        if isinstance(error, OSError) and error.strerror:  # mido, too, raises OSError for what is no MIDI file.
            raise BadConfig(f"the MIDI file {path} cannot be read ({error.strerror}); check the path") from error
        told = f" ({error})" if str(error) else ""
        raise BadConfig(f"{path} is not a MIDI file{told}; export it again as a standard MIDI file") from error
    return midi_events(timed)


def phrase_at(bundle: Bundle, blend: str) -> tuple[PerformedEvent, ...]:
    """The built-in phrase, in the range of the mode with the most weight in a blend; by default of the first mode."""
    weights = blend_point(bundle, blend) if blend else [1.0]
    return phrase(bundle.manifest.modes, weights.index(max(weights))).events


def blend_point(bundle: Bundle, text: str) -> list[float]:
    """Parse a blend such as ``sax=0.7,harp=0.3``: one weight per mode; modes that are not named get 0.

    Raises:
        BadConfig: A mode is unknown, or a weight is not a number ≥ 0.
    """
    names = [mode.name for mode in bundle.manifest.modes]
    weights = [0.0] * len(names)
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name.strip() not in names:
            raise BadConfig(f"the bundle has no mode {name.strip()!r}; blend {', '.join(names)}")
        try:
            weight = float(value or 1.0)
        except ValueError:
            weight = -1.0
        if not 0 <= weight < 1e6:
            raise BadConfig(
                f"the weight {value!r} of {name.strip()!r} is not a number of 0 or more; write {name.strip()}=0.5"
            )
        weights[names.index(name.strip())] = weight
    if not sum(weights):
        raise BadConfig(f"the blend {text!r} is silent; give one mode a weight, such as {names[0]}=1")
    return weights


def check_sound_path(path: Path) -> None:
    """Check that ``write_sound`` supports the ending.

    Raises:
        BadConfig: It does not.
    """
    if path.suffix.lower() not in {".wav", ".flac", ".ogg"}:
        raise BadConfig(f"{path} has an ending that is not known here; use .wav, .flac or .ogg")


def write_sound(audio: Float32Array, path: Path) -> None:
    """Write a mono file at 48 kHz; the path's ending chooses 24-bit wav or flac, or Vorbis in ogg.

    What was there before stays until the new file is whole.

    Raises:
        BadConfig: The ending is unknown.
        StoreError: It cannot be written.
    """
    check_sound_path(path)
    ogg = path.suffix.lower() == ".ogg"
    subtype, level = ("VORBIS", VORBIS_LEVEL) if ogg else ("PCM_24", None)
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with soundfile.SoundFile(part, "w", SAMPLE_RATE_HZ, 1, subtype, compression_level=level) as file:
                for start in range(0, len(audio), WRITE_SAMPLES):
                    file.write(audio[start : start + WRITE_SAMPLES])
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise StoreError(f"cannot write {path} ({error}); free some space or choose another folder") from error


def render_file(
    bundle: Bundle,
    events: Sequence[PerformedEvent],
    *,
    blend: str = "",
    automation: Path | None = None,
    voices: int = 4,
) -> Float32Array:
    """Render a performance as the device would play it. Shape (T,)."""
    way = read_automation(automation, len(bundle.manifest.modes)) if automation else None
    start = (
        [PerformedEvent(0.0, "set_weight", (mode, weight)) for mode, weight in enumerate(blend_point(bundle, blend))]
        if blend
        else []
    )
    return render_performance(bundle, [*start, *events], blend=way, voices=voices)
