"""The sounds that the README links to, played by the factory bundle.

    python -m tombola_host.demo.sounds models/quartet/quartet.tombola docs/sounds

One phrase per mode, one note that walks through the modes, and chords in all of them. Nothing is added: what is heard
is the engine's mono output, brought to one peak.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import TombolaError

from tombola_host.playing.performance import write_sound
from tombola_host.playing.previews import play
from tombola_host.playing.score import Score, line, rolled
from tombola_host.terminal import Terminal

VOICES = 8
"""As many as the harp's last chord has."""

PHRASES = {
    "sax": Score(
        line(
            0,
            *((1.5, 62, 0.7), (0.5, 65, 0.6), (1.0, 69, 0.8), (1.0, 67, 0.7), (0.5, 65, 0.6), (0.5, 64, 0.6)),
            *((1.0, 65, 0.7), (2.0, 57, 0.8), (0.5, 60, 0.6), (0.5, 62, 0.6), (3.0, 62, 0.75)),
        ),
        beat_s=0.55,
        way=((0, {"sax": 1}),),
        vibrato=True,
        swell=((0, -3), (2.5, 0), (6, -4), (8, 0), (9, -2), (10.5, 1), (12, -8)),
    ),
    "violin": Score(
        line(
            0,
            *((1.0, 67, 0.7), (0.5, 70, 0.6), (0.5, 74, 0.7), (2.0, 79, 0.85), (0.5, 77, 0.7), (0.5, 75, 0.65)),
            *((1.0, 74, 0.7), (0.5, 72, 0.6), (0.5, 70, 0.6), (1.0, 69, 0.7), (3.0, 67, 0.75)),
        ),
        beat_s=0.6,
        way=((0, {"violin": 1}),),
        vibrato=True,
        swell=((0, -5), (2.5, 0), (4, -1), (7, -4), (8.5, -1), (11, -9)),
    ),
    "flute": Score(
        line(
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
    "harp": Score(
        (
            *rolled(0, 3.5, (45, 52, 57, 60), 0.7, 0.25),
            *line(1, (0.5, 64, 0.7), (0.5, 69, 0.75), (0.5, 72, 0.7), (0.5, 69, 0.6)),
            *rolled(3, 3.5, (41, 48, 57, 60), 0.7, 0.25),
            *line(4, (0.5, 65, 0.7), (0.5, 69, 0.75), (0.5, 77, 0.8), (0.5, 72, 0.6)),
            *rolled(6, 3.0, (43, 50, 55, 59), 0.7, 0.25),
            *line(7, (0.5, 62, 0.7), (0.5, 67, 0.7), (0.5, 71, 0.75), (0.5, 74, 0.7)),
            *rolled(9, 4.0, (45, 52, 57, 60, 64, 69, 72, 76), 0.75, 0.14),
        ),
        beat_s=0.5,
        way=((0, {"harp": 1}),),
    ),
    "blend": Score(
        (*line(0, (11.5, 62, 0.75)), *line(11.5, (0.5, 62, 0.7), (0.5, 65, 0.7), (0.5, 69, 0.75), (4.0, 74, 0.75))),
        beat_s=0.6,
        way=(
            *((0, {"sax": 1}), (2, {"sax": 1}), (5, {"violin": 1}), (6, {"violin": 1}), (9, {"flute": 1})),
            *((10, {"flute": 1}), (11.5, {"flute": 0.5, "harp": 0.5}), (13, {"harp": 1})),
        ),
        vibrato=True,
    ),
    "phrase": Score(
        (
            *rolled(0, 4, (45, 57, 64), 0.65, 0.12),
            *line(0.5, (1.0, 72, 0.75), (0.5, 71, 0.65), (0.5, 69, 0.7), (1.5, 76, 0.85)),
            *rolled(4, 4, (43, 55, 62), 0.65, 0.12),
            *line(4.5, (1.0, 71, 0.75), (0.5, 69, 0.65), (0.5, 67, 0.7), (1.5, 74, 0.85)),
            *rolled(8, 4, (41, 53, 60), 0.65, 0.12),
            *line(8.5, (1.0, 69, 0.75), (0.5, 72, 0.7), (0.5, 77, 0.75), (1.5, 76, 0.85)),
            *rolled(12, 6, (45, 57, 64), 0.7, 0.12),
            *line(12.5, (0.5, 74, 0.7), (0.5, 71, 0.65), (4.5, 72, 0.75)),
        ),
        beat_s=0.55,
        way=(
            *((0, {"harp": 1}), (2, {"harp": 0.7, "flute": 0.3}), (4, {"flute": 0.6, "violin": 0.4})),
            *((8, {"violin": 0.7, "sax": 0.3}), (12, {"sax": 0.5, "harp": 0.5}), (16, {"flute": 0.5, "violin": 0.5})),
        ),
        swell=((0, 0), (8, 0), (11, 2), (14, 0), (18, -8)),
    ),
}
"""File name → what is played. All modes are named: they are written for the quartet."""


def main(arguments: Sequence[str]) -> int:
    """Write all sounds: BUNDLE FOLDER. 0: done, 1: an error that is told in one sentence, 2: not understood."""
    console = Terminal(soft_wrap=True)
    if len(arguments) != 2:
        console.print("usage: python -m tombola_host.demo.sounds BUNDLE FOLDER")
        return 2
    try:
        bundle, folder = decode_bundle(Path(arguments[0]).read_bytes()), Path(arguments[1])
        for name, score in PHRASES.items():
            path = folder / f"{name}.ogg"
            write_sound(play(bundle, score.performed(bundle.manifest.modes), VOICES), path)
            console.print(f"{path}: {score.seconds:.1f} s, {path.stat().st_size / 1000:.0f} kB")
    except (OSError, TombolaError) as error:
        console.print(f"sounds: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
