"""One contract for all sinks, and tests for each sink."""

from __future__ import annotations

import os
import select
import threading
import time
import wave

import numpy as np
import pytest
from tombola_device.contract.errors import BadConfig, DeviceUnavailable, ShapeError
from tombola_device.hal.audio.alsa import LOOKS, PATIENCE_S, Room
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.hal.audio.files import NullOut, WavOut
from tombola_device.hal.audio.open import open_audio

try:
    import alsaaudio
except ImportError:
    alsaaudio = None


@pytest.fixture(params=["fake", "null", "wav", "alsa"])
def sink(request, tmp_path):
    if request.param == "alsa":
        request.getfixturevalue("capture")
    opened = {
        "fake": FakeOut,
        "null": lambda: NullOut(paced=False),
        "wav": lambda: WavOut(tmp_path / "out.wav", paced=False),
        "alsa": lambda: open_audio("alsa:capture", 4, tmp_path / "none.wav"),
    }[request.param]()
    yield opened
    opened.close()


def tone(periods: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 375 * np.arange(128 * periods) / 48_000)).astype(np.float32).reshape(-1, 128)


class Wrapped:
    """A PCM with replaceable methods; the library's class does not allow subclasses."""

    real = getattr(alsaaudio, "PCM", None)

    def __init__(self, **wishes):
        self.pcm = Wrapped.real(**wishes)

    def __getattr__(self, name):
        return getattr(self.pcm, name)


def test_every_sink_takes_periods_without_running_dry(sink):
    assert all(sink.write(block) for block in tone(8))
    assert sink.name


def test_every_sink_refuses_a_block_of_another_shape_or_type(sink):
    with pytest.raises(ShapeError, match="float32"):
        sink.write(np.zeros(64, np.float32))
    with pytest.raises(ShapeError, match="float32"):
        sink.write(np.zeros(128, np.float64))


def test_every_sink_can_be_closed_twice(sink):
    sink.write(tone(1)[0])
    sink.close()
    sink.close()


def test_fake_runs_dry_and_unplugs_when_told():
    sink = FakeOut()
    sink.run_dry()
    assert [sink.write(block) for block in tone(2)] == [False, True]
    sink.unplug()
    with pytest.raises(DeviceUnavailable, match="unplugged"):
        sink.write(tone(1)[0])
    assert sink.sound.shape == (256,)


def test_wav_file_holds_what_was_written(tmp_path):
    sink = WavOut(tmp_path / "out.wav", paced=False)
    blocks = tone(10)
    for block in blocks:
        sink.write(block)
    sink.close()
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (48_000, 1, 1280)
        read = np.frombuffer(file.readframes(1280), "<i2") / 32767
    np.testing.assert_allclose(read, blocks.ravel(), atol=2e-5)


def test_every_sink_waits_for_room_before_a_write_and_returns_its_fill(sink):
    for block in tone(8):
        assert 0 <= sink.wait() <= 512
        assert sink.write(block)


def test_paced_sink_takes_as_long_as_the_sound_less_its_buffer_and_has_room_for_a_period_after_the_wait():
    sink, start_s, ahead = NullOut(), time.monotonic(), []
    for block in tone(60):
        ahead.append(sink.wait())
        sink.write(block)
    assert time.monotonic() - start_s >= 0.14
    assert max(ahead) <= 3 * 128


class Card:
    """A PCM whose ``avail`` returns the given numbers in order, then repeats the last one."""

    def __init__(self, *rooms):
        self.rooms, self.looked, self.read = list(rooms), 0, 0
        self.ends = os.pipe()

    def avail(self):
        self.looked += 1
        return self.rooms.pop(0) if len(self.rooms) > 1 else self.rooms[0]

    def polldescriptors(self):
        return [(self.ends[0], select.POLLIN)]

    def polldescriptors_revents(self, descriptors):
        assert [descriptor for descriptor, _ in descriptors] == [self.ends[0]]
        self.read += 1
        return select.POLLOUT

    def become_ready(self):
        os.write(self.ends[1], b"x")

    def close(self):
        for end in self.ends:
            os.close(end)


@pytest.fixture
def card():
    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    made = []

    def make(*rooms):
        made.append(Card(*rooms))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("room", [128, 500, -32, -19])
def test_wait_returns_at_once_for_a_card_with_room_or_an_error(card, room):
    pcm = card(room)
    assert Room(pcm).wait() == max(room, 0)
    assert (pcm.looked, pcm.read) == (1, 0)


