"""The face in a browser, part by part: the link, the log, what a page is sent and when, what it hears, the maps."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tombola_device.audio.tap import TAP_BYTES, TAP_PERIODS, TappedOut, TapReader
from tombola_device.config import Config
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.errors import BadConfig
from tombola_device.engine.engine import Engine
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.play.player import Player
from tombola_device.surface.actions import AllowOnce, Enrol, Panic
from tombola_device.surface.browser import page as page_module
from tombola_device.surface.browser.cartographer import Cartographer
from tombola_device.surface.browser.face import KEPT_LINES, BrowserFace, checked_midi
from tombola_device.surface.browser.link import Link, LinkLost
from tombola_device.surface.browser.maps import CENTROID_HZ, Mapper
from tombola_device.surface.browser.open import Address, browse_to
from tombola_device.surface.browser.page import MOST_ERRORS, Page
from tombola_device.surface.browser.places import blends_at, corners, grid
from tombola_device.surface.browser.scope import Spectrum, pcm, scope_message, scope_of, sound_message
from tombola_device.surface.browser.screen import Screen
from tombola_device.surface.browser.shown import Shown
from tombola_device.surface.browser.sound import MOST_UNHEARD_BYTES, Listener
from tombola_device.surface.browser.state import facts_of, state_of
from tombola_device.surface.view import View
from tombola_device.web.socket import Closed

# The control process's side


class FakeServer:
    """Says what a test puts into ``says``; None: it has died."""

    def __init__(self):
        self.says, self.sent, self.idle, self.closed = [], [], True, False

    def send(self, message):
        self.sent.append(message)

    def receive(self):
        says, self.says = self.says, []
        return says

    def close(self):
        self.closed = True


@pytest.fixture
def face():
    face = BrowserFace(FakeServer(), lambda _: None)
    face.server = face._server
    yield face
    face.close()


def test_no_view_is_sent_while_no_page_is_open_and_only_the_newest_to_one_that_is_slow(face):
    face.poll(View(xruns=1), 0.0)
    assert face.server.sent == []
    face.server.says = [{"kind": "pages", "count": 1}]
    face.poll(View(xruns=2), 0.05)
    face.server.idle = False
    face.poll(View(xruns=3), 0.1)
    face.server.idle = True
    face.poll(View(xruns=4), 0.15)
    assert [message["view"].xruns for message in face.server.sent if "view" in message] == [2, 4]


def test_keys_reach_the_player_in_the_tick_in_which_they_came_and_an_action_asks_to_be_heard(face):
    face.server.says = [{"kind": "midi", "bytes": [144, 60, 100]}, {"kind": "panic"}]
    assert face.midi.poll() == [(144, 60, 100)]
    assert face.touched
    assert face.poll(View(), 0.0) == [Panic()]
    assert not face.touched


def test_keys_of_a_server_that_has_died_are_released(face):
    face.server.says = [{"kind": "pages", "count": 1}, {"kind": "midi", "bytes": [144, 60, 100]}]
    face.midi.poll()
    face.server.says = None
    assert face.midi.poll() == [(128, 60, 64)]
    assert face.pages == 0


def test_what_only_hands_at_the_panel_may_do_is_refused_where_there_is_a_panel():
    for hands_here, expected in ((True, [Enrol(), AllowOnce("1a2b3c4d5e6f"), Panic()]), (False, [Panic()])):
        face = BrowserFace(FakeServer(), lambda _: None, hands_here=hands_here)
        face._server.says = [{"kind": "enrol"}, {"kind": "allow_once", "bundle": "1a2b3c4d5e6f"}, {"kind": "panic"}]
        assert face.poll(View(), 0.0) == expected
        face.close()


@pytest.mark.parametrize(
    "message", [{"kind": "explode"}, {}, {"kind": "midi"}, {"kind": "midi", "bytes": "x"}, [], 3, None]
)
def test_nonsense_of_a_server_changes_nothing(face, message):
    face.server.says = [message, {"kind": "panic"}]
    assert face.poll(View(), 0.0) == [Panic()]


def test_the_last_hundred_lines_of_the_log_are_sent_when_there_are_new_ones(face):
    face.server.says = [{"kind": "pages", "count": 1}]
    for number in range(KEPT_LINES + 5):
        logging.getLogger("test").warning("line %d\x1b[2J<script>", number)
    face.poll(View(), 0.0)
    face.poll(View(), 0.05)
    logs = [message["log"] for message in face.server.sent if "log" in message]
    assert len(logs) == 1
    assert (len(logs[0]), logs[0][-1]) == (KEPT_LINES, "line 104\\u001b[2J<script>")


@pytest.mark.parametrize(
    "given", [[], [60, 100], [144, 200, 1], [144, 60, 100, 1], [240, 1], [144.0, 60, 1], "x", None]
)
def test_only_midi_messages_are_midi_messages(given):
    with pytest.raises(BadConfig):
        checked_midi(given)


def test_link_keeps_what_the_other_end_does_not_read_and_goes_on():
    ours, theirs = socket.socketpair()
    link, sent = Link(ours), 0
    while link.send({"filler": "x" * 1000}):
        sent += 1
    assert not link.idle
    received = b""
    while received.count(b"\n") <= sent:
        received += theirs.recv(65_536)
        link.idle  # noqa: B018 - it sends what waits
    assert link.idle
    assert all(json.loads(line) == {"filler": "x" * 1000} for line in received.splitlines())
    theirs.close()
    with pytest.raises(LinkLost):
        link.receive()
    link.close()


def test_address_is_told_once_and_opened_once_and_without_a_browser_that_is_said():
    said = []
    address = Address(said.append, show=True, browse=lambda _: False)
    address.say("http://127.0.0.1:1/#a")
    address.say("http://127.0.0.1:1/#a")
    for _ in range(1000):
        if len(said) == 2:
            break
        time.sleep(0.01)
    assert said == [
        "the panel is at http://127.0.0.1:1/#a",
        "no browser could be opened here; open this address in one",
    ]
    address.say("http://127.0.0.1:1/#b")
    assert said[2:] == ["the panel is at http://127.0.0.1:1/#b"]


@pytest.mark.skipif(sys.platform != "linux", reason="only there a browser may be one for the terminal")
def test_without_a_screen_no_browser_takes_over_the_terminal(monkeypatch):
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda address: not asked.append(address))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not browse_to("http://127.0.0.1:1/#a")
    monkeypatch.setenv("DISPLAY", ":0")
    assert browse_to("http://127.0.0.1:1/#b")
    assert asked == ["http://127.0.0.1:1/#b"]


# A page


class FakeSocket:
    """A page's socket that a test holds the other end of."""

    def __init__(self):
        self.incoming, self.sent, self.aborted = asyncio.Queue(), [], False

    async def receive(self):
        message = await self.incoming.get()
        if message is None:
            raise Closed
        return message if isinstance(message, bytes | str) else json.dumps(message)

    async def send(self, message):
        self.sent.append(json.loads(message) if isinstance(message, str) else message)

    def abort(self):
        self.aborted = True
        self.incoming.put_nowait(None)


