"""The panel of an instrument on a cable, in a browser of a computer: opened by a gesture and its code alone."""

from __future__ import annotations

import json
import os
import pty
import threading
import time
import tty
import zlib
from contextlib import contextmanager

import pytest
from tombola_device.config import Config
from tombola_device.contract import protocol as p
from tombola_device.contract.errors import BadConfig, DeviceUnavailable, FlashError
from tombola_device.contract.looker import MOST_VIEW_BYTES, Looker, unpacked
from tombola_device.contract.refusals import Refused
from tombola_device.daemon.relay import show_panel
from tombola_device.flash.serve import Flashd
from tombola_device.slots.store import Store
from tombola_device.surface.actions import Panic, SetWeight
from tombola_device.surface.remote import GONE_S, MOST_WRONG, OPEN_S, RemoteFace
from tombola_device.surface.view import View
from tombola_device.web.client import WebClient

CODE = 482913


def until(condition, patience_s=30.0):
    end_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def face(clock):
    return RemoteFace(lambda: clock[0], lambda: CODE)


# The gesture and the code


def test_panel_is_closed_until_it_is_opened_and_again_after_ten_minutes(face, clock):
    with pytest.raises(Refused, match="closed to this computer"):
        face.look(1, CODE, b"[]")
    assert face.open() == "code 482913, for ten minutes"
    assert json.loads(face.look(1, CODE, b"[]"))["bundle"] == ""
    clock[0] = OPEN_S
    assert face.code == ""
    with pytest.raises(Refused):
        face.look(2, CODE, b"[]")
    face.open()
    face.shut()
    with pytest.raises(Refused):
        face.look(3, CODE, b"[]")


def test_three_wrong_codes_close_it_for_the_right_one_too(face):
    face.open()
    for wrong in range(MOST_WRONG):
        with pytest.raises(Refused):
            face.look(1, wrong, b'[{"kind": "panic"}]')
    with pytest.raises(Refused):
        face.look(1, CODE, b"[]")
    assert face.poll(View(), 0.0) == []
    assert face.code == ""


def test_what_was_touched_is_done_once_however_often_it_is_said(face):
    face.open()
    said = b'[{"kind": "set_weight", "mode": 1, "weight": 0.5}, {"kind": "midi", "bytes": [144, 60, 100]}]'
    for _ in range(3):
        face.look(1, CODE, said)
    assert face.touched
    assert face.poll(View(), 0.0) == [SetWeight(1, 0.5)]
    assert face.midi.poll() == [(144, 60, 100)]
    face.look(2, CODE, said)
    assert face.poll(View(), 0.0) == [SetWeight(1, 0.5)]


def test_keys_of_a_computer_that_looks_no_more_are_released(face, clock):
    face.open()
    face.look(1, CODE, b'[{"kind": "midi", "bytes": [144, 60, 100]}]')
    assert face.midi.poll() == [(144, 60, 100)]
    clock[0] = GONE_S + 0.1
    assert face.midi.poll() == [(128, 60, 64)]
    assert face.midi.poll() == []


@pytest.mark.parametrize(
    "touched",
    [
        '{"kind": "enrol"}',
        '{"kind": "accept_key", "fingerprint": "ABCD"}',
        '{"kind": "allow_once", "bundle": "1a2b3c4d5e6f"}',
        '{"kind": "choose", "option": "page", "choice": "open"}',
        '{"kind": "explode"}',
        '{"kind": "midi"}',
        "{}",
    ],
)
def test_what_only_hands_may_do_and_nonsense_is_left_out(face, touched):
    face.open()
    face.look(1, CODE, f'[{touched}, {{"kind": "panic"}}]'.encode())
    assert face.poll(View(), 0.0) == [Panic()]


def test_the_code_itself_is_not_sent(face):
    face.open()
    face.poll(View(page_code="482913"), 0.0)
    assert b"482913" not in face.look(1, CODE, b"[]")


# The line


class Cable:
    """An instrument's serial line, served by flashd, and its other end."""

    def __init__(self, folder, face):
        ends = [pty.openpty(), pty.openpty()]
        for pair in ends:
            for end in pair:
                tty.setraw(end)
        (self._host, far), (self._device, near) = ends
        self._ends = [self._host, far, self._device, near]
        self.port = os.ttyname(far)
        store = Store(folder / "slots", lambda _: None)
        self._flashd = Flashd(os.ttyname(near), store, lambda _: None, panel=face)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._flashd.run, args=(self._stop,)),
            threading.Thread(target=self._pump, args=(self._host, self._device), daemon=True),
            threading.Thread(target=self._pump, args=(self._device, self._host), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self):
        self._stop.set()
        self._threads[0].join()
        for end in self._ends:
            os.close(end)

    def _pump(self, source, sink):
        try:
            while data := os.read(source, 65_536):
                os.write(sink, data)
        except OSError:
            return


