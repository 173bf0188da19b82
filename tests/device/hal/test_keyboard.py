"""Letter keys: one contract for all keyboards, the bytes of terminals, and the notes that keys play."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.errors import BadConfig
from tombola_device.hal.keyboard.decoding import ANSWERED, ASK, BEGIN, END, Decoder
from tombola_device.hal.keyboard.open import open_keyboard
from tombola_device.hal.keyboard.port import FakeKeyboard, KeyPress, Stroke
from tombola_device.hal.keyboard.posix import PosixKeyboard
from tombola_device.hal.keyboard.windows import WindowsKeyboard
from tombola_device.hal.midi.typed import DIALS, HARD, KEPT_S, LOWEST_NOTE, REPEAT_S, RING_S, ROWS, SOFT, STEP, TypedIn
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player

PLAIN, KITTY = b"\x1b[?62;c", b"\x1b[?0u\x1b[?62;c"


class Terminal:
    """The other end of a terminal: answers the question, types, and keeps what it was told."""

    def __init__(self, answer: bytes) -> None:
        self.end, self.keys = pty.openpty()
        self.told = b""
        self._answer = answer
        self._thread = threading.Thread(target=self._reply)
        self._thread.start()

    def _reply(self) -> None:
        while ASK not in self.told:
            self.told += os.read(self.end, 100)
        os.write(self.end, self._answer)

    def open(self, monkeypatch) -> PosixKeyboard:
        monkeypatch.setenv("TERM", "xterm-256color")
        keyboard = PosixKeyboard(self.keys, self.keys)
        self._thread.join()
        return keyboard

    def type(self, data: bytes) -> None:
        os.write(self.end, data)

    def read(self) -> bytes:
        return os.read(self.end, 100)

    def close(self) -> None:
        os.close(self.end)
        os.close(self.keys)


@pytest.fixture
def terminal():
    made = []

    def make(answer: bytes = PLAIN) -> Terminal:
        made.append(Terminal(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def console(monkeypatch):
    """Windows' console, as msvcrt shows it: what is in ``waiting`` was typed."""
    waiting: list[str] = []
    module = SimpleNamespace(kbhit=lambda: bool(waiting), getwch=lambda: waiting.pop(0))
    monkeypatch.setitem(sys.modules, "msvcrt", module)
    return waiting


@pytest.fixture(params=["fake", "posix", "posix with kitty's protocol", "windows"])
def played(request, terminal, console, monkeypatch):
    """A keyboard, and how Q, the right arrow and W with SHIFT are typed on it."""
    if request.param == "fake":
        keyboard = FakeKeyboard()

        def type_keys() -> None:
            keyboard.press("q", "right")
            keyboard.press("w", shift=True)
    elif request.param == "windows":
        keyboard, type_keys = WindowsKeyboard(), lambda: console.extend(["q", "\xe0", "M", "W"])
    else:
        kitty = "kitty" in request.param
        screen = terminal(KITTY if kitty else PLAIN)
        keyboard = screen.open(monkeypatch)
        typed = b"\x1b[113;1:1u\x1b[1;1:1C\x1b[119:87;2:1u" if kitty else b"q\x1b[CW"
        type_keys = lambda: screen.type(typed)  # noqa: E731
    yield keyboard, type_keys
    keyboard.close()


def poll(keyboard, count: int) -> list[KeyPress]:
    """A terminal passes bytes on in its own time."""
    presses, until_s = [], time.monotonic() + 5.0
    while len(presses) < count and time.monotonic() < until_s:
        presses += keyboard.poll()
    return presses


def test_every_keyboard_gives_keys_in_order_with_shift(played):
    keyboard, type_keys = played
    assert keyboard.poll() == []
    type_keys()
    assert [(press.key, press.stroke, press.shift) for press in poll(keyboard, 3)] == [
        ("q", Stroke.DOWN, False),
        ("right", Stroke.DOWN, False),
        ("w", Stroke.DOWN, True),
    ]
    assert keyboard.poll() == []