class FakeHub:
    """What a page tells the instrument."""

    def __init__(self):
        self.shown, self.sent, self.pressed = Shown({"peak_db": -80.0, "name": "<script>"}), [], []

    def send(self, message):
        self.sent.append(message)

    def press(self, name, *, high):
        self.pressed.append((name, high))

    def turn(self, clicks):
        self.pressed.append(clicks)

    def wants_changed(self):
        pass

    def news(self, known):
        return self.shown.news(known)

    def scope(self, known):
        return None if known else (1, lambda seq: b"scope %d" % seq)

    def map(self, which, known):
        return None


async def rest():
    for _ in range(20):
        await asyncio.sleep(0)


def with_page(act):
    """Run ``act(page, socket, hub)`` beside a page; then the page goes."""

    async def run():
        socket, hub = FakeSocket(), FakeHub()
        page = Page(socket, hub, HeldKeys())
        running = asyncio.create_task(page.run())
        page.tell()
        await rest()
        await act(page, socket, hub)
        socket.incoming.put_nowait(None)
        with contextlib.suppress(Closed):
            await running
        return socket, hub

    return asyncio.run(run())


def test_page_is_sent_everything_once_then_only_what_changed_and_only_after_it_has_acknowledged(monkeypatch):
    monkeypatch.setattr(page_module, "FRAME_S", 0.0)

    async def act(page, socket, hub):
        assert socket.sent == [{"seq": 1, "state": {"peak_db": -80.0, "name": "<script>"}}]
        for peak_db in (-20.0, -10.0):  # Of two changes before it acknowledges, it sees the newer one.
            hub.shown.put({"peak_db": peak_db})
            page.tell()
            await rest()
        assert len(socket.sent) == 1
        socket.incoming.put_nowait({"kind": "ack", "seq": 99})
        await rest()
        assert len(socket.sent) == 1
        socket.incoming.put_nowait({"kind": "ack", "seq": 1})
        await rest()
        assert socket.sent[1:] == [{"seq": 2, "state": {"peak_db": -10.0}}]

    with_page(act)


