"""Two lines bring bundles to one store: one after the other, whatever either of them does."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from tombola_device.contract import protocol as p
from tombola_device.contract.bundle import bundle_sha256
from tombola_device.contract.refusals import ErrorCode
from tombola_device.disk.fake import FakeFiles
from tombola_device.flash.page_port import PagePort
from tombola_device.flash.reception import Reception
from tombola_device.flash.turn import STALE_S, Turn
from tombola_device.slots.store import Store


class AtOnce:
    """Does each task where it is submitted."""

    def submit(self, task):
        future = Future()
        try:
            future.set_result(task())
        except Exception as error:  # noqa: BLE001 - as a thread pool keeps it
            future.set_exception(error)
        return future

    def shutdown(self):
        pass


class Line:
    """A host at one line, which sends what a test tells it to."""

    def __init__(self, store, turn, session):
        self.reception = Reception(store, None, lambda path: None, dict, AtOnce(), turn=turn)
        self.session, self.reader = session, p.FrameReader()

    def say(self, *messages):
        """Send messages; return the answers."""
        for message in messages:
            self.reception.receive(p.encode_frame(self.session, message))
        return [answer for _, answer in self.reader.feed(self.reception.poll())]


@pytest.fixture
def lines(tmp_path):
    now_s = [0.0]
    store, turn = Store(tmp_path, lambda bundle: None, files=FakeFiles()), Turn(lambda: now_s[0])
    return Line(store, turn, 1), Line(store, turn, 2), now_s


def hello():
    return p.Hello(1, 2, 2048, 64)


def begin(data):
    return p.Begin(len(data), 0, bytes.fromhex(bundle_sha256(data)))


def test_second_line_waits_until_the_first_is_done_and_then_has_its_turn(lines):
    serial, page, _ = lines
    first, second = b"a" * 3000, b"b" * 3000
    serial.say(hello(), begin(first), p.Data(0, first[:2048]))
    assert page.say(hello(), begin(second))[-1] == p.Wait()
    # What the first one brought is no bundle, so it is refused; and the second one asks again.
    assert serial.say(p.Data(2048, first[2048:]), p.Finish())[-1].code == ErrorCode.BAD_BUNDLE
    assert isinstance(page.say(begin(second))[-1], p.Ready)


def test_line_that_says_nothing_gives_way_and_is_refused_when_it_goes_on(lines):
    serial, page, now_s = lines
    first, second = b"a" * 3000, b"b" * 3000
    serial.say(hello(), begin(first), p.Data(0, first[:2048]))
    now_s[0] = STALE_S + 0.1
    assert isinstance(page.say(hello(), begin(second))[-1], p.Ready)
    assert serial.say(p.Data(2048, first[2048:]))[-1].code == ErrorCode.WRITE_FAILED
    page.say(p.Data(0, second[:2048]), p.Data(2048, second[2048:]))
    assert page.say(p.Finish())[-1].code == ErrorCode.BAD_BUNDLE  # All of it arrived, and nothing of the other line's.


def test_page_port_goes_over_to_the_line_of_a_server_that_was_started_again():
    import socket

    waiting = []
    port = PagePort(lambda: waiting.pop() if waiting else None)
    assert port.read(port.in_waiting) == b""
    assert port.write(b"nobody hears it") == 15
    for _ in range(2):
        ours, theirs = socket.socketpair()
        waiting.append(ours)
        theirs.sendall(b"hello")
        assert port.read(port.in_waiting) == b"hello"
        port.write(b"answer")
        assert theirs.recv(64) == b"answer"
        theirs.close()
        assert port.read(port.in_waiting) == b""
    port.close()
