from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus.decoding import clipped_share, read_recording
from tombola_host.corpus.files import content_hash, find_files
from tombola_host.corpus.pitch import find_note
from tombola_host.corpus.reading import read_file

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_resampling_keeps_pitch_within_a_cent(rate_hz: int, tone: Tone, write: Write) -> None:
    path = write("A4.wav", tone(69.3, rate_hz=rate_hz), rate_hz)
    audio = read_recording(path).audio
    assert abs(len(audio) - 24_000) <= 6
    assert abs(find_note(audio, 69.0).note - 69.3) < 0.01


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("A4.wav", {"subtype": "PCM_U8"}),
        ("A4.wav", {"subtype": "PCM_16"}),
        ("A4.wav", {"subtype": "PCM_24"}),
        ("A4.wav", {"subtype": "FLOAT"}),
        ("A4.wav", {"subtype": "DOUBLE"}),
        ("A4.flac", {}),
        ("A4.aiff", {}),
        ("A4.ogg", {}),
        ("A4.mp3", {}),
    ],
)
def test_every_format_and_depth_sounds_the_same(name: str, options: dict[str, str], tone: Tone, write: Write) -> None:
    sound = tone(69)
    audio = read_recording(write(name, sound, **options)).audio
    assert audio.dtype == np.float32
    assert abs(np.sqrt(np.mean(audio**2) * len(audio)) / np.sqrt(np.mean(sound**2) * len(sound)) - 1) < 0.05


def test_channels_are_mixed_and_a_cancelling_mix_takes_the_strongest(tone: Tone, write: Write) -> None:
    sound = tone(69)
    both = read_recording(write("both.wav", np.stack([sound, sound], axis=1))).audio
    against = read_recording(write("against.wav", np.stack([sound, -0.9 * sound], axis=1))).audio
    np.testing.assert_allclose(both, against, atol=1e-4)


def test_direct_current_is_removed(tone: Tone, write: Write) -> None:
    audio = read_recording(write("A4.wav", tone(69) + np.float32(0.3))).audio
    assert abs(float(audio.mean())) < 1e-5


def _reason(path: Path) -> str:
    with pytest.raises(BadAudio) as caught:
        read_recording(path)
    return str(caught.value)


def test_zero_byte_file_is_refused_as_empty(sounds: Path) -> None:
    (sounds / "A4.wav").write_bytes(b"")
    assert _reason(sounds / "A4.wav").startswith("empty")


def test_text_in_a_wav_is_refused_as_undecodable(sounds: Path) -> None:
    (sounds / "A4.wav").write_text("not a sound at all, " * 100)
    assert _reason(sounds / "A4.wav").startswith("not audio")


def test_header_without_samples_is_refused(write: Write) -> None:
    assert _reason(write("A4.wav", np.zeros(0, np.float32))) == "holds no samples"


@pytest.mark.parametrize("name", ["A4.wav", "A4.aiff", "A4.flac", "A4.ogg"])
def test_truncated_file_is_refused(name: str, tone: Tone, write: Write) -> None:
    path = write(name, tone(69))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    reason = _reason(path)
    assert "truncated" in reason or "decoded" in reason


