"""MIDI sources and the panel: one contract over fakes and real ones, and what they do to the player."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.engine.offline import BlendAutomation
from tombola_device.engine.player import Player
from tombola_device.hal.midi import FakeMidi, FileIn, PortsIn, SocketIn, read_midi_file
from tombola_device.hal.midi_bytes import MidiBytes
from tombola_device.hal.panel import FakePanel, PanelMap, on_a_pi, open_panel
from tombola_device.inputs import Inputs

TUNE = [(0.0, (0x90, 60, 100)), (0.1, (0xB0, 1, 64)), (0.2, (0x80, 60, 0))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def fake_source():
    source = FakeMidi()
    source.press(60)
    source.turn(1, 64)
    source.release(60)
    return source, lambda: None


def file_source():
    now = [0.0]
    source = FileIn("a file", TUNE, lambda: now[0])
    source.poll()
    source = FileIn("a file", TUNE, lambda: now[0])

    def later():
        now[0] += 1.0

    return source, later


def socket_source():
    port = free_port()
    source = SocketIn(f"localhost:{port}")
    with socket.create_connection(("localhost", port)) as client:
        client.sendall(bytes(byte for _, message in TUNE for byte in message))
    return source, lambda: None


SOURCES = {"fake": fake_source, "file": file_source, "socket": socket_source}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_its_messages_in_order_and_closes_twice(kind):
    source, later = SOURCES[kind]()
    got = source.poll()
    later()
    until_s = time.monotonic() + 5
    while len(got) < 3 and time.monotonic() < until_s:
        got += source.poll()
    assert [message[0] for message in got] == [0x90, 0xB0, 0x80]
    assert source.poll() == []
    source.close()
    source.close()
    assert source.done


def test_midi_file_plays_when_its_time_has_come():
    now = [10.0]
    source = FileIn("a file", TUNE, lambda: now[0])
    assert [message[0] for message in source.poll()] == [0x90]
    now[0] = 10.15
    assert [message[0] for message in source.poll()] == [0xB0]
    assert not source.done
    now[0] = 11.0
    assert [message[0] for message in source.poll()] == [0x80]
    assert source.done


def test_midi_file_is_read_with_its_tempo_and_without_its_meta_messages(tmp_path):
    mido = pytest.importorskip("mido", reason="mido is not installed")
    file, track = mido.MidiFile(ticks_per_beat=100), mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=1_000_000, time=0))
    track.append(mido.Message("note_on", note=64, velocity=80, time=50))
    track.append(mido.Message("note_off", note=64, time=100))
    file.save(tmp_path / "tune.mid")
    assert read_midi_file(tmp_path / "tune.mid") == [(0.5, (0x90, 64, 80)), (1.5, (0x80, 64, 64))]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\xff\xff"])
def test_what_is_no_midi_file_is_one_sentence(tmp_path, content):
    pytest.importorskip("mido", reason="mido is not installed")
    (tmp_path / "x.mid").write_bytes(content)
    with pytest.raises(BadConfig, match="MIDI file"):
        read_midi_file(tmp_path / "x.mid")
    with pytest.raises(BadConfig, match="cannot be read"):
        read_midi_file(tmp_path / "missing.mid")


def test_socket_takes_what_several_clients_send_and_survives_their_going():
    port = free_port()
    source, got = SocketIn(f"localhost:{port}"), []
    clients = [socket.create_connection(("localhost", port)) for _ in range(2)]
    clients[0].sendall(b"\x90\x3c")
    clients[1].sendall(b"\xc0\x02")
    until_s = time.monotonic() + 5
    while not got and time.monotonic() < until_s:
        got += source.poll()
    clients[1].close()
    clients[0].sendall(b"\x64\x3e\x64")
    while len(got) < 3 and time.monotonic() < until_s:
        got += source.poll()
    assert got == [(0xC0, 2), (0x90, 60, 100), (0x90, 62, 100)]
    clients[0].close()
    source.close()


@settings(max_examples=60, deadline=None)
@given(notes=st.lists(st.tuples(st.integers(0, 127), st.integers(0, 127)), max_size=20), data=st.data())
def test_running_status_survives_any_split_and_real_time_bytes_anywhere(notes, data):
    stream = bytearray(b"\x40\x90")  # A data byte without a status is left out.
    for pair in notes:
        for byte in pair:
            stream += bytes([byte]) + data.draw(st.sampled_from([b"", b"\xf8", b"\xfe"]))
    reader, got = MidiBytes(), []
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        got += reader.feed(bytes(stream[:length]))
        del stream[:length]
    assert got == [(0x90, *pair) for pair in notes]


def test_system_exclusive_is_left_out_and_ends_running_status():
    got = MidiBytes().feed(b"\x90\x3c\x64\xf0\x7e\x7f\x06\x01\xf7\x3e\x64\xd0\x20")
    assert got == [(0x90, 60, 100), (0xD0, 32)]


@pytest.mark.parametrize("address", ["", "localhost", "localhost:0", "localhost:many", "localhost:99999"])
def test_socket_address_that_is_none_is_one_sentence(address):
    with pytest.raises(BadConfig, match="HOST:PORT"):
        SocketIn(address)


def test_named_midi_input_that_is_not_there_is_one_sentence():
    pytest.importorskip("rtmidi", reason="python-rtmidi is not installed")
    with pytest.raises(DeviceUnavailable):
        PortsIn("no such instrument")


def test_midi_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mido", None)
    with pytest.raises(DeviceUnavailable, match=r"install tombola-device\[midi\]"):
        PortsIn()


# Panel


def fake_panel():
    panel = FakePanel()
    return panel, panel.turn, panel.patch


def mock_panel():
    pytest.importorskip("gpiozero", reason="gpiozero is not installed")
    from tombola_device.hal import gpio

    panel, knobs, cvs = gpio.mock_panel()

    def turn(knob, position):
        knobs.counts[knob] = round(position * 4095)

    def patch(cv, level):
        cvs.counts[cv] = round((level / 2 + 0.5) * 4095)

    return panel, turn, patch


@pytest.fixture(params=[fake_panel, mock_panel])
def panel(request):
    opened, turn, patch = request.param()
    yield opened, turn, patch
    opened.close()


def test_every_panel_reads_what_it_is_set_to(panel):
    opened, turn, patch = panel
    for knob in range(8):
        turn(knob, knob / 7)
    for cv in range(4):
        patch(cv, cv / 2 - 1)
    state = opened.read()
    assert state.knobs == pytest.approx([knob / 7 for knob in range(8)], abs=2e-4)
    assert state.cvs == pytest.approx([-1, -0.5, 0, 0.5], abs=4e-4)


def test_knobs_and_cv_move_the_blend_and_the_others_timbre_and_loudness(panel):
    opened, turn, patch = panel
    player = Player(3, 1)
    mapped = PanelMap(player)
    for knob, position in enumerate([0.0, 0.5, 0.5, 0.0, 0.0, 0.25, 1.0, 0.5]):
        turn(knob, position)
    mapped.apply(opened.read())
    assert player.blend == pytest.approx([0, 0.5, 0.5], abs=1e-3)
    controls = player.controls()
    assert controls.timbre == pytest.approx([0.25, 1.0], abs=2e-3)
    assert controls.loudness_db == pytest.approx(-20, abs=0.1)
    patch(2, 0.5)
    mapped.apply(opened.read())
    assert player.blend == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-3)


def test_mock_converter_gives_back_every_code():
    pytest.importorskip("gpiozero", reason="gpiozero is not installed")
    from tombola_device.hal import gpio

    panel, knobs, _ = gpio.mock_panel()
    for code in (0, 1, 2, 4, 1023, 2047, 2048, 4094, 4095):
        knobs.counts = [code] * 8
        assert [round(position * 4095) for position in panel.read().knobs] == [code] * 8
    panel.close()


def test_noise_of_a_knob_moves_nothing_but_its_ends_are_reached():
    player, panel = Player(2, 1), FakePanel()
    mapped = PanelMap(player)
    panel.turn(0, 0.5)
    panel.turn(1, 0.5)
    assert mapped.apply(panel.read())
    for noise in (0.001, -0.001, 0.0015):
        panel.turn(0, 0.5 + noise)
        assert not mapped.apply(panel.read())
    panel.turn(0, 0.9995)
    mapped.apply(panel.read())
    panel.turn(0, 1.0)
    mapped.apply(panel.read())
    assert player.blend == pytest.approx([2 / 3, 1 / 3])


def test_panel_at_rest_leaves_the_blend_to_midi():
    player, panel = Player(2, 1), FakePanel()
    mapped = PanelMap(player)
    panel.turn(0, 1.0)
    mapped.apply(panel.read())
    player.program_change(1)
    panel.patch(0, 0.01)
    assert not mapped.apply(panel.read())
    assert player.blend.tolist() == [0, 1]


def test_panel_names(tmp_path):
    assert open_panel("none") is None
    with pytest.raises(BadConfig, match="'knobs' is unknown"):
        open_panel("knobs")
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    assert on_a_pi(tmp_path / "model")
    assert not on_a_pi(tmp_path / "none")


# Inputs


def test_inputs_pass_midi_panel_and_automation_on_to_the_player():
    now, player, source, panel = [0.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs = Inputs(player, [source], panel, lambda: now[0])
    inputs.poll()
    source.press(64)
    assert inputs.poll()
    assert player.held == 1
    assert not inputs.poll()
    inputs.perform(
        FileIn("tune", [(0.0, (0x80, 64, 0))], lambda: now[0]), BlendAutomation((0.0, 1.0), ((1, 0), (0, 1)))
    )
    now[0] = 0.5
    assert inputs.poll()
    assert player.held == 0
    assert player.blend.tolist() == [0.5, 0.5]
    now[0] = 2.0
    inputs.poll()
    assert player.blend.tolist() == [0, 1]
    assert not inputs.performing


def test_panel_that_fails_is_given_up_and_midi_goes_on(caplog):
    class Broken(FakePanel):
        def read(self):
            raise DeviceUnavailable("the panel's converters do not answer; check SPI")

    player, source = Player(2, 2), FakeMidi()
    inputs = Inputs(player, [source], Broken())
    inputs.poll()
    source.press(64)
    inputs.poll()
    assert player.held == 1
    assert inputs.panel_name == ""
    assert "check SPI" in caplog.text
