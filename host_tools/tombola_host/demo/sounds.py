"""The sounds that the README links to, played by the factory bundle.

    python -m tombola_host.demo.sounds models/quartet/quartet.tombola docs/sounds

One phrase per mode, one note that walks through the modes, and chords in all of them. Nothing is added: what is heard
is the engine's mono output, brought to one peak.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadConfig, StoreError, TombolaError
from tombola_device.play.offline import BlendAutomation, PerformedEvent, render_performance

PEAK_DB = -1.0
"""As loud as it goes with room for what the Vorbis coder adds between samples."""
FADE_S = 0.02
"""Takes what still rings to zero at the end, so that the file ends without a click."""
TAIL_S = 0.5
VORBIS_LEVEL = 0.5
"""libsndfile's scale: 0 is best, 1 smallest. About 70 kbit/s for this mono sound."""
WRITE_SAMPLES = 16_384
"""libsndfile's Vorbis coder keeps a block on the stack; a file written at once can overflow it."""
VIBRATO_HZ, VIBRATO_SEMITONES = 5.2, 0.14
VIBRATO_AFTER_S, VIBRATO_RISE_S = 0.35, 0.6
"""Vibrato begins on held notes only, as players do."""
STEP_S = 0.01


@dataclass(frozen=True, slots=True)
class Note:
    """One key.

    Args:
        beat: When it is pressed.
        beats: How long it is held.
        pitch: MIDI note number.
        velocity: 0 … 1.
    """

    beat: float
    beats: float
    pitch: int
    velocity: float = 0.7


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is played for one file.

    Args:
        notes: The keys.
        beat_s: Length of a beat, s.
        way: (beat, mode names and weights) points that the blend moves through in straight lines.
        vibrato: Whether held notes have one.
        swell: (beat, dB) points of the loudness.
    """

    notes: tuple[Note, ...]
    beat_s: float
    way: tuple[tuple[float, Mapping[str, float]], ...]
    vibrato: bool = False
    swell: tuple[tuple[float, float], ...] = field(default=((0.0, 0.0),))

    @property
    def seconds(self) -> float:
        """From the first key to the end of what rings, s."""
        return max(note.beat + note.beats for note in self.notes) * self.beat_s + TAIL_S


def _line(start: float, *steps: tuple[float, int, float]) -> tuple[Note, ...]:
    """Notes one after the other: (beats, pitch, velocity) each; a pitch of 0 rests."""
    notes, beat = [], start
    for beats, pitch, velocity in steps:
        if pitch:
            notes.append(Note(beat, beats * 0.97, pitch, velocity))
        beat += beats
    return tuple(notes)


def _rolled(start: float, beats: float, pitches: Sequence[int], velocity: float, gap: float) -> tuple[Note, ...]:
    """A chord from below, each key a gap of beats after the one before and all let go together."""
    return tuple(Note(start + index * gap, beats - index * gap, pitch, velocity) for index, pitch in enumerate(pitches))


PHRASES = {
    "sax": Phrase(
        _line(
            0,
            *((1.5, 62, 0.7), (0.5, 65, 0.6), (1.0, 69, 0.8), (1.0, 67, 0.7), (0.5, 65, 0.6), (0.5, 64, 0.6)),
            *((1.0, 65, 0.7), (2.0, 57, 0.8), (0.5, 60, 0.6), (0.5, 62, 0.6), (3.0, 62, 0.75)),
        ),
        beat_s=0.55,
        way=((0, {"sax": 1}),),
        vibrato=True,
        swell=((0, -3), (2.5, 0), (6, -4), (8, 0), (9, -2), (10.5, 1), (12, -8)),
    ),
    "violin": Phrase(
        _line(
            0,
            *((1.0, 67, 0.7), (0.5, 70, 0.6), (0.5, 74, 0.7), (2.0, 79, 0.85), (0.5, 77, 0.7), (0.5, 75, 0.65)),
            *((1.0, 74, 0.7), (0.5, 72, 0.6), (0.5, 70, 0.6), (1.0, 69, 0.7), (3.0, 67, 0.75)),
        ),
        beat_s=0.6,
        way=((0, {"violin": 1}),),
        vibrato=True,
        swell=((0, -5), (2.5, 0), (4, -1), (7, -4), (8.5, -1), (11, -9)),
    ),
    "flute": Phrase(
        _line(
            0,
            *((0.5, 74, 0.7), (0.25, 76, 0.6), (0.25, 78, 0.6), (0.5, 81, 0.8), (0.5, 78, 0.6), (1.5, 86, 0.85)),
            *((0.25, 85, 0.6), (0.25, 83, 0.6), (0.5, 81, 0.7), (0.5, 78, 0.6), (0.5, 79, 0.6), (0.5, 76, 0.6)),
            *((0.5, 74, 0.7), (0.5, 73, 0.6), (3.0, 74, 0.7)),
        ),
        beat_s=0.55,
        way=((0, {"flute": 1}),),
        vibrato=True,
        swell=((0, -3), (2, 0), (3.5, -1), (6, -4), (7.5, -1), (10, -8)),
    ),
    "harp": Phrase(
        (
            *_rolled(0, 3.5, (45, 52, 57, 60), 0.7, 0.25),
            *_line(1, (0.5, 64, 0.7), (0.5, 69, 0.75), (0.5, 72, 0.7), (0.5, 69, 0.6)),
            *_rolled(3, 3.5, (41, 48, 57, 60), 0.7, 0.25),
            *_line(4, (0.5, 65, 0.7), (0.5, 69, 0.75), (0.5, 77, 0.8), (0.5, 72, 0.6)),
            *_rolled(6, 3.0, (43, 50, 55, 59), 0.7, 0.25),
            *_line(7, (0.5, 62, 0.7), (0.5, 67, 0.7), (0.5, 71, 0.75), (0.5, 74, 0.7)),
            *_rolled(9, 4.0, (45, 52, 57, 60, 64, 69, 72, 76), 0.75, 0.14),
        ),
        beat_s=0.5,
        way=((0, {"harp": 1}),),
    ),
    "blend": Phrase(
        (*_line(0, (11.5, 62, 0.75)), *_line(11.5, (0.5, 62, 0.7), (0.5, 65, 0.7), (0.5, 69, 0.75), (4.0, 74, 0.75))),
        beat_s=0.6,
        way=(
            *((0, {"sax": 1}), (2, {"sax": 1}), (5, {"violin": 1}), (6, {"violin": 1}), (9, {"flute": 1})),
            *((10, {"flute": 1}), (11.5, {"flute": 0.5, "harp": 0.5}), (13, {"harp": 1})),
        ),
        vibrato=True,
    ),
    "phrase": Phrase(
        (
            *_rolled(0, 4, (45, 57, 64), 0.65, 0.12),
            *_line(0.5, (1.0, 72, 0.75), (0.5, 71, 0.65), (0.5, 69, 0.7), (1.5, 76, 0.85)),
            *_rolled(4, 4, (43, 55, 62), 0.65, 0.12),
            *_line(4.5, (1.0, 71, 0.75), (0.5, 69, 0.65), (0.5, 67, 0.7), (1.5, 74, 0.85)),
            *_rolled(8, 4, (41, 53, 60), 0.65, 0.12),
            *_line(8.5, (1.0, 69, 0.75), (0.5, 72, 0.7), (0.5, 77, 0.75), (1.5, 76, 0.85)),
            *_rolled(12, 6, (45, 57, 64), 0.7, 0.12),
            *_line(12.5, (0.5, 74, 0.7), (0.5, 71, 0.65), (4.5, 72, 0.75)),
        ),
        beat_s=0.55,
        way=(
            *((0, {"harp": 1}), (2, {"harp": 0.7, "flute": 0.3}), (4, {"flute": 0.6, "violin": 0.4})),
            *((8, {"violin": 0.7, "sax": 0.3}), (12, {"sax": 0.5, "harp": 0.5}), (16, {"flute": 0.5, "violin": 0.5})),
        ),
        swell=((0, 0), (8, 0), (11, 2), (14, 0), (18, -8)),
    ),
}
"""File name → what is played. All modes are named: the phrases are written for the quartet."""


def play(bundle: Bundle, phrase: Phrase) -> Float32Array:
    """Render a phrase at ``PEAK_DB``. Mono, 48 kHz. Shape (T,).

    Raises:
        BadConfig: The bundle lacks a mode that the phrase names.
    """
    names = [mode.name for mode in bundle.manifest.modes]
    for _, weights in phrase.way:
        for name in weights:
            if name not in names:
                raise BadConfig(f"the bundle has no mode {name!r}, which the phrase plays; give the quartet")
    blend = BlendAutomation(
        tuple(beat * phrase.beat_s for beat, _ in phrase.way),
        tuple(tuple(float(weights.get(name, 0)) for name in names) for _, weights in phrase.way),
    )
    audio = render_performance(bundle, _events(phrase), blend=blend, seconds=phrase.seconds, voices=8)
    fade = round(FADE_S * SAMPLE_RATE_HZ)
    audio[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(audio * (10 ** (PEAK_DB / 20) / np.abs(audio).max()), np.float32)


def _events(phrase: Phrase) -> list[PerformedEvent]:
    events: list[PerformedEvent] = []
    for note in phrase.notes:
        events.append(PerformedEvent(note.beat * phrase.beat_s, "note_on", (note.pitch, note.velocity)))
        events.append(PerformedEvent((note.beat + note.beats) * phrase.beat_s, "note_off", (note.pitch,)))
    beats, levels_db = zip(*phrase.swell, strict=True)
    struck_s = [note.beat * phrase.beat_s for note in phrase.notes]
    for step in range(int(phrase.seconds / STEP_S)):
        time_s = step * STEP_S
        level_db = float(np.interp(time_s / phrase.beat_s, beats, levels_db))
        events.append(PerformedEvent(time_s, "set_loudness", (level_db,)))
        if phrase.vibrato:
            held_s = time_s - max((start for start in struck_s if start <= time_s), default=0.0)
            depth = VIBRATO_SEMITONES * min(max((held_s - VIBRATO_AFTER_S) / VIBRATO_RISE_S, 0.0), 1.0)
            turn = 2 * math.pi * VIBRATO_HZ * (held_s - VIBRATO_AFTER_S)
            events.append(PerformedEvent(time_s, "pitch_bend", (depth * math.sin(turn),)))
    return events


def write_vorbis(audio: Float32Array, path: Path) -> None:
    """Write mono Ogg Vorbis at 48 kHz.

    Raises:
        StoreError: It cannot be written.
    """
    edges = [*range(0, len(audio), WRITE_SAMPLES), len(audio)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(
            path, "w", SAMPLE_RATE_HZ, 1, format="OGG", subtype="VORBIS", compression_level=VORBIS_LEVEL
        ) as file:
            for start, end in pairwise(edges):
                file.write(audio[start:end])
    except (OSError, soundfile.SoundFileError) as error:
        raise StoreError(f"cannot write {path} ({error}); free some space or choose another folder") from error


def main(arguments: Sequence[str]) -> int:
    """Write all phrases: BUNDLE FOLDER. 0: done, 1: an error that is told in one sentence, 2: not understood."""
    console = Console(highlight=False, soft_wrap=True)
    if len(arguments) != 2:
        console.print("usage: python -m tombola_host.demo.sounds BUNDLE FOLDER")
        return 2
    try:
        bundle, folder = decode_bundle(Path(arguments[0]).read_bytes()), Path(arguments[1])
        for name, phrase in PHRASES.items():
            path = folder / f"{name}.ogg"
            write_vorbis(play(bundle, phrase), path)
            console.print(f"{path}: {phrase.seconds:.1f} s, {path.stat().st_size / 1000:.0f} kB")
    except (OSError, TombolaError) as error:
        console.print(f"sounds: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
