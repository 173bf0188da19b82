"""MIDI sources: one contract for fake and real sources, and tests for each source."""

from __future__ import annotations

import os
import pty
import socket
import sys
import time
import tty

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.config import Config
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.midi.bytes import MidiBytes
from tombola_device.hal.midi.din import REOPEN_S, DinIn
from tombola_device.hal.midi.file import FileIn, read_midi_file
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.hal.midi.port import FakeMidi
from tombola_device.hal.midi.ports import SCAN_S, FakeBackend, PortsIn, open_ports
from tombola_device.hal.midi.socket import MOST_BYTES, MOST_CLIENTS, SocketIn
from tombola_device.surface import inputs as inputs_module

TUNE = [(0.0, (0x90, 60, 100)), (0.1, (0xB0, 1, 64)), (0.2, (0x80, 60, 0))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def fake_source(request):
    source = FakeMidi()
    source.press(60)
    source.turn(1, 64)
    source.release(60)
    return source, lambda: None


def file_source(request):
    now = [0.0]
    source = FileIn("a file", TUNE, lambda: now[0])
    source.poll()
    source = FileIn("a file", TUNE, lambda: now[0])

    def later():
        now[0] += 1.0

    return source, later


def socket_source(request):
    port = free_port()
    source = SocketIn(f"localhost:{port}")
    with socket.create_connection(("localhost", port)) as client:
        client.sendall(bytes(byte for _, message in TUNE for byte in message))
    return source, lambda: None


def ports_source(request):
    backend = FakeBackend()
    keyboard = backend.plug("keyboard")
    source = PortsIn(backend=backend)
    for _, message in TUNE:
        keyboard.send(message)
    return source, lambda: None


def din_source(request):
    host, device = pty.openpty()
    tty.setraw(device)
    source = DinIn(os.ttyname(device))
    source.poll()
    os.write(host, bytes(byte for _, message in TUNE for byte in message))
    return source, lambda: None


def jack_source(request):
    jack = request.getfixturevalue("jack")
    keyboard = jack.keyboard("contract")
    request.addfinalizer(keyboard.unplug)
    source = open_ports(f"jack:{keyboard.name}")
    keyboard.send(*(message for _, message in TUNE))
    return source, lambda: None


SOURCES = {
    "fake": fake_source,
    "file": file_source,
    "socket": socket_source,
    "ports": ports_source,
    "din": din_source,
    "jack": jack_source,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_its_messages_in_order_and_closes_twice(kind, request):
    source, later = SOURCES[kind](request)
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


def test_midi_file_plays_each_message_at_its_time():
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
def test_another_file_than_a_midi_file_is_one_sentence(tmp_path, content):
    pytest.importorskip("mido", reason="mido is not installed")
    (tmp_path / "x.mid").write_bytes(content)
    with pytest.raises(BadConfig, match="MIDI file"):
        read_midi_file(tmp_path / "x.mid")
    with pytest.raises(BadConfig, match="cannot be read"):
        read_midi_file(tmp_path / "missing.mid")


def test_socket_reads_several_clients_and_survives_their_disconnection():
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
    while len(got) < 5 and time.monotonic() < until_s:
        got += source.poll()
    assert got[3:] == [(0x80, 60, 64), (0x80, 62, 64)]
    source.close()


def poll_until(source, count):
    """The messages of a source until there are so many, or for 5 s."""
    got, until_s = [], time.monotonic() + 5
    while len(got) < count and time.monotonic() < until_s:
        got += source.poll()
    return got


def connect(port, count):
    return [socket.create_connection(("localhost", port)) for _ in range(count)]


def hang_up(*sockets):
    for each in sockets:
        each.close()


def test_key_that_two_clients_hold_ends_with_the_second_one_that_hangs_up():
    port = free_port()
    source = SocketIn(f"localhost:{port}")
    clients = [socket.create_connection(("localhost", port)) for _ in range(2)]
    clients[0].sendall(bytes([0x90, 60, 100, 0x90, 64, 100]))
    clients[1].sendall(bytes([0x90, 60, 100]))
    assert len(poll_until(source, 3)) == 3
    clients[0].close()
    assert poll_until(source, 1) == [(0x80, 64, 64)]
    clients[1].close()
    assert poll_until(source, 1) == [(0x80, 60, 64)]
    source.close()


def test_key_that_two_keyboards_hold_ends_with_the_second_one_that_is_unplugged():
    backend, now = FakeBackend(), [0.0]
    keyboards = {name: backend.plug(name) for name in ("left", "right")}
    source, got = PortsIn(backend=backend, clock=lambda: now[0]), []
    for keyboard in keyboards.values():
        keyboard.send((0x90, 60, 100))
    source.poll()
    for name in keyboards:
        backend.unplug(name)
        now[0] += SCAN_S
        got.append(source.poll())
    assert got == [[], [(0x80, 60, 64)]]


@pytest.mark.parametrize("first", ["DIN", "USB"])
def test_key_that_din_and_usb_hold_ends_with_the_second_one_that_is_unplugged(first):
    class Line:
        data = bytes([0x90, 60, 100])

        def read(self, size):
            data, self.data = self.data, b""
            if data is None:
                raise OSError(5, "unplugged")
            return data

        def close(self):
            pass

    backend, line, now, held = FakeBackend(), Line(), [0.0], []
    backend.plug("usb").send((0x90, 60, 80))
    sources = [
        PortsIn(backend=backend, clock=lambda: now[0], sources=held),
        DinIn("din", open_port=lambda _: line, clock=lambda: now[0], sources=held),
    ]

    def poll():
        now[0] += SCAN_S
        return [message for source in sources for message in source.poll()]

    assert poll() == [(0x90, 60, 80), (0x90, 60, 100)]
    pulls = [lambda: backend.unplug("usb"), lambda: setattr(line, "data", None)]
    got = []
    for pull in pulls if first == "USB" else reversed(pulls):
        pull()
        got.append(poll())
    assert got == [[], [(0x80, 60, 64)]]


def test_sources_of_a_configuration_share_what_they_hold(monkeypatch):
    shared = []
    monkeypatch.setattr(inputs_module, "open_ports", lambda midi, held: shared.append(held))
    monkeypatch.setattr(inputs_module, "DinIn", lambda path, thru, sources: shared.append(sources))
    monkeypatch.setattr(inputs_module, "SocketIn", lambda address, held: shared.append(held))
    assert len(inputs_module.open_sources(Config(midi="auto", midi_serial="tty", midi_socket="a:1"))) == 3
    assert len({id(held) for held in shared}) == 1


def test_midi_socket_that_is_not_there_is_named_once(caplog):
    now = [0.0]

    def missing(path):
        raise FileNotFoundError(2, "could not open port")

    source = DinIn("/dev/no", open_port=missing, clock=lambda: now[0])
    for _ in range(5):
        now[0] += REOPEN_S
        assert source.poll() == []
    assert [record.message for record in caplog.records] == [
        "DIN at /dev/no cannot be opened (No such file or directory); check midi_serial, or plug it in"
    ]


def test_keyboard_that_raises_an_error_stops_neither_the_others_nor_itself_for_ever():
    backend, now = FakeBackend(), [0.0]
    shaky, sound = backend.plug("shaky"), backend.plug("sound")
    source = PortsIn(backend=backend, clock=lambda: now[0])
    poll, fails = shaky.poll, [True]
    shaky.poll = lambda: 1 / 0 if fails[0] else poll()
    shaky.send((0x90, 60, 100))
    sound.send((0x90, 64, 100))
    assert source.poll() == [(0x90, 64, 100)]
    fails[0] = False
    assert source.poll() == [(0x90, 60, 100)]
    fails[0] = True
    backend.unplug("shaky")
    now[0] += SCAN_S
    assert source.poll() == [(0x80, 60, 64)]


def test_clients_beyond_the_limit_are_sent_away_in_one_sentence_and_a_place_that_is_free_again_is_given(caplog):
    port = free_port()
    source = SocketIn(f"localhost:{port}")
    clients = connect(port, MOST_CLIENTS + 3)
    for _ in clients:
        source.poll()
    for refused in clients[MOST_CLIENTS:]:
        refused.settimeout(5)
        assert refused.recv(1) == b""
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"the MIDI socket localhost:{port} has {MOST_CLIENTS} clients and takes no more; end one of them first"
    ]
    clients[0].close()
    source.poll()
    with socket.create_connection(("localhost", port)) as late:
        late.sendall(bytes([0x90, 60, 100]))
        assert poll_until(source, 1) == [(0x90, 60, 100)]
    hang_up(source, *clients)


def test_idle_clients_cost_one_look_a_poll_and_a_flood_is_read_in_parts(monkeypatch):
    port = free_port()
    source = SocketIn(f"localhost:{port}")
    clients = connect(port, MOST_CLIENTS)
    for _ in clients:
        source.poll()
    reads, read = [], source._read
    monkeypatch.setattr(source, "_read", lambda client: reads.append(client) or read(client))
    assert [source.poll() for _ in range(100)] == [[]] * 100
    assert reads == []
    clients[0].sendall(bytes([0x90, 60, 100]) * 1000)
    polls = []
    while sum(map(len, polls)) < 1000:
        polls.append(source.poll())
    assert max(map(len, polls)) <= MOST_BYTES // 3 + 1
    hang_up(source, *clients)


@settings(max_examples=60, deadline=None)
@given(notes=st.lists(st.tuples(st.integers(0, 127), st.integers(0, 127)), max_size=20), data=st.data())
def test_running_status_survives_any_split_and_real_time_bytes_anywhere(notes, data):
    stream = bytearray(b"\x40\x90")  # A data byte without a status is dropped.
    for pair in notes:
        for byte in pair:
            stream += bytes([byte]) + data.draw(st.sampled_from([b"", b"\xf8", b"\xfe"]))
    clocks, reader, got = stream.count(0xF8), MidiBytes(), []
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        got += reader.feed(bytes(stream[:length]))
        del stream[:length]
    assert [message for message in got if message != (0xF8,)] == [(0x90, *pair) for pair in notes]
    assert got.count((0xF8,)) == clocks


def test_system_exclusive_is_dropped_and_ends_running_status():
    got = MidiBytes().feed(b"\x90\x3c\x64\xf0\x7e\x7f\x06\x01\xf7\x3e\x64\xd0\x20")
    assert got == [(0x90, 60, 100), (0xD0, 32)]


@pytest.mark.parametrize("address", ["", "localhost", "localhost:0", "localhost:many", "localhost:99999"])
def test_invalid_socket_address_is_one_sentence(address):
    with pytest.raises(BadConfig, match="HOST:PORT"):
        SocketIn(address)


def test_missing_midi_input_is_one_sentence():
    pytest.importorskip("rtmidi", reason="python-rtmidi is not installed")
    with pytest.raises(DeviceUnavailable):
        PortsIn("no such instrument")


def test_midi_without_its_libraries_says_what_to_install(monkeypatch, tmp_path):
    for library in ("mido", "rtmidi"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DeviceUnavailable, match=r"install tombola-device\[midi\]"):
        PortsIn()
    with pytest.raises(DeviceUnavailable, match=r"install tombola-device\[midi\]"):
        read_midi_file(tmp_path / "tune.mid")


def test_real_time_bytes_keep_their_place_and_other_system_bytes_are_dropped():
    got = MidiBytes().feed(b"\x90\xf8\x3c\xfe\x64\xfa\xf0\x01\xf8\x02\xf7\x3c\xfc")
    assert got == [(0xF8,), (0x90, 60, 100), (0xFA,), (0xF8,), (0xFC,)]


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_give_only_whole_messages(data):
    for message in MidiBytes().feed(data):
        status, rest = message[0], message[1:]
        assert status >= 0x80
        assert len(rest) == (0 if status >= 0xF8 else 1 if status & 0xF0 in (0xC0, 0xD0) else 2)
        assert all(byte < 0x80 for byte in rest)


def test_new_ports_are_opened_within_a_second_and_vanished_ports_closed():
    now, backend = [0.0], FakeBackend()
    first = backend.plug("first")
    source = PortsIn(backend=backend, clock=lambda: now[0])
    assert source.name == "first"
    second = backend.plug("second")
    now[0] = SCAN_S
    source.poll()
    second.send((0x90, 60, 1))
    backend.unplug("first")
    now[0] = 2 * SCAN_S
    assert source.poll() == [(0x90, 60, 1)]
    assert first.closed
    assert source.name == "second"


class Rtmidi:
    """A fake rtmidi in which only some interfaces answer."""

    def __init__(self, answering):
        self.answering = answering

    def get_compiled_api(self):
        return [2, 3]

    def get_api_name(self, api):
        return {2: "alsa", 3: "jack"}[api]

    def MidiIn(self, rtapi, name):  # noqa: N802 - rtmidi's name
        if rtapi not in self.answering:
            raise RuntimeError("no server")
        return self

    def get_ports(self):
        return []

    def delete(self):
        pass


@pytest.mark.parametrize(
    ("answering", "midi", "taken"), [((2, 3), "auto", 2), ((3,), "auto", 3), ((2, 3), "jack", 3), ((2,), "jack", None)]
)
def test_first_interface_that_answers_is_taken_or_the_one_that_was_named(answering, midi, taken, monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", Rtmidi(answering))
    if taken is None:
        with pytest.raises(DeviceUnavailable, match=r"through jack \(jack: no server\)"):
            open_ports(midi)
        return
    source = open_ports(midi)
    assert source._backend._api == taken
    source.close()


def test_what_libraries_print_about_missing_interfaces_is_logged_and_not_printed(monkeypatch, caplog, capfd):
    class Chatty(Rtmidi):
        def MidiIn(self, rtapi, name):  # noqa: N802 - rtmidi's name
            os.write(2, b"ALSA lib seq_hw.c: No such file\n")
            return super().MidiIn(rtapi, name)

    monkeypatch.setitem(sys.modules, "rtmidi", Chatty((3,)))
    with caplog.at_level("INFO"):
        open_ports("auto").close()
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
    assert caplog.messages == ["MIDI: ALSA lib seq_hw.c: No such file"] * 2


def test_name_of_a_port_may_have_a_colon(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", Rtmidi((2,)))
    with pytest.raises(DeviceUnavailable, match="contains 'Keys:one'"):
        open_ports("Keys:one")


def test_vanished_port_releases_its_held_keys_and_no_others():
    now, backend = [0.0], FakeBackend()
    keyboard, other = backend.plug("keyboard"), backend.plug("other")
    source = PortsIn(backend=backend, clock=lambda: now[0])
    other.send((0x90, 72, 9))
    for message in ((0x90, 60, 1), (0x91, 60, 1), (0x90, 64, 1), (0x80, 64, 0), (0xB0, 64, 127), (0xD1, 9)):
        keyboard.send(message)
    assert len(source.poll()) == 7
    keyboard.send((0x90, 67, 1))  # The last message is not lost.
    backend.unplug("keyboard")
    now[0] = SCAN_S
    assert source.poll() == [
        *((0x90, 67, 1), (0x80, 60, 64), (0x81, 60, 64), (0xB0, 64, 0), (0xD1, 0), (0x80, 67, 64)),
    ]
    assert source.poll() == []


@given(st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=4).map(tuple), max_size=40))
def test_any_messages_can_be_followed_and_released_keys_are_not_released_again(messages):
    held = HeldKeys()
    for message in messages:
        held.follow(message)
    released = held.release()
    assert all(len(message) in (2, 3) for message in released)
    for message in released:
        held.follow(message)
    assert held.release() == []


def test_busy_port_does_not_stop_the_others():
    backend = FakeBackend()
    backend.plug("held").refuse()
    backend.plug("free")
    assert PortsIn(backend=backend).name == "free"


def test_loop_back_port_is_ignored_unless_it_is_named():
    backend = FakeBackend()
    backend.plug("Midi Through Port-0")
    assert PortsIn(backend=backend).name == "no MIDI port"
    assert PortsIn("Through", backend=backend).name == "Midi Through Port-0"


def test_active_sensing_and_system_exclusive_from_a_port_are_dropped():
    backend = FakeBackend()
    keyboard = backend.plug("keyboard")
    source = PortsIn(backend=backend)
    for message in ((0xFE,), (0xF0, 1, 2, 0xF7), (), (0xF8,), (0x80, 1, 2)):
        keyboard.send(message)
    assert source.poll() == [(0xF8,), (0x80, 1, 2)]


class Uart:
    """A UART that a test fills, unplugs and plugs in again."""

    def __init__(self):
        self.coming, self.sent, self.gone, self.opened = b"", b"", False, 0

    def open(self, path):
        if self.gone:
            raise OSError("no such port")
        self.opened += 1
        return self

    def read(self, size):
        if self.gone:
            raise OSError("hung up")
        data, self.coming = self.coming[:size], self.coming[size:]
        return data

    def write(self, data):
        self.sent += data

    def close(self):
        pass


def test_din_socket_returns_and_an_incomplete_message_from_before_is_dropped():
    now, uart = [0.0], Uart()
    source = DinIn("tty", open_port=uart.open, clock=lambda: now[0])
    uart.coming = b"\x90\x3c"
    assert source.poll() == []
    uart.coming = b"\x90\x3d\x40\x90\x3c"
    assert source.poll() == [(0x90, 61, 64)]
    uart.gone = True
    assert source.poll() == [(0x80, 61, 64)]
    now[0] += REOPEN_S
    assert source.poll() == []
    uart.gone, uart.coming = False, b"\x40\x90\x3e\x50"
    now[0] += REOPEN_S
    assert source.poll() == [(0x90, 62, 80)]
    assert uart.opened == 2


@pytest.mark.parametrize("thru", [True, False])
def test_din_thru_sends_received_bytes_unchanged(thru):
    uart = Uart()
    source = DinIn("tty", thru=thru, open_port=uart.open)
    uart.coming = b"\x90\x3c\xf8\x40\xf0\x01\xf7"
    source.poll()
    assert uart.sent == (b"\x90\x3c\xf8\x40\xf0\x01\xf7" if thru else b"")