def test_wait_returns_when_the_descriptor_reports_a_played_period(card):
    pcm = card(0, 0, 128)
    room = Room(pcm)
    start_s = time.monotonic()  # Before the timer: its thread may begin late, but never early.
    threading.Timer(0.02, pcm.become_ready).start()
    assert room.wait() == 128
    assert time.monotonic() - start_s >= 0.019
    assert pcm.looked == 3


def test_descriptor_that_is_always_ready_does_not_make_the_wait_spin(card):
    pcm = card(0)
    pcm.become_ready()
    start_s = time.monotonic()
    assert Room(pcm).wait() == 0
    assert time.monotonic() - start_s >= PATIENCE_S  # After that, ``write`` must report a card that has stopped.
    assert pcm.read == LOOKS
    assert pcm.looked < 2 + LOOKS + PATIENCE_S * 375


def test_alsa_receives_exactly_what_was_written_in_both_channels(capture, tmp_path):
    sink = open_audio("alsa:capture", 4, tmp_path / "none.wav")
    blocks = tone(20)
    blocks[5, :2] = [1.0, -1.0]
    for block in blocks:
        assert sink.write(block)
    sink.close()
    frames = np.fromfile(capture, "<i4").reshape(-1, 2)[512:]  # After the first buffer, which is silent.
    assert (frames[:, 0] == frames[:, 1]).all()
    np.testing.assert_allclose(frames[: blocks.size, 0] / 2**31, blocks.ravel(), atol=1e-7)


def test_alsa_begins_with_one_buffer_of_silence(capture, tmp_path):
    sink = open_audio("alsa:capture", 4, tmp_path / "none.wav")
    sink.write(np.ones(128, np.float32))
    sink.close()
    frames = np.fromfile(capture, "<i4").reshape(-1, 2)
    assert not frames[:512].any()
    assert frames[512:640].all()


def test_alsa_falls_back_to_16_bit_where_the_card_has_no_more(capture, tmp_path, monkeypatch):
    from tombola_device.hal.audio import alsa

    class Only16(Wrapped):
        def info(self):
            told = self.pcm.info()
            return told if told["format_name"] == "S16_LE" else told | {"format": -1}

    monkeypatch.setattr(alsaaudio, "PCM", Only16)
    sink = alsa.AlsaOut("capture", 4)
    sink.write(np.full(128, 0.5, np.float32))
    sink.close()
    frames = np.fromfile(capture, "<i2").reshape(-1, 2)
    assert frames[512:640].tolist() == [[16383, 16383]] * 128


@pytest.mark.parametrize("taken", [-32, 37])
def test_alsa_xrun_or_short_write_is_reported_and_the_buffer_filled_again(capture, tmp_path, monkeypatch, taken):
    from tombola_device.hal.audio.alsa import AlsaOut

    writes = []

    class Late(Wrapped):
        def write(self, data):
            writes.append(len(data))
            return taken if len(writes) == 3 else self.pcm.write(data)

    monkeypatch.setattr(alsaaudio, "PCM", Late)
    sink = AlsaOut("capture", 4)
    assert [sink.write(block) for block in tone(3)] == [True, False, True]
    assert writes == [512, 128, 128, 512, 128]
    sink.close()


def test_missing_alsa_pcm_is_one_sentence(capture, tmp_path):
    with pytest.raises(DeviceUnavailable, match="'nowhere'.*choose a PCM"):
        open_audio("alsa:nowhere", 4, tmp_path / "none.wav")


def test_auto_without_a_card_writes_the_fallback_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tombola_device.hal.audio.alsa.has_card", lambda: False)
    sink = open_audio("auto", 4, tmp_path / "fallback.wav")
    sink.close()
    assert "fallback.wav" in sink.name


def test_unknown_sink_and_unwritable_file_are_one_sentence(tmp_path):
    with pytest.raises(BadConfig, match="'loud' is unknown"):
        open_audio("loud", 4, tmp_path / "x.wav")
    with pytest.raises(DeviceUnavailable, match="cannot be written"):
        open_audio(f"wav:{tmp_path}/no/such/folder.wav", 4, tmp_path / "x.wav")


def test_alsa_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "alsaaudio", None)
    with pytest.raises(DeviceUnavailable, match=r"install tombola-device\[alsa\]"):
        open_audio("alsa", 4, tmp_path / "x.wav")
