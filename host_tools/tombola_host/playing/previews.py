"""The sounds made for every bundle: a phrase in each mode, and a blend through all of them, as wav files."""

from __future__ import annotations

from pathlib import Path

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import Float32Array
from tombola_device.play.offline import render_performance

from tombola_host.playing.level import normalised
from tombola_host.playing.performance import write_sound
from tombola_host.playing.phrases import Performance, phrase, sweep
from tombola_host.progress import Step

VOICES = 4


def play(bundle: Bundle, performance: Performance) -> Float32Array:
    """Play a built-in performance, with its peak at PEAK_DB. Shape (T,)."""
    audio = render_performance(
        bundle, performance.events, blend=performance.blend, seconds=performance.seconds, voices=VOICES
    )
    return normalised(audio)


def preview_paths(bundle: Path, modes: list[str]) -> tuple[Path, ...]:
    """Paths of a bundle's sounds: beside its file, numbered in the order of the blend, the blend last.

    A bundle with one mode has no blend.
    """
    numbered = [bundle.with_name(f"{bundle.stem}-{number}-{name}.wav") for number, name in enumerate(modes, 1)]
    return (*numbered, *([bundle.with_name(f"{bundle.stem}-blend.wav")] if len(modes) > 1 else []))


def write_previews(bundle: Bundle, path: Path, step: Step) -> tuple[Path, ...]:
    """Play a bundle's modes and their blend into wav files beside its file.

    Args:
        bundle: The bundle to play.
        path: The bundle's file.
        step: Called for each sound.

    Returns:
        The paths of the written files.

    Raises:
        StoreError: A file cannot be written.
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
