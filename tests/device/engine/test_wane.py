"""The wane: the spectrum of a note that dies away moves along one direction, at a speed that rises with the note."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.graph import SHADES
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE, Mode
from tombola_device.engine.wane import WaneFeed, waned_s

VOICES, DIRECTIONS, COLUMNS = 3, 2, 5
DYING = Mode("dying", "#000000", (36.0, 84.0), wane=1.5)
HELD = Mode("held", "#000000", (36.0, 84.0))


class Feed:
    """A feed over memory of its own."""

    def __init__(self, *modes: Mode) -> None:
        self.modes = modes
        self.shade = np.zeros((VOICES, len(modes) * (len(SHADES) + DIRECTIONS)), np.float32)
        self.controls = np.zeros((VOICES, COLUMNS + len(modes)), np.float32)
        self.controls[:, COLUMNS] = 1.0
        self.feed = WaneFeed(modes, self.shade, self.controls)

    def wane(self, voice: int = 0, mode: int = 0) -> float:
        """What a voice's last direction of a mode says."""
        return float(self.shade[voice, len(self.modes) * len(SHADES) + (mode + 1) * DIRECTIONS - 1])

    def run(self, seconds: float, note: float = KEYTRACK_NOTE) -> None:
        self.feed.place([note] * VOICES)
        for _ in range(round(seconds * FRAME_RATE_HZ)):
            self.feed.advance()


def test_after_a_second_a_note_at_the_keytrack_note_has_gone_one_unit() -> None:
    one = Feed(DYING)
    one.run(1.0)
    assert [one.wane(voice) for voice in range(VOICES)] == pytest.approx([1.0] * VOICES, abs=1 / FRAME_RATE_HZ)


def test_an_octave_higher_it_goes_as_much_faster_as_the_mode_says() -> None:
    one = Feed(DYING)
    one.run(1.0, KEYTRACK_NOTE + 12)
    assert one.wane() == pytest.approx(2**1.5, rel=0.01)


def test_a_new_note_begins_at_zero() -> None:
    one = Feed(DYING)
    one.run(1.0)
    one.feed.begin(0)
    assert one.wane(0) == 0.0
    assert one.wane(1) > 0.9


def test_in_a_blend_a_mode_wanes_by_its_weight_and_a_held_mode_does_not() -> None:
    one = Feed(DYING, HELD)
    one.controls[:, COLUMNS:] = 0.25, 0.75
    one.run(1.0)
    assert one.wane(mode=0) == pytest.approx(0.25, rel=0.02)
    assert one.wane(mode=1) == 0.0


def test_a_voice_that_leaves_a_mode_leaves_its_wane_although_no_life_clears_it() -> None:
    one = Feed(DYING, HELD)
    one.run(1.0)
    one.controls[:, COLUMNS:] = 0.0, 1.0
    one.run(0.1)
    assert one.wane(mode=0) == 0.0


@pytest.mark.parametrize("note", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_what_is_no_note_raises_nothing_in_the_audio_thread(note: float) -> None:
    one = Feed(DYING)
    one.run(0.1, note)
    assert 0.0 <= one.wane() <= LONGEST_WANE_S


def test_what_life_has_cleared_is_written_again_in_the_same_period() -> None:
    one = Feed(DYING)
    one.run(1.0)
    before = [one.wane(voice) for voice in range(VOICES)]
    one.shade[:] = 0.0
    one.feed.advance()
    assert [one.wane(voice) for voice in range(VOICES)] == pytest.approx(before, abs=2 / FRAME_RATE_HZ)


def test_modes_without_a_wane_cost_nothing() -> None:
    assert not Feed(HELD).feed.moves
    assert Feed(DYING).feed.moves


@given(st.floats(0, 1e6), st.floats(0, 127), st.floats(0, 3))
def test_no_note_goes_further_than_the_longest_wane(since_s: float, note: float, keytrack: float) -> None:
    assert 0.0 <= waned_s(since_s, note, keytrack) <= LONGEST_WANE_S


@pytest.mark.parametrize("wane", [-0.1, 3.1])
def test_a_manifest_may_not_ask_for_another_speed(wane: float) -> None:
    told = msgspec.json.encode({"name": "m", "color": "#000000", "note_range": [0, 1], "wane": wane})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(told, type=Mode)
