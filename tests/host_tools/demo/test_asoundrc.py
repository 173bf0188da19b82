from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tombola_device.contract.errors import BadAudio, BadConfig
from tombola_host.demo.asoundrc import ENVIRONMENT_VARIABLE, SYSTEM_CONFIGURATION, read_capture, write_asoundrc

PLAYER = """
import sys, alsaaudio
pcm = alsaaudio.PCM(device=sys.argv[1], rate=48000, channels=2, format=alsaaudio.PCM_FORMAT_S32_LE, periodsize=128)
data = sys.stdin.buffer.read()
for start in range(0, len(data), 1024):
    pcm.write(data[start : start + 1024])
pcm.close()
"""


@pytest.mark.parametrize("pcm", ["tombola_file", "default"])
def test_what_is_played_through_alsa_is_read_back_bit_by_bit(tmp_path, pcm):
    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed: it needs ALSA's headers")
    if not Path(SYSTEM_CONFIGURATION).exists():
        pytest.skip(f"ALSA's own configuration is not at {SYSTEM_CONFIGURATION}")
    capture = tmp_path / '100% "sax" \\ %r.raw'
    write_asoundrc(tmp_path / "asoundrc", capture)
    samples = np.random.default_rng(0).integers(-(2**31), 2**31, (1280, 2), dtype=np.int64).astype("<i4")
    environment = {**os.environ, ENVIRONMENT_VARIABLE: str(tmp_path / "asoundrc")}
    command = [sys.executable, "-c", PLAYER, pcm]
    subprocess.run(command, input=samples.tobytes(), env=environment, timeout=30, check=True)
    sound = read_capture(capture, "S32_LE", channels=2)
    assert sound.shape == (1280, 2)
    np.testing.assert_array_equal(sound, (samples / 2.0**31).astype(np.float32))


@pytest.mark.parametrize(
    ("sample_format", "data"),
    [
        ("S16_LE", np.array([0, 16384, -32768], "<i2")),
        ("S32_LE", np.array([0, 2**30, -(2**31)], "<i4")),
        ("FLOAT_LE", np.array([0.0, 0.5, -1.0], "<f4")),
    ],
)
def test_full_scale_is_1_in_every_format_and_a_torn_frame_is_left_out(tmp_path, sample_format, data):
    path = tmp_path / "sound.raw"
    path.write_bytes(data.tobytes() + b"\x01")
    assert read_capture(path, sample_format).ravel().tolist() == [0.0, 0.5, -1.0]


def test_the_first_line_includes_alsas_own_configuration(tmp_path):
    write_asoundrc(tmp_path / "asoundrc", tmp_path / "sound.wav", "wav")
    lines = (tmp_path / "asoundrc").read_text().splitlines()
    assert lines[0] == "</usr/share/alsa/alsa.conf>"
    assert "    format wav" in lines


def test_nothing_played_is_one_sentence(tmp_path):
    with pytest.raises(BadAudio, match="cannot be read .*; was anything played?"):
        read_capture(tmp_path / "none.raw")
    (tmp_path / "empty.raw").touch()
    with pytest.raises(BadAudio, match="is empty; was anything played?"):
        read_capture(tmp_path / "empty.raw")


def test_a_path_with_a_line_break_is_refused(tmp_path):
    with pytest.raises(BadConfig, match="line breaks"):
        write_asoundrc(tmp_path / "asoundrc", tmp_path / "a\nb.raw")