@pytest.fixture
def cable(tmp_path, face):
    cable = Cable(tmp_path, face)
    yield cable
    cable.close()


@contextmanager
def shown(cable, folder, code=CODE):
    """The command `tombolad panel`, in a thread; gives the lines that it says, and how it ended."""
    said, ended, stop = [], [], threading.Event()
    config = Config(state_dir=str(folder / "computer"))

    def run():
        try:
            show_panel(config, cable.port, f"{code:06}", stop, said.append, port=0, show=False)
        except Exception as error:  # noqa: BLE001 - a test looks at it
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield said, ended
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_page_on_the_computer_shows_the_instrument_and_its_hands_move_it(cable, face, tmp_path):
    face.open()
    view = View(bundle="quartet", modes=("sax", "harp"), blend=(1.0, 0.0), hand_blend=(1.0, 0.0), page_code="482913")
    face.poll(view, 0.0)
    with shown(cable, tmp_path) as (said, ended):
        until(lambda: any("#" in line for line in said))
        address = next(line for line in said if "#" in line)
        client = WebClient(int(address.rpartition("#")[0].rpartition(":")[2].strip("/")))
        assert client.login(address.partition("#")[2]).status == 204
        page, state, actions, keys = client.socket("/socket"), {}, [], []

        def follow():
            message = json.loads(page.receive())
            state.update(message["state"])
            page.send({"kind": "ack", "seq": message["seq"]})
            return state.get("modes") == ["sax", "harp"]

        until(follow)
        assert state["hands_here"] is False
        page.send({"kind": "set_weight", "mode": 1, "weight": 0.5})
        page.send({"kind": "midi", "bytes": [144, 60, 100]})
        page.send({"kind": "enrol"})

        def heard():
            actions.extend(face.poll(view, 0.0))
            keys.extend(face.midi.poll())
            return actions and keys

        until(heard)
        assert (actions, keys) == ([SetWeight(1, 0.5)], [(144, 60, 100)])
        reply = client.post("/bundle", b"a bundle")
        assert (reply.status, "tombola flash" in reply.json["error"]) == (409, True)
        client.close()
        assert ended == []


def test_wrong_code_ends_it_with_a_sentence(cable, face, tmp_path):
    face.open()
    with shown(cable, tmp_path, code=1) as (_, ended):
        until(lambda: ended)
    assert "give the code that it shows" in str(ended[0])


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a"])
def test_what_is_no_code_is_one_sentence(tmp_path, code):
    with pytest.raises(BadConfig, match="give the 6 digits"):
        show_panel(Config(state_dir=str(tmp_path)), "/dev/null", code, threading.Event(), print, port=0, show=False)


def test_port_that_cannot_be_opened_is_one_sentence(tmp_path):
    with pytest.raises(DeviceUnavailable, match="/dev/no-such-port cannot be opened"):
        show_panel(
            Config(state_dir=str(tmp_path)), "/dev/no-such-port", "123456", threading.Event(), print, port=0, show=False
        )


def test_look_that_is_not_answered_is_repeated_and_given_up_after_ten_seconds():
    looker, said, now_s = Looker(7, CODE), [], 0.0
    looker.receive(p.encode_frame(7, p.Welcome(2, 2048, 64)))
    looker.look([])
    try:
        for now_s in (tick / 20 for tick in range(400)):
            said += p.FrameReader().feed(looker.poll(now_s))
    except FlashError as error:
        assert "does not answer any more" in str(error)  # noqa: PT017 - when it comes is the point
    assert 9.5 < now_s < 12.0
    assert {message for _, message in said} == {p.Look(1, CODE, b"[]")}


def test_instrument_that_was_started_again_gets_a_new_session():
    looker = Looker(7, CODE)
    looker.receive(p.encode_frame(7, p.Welcome(2, 2048, 64)))
    looker.look([])
    looker.receive(p.encode_frame(7, p.Error(2, 0)))
    ((session, message),) = p.FrameReader().feed(looker.poll(0.0))
    assert (session, type(message)) == (8, p.Hello)


@pytest.mark.parametrize("data", [b"x", zlib.compress(b"{}")[:-3], zlib.compress(b" " * (MOST_VIEW_BYTES + 1))])
def test_view_that_is_damaged_or_never_ends_is_a_sentence(data):
    with pytest.raises(FlashError, match="update the older side"):
        unpacked(data)