def test_unfinished_wav_of_a_streaming_recorder_is_read(tone: Tone, write: Write) -> None:
    path = write("A4.wav", tone(69))
    data = bytearray(path.read_bytes())
    data[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(read_recording(path).audio) == 24_000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_non_finite_sample_is_refused(bad: float, tone: Tone, write: Write) -> None:
    sound = tone(69)
    sound[1000] = bad
    assert _reason(write("A4.wav", sound, subtype="FLOAT")) == "holds NaN or infinite samples"


def test_silence_with_and_without_direct_current_is_refused(write: Write) -> None:
    assert _reason(write("A4.wav", np.zeros(48_000, np.float32))).startswith("silent")
    assert _reason(write("B4.wav", np.full(48_000, 0.25, np.float32))).startswith("silent")


def test_float_file_in_integer_scale_is_refused(tone: Tone, write: Write) -> None:
    assert "times full scale" in _reason(write("A4.wav", tone(69) * 32768, subtype="FLOAT"))


def test_clipped_sound_is_refused_and_touching_peaks_are_not(tone: Tone, write: Write) -> None:
    sound = tone(69)
    sound /= np.abs(sound).max()
    assert "clipped" in _reason(write("A4.wav", np.clip(1.5 * sound, -1, 1)))
    assert len(read_recording(write("B4.wav", sound)).audio)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16"])
@pytest.mark.parametrize("frequency_hz", [30.0, 440.0, 3000.0])
def test_full_scale_sine_is_not_clipped(subtype: str, frequency_hz: float, write: Write) -> None:
    sine = np.sin(2 * np.pi * frequency_hz * np.arange(24_000) / 48_000).astype(np.float32)
    assert len(read_recording(write("sine.wav", sine, subtype=subtype)).audio)


def test_clipped_share_counts_only_runs() -> None:
    samples = np.zeros((1000, 1), np.float32)
    samples[[10, 20, 30]] = 1.0
    assert clipped_share(samples) == 0.0
    samples[100:110] = 1.0
    samples[200:205] = -1.0
    assert clipped_share(samples) == 0.015


def test_rate_outside_the_range_is_refused(tone: Tone, write: Write) -> None:
    assert "(4000 Hz)" in _reason(write("A4.wav", tone(69, rate_hz=4000), 4000))


def test_sound_shorter_than_150_ms_is_refused(tone: Tone, write: Write) -> None:
    path = write("A4.wav", tone(69, 0.1))
    (refused,) = read_file(path, 69.0, 8.0).refused
    assert refused[1].startswith("too short")
    assert refused[2].startswith("0.1")


def test_very_long_file_is_read_in_part_and_says_so(tone: Tone, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tombola_host.corpus.decoding.MAX_FILE_S", 1.0)
    recording = read_recording(write("A4.wav", tone(69, 2.0)))
    assert len(recording.audio) == 48_000
    assert recording.remark == "only the first 1 s of 2 s are used"


def test_folder_is_searched_in_depth_and_the_rest_is_named(tone: Tone, write: Write, sounds: Path) -> None:
    write("deep/er/A4.wav", tone(69))
    write("B4.flac", tone(71))
    (sounds / "notes.txt").write_text("x")
    (sounds / ".hidden.wav").write_text("x")
    files, refusals = find_files(sounds)
    assert [path.name for path in files] == ["B4.flac", "A4.wav"]
    assert [(refusal.path, refusal.reason) for refusal in refusals] == [("notes.txt", "not a sound file")]


def test_links_in_a_circle_and_links_to_nowhere_are_named(tone: Tone, write: Write, sounds: Path) -> None:
    write("in/A4.wav", tone(69))
    (sounds / "in" / "back").symlink_to(sounds)
    (sounds / "gone.wav").symlink_to(sounds / "nothing.wav")
    (sounds / "self.wav").symlink_to(sounds / "self.wav")
    files, refusals = find_files(sounds)
    assert [path.name for path in files] == ["A4.wav"]
    reasons = {refusal.path: refusal.reason for refusal in refusals}
    assert reasons["gone.wav"] == "a link that leads nowhere"
    assert reasons["self.wav"] == "a link that leads back to itself"
    assert reasons["in/back"] == "a link to a folder that is read already"


def test_pipe_with_an_audio_name_is_not_waited_for(sounds: Path) -> None:
    os.mkfifo(sounds / "A4.wav")
    files, refusals = find_files(sounds)
    assert files == []
    assert refusals[0].reason == "not a regular file"


def test_unreadable_file_is_refused_with_what_to_do(tone: Tone, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("A4.wav", tone(69))

    def forbidden(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")  # root, who runs CI in a container, may read everything

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(BadAudio, match="may not be read; change its permissions"):
        content_hash(path)
    assert "may not be read" in _reason(path)


def test_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="is not a folder; give a folder of recordings"):
        find_files(tmp_path / "nothing")


MAGIC = [
    b"",
    b"RIFF\x24\x00\x00\x00WAVEfmt ",
    b"fLaC",
    b"OggS",
    b"ID3\x03",
    b"\xff\xfb\x90\x00",
    b"FORM\x00\x00\x00\x20AIFF",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    magic=st.sampled_from(MAGIC),
    data=st.binary(max_size=2000),
    suffix=st.sampled_from(["wav", "flac", "ogg", "mp3", "aiff"]),
)
def test_arbitrary_bytes_are_read_or_refused(magic: bytes, data: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"A4.{suffix}"
    path.write_bytes(magic + data)
    result = read_file(path, 69.0, 8.0)
    assert result.parts or result.refused
    assert all(reason and "\n" not in reason + detail for _, reason, detail in result.refused)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(["wav", "flac", "ogg", "aiff", "mp3"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    reach_share=st.sampled_from([0.005, 1.0]),
)
def test_damaged_bytes_of_a_real_file_are_read_or_refused(
    suffix: str, changes: list[tuple[float, int]], reach_share: float, tmp_path: Path, tone: Tone
) -> None:
    path = tmp_path / f"A4.{suffix}"
    soundfile.write(path, tone(69, 0.25), 48_000)
    data = bytearray(path.read_bytes())
    reach = max(64, int(reach_share * (len(data) - 1)))
    for position, value in changes:
        data[int(position * reach)] = value
    path.write_bytes(data)
    result = read_file(path, 69.0, 8.0)
    assert result.parts or result.refused