def test_at_most_thirty_messages_a_second(monkeypatch):
    async def act(page, socket, hub):
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        while len(socket.sent) < 8:
            hub.shown.put({"peak_db": len(socket.sent)})
            socket.incoming.put_nowait({"kind": "ack", "seq": len(socket.sent)})
            page.tell()
            await asyncio.sleep(0.001)
        assert loop.time() - begun_s > 6 / 30

    with_page(act)


def test_page_that_acknowledges_nothing_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(page_module, "ACK_S", 0.05)

    async def act(page, socket, hub):
        await asyncio.sleep(0.2)

    socket, _ = with_page(act)
    assert socket.aborted


def test_scope_comes_only_to_who_wants_it(monkeypatch):
    monkeypatch.setattr(page_module, "FRAME_S", 0.0)

    async def act(page, socket, hub):
        socket.incoming.put_nowait({"kind": "want", "scope": True})
        socket.incoming.put_nowait({"kind": "ack", "seq": 1})
        await rest()
        assert socket.sent[-1] == b"scope 2"

    with_page(act)


def test_what_a_page_asks_for_reaches_the_instrument_checked_and_its_keys_end_with_it():
    async def act(page, socket, hub):
        for message in (
            {"kind": "midi", "bytes": [144, 60, 100]},
            {"kind": "set_weight", "mode": 1, "weight": 0.5},
            {"kind": "button", "name": "SHIFT", "high": True},
            {"kind": "turn", "clicks": -2},
            {"kind": "ping", "t": 1.5},
        ):
            socket.incoming.put_nowait(message)
        await rest()
        assert socket.sent[-1]["pong"] == 1.5

    _, hub = with_page(act)
    assert hub.sent == [
        {"kind": "midi", "bytes": (144, 60, 100)},
        {"kind": "set_weight", "mode": 1, "weight": 0.5},
        {"kind": "midi", "bytes": (128, 60, 64), "gone": True},
    ]
    assert hub.pressed == [("SHIFT", True), -2, ("SHIFT", False)]


NONSENSE = [
    "",
    "{",
    "[]",
    "3",
    "null",
    b"\xff",
    {"kind": None},
    {"kind": "ack"},
    {"kind": "midi", "bytes": [1, 2]},
    {"kind": "turn", "clicks": "many"},
    {"kind": "button"},
    {"kind": "make_backup", "ticket": "x"},
    {"kind": "restore", "backup": {}, "ticket": "x"},
    {"kind": "set_timbre", "x": 0.5, "y": 7},
    {"kind": "rename_scene", "place": 0, "name": "<img src=x onerror=alert(1)>"},
    '{"kind": ' + "[" * 900,
]


def test_nonsense_is_answered_by_a_sentence_and_after_a_hundred_by_hanging_up():
    async def act(page, socket, hub):
        for message in NONSENSE:
            before = len(socket.sent)
            socket.incoming.put_nowait(message)
            await rest()
            (answer,) = socket.sent[before:]
            assert list(answer) == ["error"]
            assert "\n" not in answer["error"]
            assert len(answer["error"]) <= 500
        for _ in range(MOST_ERRORS):
            socket.incoming.put_nowait("{")
        await rest()
        await asyncio.sleep(0.01)
        assert sum("error" in message for message in socket.sent if isinstance(message, dict)) == MOST_ERRORS

    _, hub = with_page(act)
    assert hub.sent == []


# The state


def test_state_is_json_and_names_of_strangers_stay_text():
    view = View(bundle="quartet", scenes=("<script>alert(1)</script>", *("",) * 15), notice="<b>", about=("&lt;",))
    state = json.loads(json.dumps(state_of(view, 0.0)))
    assert state["scenes"][0] == {"words": "<script>alert(1)</script>", "name": ""}
    assert (state["notice"], state["about"]) == ("<b>", ["&lt;"])
    assert state["lamps"] == [[0.0, 0.0]] * 8


def test_every_field_of_the_state_is_described_in_the_document():
    text = (Path(__file__).parents[3] / "docs" / "browser.md").read_text()
    own = {"hands_here", "bundle", "log", "oled", "clients"}
    for name in state_of(View(), 0.0).keys() | own:
        assert f"`{name}`" in text, name


