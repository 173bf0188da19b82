"""The contract of the control surface: what any face must be able to do, whether it has hardware or not.

A further face runs here too: it needs a hand, which knows how its user asks for an action and sees the view.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tombola_device.config import Config
from tombola_device.contract.errors import BadConfig
from tombola_device.daemon.console import SHOWN_S, open_console
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.files import DiskFiles
from tombola_device.disk.sealed import read_sealed
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.player import Player
from tombola_device.play.voices import VoiceMode
from tombola_device.surface.actions import (
    JACKS,
    AcceptKey,
    AllowOnce,
    Calibrate,
    CancelCalibration,
    Choose,
    ConfirmCalibration,
    Enrol,
    MorphBy,
    Panic,
    RecallScene,
    Revert,
    SaveScene,
    StopLearning,
    TurnDownKey,
)
from tombola_device.surface.browser.face import BrowserFace
from tombola_device.surface.fake import FakeFace
from tombola_device.surface.oled.menu import MORPH_PER_CLICK, READ_S, Page
from tombola_device.surface.oled.pages import draw
from tombola_device.surface.scenes import PLACES
from tombola_device.surface.surface import NOTICE_S
from tombola_device.surface.view import Option, View
from tombola_device.surface.wire import fields_of
from tombola_device.web.client import WebClient
from tombola_device.web.keys import KeptKeys


class FakeHand:
    """Plays the face that ships for tests."""

    def __init__(self, bench):
        self.bench = bench

    def ask(self, action):
        if isinstance(action, MorphBy):
            self.bench.face.turn(action.amount)
        else:
            self.bench.face.press(action)
        self.bench.run(0.1)

    def see(self):
        self.bench.run(SHOWN_S + 0.01)
        return self.bench.face.see()

    def is_dark(self):
        return self.bench.face.closed


class OledHand:
    """Turns the encoder, pushes the buttons, reads the display."""

    def __init__(self, bench):
        pytest.importorskip("PIL.Image", reason="pillow is not installed")
        self.bench = bench

    def ask(self, action):  # noqa: C901 - one gesture an action
        bench = self.bench
        match action:
            case MorphBy(amount):
                bench.go(Page.PLAY)
                bench.click(round(amount / MORPH_PER_CLICK))
            case SaveScene(place):
                self._row(Page.SCENES, place)
                bench.hold("SAVE")
            case RecallScene(place):
                self._row(Page.SCENES, place)
                bench.hold("ENC_SW")
            case Choose(option, choice):
                bench.go(Page.SETTINGS)
                bench.choose(option, choice)
            case Calibrate(jack):
                self._row(Page.CALIBRATE, JACKS.index(jack))
                bench.hold("ENC_SW")
            case ConfirmCalibration() | StopLearning():
                bench.hold("ENC_SW")
            case CancelCalibration():
                bench.hold("ENC_SW", seconds=1.0)
            case Panic():
                bench.hold("SAVE", seconds=1.0)
            case Enrol():
                bench.hold("SHIFT", "SAVE", seconds=3.2)
            case Revert() | AllowOnce():
                self._row(Page.SLOTS, [Revert, AllowOnce].index(type(action)))
                bench.hold("ENC_SW")
                bench.hold("ENC_SW")
            case AcceptKey():
                bench.run(READ_S + 0.1)
                bench.hold("ENC_SW")
            case TurnDownKey():
                bench.run(READ_S + 0.1)
                bench.click(1)

    def see(self):
        """The view, if the display shows the page that is drawn of it.

        Work for the disk ends when its thread comes to it, which may be just after a picture: then the next one counts.
        """
        for _ in range(3):
            self.bench.run(0.06)
            view = self.bench.view
            drawn = draw(view, self.bench.face.menu).tobytes()
            if self.bench.display.images[-1].tobytes() == drawn:
                break
        assert self.bench.display.images[-1].tobytes() == drawn
        return view

    def is_dark(self):
        return self.bench.display.closed and self.bench.chip.light == [0.0] * 16

    def _row(self, page, row):
        self.bench.go(page)
        self.bench.click(row - self.bench.face.menu.row)


class BrowserHand:
    """A page, as far as the server can tell: it speaks through the real sockets of a server in its own process."""

    def __init__(self, bench, client):
        self.bench, self.client = bench, client
        self.socket, self.state, self.stamp = client.socket("/socket"), {}, 0
        self._until(lambda: bench.face.pages > 0)
        self.see()

    def ask(self, action):
        self.socket.send(fields_of(action))
        self._until(lambda: self.bench.face.touched)
        self.bench.run(0.1)

    def see(self):
        """The state, once it holds a view that was made after this was called."""
        bench, self.stamp = self.bench, self.stamp + 1
        bench.run(SHOWN_S + 0.01)
        view = replace(bench.view, tempo_bpm=float(self.stamp))
        while self.state.get("tempo_bpm") != self.stamp:
            self._until(lambda: bench.face.server.idle)
            bench.face.poll(view, bench.now_s)
            self._read()
        return self._view()

    def is_dark(self):
        try:
            while self.socket.receive():
                pass
        except ConnectionError:
            with pytest.raises(ConnectionRefusedError):
                self.client.connect()
            return True
        return False

    def _until(self, done):
        end_s = time.monotonic() + 20
        while not done():
            self.bench.face.listen()
            time.sleep(0.0005)
            assert time.monotonic() < end_s

    def _read(self):
        message = json.loads(self.socket.receive())
        assert "error" not in message, message
        self.state |= message["state"]
        self.socket.send({"kind": "ack", "seq": message["seq"]})

    def _view(self):
        state = {name: tuple(value) if isinstance(value, list) else value for name, value in self.state.items()}
        state["options"] = tuple(
            Option(row["name"], tuple(row["choices"]), row["chosen"], row["waits"]) for row in state["options"]
        )
        state["scenes"] = tuple(scene["words"] for scene in state["scenes"])
        return SimpleNamespace(**state)


@pytest.fixture(scope="session")
def pages(make_server):
    """Makes faces in a browser. One server serves them all, until a test ends it."""
    servers = []

    class Shared:
        """A server that stays when its face goes, unless the face goes on purpose."""

        def __init__(self, inner):
            self.inner, self.send, self.receive = inner, inner.send, inner.receive

        @property
        def idle(self):
            return self.inner.idle

        def close(self):
            servers.clear()
            self.inner.close()

    def make():
        first = not servers
        if first:
            server, port, keys = make_server()
            servers.append((Shared(server), keys, WebClient(port)))
        server, keys, client = servers[0]
        face = BrowserFace(server, lambda _: None)
        face.server = server
        end_s = time.monotonic() + 20
        while not keys.exists() and time.monotonic() < end_s:
            face.listen()
            time.sleep(0.01)
        if first:  # One login for all tests: the server takes few.
            assert client.login(read_sealed(DiskFiles(), keys, KeptKeys).token).status == 204
        return face, client

    return make


HANDS = {"fake": FakeHand, "oled": OledHand, "browser": BrowserHand}


@pytest.fixture(params=HANDS)
def hand(request, make_bench):
    if request.param != "browser":
        yield HANDS[request.param](make_bench(face=request.param))
        return
    face, client = request.getfixturevalue("pages")()
    hand = BrowserHand(make_bench(face=face), client)
    yield hand
    hand.socket.close()
    end_s = time.monotonic() + 10
    while face.pages and time.monotonic() < end_s:  # The next test's page is the only one.
        face.listen()
        time.sleep(0.0005)


@pytest.fixture
def again(hand, make_bench):
    """The same instrument, started anew."""
    return lambda: make_bench(face="fake")


def test_morph_moves_along_the_modes_and_is_seen(hand):
    hand.ask(MorphBy(0.5))
    assert hand.bench.player.hand_place == pytest.approx(0.5)
    assert hand.see().blend == pytest.approx((0.0, 0.5, 0.5, 0.0))
    hand.ask(MorphBy(-0.5))
    assert hand.see().blend == (1.0, 0.0, 0.0, 0.0)


def test_scene_is_saved_seen_by_its_modes_recalled_and_outlives_a_restart(hand, again):
    hand.ask(MorphBy(1.0))
    hand.ask(SaveScene(2))
    view = hand.see()
    assert (view.scenes[2], view.notice) == ("violin", "scene 3 kept")
    hand.ask(MorphBy(-1.0))
    assert hand.bench.player.blend.tolist() == [1, 0, 0, 0]
    hand.ask(RecallScene(2))
    assert hand.bench.player.blend.tolist() == [0, 0, 0, 1]
    assert again().view.scenes[:3] == ("", "", "violin")


def test_knobs_wait_after_a_recall_whatever_face_asked_for_it(hand):
    hand.ask(SaveScene(0))
    hand.bench.panel.turn(1, 1.0)
    hand.bench.run(0.3)
    assert hand.bench.player.blend.tolist() == [0.5, 0.5, 0, 0]
    hand.ask(RecallScene(0))
    hand.bench.panel.turn(1, 0.9)
    hand.bench.run(0.3)
    assert hand.bench.player.blend.tolist() == [1, 0, 0, 0]


def test_setting_is_chosen_by_its_words_holds_at_once_and_outlives_a_restart(hand, again):
    hand.ask(Choose("voices", "mono"))
    assert hand.bench.player.voice_mode is VoiceMode.MONO
    hand.ask(Choose("MIDI channel", "5"))
    option = next(option for option in hand.see().options if option.name == "MIDI channel")
    assert option.choices[option.chosen] == "5"
    assert again().midi_map.settings.channel == 5


def test_controller_is_taught_and_the_waiting_can_be_ended(hand):
    hand.ask(Choose("learn", "timbre x"))
    assert hand.see().learning == "timbre x"
    hand.ask(StopLearning())
    assert hand.see().learning == ""
    hand.ask(Choose("learn", "timbre x"))
    hand.bench.midi_map.receive((0xB0, 21, 127))
    assert hand.see().notice == "CC 21 → timbre x"
    hand.ask(Choose("forget", "21 timbre x"))
    assert hand.bench.midi_map.settings.learnt == {}


def test_pitch_is_calibrated_and_the_volts_are_seen(hand, again):
    pin = load_pin_map().adc["V_OCT"]
    hand.ask(Calibrate("V/OCT"))
    assert hand.see().calibration == "patch 1 V into V/OCT, then push"
    for volts in (1.0, 3.0):
        true = 1.01 * volts + 0.03
        hand.bench.panel.patch("V_OCT", (true - pin.volts_at_zero) / (pin.volts_at_full - pin.volts_at_zero))
        hand.ask(ConfirmCalibration())
        hand.bench.run(0.4)
    assert "off at worst; push to keep" in hand.see().calibration
    hand.ask(ConfirmCalibration())
    view = hand.see()
    assert (view.calibration, view.notice) == ("", "calibrated")
    assert view.pitch_volts == pytest.approx(3.0, abs=1e-4)


def test_calibration_that_is_cancelled_changes_nothing(hand):
    before = bytes(hand.bench.memory.image)
    hand.ask(Calibrate("V/OCT"))
    hand.ask(CancelCalibration())
    view = hand.see()
    assert (view.calibration, view.notice) == ("", "cancelled; nothing was changed")
    assert bytes(hand.bench.memory.image) == before


def test_output_is_not_calibrated_before_the_input_that_measures_it(hand):
    hand.ask(Calibrate("CV B"))
    view = hand.see()
    assert (view.calibration, view.notice) == ("", "calibrate V/OCT first: it measures the outputs")


@pytest.mark.parametrize(
    ("action", "asked", "notice"),
    [
        (Revert(), "revert", "going back"),
        (AllowOnce("1a2b3c4d5e6f"), "allow 1a2b3c4d5e6f", "it may come in"),
        (Enrol(), "enrol", "open"),
        (AcceptKey("ABCD-EFGH-JKLM"), "accept ABCD-EFGH-JKLM", "an owner"),
        (TurnDownKey(), "turn down", "turned down"),
    ],
)
def test_rest_of_the_instrument_is_asked_once_and_its_answer_is_seen_for_three_seconds(hand, action, asked, notice):
    key = "ABCD-EFGH-JKLM" if isinstance(action, AcceptKey | TurnDownKey) else ""
    hand.bench.seen = View(asking_key=key, asking_bundle="1a2b3c4d5e6f")
    hand.ask(action)
    assert hand.bench.house.asked == [asked]
    hand.bench.seen = View()
    assert hand.see().notice == notice
    hand.bench.run(NOTICE_S)
    assert hand.see().notice == ""


def test_panel_is_opened_to_a_computer_on_the_settings_page(hand):
    hand.bench.seen = View(page_code="")
    hand.ask(Choose("page", "open"))
    assert hand.bench.house.asked == ["open"]
    hand.bench.seen = View(page_code="123456", about=("page code 123456",))
    view = hand.see()
    option = next(option for option in view.options if option.name == "page")
    assert (option.choices[option.chosen], view.about) == ("open", ("page code 123456",))
    hand.ask(Choose("page", "closed"))
    assert hand.bench.house.asked == ["open", "close"]


def test_panic_silences_every_voice(hand):
    for note in (60, 64):
        hand.bench.player.note_on(note, 1.0)
    hand.ask(Panic())
    controls = hand.bench.player.controls()
    assert controls.gate.tolist() == [False, False]
    assert controls.velocity.tolist() == [0.0, 0.0]


def test_disk_that_refuses_is_one_sentence_and_the_choice_holds(hand, tmp_path):
    (tmp_path / "settings.json.new").mkdir()
    hand.ask(Choose("voices", "mono"))
    hand.ask(Choose("priority", "lowest"))
    assert "settings.json cannot be kept" in hand.see().notice
    assert hand.bench.player.priority.value == "lowest"


def test_fault_and_flash_of_the_daemon_are_seen(hand):
    for seen in (View(fault="the sound is not a number"), View(lost=True), View(flashing=0.6)):
        hand.bench.seen = seen
        view = hand.see()
        assert (view.fault, view.lost, view.flashing) == (seen.fault, seen.lost, seen.flashing)
        assert view.modes == ("saxophone", "harp", "bells", "violin")


def test_face_goes_dark_at_the_end(hand):
    hand.bench.console.close()
    assert hand.is_dark()


ACTIONS = st.one_of(
    st.builds(MorphBy, st.integers(-48, 48).map(lambda clicks: clicks / 48)),
    st.builds(SaveScene, st.integers(0, PLACES - 1)),
    st.builds(RecallScene, st.integers(0, PLACES - 1)),
    st.builds(Calibrate, st.sampled_from(JACKS)),
    st.sampled_from(
        [
            ConfirmCalibration(),
            CancelCalibration(),
            StopLearning(),
            Panic(),
            Revert(),
            AllowOnce("1a2b3c4d5e6f"),
            Choose("voices", "mono"),
            Choose("blend keys", "held"),
            Choose("learn", "morph"),
            Choose("CV I", "weight 2"),
            Choose("gate out", "clock"),
        ]
    ),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, max_size=8))
def test_any_actions_in_any_order_leave_the_face_at_work(hand, actions):
    for action in actions:
        hand.ask(action)
        assert sum(hand.see().blend) == pytest.approx(1.0)


# Without a face, and against a face that is not to be trusted


def test_two_faces_share_one_surface(make_bench):
    second = FakeFace()
    bench = make_bench(more_faces=[second])
    second.press(Choose("learn", "level"))
    bench.run(0.1)
    assert bench.midi_map.learning == "level"  # The first one, on its play page, does not end it.
    second.press(Choose("voices", "legato"))
    bench.run(0.1)
    assert bench.view.options == second.see().options
    assert bench.player.voice_mode is VoiceMode.LEGATO


def test_no_scene_is_saved_while_no_bundle_plays(make_bench):
    bench = make_bench(face="fake", modes=())
    bench.surface.do(SaveScene(0), bench.now_s)
    assert bench.view.scenes[0] == ""
    assert bench.view.notice == "no bundle plays; flash one before you save a scene"


def test_display_says_that_no_bundle_plays(make_bench):
    bench = make_bench(modes=())
    hand = OledHand(bench)
    view = hand.see()
    assert (view.bundle, view.modes, view.blend) == ("", (), ())
    for page in Page:
        bench.go(page)
        hand.see()


@pytest.mark.parametrize("action", [Choose("volume", "11"), Choose("voices", "choir"), RecallScene(3)])
def test_action_that_makes_no_sense_is_a_notice(make_bench, action):
    bench = make_bench(face="fake")
    bench.surface.do(action, bench.now_s)
    assert bench.view.notice


@pytest.mark.parametrize(
    "make",
    [
        lambda: SaveScene(16),
        lambda: RecallScene(-1),
        lambda: MorphBy(float("nan")),
        lambda: Calibrate("GATE"),
    ],
)
def test_action_that_cannot_be_is_refused_where_it_is_made(make):
    with pytest.raises(BadConfig):
        make()


def test_surface_exists_without_a_panel(tmp_path):
    player, face = Player(1, 2), FakeFace()
    console = open_console(Config(midi="none", panel="none", state_dir=str(tmp_path)), player, None, AtOnce(), [face])
    console.surface.set_modes(("harp", "bells"))
    face.turn(1.0)
    assert console.answer(lambda _: View(bundle="pair"), 0.0)
    console.put_out(-80.0, 0.0, healthy=True)
    console.answer(lambda _: View(bundle="pair"), 0.1)
    assert (face.see().bundle, face.see().blend) == ("pair", (0.0, 1.0))
    console.close()
    assert face.closed
