"""Real MIDI ports between processes: kinds and numbers of messages, and keyboards that are plugged and unplugged."""

from __future__ import annotations

import contextlib
import time

import pytest
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi.ports import open_ports
from tombola_device.hal.midi.rtmidi import MOST_MESSAGES, RtmidiBackend

PATIENCE_S = 20.0
LUMP = 2000
TRIES = 4
EVERY_KIND = [
    (0x93, 60, 100), (0x83, 60, 0), (0xA0, 60, 1), (0xB0, 1, 64), (0xC0, 2), (0xD0, 3), (0xE0, 127, 127),
    (0xF8,), (0xFA,), (0xFB,), (0xFC,), (0xFF,),
]  # fmt: skip


@pytest.fixture
def keyboards(jack):
    """Makes keyboards by name, and ends them after the test."""
    made = []

    def plug(name):
        made.append(jack.keyboard(name))
        return made[-1]

    yield plug
    for keyboard in made:
        keyboard.unplug()


@pytest.fixture
def ports(jack):
    source = open_ports("jack")
    yield source
    source.close()


def until(condition, source):
    """Poll until the condition holds; return the received messages."""
    got, until_s = [], time.monotonic() + PATIENCE_S
    while not condition(got):
        assert time.monotonic() < until_s, got[-5:]
        got += source.poll()
        time.sleep(0.001)
    return got


def test_every_kind_of_message_arrives_unchanged_except_system_exclusive(keyboards, ports):
    keyboard = keyboards("kinds")
    until(lambda _: keyboard.name in ports.name, ports)
    exclusive = (0xF0, 0x7D, *[index % 128 for index in range(700)], 0xF7)
    for message in EVERY_KIND:
        keyboard.send(message, exclusive, (0xFE,), (0xF2, 1, 2))
    assert until(lambda got: len(got) >= len(EVERY_KIND), ports) == EVERY_KIND
    assert ports.poll() == []


def burst(keyboard, lumps):
    """Send lumps of LUMP messages without a poll, each after a witness has received the one before; return them all.

    Raises:
        Disturbed: The witness has not heard it whole: JACK itself loses or repeats a period when the machine stalls.
    """
    backend = RtmidiBackend("jack")
    witness, sent = backend.open_input(keyboard.name), []
    try:
        for lump in range(lumps):
            messages = [(0xE0 | lump % 16, index // 128, index % 128) for index in range(LUMP)]
            keyboard.send(*messages)
            got, until_s = [], time.monotonic() + 2.0
            while len(got) < LUMP and time.monotonic() < until_s:
                got += witness.poll()
                time.sleep(0.005)
            if got != messages:
                raise Disturbed
            sent += messages
    finally:
        witness.close()
        backend.close()
    return sent


class Disturbed(Exception):
    pass


def undisturbed(ports, try_once):
    """Numbers of several attempts; in one of them JACK must not lose messages."""
    for _ in range(TRIES):
        with contextlib.suppress(Disturbed):
            try_once()
            return
        time.sleep(1.0)
        while ports.poll():
            pass
    pytest.fail(f"{TRIES} times something was lost")


def test_thousands_of_messages_between_two_polls_arrive_completely_and_in_order(keyboards, ports):
    keyboard = keyboards("burst")
    until(lambda _: keyboard.name in ports.name, ports)

    def try_once():
        sent, got = burst(keyboard, 5), []
        until_s = time.monotonic() + 2.0
        while len(got) < len(sent) and time.monotonic() < until_s:
            got += ports.poll()
        if got != sent:  # JACK may have disturbed this client, but not at each attempt.
            raise Disturbed

    undisturbed(ports, try_once)


def test_a_full_queue_is_logged_and_keeps_the_first_messages(keyboards, ports, caplog):
    keyboard = keyboards("flood")
    until(lambda _: keyboard.name in ports.name, ports)

    def try_once():
        sent = burst(keyboard, 10)
        caplog.clear()
        if ports.poll() != sent[: MOST_MESSAGES - 1]:
            raise Disturbed
        assert sum(port.overruns for port in ports._ports.values()) >= 1
        assert "some may be lost" in caplog.text

    undisturbed(ports, try_once)
    keyboard.send((0xC0, 1))
    assert until(len, ports)[-1] == (0xC0, 1)


def test_unplugged_keyboard_releases_its_keys_and_plays_again_when_it_returns(keyboards, ports):
    assert ports.name == "no MIDI port"
    for _ in range(2):
        keyboard = keyboards("stage")
        until(lambda _, name=keyboard.name: ports.name == name, ports)
        keyboard.send((0x90, 60, 100))
        assert until(len, ports) == [(0x90, 60, 100)]
        keyboard.unplug()
        assert until(len, ports) == [(0x80, 60, 64)]
        assert ports.name == "no MIDI port"


def test_two_keyboards_play_at_once_each_in_its_order(keyboards, ports):
    pair = [keyboards("left"), keyboards("right")]
    until(lambda _: all(keyboard.name in ports.name for keyboard in pair), ports)
    for index in range(100):
        for channel, keyboard in enumerate(pair):
            keyboard.send((0xB0 | channel, 20, index))
    got = until(lambda got: len(got) >= 200, ports)
    for channel in range(2):
        assert [value for status, _, value in got if status & 1 == channel] == list(range(100))


def test_part_of_a_name_chooses_a_keyboard_and_a_missing_one_is_one_sentence(keyboards):
    names = [keyboards(name).name for name in ("oboe", "viola")]
    chosen = open_ports("jack:viol")
    assert chosen.name == names[1]
    chosen.close()
    with pytest.raises(DeviceUnavailable, match="no name of a MIDI input contains 'tuba'"):
        open_ports("jack:tuba")


def test_missing_interface_is_one_sentence():
    pytest.importorskip("rtmidi", reason="python-rtmidi is not installed: it needs a wheel or a C++ compiler")
    with pytest.raises(DeviceUnavailable, match="was built without it"):
        RtmidiBackend("telegraph")
