"""Work for the disk: one contract for the thread and for what does it at once."""

from __future__ import annotations

import errno
import threading
import time

import pytest
from tombola_device.contract.errors import DeviceUnavailable, StoreError
from tombola_device.disk.errands import AtOnce, ErrandThread


@pytest.fixture(params=[AtOnce, ErrandThread])
def errands(request):
    made = request.param()
    yield made
    made.close()


def notices_of(errands, count):
    notices, until_s = [], time.monotonic() + 5
    while len(notices) < count and time.monotonic() < until_s:
        notices += errands.collect()
    return notices


def test_errands_are_done_in_order_and_what_they_found_is_told_where_it_is_collected(errands):
    done, here = [], threading.get_ident()
    for number in range(20):
        errands.send(lambda number=number: done.append(number) or number, lambda number: f"{number}")
    errands.send(threading.get_ident, lambda _: str(threading.get_ident() == here))
    assert notices_of(errands, 21) == [*map(str, range(20)), "True"]
    assert done == list(range(20))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (StoreError("scene-01.json cannot be kept"), "scene-01.json cannot be kept"),
        (DeviceUnavailable("the EEPROM does not answer"), "the EEPROM does not answer"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk cannot be used (No space left on device)"),
    ],
)
def test_errand_that_fails_is_a_sentence_and_the_next_one_is_done(errands, caplog, error, sentence):
    def fail():
        raise error

    errands.send(fail, lambda _: "never")
    errands.send(fail, failed=lambda error: f"{type(error).__name__} for me")
    errands.send(lambda: None, lambda _: "next")
    first, second, third = notices_of(errands, 3)
    assert first.startswith(sentence)
    assert second == f"{type(error if isinstance(error, DeviceUnavailable) else StoreError('')).__name__} for me"
    assert third == "next"
    assert caplog.text.count(sentence) == 1


def test_thread_keeps_nobody_waiting_and_its_end_waits_for_the_last_errand():
    errands, gate, done = ErrandThread(), threading.Event(), []
    errands.send(lambda: gate.wait(5) and done.append("durable"))
    assert errands.collect() == []
    threading.Timer(0.05, gate.set).start()
    errands.close()
    assert done == ["durable"]
    assert errands.collect() == []
