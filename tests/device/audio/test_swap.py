"""A swap with as many voices as the computer can play: what it costs the audio thread, in virtual time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tombola_device.audio.budget import BUDGET
from tombola_device.audio.frames import ControlsWriter, StatusReader, memory_bytes
from tombola_device.audio.process import AudioLoop
from tombola_device.engine.crossfade import FADE_PERIODS, preroll
from tombola_device.engine.engine import Engine
from tombola_device.hal.audio.fake import FakeOut
from tombola_device.play.player import Player

VOICES = 16
PERIOD_S = 128 / 48_000
BUFFER_PERIODS = 4


class Card(FakeOut):
    """A card with a buffer of four periods, in virtual time: a write that comes too late is an xrun."""

    def __init__(self):
        super().__init__()
        self.now_s, self.end_s = 0.0, BUFFER_PERIODS * PERIOD_S
        self.dry = 0

    def wait(self):
        self.now_s = max(self.now_s, self.end_s - (BUFFER_PERIODS - 1) * PERIOD_S)
        return round((self.end_s - self.now_s) / PERIOD_S) * 128

    def write(self, block):
        self.dry += self.now_s > self.end_s
        self.end_s = max(self.end_s, self.now_s) + PERIOD_S
        return super().write(block)


@pytest.fixture
def costly(monkeypatch):
    """A card, and engines of which each takes the whole budget for sixteen voices."""
    card, render = Card(), Engine.render

    def slow(engine, controls, out):
        render(engine, controls, out)
        card.now_s += BUDGET * PERIOD_S * engine.sounding / VOICES

    monkeypatch.setattr(Engine, "render", slow)
    clock = SimpleNamespace(monotonic=lambda: card.now_s, perf_counter=lambda: card.now_s)
    monkeypatch.setattr("tombola_device.audio.process.time", clock)
    return card


@pytest.fixture
def full(costly, bundle):
    """The loop with sixteen held notes, and how far it plays on."""
    memory = memoryview(bytearray(memory_bytes(VOICES)))
    loop, player = AudioLoop(Engine(bundle, VOICES), "0" * 64, memory, VOICES, BUFFER_PERIODS), Player(3, VOICES)
    for note in range(48, 48 + 2 * VOICES, 2):
        player.note_on(note, 1.0)
    ControlsWriter(memory, VOICES).write(player.packed())
    status = StatusReader(memory, VOICES)

    def play(periods):
        for _ in range(periods):
            loop._period(costly)
        return status.latest()

    play(64)
    return loop, play


def ready(loop, card, bundle):
    """An engine after its preroll, which the loading thread plays beside the sound: no time of the audio thread."""
    engine, now_s = Engine(bundle, VOICES), card.now_s
    preroll(engine, lambda: loop.frame)
    card.now_s = now_s
    return engine


def test_swap_at_full_polyphony_takes_no_voice_away_and_makes_no_xrun(full, costly, make_bundle):
    loop, play = full
    following = ready(loop, costly, make_bundle(name="next"))
    before = len(costly.blocks)
    loop.take_over(following, "1" * 64)
    status = play(64)
    assert (status.sha256, status.voice_limit, status.slimmed) == ("1" * 64, VOICES, 0)
    assert costly.dry == 0
    assert loop.engine.sounding == VOICES
    sound = np.stack(costly.blocks[before - 32 :])
    assert np.abs(sound).max(axis=1).min() > 0.05


def test_swap_has_both_engines_in_the_audio_thread_for_four_periods_only(full, costly, make_bundle):
    loop, play = full
    following = ready(loop, costly, make_bundle(name="next"))
    loop.take_over(following, "1" * 64)
    taken_s = []
    for _ in range(16):
        costly.now_s = begun_s = max(costly.now_s, costly.end_s - (BUFFER_PERIODS - 1) * PERIOD_S)
        play(1)
        taken_s.append(costly.now_s - begun_s)
    doubled = [taken for taken in taken_s if taken > 1.5 * BUDGET * PERIOD_S]
    assert len(doubled) == FADE_PERIODS