def test_facts_of_a_bundle_name_cost_delay_colours_and_errors():
    path = Config().factory_path
    facts = json.loads(json.dumps(facts_of(decode_bundle(path.read_bytes()), "ab" * 32)))
    assert (facts["name"], facts["delay_ms"], facts["cost"]["parameters"]) == ("quartet", 0.0, 15088)
    assert [mode["name"] for mode in facts["modes"]] == ["sax", "violin", "flute", "harp"]
    assert facts["modes"][0]["color"] == "#e8a33d"
    assert facts["modes"][0]["error"] == pytest.approx(0.863, abs=0.02)


def test_screen_is_the_modules_own_display_and_its_buttons_ask():
    pytest.importorskip("PIL.Image", reason="pillow is not installed")
    screen, view = Screen(), View(bundle="quartet", modes=("sax", "harp"), blend=(1.0, 0.0))
    screen.poll(view, 0.0)
    screen.poll(view, 1.0)
    first = screen.picture
    assert len(first) == 1368  # 1024 bytes in base64.
    screen.press("SHIFT", high=True, now_s=1.1)
    screen.poll(view, 1.1)
    screen.turn(1)
    screen.poll(view, 1.2)
    screen.press("SHIFT", high=False, now_s=1.3)
    screen.poll(view, 1.3)
    assert screen.picture != first  # The next page.
    screen.press("SAVE", high=True, now_s=2.0)
    asked = screen.poll(view, 2.0) + screen.poll(view, 3.0)
    assert asked == [Panic()]
    screen.press("NO SUCH", high=True, now_s=4.0)
    assert screen.poll(view, 4.0) == []


# Sound


def test_tap_gives_each_period_once_and_in_order_and_leaves_out_what_was_overwritten():
    memory = memoryview(bytearray(TAP_BYTES))
    out, reader = TappedOut(FakeOut(), memory), TapReader(memory)
    for number in range(5):
        out.write(np.full(PERIOD_SAMPLES, number, np.float32))
    assert [block[0] for _, block in reader.read()] == [0, 1, 2, 3, 4]
    for number in range(TAP_PERIODS):
        out.write(np.full(PERIOD_SAMPLES, number, np.float32))
    late = [block[0] for _, block in reader.read()]
    assert late == [TAP_PERIODS - 1]
    again = TappedOut(FakeOut(), memory)  # An audio process that was started again goes on where the last one was.
    again.write(np.full(PERIOD_SAMPLES, 7, np.float32))
    assert [block[0] for _, block in reader.read()] == [7]


def test_tap_passes_on_what_the_card_says():
    inner = FakeOut()
    out = TappedOut(inner, memoryview(bytearray(TAP_BYTES)))
    inner.run_dry()
    inner.fill(256)
    assert (out.wait(), out.write(np.zeros(PERIOD_SAMPLES, np.float32)), out.lost) == (256, False, False)
    out.close()
    assert inner.closed


def test_scope_shows_the_newest_samples_and_the_spectrum_its_pitch():
    time_s = np.arange(4096) / SAMPLE_RATE_HZ
    samples = (0.5 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32)
    message = scope_message(7, scope_of(samples, Spectrum()))
    kind, _, side, seq = struct.unpack_from("<BBHI", message)
    assert (kind, side, seq, len(message)) == (1, 1024, 7, 8 + 2048 + 256)
    assert np.frombuffer(message, "<i2", 1024, 8).max() == pytest.approx(16384, abs=2)
    bands = np.frombuffer(message, np.uint8, 256, 8 + 2048)
    assert 20 * 1000 ** (bands.argmax() / 256) == pytest.approx(1000, rel=0.03)
    assert bands.max() / 2 - 120 == pytest.approx(-6, abs=1)


def test_sound_is_left_out_for_who_does_not_hear_it_and_goes_on_when_it_does():
    async def run():
        listener = Listener(FakeSocket())
        block = bytes(2 * 1280)
        for _ in range(30):
            listener.put(0, block)
        assert listener._queue.qsize() == MOST_UNHEARD_BYTES // len(block)
        listener._heard('{"heard": 18}')
        listener.put(0, block)
        assert listener._queue.qsize() == 19
        for _ in range(18):
            listener._queue.get_nowait()
        assert struct.unpack_from("<I", listener._queue.get_nowait())[0] == 31
        with pytest.raises(Closed):
            listener._heard("nonsense")

    asyncio.run(run())


