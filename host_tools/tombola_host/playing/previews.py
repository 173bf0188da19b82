"""The sounds that come with every bundle: a phrase in each mode, and a blend through all of them, as wav files."""

from __future__ import annotations

from pathlib import Path

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import Float32Array
from tombola_device.play.offline import render_performance

from tombola_host.playing.level import faded, normalised
from tombola_host.playing.performance import write_sound
from tombola_host.playing.phrases import phrase, sweep
from tombola_host.playing.score import Performance
from tombola_host.progress import Step

VOICES = 4


def play(bundle: Bundle, performance: Performance, voices: int = VOICES) -> Float32Array:
    """A built-in performance with its peak at PEAK_DB and silence at its end. Shape (T,)."""
    audio = render_performance(
        bundle, performance.events, blend=performance.blend, seconds=performance.seconds, voices=voices
    )
    return normalised(faded(audio))


def preview_paths(bundle: Path, modes: list[str]) -> tuple[Path, ...]:
    """Where the sounds of a bundle's file go: beside it, numbered in the order of the blend; the blend comes last.

    One mode has no blend.
    """
    numbered = [bundle.with_name(f"{bundle.stem}-{number}-{name}.wav") for number, name in enumerate(modes, 1)]
    return (*numbered, *([bundle.with_name(f"{bundle.stem}-blend.wav")] if len(modes) > 1 else []))


def write_previews(bundle: Bundle, path: Path, step: Step) -> tuple[Path, ...]:
    """Play a bundle's modes and their blend into files beside it.

    Args:
        bundle: What plays.
        path: Its file.
        step: Told of each sound.

    Returns:
        The files written.

    Raises:
        StoreError: One cannot be written.
    """
    modes = bundle.manifest.modes
    paths = preview_paths(path, [mode.name for mode in modes])
    performances = [phrase(modes, number) for number in range(len(modes))]
    if len(modes) > 1:
        performances.append(sweep(modes))
    for done, (file, performance) in enumerate(zip(paths, performances, strict=True)):
        write_sound(play(bundle, performance), file)
        step(done + 1, len(paths), file.name)
    return paths
