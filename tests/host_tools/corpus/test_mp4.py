"""Recordings of telephones. PyAV, an extra, decodes them; it also encodes those that are read here."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus.corpus import Corpus, read_corpus
from tombola_host.corpus.decoding import read_recording
from tombola_host.corpus.files import find_files
from tombola_host.corpus.pitch import find_note
from tombola_host.corpus.reading import read_file
from tombola_host.corpus.refusals import MISSING_PYAV, UNDECODABLE
from tombola_host.corpus.verdict import verdict

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]
needs_pyav = pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="PyAV is not installed")


def write_mp4(
    path: Path, audio: Float32Array, rate_hz: int = SAMPLE_RATE_HZ, codec: str = "aac", **options: str
) -> Path:
    """Encode audio of shape (T,) or (T, C)."""
    import av

    channels = np.atleast_2d(audio.T)
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(str(path), "w", format="mp4", options=options) as container:
        track: Any = container.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
        frame.sample_rate = rate_hz
        for block in (frame, None):
            container.mux(track.encode(block))
    return path


def _reason(path: Path) -> str:
    with pytest.raises(BadAudio) as caught:
        read_recording(path)
    return str(caught.value)


@needs_pyav
@pytest.mark.parametrize("name", ["A4.m4a", "A4.mp4", "A4.MOV", "A4.3gp"])
@pytest.mark.parametrize(("rate_hz", "codec"), [(48_000, "aac"), (44_100, "aac"), (16_000, "aac"), (44_100, "alac")])
def test_recording_of_a_telephone_keeps_pitch_and_level(
    name: str, rate_hz: int, codec: str, tone: Tone, sounds: Path
) -> None:
    sound = tone(69.3, 1.0, rate_hz=rate_hz)
    audio = read_recording(write_mp4(sounds / name, sound, rate_hz, codec)).audio
    assert audio.dtype == np.float32
    assert abs(len(audio) - 48_000) < 0.1 * 48_000
    assert abs(find_note(audio, 69.0).note - 69.3) < 0.01
    assert abs(np.sum(audio**2) / 48_000 / np.mean(sound**2) - 1) < 0.05


@needs_pyav
def test_both_channels_are_mixed(tone: Tone, sounds: Path) -> None:
    sound = tone(69, 1.0)
    audio = read_recording(write_mp4(sounds / "A4.m4a", np.stack([sound, 0 * sound], axis=1))).audio
    assert abs(np.sum(audio**2) / np.sum(sound**2) - 0.25) < 0.02


@needs_pyav
def test_recording_in_fragments_does_not_know_its_length_and_is_read(tone: Tone, sounds: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    path = write_mp4(sounds / "A4.m4a", tone(69, 1.0), **options)
    assert abs(len(read_recording(path).audio) - 48_000) < 4_800


@needs_pyav
def test_a_long_recording_is_read_in_part_and_says_so(
    tone: Tone, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tombola_host.corpus.decoding.MAX_FILE_S", 1.0)
    recording = read_recording(write_mp4(sounds / "A4.m4a", tone(69, 2.0)))
    assert len(recording.audio) == 48_000
    assert recording.remark == "only the first 1 s of 2 s are used"


@needs_pyav
@pytest.mark.parametrize("where", ["index first", "index last"])
def test_a_truncated_recording_is_refused(where: str, tone: Tone, sounds: Path) -> None:
    options = {"movflags": "+faststart"} if where == "index first" else {}
    path = write_mp4(sounds / "A4.m4a", tone(69, 2.0), **options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert _reason(path).startswith(("truncated", UNDECODABLE))


@needs_pyav
def test_what_is_no_mp4_is_refused(tone: Tone, write: Write, sounds: Path) -> None:
    (sounds / "text.m4a").write_text("#EXTM3U\nhttp://localhost/a.mp4\n" * 50)
    (sounds / "empty.m4a").write_bytes(b"")
    wav = write("A4.wav", tone(69))
    wav.rename(wav.with_suffix(".m4a"))
    assert _reason(sounds / "text.m4a") == UNDECODABLE
    assert _reason(sounds / "A4.m4a") == UNDECODABLE
    assert _reason(sounds / "empty.m4a").startswith("empty")


@needs_pyav
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    reach_share=st.sampled_from([0.05, 1.0]),
    movflags=st.sampled_from(["faststart", "frag_keyframe+empty_moov"]),
)
def test_damaged_bytes_are_read_or_refused(
    changes: list[tuple[float, int]], reach_share: float, movflags: str, tone: Tone, tmp_path: Path
) -> None:
    path = write_mp4(tmp_path / "A4.m4a", tone(69, 0.25), movflags=movflags)
    data = bytearray(path.read_bytes())
    for position, value in changes:
        data[int(position * reach_share * (len(data) - 1))] = value
    path.write_bytes(data)
    result = read_file(path, 69.0, 8.0)
    assert result.parts or result.refused


def test_without_pyav_the_reader_is_told_how_to_get_it_and_it_is_not_remembered(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sounds / "A4.m4a").write_bytes(b"\0\0\0\x18ftypM4A ")
    assert [path.name for path in find_files(sounds)[0]] == ["A4.m4a"]
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "av" else find(name, *rest))

    def read() -> Corpus:
        return read_corpus(sounds, tmp_path / "cache", processes=1)

    assert read().refusals[0].reason == MISSING_PYAV
    assert "pip install av" in verdict(read().summary).sentence
    assert not list((tmp_path / "cache").rglob("*.npz"))
