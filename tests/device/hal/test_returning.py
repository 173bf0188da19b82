"""A card that is unplugged and returns."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.hal.audio.returning import ReturningOut

BLOCK = np.full(128, 0.1, np.float32)


class Socket:
    """A socket with or without a card."""

    def __init__(self):
        self.cards, self.empty = [], False

    def open(self):
        if self.empty:
            raise DeviceUnavailable("no card")
        self.cards.append(FakeOut())
        return self.cards[-1]


def write_until(out, condition):
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s
        out.wait()
        assert out.write(BLOCK)


def test_returned_card_plays_again_and_its_absence_is_not_an_xrun():
    socket = Socket()
    out = ReturningOut(socket.open, retry_s=0.01)
    assert out.write(BLOCK)
    socket.empty = True
    socket.cards[0].unplug()
    assert out.write(BLOCK)
    assert out.lost
    assert socket.cards[0].closed
    for _ in range(20):
        assert out.write(BLOCK)
    assert out.lost
    socket.empty = False
    write_until(out, lambda: not out.lost)
    assert len(socket.cards) == 2
    assert len(socket.cards[1].blocks) == 1
    out.close()
    assert socket.cards[1].closed


def test_card_unplugged_twice_returns_twice():
    socket = Socket()
    out = ReturningOut(socket.open, retry_s=0.01)
    for _ in range(2):
        socket.cards[-1].unplug()
        out.write(BLOCK)
        assert out.lost
        write_until(out, lambda: not out.lost)
    assert len(socket.cards) == 3
    out.close()


def test_periods_take_their_real_time_without_the_card():
    socket = Socket()
    out = ReturningOut(socket.open, retry_s=10)
    socket.cards[0].unplug()
    start_s = time.monotonic()
    for _ in range(40):
        out.wait()
        out.write(BLOCK)
    assert time.monotonic() - start_s >= (40 - 5) * 128 / 48_000
    out.close()


def test_missing_card_at_the_start_is_refused():
    socket = Socket()
    socket.empty = True
    with pytest.raises(DeviceUnavailable):
        ReturningOut(socket.open)
