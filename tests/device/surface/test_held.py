"""Two sources of one key: where one of them goes, the note of the other sounds on, whichever way it is played."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("microdot", reason="microdot is not installed; pip install the extra `browser`")

from tombola_device.config import Config
from tombola_device.daemon import daemon as daemon_module
from tombola_device.daemon.daemon import Daemon
from tombola_device.daemon.performance import Performance
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.surface.browser.face import BrowserFace
from tombola_device.surface.browser.open import OpenPage
from tombola_device.surface.remote import GONE_S, RemoteFace

SHARED, OWN = 60, 67
CODE = 482913


class Server:
    idle = True

    def __init__(self):
        self.says = []

    def send(self, message):
        pass

    def receive(self):
        says, self.says = self.says, []
        return says

    def close(self):
        pass


def down(note):
    return [0x90, note, 100]


def said(*messages, **more):
    return [{"kind": "midi", "bytes": list(message), **more} for message in messages]


@pytest.fixture
def together():
    """A keyboard, the pages of a browser and a computer on the serial line, at one instrument."""
    held, clock, server = [], [0.0], Server()
    keyboard = HeldKeys(held)
    face = BrowserFace(server, lambda _: None, sources=held)
    remote = RemoteFace(lambda: clock[0], lambda: CODE, held)
    remote.open()
    yield keyboard, face, server, remote, clock
    face.close()


def look(remote, number, *messages):
    remote.look(number, CODE, json.dumps(said(*messages)).encode())
    return remote.midi.poll()


def test_a_page_that_goes_ends_its_own_note_and_not_that_of_the_keyboard(together):
    keyboard, face, server, _, _ = together
    keyboard.follow((0x90, SHARED, 80))
    server.says = said(down(SHARED), down(OWN))
    assert face.midi.poll() == [(0x90, SHARED, 100), (0x90, OWN, 100)]
    server.says = said([0x80, SHARED, 64], [0x80, OWN, 64], gone=True)
    assert face.midi.poll() == [(0x80, OWN, 64)]
    assert keyboard.release() == [(0x80, SHARED, 64)]


def test_a_key_that_is_let_go_on_a_page_ends_the_note_as_on_any_keyboard(together):
    keyboard, face, server, _, _ = together
    keyboard.follow((0x90, SHARED, 80))
    server.says = said(down(SHARED), [0x80, SHARED, 64])
    assert face.midi.poll() == [(0x90, SHARED, 100), (0x80, SHARED, 64)]


def test_a_server_that_dies_ends_its_own_note_and_not_that_of_the_keyboard(together):
    keyboard, face, server, _, _ = together
    keyboard.follow((0x90, SHARED, 80))
    server.says = said(down(SHARED), down(OWN))
    face.midi.poll()
    server.says = None
    assert face.midi.poll() == [(0x80, OWN, 64)]


def test_a_keyboard_that_is_unplugged_does_not_end_what_a_page_holds(together):
    keyboard, face, server, remote, _ = together
    keyboard.follow((0x90, SHARED, 80))
    keyboard.follow((0x90, OWN, 80))
    keyboard.follow((0x90, 72, 80))
    server.says = said(down(SHARED))
    face.midi.poll()
    look(remote, 1, down(OWN))
    assert keyboard.release() == [(0x80, 72, 64)]


def test_a_computer_on_the_line_that_goes_ends_its_own_note_and_not_that_of_a_page(together):
    _, face, server, remote, clock = together
    server.says = said(down(SHARED))
    face.midi.poll()
    assert look(remote, 1, down(SHARED), down(OWN)) == [(0x90, SHARED, 100), (0x90, OWN, 100)]
    clock[0] = GONE_S
    assert remote.midi.poll() == [(0x80, OWN, 64)]
    server.says = None
    assert face.midi.poll() == [(0x80, SHARED, 64)]


def test_the_instrument_gives_all_its_sources_one_list(monkeypatch, tmp_path):
    given = []

    def open_console(*arguments):
        given.extend(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(daemon_module, "open_console", open_console)
    held = []
    face = BrowserFace(Server(), lambda _: None, sources=held)
    config = Config(state_dir=str(tmp_path), midi="none", panel="none", serial=str(tmp_path / "line"))
    daemon = Daemon(config, Performance(None, None), print, page=OpenPage(face, -1, held, lambda: None))
    with pytest.raises(KeyboardInterrupt):
        daemon.run(None)
    assert given[-1] is held
    assert held == [face._held, daemon._remote._held]
    face.close()
