"""The loop of the audio process: when it reads the controls, and how it measures latency."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tombola_device.audio.frames import ControlsWriter, memory_bytes
from tombola_device.audio.process import AudioLoop
from tombola_device.engine.engine import Engine
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.play.player import Player

FULL_SAMPLES = 3 * 128


class PlayedWhileWaiting(FakeOut):
    """A sink with a buffer of four periods. A key is pressed during its next wait; each wait takes 1 ms of its own
    clock."""

    def __init__(self, memory):
        super().__init__()
        self.fill(FULL_SAMPLES)
        self.now_s = 0.0
        self._player, self._writer, self._presses = Player(3, 4), ControlsWriter(memory, 4), False

    def press(self):
        self._presses = True

    def wait(self):
        if self._presses:
            self._presses = False
            self._player.note_on(60, 1.0)
            self._writer.write(self._player.packed(), self.now_s)
        self.now_s += 0.001
        return super().wait()


@pytest.fixture
def loop_and_sink(bundle, monkeypatch):
    memory = memoryview(bytearray(memory_bytes(4)))
    sink = PlayedWhileWaiting(memory)
    loop = AudioLoop(Engine(bundle, 4), "0" * 64, memory, 4)
    clock = SimpleNamespace(monotonic=lambda: sink.now_s, perf_counter=lambda: 0.0)
    monkeypatch.setattr("tombola_device.audio.process.time", clock)
    return loop, sink


def test_key_pressed_while_the_loop_waits_for_the_card_sounds_in_the_next_period(loop_and_sink):
    loop, sink = loop_and_sink
    loop._period(sink)
    assert not np.any(sink.blocks[-1])
    sink.press()
    loop._period(sink)
    assert np.any(sink.blocks[-1])


def test_latency_is_the_time_until_the_wait_ends_plus_the_samples_in_the_buffer(loop_and_sink):
    loop, sink = loop_and_sink
    loop._period(sink)
    sink.press()
    loop._period(sink)
    assert loop._latencies.quantiles(0.5) == [pytest.approx(1.0 + 8.0)]
    loop._period(sink)
    assert loop._latencies.quantiles(1.0) == [pytest.approx(9.0)]  # Counted once.


def test_latency_of_a_lost_period_is_that_of_the_next_one(loop_and_sink):
    loop, sink = loop_and_sink
    loop._period(sink)
    sink.press()
    sink.run_dry()
    loop._period(sink)
    assert loop._latencies.quantiles(0.5) == [0.0]
    loop._period(sink)
    assert loop._latencies.quantiles(0.5) == [pytest.approx(2.0 + 8.0)]