def test_block_of_sound_has_its_number_its_time_and_16_bits():
    message = sound_message(2**32 + 5, 2**32 + 6, pcm(np.array([0.5, -2.0], np.float32)))
    assert struct.unpack("<IIhh", message) == (5, 6, 16384, -32768)


# Maps


@pytest.mark.parametrize("modes", [1, 2, 3, 4, 5, 8, 16])
def test_a_point_is_the_mean_of_its_corners_and_a_corner_is_one_mode_alone(modes):
    points = grid(9)
    blends = blends_at(points, modes)
    assert blends.min() >= 0
    assert blends.sum(axis=1) == pytest.approx(1.0)
    alone = blends_at(corners(modes), modes)
    assert alone == pytest.approx(np.eye(modes), abs=1e-3)
    if modes > 2:
        inside = ((points - 0.5) ** 2).sum(axis=1) < (0.5 * np.cos(np.pi / modes)) ** 2
        assert (blends @ corners(modes))[inside] == pytest.approx(points[inside], abs=1e-6)


def test_maps_order_sounds_as_the_engine_plays_them():
    """The brighter of two modes by the map is the brighter one by the engine, and timbre X makes brighter."""
    bundle = decode_bundle(Config().factory_path.read_bytes())
    mapper = Mapper(bundle)
    found = mapper.describe(np.eye(4), np.full((4, 2), 0.5))
    by_engine = [centroid_hz(bundle, mode, mapper._note) for mode in range(4)]
    assert np.argsort(found[:, 0]).tolist() == np.argsort(by_engine).tolist()
    assert found[:, 0] == pytest.approx(by_engine, rel=0.3)
    timbres = mapper.timbre_map([1, 0, 0, 0], side=5)
    assert (np.diff(timbres[:, :, 0].astype(int).mean(axis=0)) > 0).all()
    assert (np.diff(timbres[:, :, 1].astype(int).mean(axis=1)) > 0).all()


def centroid_hz(bundle, mode, note):
    engine, player = Engine(bundle, 1), Player(4, 1)
    player.set_blend([float(index == mode) for index in range(4)])
    player.set_life(0.0)
    player.note_on(note, 1.0)
    out, heard = np.zeros(PERIOD_SAMPLES, np.float32), []
    for _ in range(120):
        engine.render(player.controls(), out)
        heard.append(out.copy())
    sound = np.concatenate(heard[112:])
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(spectrum @ np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ) / spectrum.sum())


@pytest.mark.parametrize("make", ["make_bundle", "make_struck"])
def test_maps_of_any_bundle_have_numbers_in_every_cell(request, make):
    bundle = request.getfixturevalue(make)()
    mapper = Mapper(bundle)
    cells = mapper.blend_map((0.5, 0.5), side=7)
    assert (cells.shape, cells.dtype) == ((7, 7, 4), np.uint8)
    assert cells[:, :, 3].max() > 0
    found = mapper.describe(np.eye(len(mapper.modes)), np.full((len(mapper.modes), 2), 0.5))
    assert np.isfinite(found).all()
    assert found[:, 0].min() > CENTROID_HZ[0] / 2


def test_maps_are_drawn_only_if_wanted_and_only_the_newest(monkeypatch):
    drawn = []

    def draw(self, bundle, which, place):
        drawn.append((which, place))
        return np.zeros((2, 2, 4), np.uint8)

    monkeypatch.setattr(Cartographer, "_map", draw)
    monkeypatch.setattr("tombola_device.surface.browser.cartographer.REST_S", 0.0)
    bundle = decode_bundle(Config().factory_path.read_bytes())

    async def run():
        told = []
        cartographer = Cartographer(lambda: told.append(1))
        cartographer.turn_to(bundle)
        cartographer.follow((1, 0, 0, 0), (0.5, 0.5))
        await asyncio.sleep(0.05)
        assert drawn == []
        cartographer.want([False, True])
        await asyncio.sleep(0.1)
        assert drawn == [(1, (1, 0, 0, 0))]
        cartographer.follow((1, 0, 0, 0.0001), (0.9, 0.5))  # Nothing that this map shows.
        for weight in (0.1, 0.2, 0.3):
            cartographer.follow((1 - weight, weight, 0, 0), (0.9, 0.5))
        await asyncio.sleep(0.2)
        assert drawn[1:] in ([(1, (0.7, 0.3, 0, 0))], [(1, (0.9, 0.1, 0, 0)), (1, (0.7, 0.3, 0, 0))])
        assert cartographer.newest(1)[0] == len(drawn) == len(told)

    asyncio.run(run())
