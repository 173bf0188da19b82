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
from tombola_device.hal.audio.portaudio import PortAudioOut
from tombola_device.hal.audio.returning import ReturningOut

try:
    import alsaaudio
except ImportError:
    alsaaudio = None


@pytest.fixture
def portaudio(capture):
    """PortAudio's real library over the PCM that writes to a file; this is the file."""
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"{error}: install sounddevice, and on Debian libportaudio2")
    return capture


@pytest.fixture(params=["fake", "null", "wav", "alsa", "portaudio"])
def sink(request, tmp_path):
    if request.param in ("alsa", "portaudio"):
        request.getfixturevalue("capture" if request.param == "alsa" else "portaudio")
    opened = {
        "fake": FakeOut,
        "null": lambda: NullOut(paced=False),
        "wav": lambda: WavOut(tmp_path / "out.wav", paced=False),
        "alsa": lambda: open_audio("alsa:capture", 4, tmp_path / "none.wav"),
        "portaudio": lambda: open_audio("portaudio:capture", 4, tmp_path / "none.wav"),
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
        assert 0 <= sink.wait() <= 1024
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


def test_portaudio_receives_exactly_what_was_written_in_both_channels_after_one_buffer_of_silence(portaudio, tmp_path):
    sink = open_audio("portaudio:capture", 4, tmp_path / "none.wav")
    ahead_samples, blocks = sink.wait(), tone(20)
    for block in blocks:
        assert sink.write(block)
    sink.close()
    frames = np.fromfile(portaudio, "<f4").reshape(-1, 2)
    start = int(np.flatnonzero(frames[:, 0])[0]) - 1  # A sine begins with 0.
    assert start % 128 == 0
    assert 512 <= start <= 1024
    assert 0 <= ahead_samples <= start
    assert (frames[:, 0] == frames[:, 1]).all()
    np.testing.assert_array_equal(frames[start : start + blocks.size, 0], blocks.ravel())


class FakePortAudio:
    """sounddevice with one output, whose stream a test makes dry, or unplugs."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, wasapi=False):
        self.written, self.options, self.rooms = [], {}, [512]
        self.dry = self.gone = self.closed = False
        self.interfaces = [{"name": "MME", "default_output_device": 3}]
        self.interfaces += [{"name": "Windows WASAPI", "default_output_device": 7}] if wasapi else []
        self.WasapiSettings = lambda auto_convert: f"convert {auto_convert}"

    def _initialize(self):
        self.closed = False

    def _terminate(self):
        pass

    def query_hostapis(self):
        return self.interfaces

    def OutputStream(self, **options):  # noqa: N802 - sounddevice's name
        if self.gone:
            raise self.PortAudioError("Error opening OutputStream: Device unavailable [PaErrorCode -9985]", -9985)
        self.options = options
        return self

    @property
    def write_available(self):
        if self.gone:
            raise self.PortAudioError("Stream is stopped [PaErrorCode -9983]", -9983)
        return self.rooms.pop(0) if len(self.rooms) > 1 else self.rooms[0]

    def start(self):
        pass

    def write(self, frames):
        if self.gone:
            raise self.PortAudioError("Unanticipated host error [PaErrorCode -9999]", -9999)
        self.written.append(len(frames))
        dry, self.dry = self.dry, False
        return dry

    def close(self, ignore_errors):
        self.closed = True


@pytest.fixture
def fake_portaudio(monkeypatch):
    def make(**what):
        library = FakePortAudio(**what)
        monkeypatch.setitem(__import__("sys").modules, "sounddevice", library)
        return library

    return make


def test_portaudio_that_ran_dry_says_so_and_its_buffer_is_filled_again(fake_portaudio):
    library = fake_portaudio()
    sink = PortAudioOut("", 4)
    assert library.written == [512]
    library.dry = True
    assert [sink.write(block) for block in tone(2)] == [False, True]
    assert library.written == [512, 128, 512, 128]


def test_portaudio_waits_until_there_is_room_for_a_period(fake_portaudio):
    library = fake_portaudio()
    sink = PortAudioOut("", 4)
    library.rooms = [0, 100, 128]
    assert sink.wait() == 512 - 128
    assert library.rooms == [128]
    library.rooms = [0]
    start_s = time.monotonic()
    assert sink.wait() == 512
    assert time.monotonic() - start_s >= 0.25  # Then ``write`` must report a card that has stopped.


def test_portaudio_that_is_unplugged_is_one_sentence_and_comes_back(fake_portaudio):
    library = fake_portaudio()
    sink = ReturningOut(lambda: PortAudioOut("", 4), retry_s=0.01)
    library.gone = True
    sink.wait()
    assert sink.write(tone(1)[0])
    assert sink.lost
    assert library.closed
    with pytest.raises(DeviceUnavailable, match=r"finds no sound output that it can open \(Error opening.*connect one"):
        PortAudioOut("", 4)
    library.gone = False
    until_s = time.monotonic() + 5.0
    while sink.lost and time.monotonic() < until_s:
        sink.write(tone(1)[0])
        time.sleep(0.005)
    assert not sink.lost
    sink.close()


def test_windows_plays_through_wasapi_which_converts_the_rate(fake_portaudio):
    library = fake_portaudio(wasapi=True)
    PortAudioOut("", 4)
    assert (library.options["device"], library.options["extra_settings"]) == (7, "convert True")
    PortAudioOut("speakers", 4)
    assert library.options["device"] == "speakers"
    assert "extra_settings" not in library.options


def test_missing_output_of_portaudio_is_one_sentence(portaudio, tmp_path):
    with pytest.raises(DeviceUnavailable, match="has no output 'nowhere'.*python -m sounddevice"):
        open_audio("portaudio:nowhere", 4, tmp_path / "none.wav")


def test_without_sounddevice_or_portaudio_the_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    with pytest.raises(DeviceUnavailable, match="pip install sounddevice"):
        PortAudioOut("", 4)
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")')
    monkeypatch.delitem(__import__("sys").modules, "sounddevice")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DeviceUnavailable, match="apt-get install libportaudio2"):
        PortAudioOut("", 4)


def test_card_is_alsas_where_there_is_one_else_portaudios_else_a_sentence(
    capture, fake_portaudio, tmp_path, monkeypatch
):
    library = fake_portaudio()
    monkeypatch.setattr("tombola_device.hal.audio.alsa.has_card", lambda: True)
    whole = (tmp_path / "asoundrc").read_text() + 'pcm.!default "capture"\n'
    names = []
    for number, text in enumerate((whole, whole.replace("slave.pcm null", "slave.pcm nothing"))):
        rc = tmp_path / f"asoundrc{number}"  # In the second, the name is there and nothing behind it.
        rc.write_text(text)
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(rc))
        sink = open_audio("card", 4, tmp_path / "none.wav")
        names.append(sink.name)
        sink.close()
    assert names == ["ALSA's default", "PortAudio's output"]
    library.gone = True
    with pytest.raises(DeviceUnavailable, match="PortAudio finds no sound output"):
        open_audio("card", 4, tmp_path / "none.wav")
    assert not (tmp_path / "none.wav").exists()


def no_card(monkeypatch, fake_portaudio):
    monkeypatch.setattr("tombola_device.hal.audio.alsa.has_card", lambda: False)
    fake_portaudio().gone = True


def test_auto_without_a_card_writes_the_fallback_file(tmp_path, monkeypatch, fake_portaudio):
    no_card(monkeypatch, fake_portaudio)
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
