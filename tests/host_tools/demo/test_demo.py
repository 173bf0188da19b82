"""What the demo says when the daemon played too little, and where its sound goes."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import soundfile
from tombola_device.contract.errors import DeviceUnavailable
from tombola_host.demo import demo
from tombola_host.demo.demo import _heard, _Sink, _sink

CHATTER = """tombolad: the serial port is gone
ALSA lib confmisc.c:855:(parse_card) cannot find card '0'
Cannot connect to server socket err = No such file or directory
jack server is not running or cannot be started
"""


def test_a_failed_performance_tells_what_the_daemon_said_and_not_what_alsa_and_jack_did(tmp_path):
    (tmp_path / "tombolad.log").write_text(CHATTER)
    sink = _Sink("wav:x", tmp_path / "played.wav", "into a wav file", "")
    with pytest.raises(DeviceUnavailable) as caught:
        _heard(sink, tmp_path, 10.0)
    assert str(caught.value) == "tombolad played 0.0 s of 10 s: the serial port is gone"
    (tmp_path / "tombolad.log").write_text(CHATTER.partition("\n")[2])
    with pytest.raises(DeviceUnavailable, match=r"tombolad\.log may tell why$"):
        _heard(sink, tmp_path, 10.0)


def test_what_was_played_begins_with_its_first_sound(tmp_path):
    sound = np.zeros(96_000)
    sound[24_000:72_000] = 0.1
    soundfile.write(tmp_path / "played.wav", sound, 48_000, subtype="FLOAT")
    heard = _heard(_Sink("wav:x", tmp_path / "played.wav", "", ""), tmp_path, 1.5)
    assert len(heard) == 48_000


@pytest.mark.parametrize("lost", ["library", "configuration"])
def test_without_alsa_the_sound_goes_to_a_file_and_the_remark_tells_no_private_path(tmp_path, monkeypatch, lost):
    found = builtins.__import__

    def without(name, *rest):
        if name == "alsaaudio":
            raise ImportError(name)
        return found(name, *rest)

    if lost == "library":
        monkeypatch.setattr(builtins, "__import__", without)
    else:
        monkeypatch.setattr(demo, "SYSTEM_CONFIGURATION", "/nowhere/alsa.conf")
    sink = _sink(tmp_path)
    assert sink.audio == f"wav:{tmp_path / 'played.wav'}"
    assert sink.through == "into a wav file"
    assert "did not go through ALSA" in sink.remark
    assert str(tmp_path) not in sink.remark