def test_every_keyboard_can_be_closed_twice_and_plays_two_notes_and_a_blend(played):
    keyboard, type_keys = played
    type_keys()
    typed, messages, until_s = TypedIn(keyboard), [], time.monotonic() + 5.0
    while len(messages) < 3 and time.monotonic() < until_s:
        messages += typed.poll()
    assert messages == [(0x90, 60, 90), (0xB0, 1, STEP), (0x90, 62, 127)]
    typed.close()
    typed.close()
    assert typed.poll() == []


# The terminal


def test_terminal_is_read_key_by_key_without_an_echo_and_restored(terminal, monkeypatch):
    screen = terminal()
    before = termios.tcgetattr(screen.keys)
    keyboard = screen.open(monkeypatch)
    assert not keyboard.releases
    during = termios.tcgetattr(screen.keys)
    assert not during[3] & (termios.ECHO | termios.ICANON)
    assert during[3] & termios.ISIG  # Ctrl-C is a signal as ever …
    assert during[6][termios.VSUSP] == b"\0"  # … and Ctrl-Z is none.
    keyboard.close()
    assert termios.tcgetattr(screen.keys) == before


def test_terminal_with_kittys_protocol_is_asked_for_it_and_told_when_it_ends(terminal, monkeypatch):
    screen = terminal(KITTY)
    keyboard = screen.open(monkeypatch)
    assert keyboard.releases
    assert screen.read() == BEGIN
    screen.type(b"\x1b[122;1:1u\x1b[122;1:3u")
    assert [press.stroke for press in poll(keyboard, 2)] == [Stroke.DOWN, Stroke.UP]
    keyboard.close()
    assert screen.read() == END


def test_dumb_terminal_is_not_asked(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    end, keys = pty.openpty()
    keyboard = PosixKeyboard(keys, keys)
    assert not keyboard.releases
    os.set_blocking(end, False)
    with pytest.raises(BlockingIOError):
        os.read(end, 100)
    keyboard.close()
    os.close(end)
    assert keyboard.poll() == []
    os.close(keys)


def test_ctrl_c_interrupts_also_where_the_terminal_sends_no_signal(terminal, monkeypatch):
    screen = terminal(KITTY)
    keyboard = screen.open(monkeypatch)
    screen.type(b"\x1b[99;5u")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's background job ignores it.
    try:
        with pytest.raises(KeyboardInterrupt):
            poll(keyboard, 1)
    finally:
        signal.signal(signal.SIGINT, before)
    keyboard.close()


def test_program_that_ends_by_an_error_restores_the_terminal():
    end, keys = pty.openpty()
    before = termios.tcgetattr(keys)
    code = (
        "from tombola_device.hal.keyboard.posix import PosixKeyboard\nimport termios\nPosixKeyboard(0, 0)\n"
        "assert not termios.tcgetattr(0)[3] & termios.ECHO\nraise SystemExit(3)"
    )
    ended = subprocess.run([sys.executable, "-c", code], stdin=keys, env=os.environ | {"TERM": "dumb"}, check=False)
    assert ended.returncode == 3
    assert termios.tcgetattr(keys) == before
    os.close(end)
    os.close(keys)


def test_without_a_terminal_there_are_no_letter_keys(monkeypatch):
    with open(os.devnull) as nothing:  # noqa: PTH123 - what a service gets
        monkeypatch.setattr(sys, "stdin", nothing)
        assert open_keyboard() is None
    monkeypatch.setattr(sys, "stdin", None)
    assert open_keyboard() is None


# The bytes


@pytest.mark.parametrize(
    ("data", "press"),
    [
        (b"z", KeyPress("z")),
        ("É".encode(), KeyPress("é", shift=True)),
        (b"\t", KeyPress("tab")),
        (b"\x7f", KeyPress("backspace")),
        (b"\x1b[A", KeyPress("up")),
        (b"\x1bOD", KeyPress("left")),
        (b"\x1b[1;2B", KeyPress("down", shift=True)),
        (b"\x1bz", KeyPress("z")),
        (b"\x03", KeyPress("ctrl-c")),
        (b"\x1b[122u", KeyPress("z")),
        (b"\x1b[122;1:2u", KeyPress("z", Stroke.AGAIN)),
        (b"\x1b[121::122;1:3u", KeyPress("y", Stroke.UP, place="z")),
        (b"\x1b[233:201:50;2u", KeyPress("é", shift=True, place="2")),
        (b"\x1b[9;1:1u", KeyPress("tab")),
        (b"\x1b[32;129u", KeyPress("space")),  # With the lock of numbers on.
        (b"\x1b[99;5:1u", KeyPress("ctrl-c")),
    ],
)
def test_each_sequence_of_a_terminal_is_one_key(data, press):
    assert Decoder().feed(data) == [press]


@pytest.mark.parametrize(
    "data", [b"\x1b[200~", b"\x1b[57441;2u", b"\x1b[97;3u", b"\x1b[?62c", b"\x00", b"\xff", b"\x1b[1114112u", b"\x1b[u"]
)
def test_what_is_no_key_is_dropped_and_the_next_key_is_read(data):
    assert Decoder().feed(data + b"q") == [KeyPress("q")]


@given(st.lists(st.sampled_from([b"z", "é".encode(), b"\x1b[A", b"\x1bOB", b"\x1b[122;1:3u", b"\x1b[1;2C"])), st.data())
def test_keys_do_not_depend_on_how_the_bytes_are_cut(keys, data):
    whole = b"".join(keys)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    decoder, presses = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        presses += decoder.feed(whole[start:end])
    assert presses == Decoder().feed(whole)
    assert len(presses) == len(keys)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder_or_are_kept_for_long(data):
    decoder = Decoder()
    decoder.feed(data)
    assert len(decoder._rest) <= 64
    decoder.feed(b"~~~")
    assert decoder.feed(b"q")[-1:] == [KeyPress("q")]


def test_every_terminal_answers_in_a_form_that_is_known():
    assert ANSWERED.search(b"\x1b[?1;2c")
    assert ANSWERED.search(KITTY)
    assert not ANSWERED.search(b"\x1b[?0u")


# What keys play


class Hands:
    """A player at a keyboard, in virtual time."""

    def __init__(self, *, releases: bool = False, layout: str = "qwerty") -> None:
        self.keyboard, self.now_s = FakeKeyboard(releases=releases), 100.0
        self.typed = TypedIn(self.keyboard, layout, lambda: self.now_s)
        self.player = Player(modes=4, voices=4)
        self.map = MidiMap(self.player)
        self.strikes: list[int] = []

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.now_s += 0.01
            self.poll()

    def press(self, *keys: str, shift: bool = False) -> None:
        self.keyboard.press(*keys, shift=shift)
        self.poll()

    def hold(self, key: str, seconds: float, pause_s: float = 0.5) -> None:
        """Hold a key as a terminal without releases shows it: a pause, then 30 a second."""
        self.press(key)
        self.wait(pause_s)
        for _ in range(round((seconds - pause_s) / 0.03)):
            self.keyboard.hold(key)
            self.wait(0.03)

    def poll(self) -> None:
        for message in self.typed.poll():
            self.strikes += [message[1]] if message[0] == 0x90 else []
            self.map.receive(message)

    @property
    def notes(self) -> list[int]:
        controls = self.player.controls()
        return sorted(int(note) for note, gate in zip(controls.note, controls.gate, strict=True) if gate)


@pytest.mark.parametrize("layout", ROWS)
def test_two_octaves_and_a_third_lie_on_two_rows_of_every_layout(layout):
    lower, upper = ROWS[layout]
    assert (len(lower), len(upper)) == (12, 17)
    assert len({*lower, *upper}) == 29
    hands = Hands(releases=True, layout=layout)
    for key in lower + upper:
        hands.press(key)
        hands.keyboard.lift(key)
        hands.poll()
    assert hands.strikes == list(range(LOWEST_NOTE, LOWEST_NOTE + 29))


def test_chart_shows_the_keys_the_controllers_and_the_time_that_a_note_rings():
    chart = (Path(__file__).parents[3] / "docs" / "midi.md").read_text().split("## Letter keys")[1]
    keys = chart.split("```")[1]
    assert set("".join(ROWS["qwerty"])) == {word for word in keys.split() if len(word) == 1} - {"…"}
    assert ", ".join(str(dial.controller) for dial in DIALS[:-1]) + f" or {DIALS[-1].controller}" in chart
    assert f"velocity {SOFT}; with SHIFT {HARD}" in chart
    assert f"steps of {STEP}" in chart
    assert f"rings for {RING_S} s" in chart
    for layout in ROWS:
        assert layout == "qwerty" or f"--layout {layout}" in chart


def test_place_of_a_key_counts_more_than_its_letter():
    hands = Hands()
    hands.keyboard._events.append(KeyPress("y", place="z"))
    hands.poll()
    assert hands.strikes == [LOWEST_NOTE]


def test_key_that_goes_up_ends_its_note_where_the_terminal_says_so_even_in_another_octave():
    hands = Hands(releases=True)
    hands.press("q", "e")
    hands.wait(3.0)
    assert hands.notes == [60, 64]
    hands.press(".")
    hands.keyboard.lift("q")
    hands.poll()
    assert hands.notes == [64]
    hands.press("q")
    assert hands.notes == [64, 72]


def test_note_rings_for_a_set_time_where_no_key_says_that_it_goes_up():
    hands = Hands()
    hands.press("q")
    hands.wait(RING_S - 0.02)
    assert hands.notes == [60]
    hands.wait(0.04)
    assert hands.notes == []


def test_held_key_sounds_until_it_is_lifted_and_is_struck_once_when_its_pause_is_known():
    hands = Hands()
    hands.hold("q", 2.0)
    assert hands.strikes == [60, 60]  # The first repeat of the first held key cannot be told from a strike.
    assert hands.notes == [60]
    hands.wait(KEPT_S + 0.02)
    assert hands.notes == []
    hands.hold("w", 3.0)
    assert hands.strikes == [60, 60, 62]
    assert hands.notes == [62]


def test_key_that_is_struck_four_times_a_second_sounds_four_times_a_second():
    hands = Hands()
    hands.hold("q", 2.0)
    hands.strikes.clear()
    for _ in range(8):
        hands.press("e")
        hands.wait(2 * REPEAT_S)
    assert hands.strikes == [64] * 8


def test_shift_strikes_harder():
    hands = Hands()
    hands.press("q")
    soft = float(hands.player.controls().velocity.max())
    hands.wait(0.3)
    hands.press("q", shift=True)
    assert soft == pytest.approx(90 / 127)
    assert float(hands.player.controls().velocity.max()) == 1.0


def test_arrows_walk_the_whole_blend_and_no_further():
    hands = Hands()
    hands.press(*["right"] * 40)
    assert hands.player.blend.tolist() == [0, 0, 0, 1]
    hands.press(*["left"] * 40)
    assert hands.player.blend.tolist() == [1, 0, 0, 0]


def test_tab_chooses_the_dial_that_up_and_down_move():
    hands = Hands()
    hands.press("up", "up")
    assert hands.player.timbre[0] > 0.5
    hands.press("tab", "down")
    assert hands.player.timbre[1] < 0.5
    hands.press("tab", *["up"] * 40)
    assert hands.player.life == 2.0
    hands.press("tab", "down")
    assert hands.player.dials()["base_db"] < 0
    hands.press("tab")
    assert hands.typed.dial.name == "timbre x"


def test_octaves_end_where_notes_do_and_a_key_beyond_is_silent():
    hands = Hands()
    hands.press(*[","] * 9)
    assert hands.typed.octave == -3
    hands.press("z")
    hands.press(*["."] * 9)
    assert hands.typed.octave == 3
    hands.press("p")
    assert hands.strikes == [12, 112]


def test_space_holds_what_is_played_and_lets_it_go_again():
    hands = Hands()
    hands.press("space", "q", "e", "t")
    hands.wait(5.0)
    assert hands.notes == [60, 64, 67]
    hands.press("space")
    assert hands.notes == []


def test_backspace_silences_at_once_also_what_is_held():
    hands = Hands()
    hands.press("space", "q", "backspace")
    controls = hands.player.controls()
    assert not controls.gate.any()
    assert not controls.velocity.any()  # Choked, not released.
    assert not hands.typed.holding


def test_unknown_layout_is_one_sentence_with_those_there_are():
    with pytest.raises(BadConfig, match=r"'dvorak' is unknown; give qwerty, qwertz, azerty"):
        TypedIn(FakeKeyboard(), "dvorak")
