"""The jacks of an instrument without a panel: a face puts voltages to them, and sees what the outputs carry."""

from __future__ import annotations

import pytest
from tombola_device.contract.errors import BadConfig
from tombola_device.daemon.console import Hardware, build_console
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.memory import FakeMemory
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.player import Player
from tombola_device.surface.actions import CV_JACKS, Choose, Gate, MorphBy, Patch
from tombola_device.surface.browser.face import BrowserFace
from tombola_device.surface.browser.page import Page
from tombola_device.surface.browser.state import state_of
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.view import View
from tombola_device.surface.wire import fields_of
from tombola_device.web.socket import Closed


class House:
    def revert(self):
        return ""


def surface_of(folder, panel=None):
    player = Player(2, 4)
    hardware = Hardware(FakeMemory(), panel=panel, clock=lambda: 0.0)
    console = build_console(hardware, SceneStore(DiskFiles(), folder), player, House(), AtOnce())
    console.surface.set_modes(["sax", "harp"])
    return player, console.surface


@pytest.fixture
def made(tmp_path):
    return surface_of(tmp_path)


def test_a_voltage_from_a_face_does_what_it_does_at_the_panel(made):
    player, surface = made
    surface.do(Patch("CV_2", 2.5), 0.0)  # CV II morphs at first; 5 V is the whole way.
    assert player.blend.tolist() == pytest.approx([0.5, 0.5])
    assert surface.view(View(), 0.0).jacks == (0.0, 0.0, 0.0, 0.0, 2.5, 0.0)
    surface.do(Patch("CV_2", 0.0), 0.0)
    assert player.blend.tolist() == pytest.approx([1.0, 0.0])


def test_a_gate_from_a_face_plays_the_pitch_of_v_oct(made):
    player, surface = made
    surface.do(Patch("V_OCT", 2.0), 0.0)
    surface.do(Gate("GATE_IN", high=True), 1.0)
    assert player.held_notes == (60.0,)
    surface.do(Gate("GATE_IN", high=False), 2.0)
    assert player.held_notes == ()


def test_outputs_show_the_volts_that_they_would_carry(made):
    player, surface = made
    surface.do(Choose("out A", "pitch"), 0.0)
    surface.do(MorphBy(0.25), 0.0)
    player.note_on(72, 0.8)
    shown = surface.view(View(levels_db=(-30.0,)), 0.0)
    assert shown.outputs == (pytest.approx(3.0), pytest.approx(2.0), 5.0)
    assert state_of(shown, 0.0)["outputs"] == {"CV_A": 3.0, "CV_B": 2.0, "GATE_OUT": 5.0}


def test_the_panel_s_own_jacks_are_left_to_cables(tmp_path):
    player, surface = surface_of(tmp_path, FakePanel(load_pin_map()))
    surface.do(Gate("GATE_IN", high=True), 0.0)
    shown = surface.view(View(), 0.0)
    assert (player.held_notes, shown.jacks) == ((), ())
    assert shown.notice == "this instrument has jacks of its own; patch a cable"
    assert state_of(shown, 0.0)["jacks"] is None


def test_weights_are_shown_as_they_were_set_so_that_no_knob_jumps(made):
    player, surface = made
    player.set_weight(0, 1.0)
    player.set_weight(1, 1.0)
    shown = surface.view(View(), 0.0)
    assert shown.hand_blend == pytest.approx((0.5, 0.5))
    assert shown.weights == (1.0, 1.0)
    assert state_of(shown, 0.0)["knobs"][:3] == (1.0, 1.0, 0.0)


@pytest.mark.parametrize("make", [
    lambda: Patch("CV_9", 1.0), lambda: Patch("CV_X", 10.5), lambda: Patch("CV_X", float("nan")),
    lambda: Gate("CV_X", high=True),
])  # fmt: skip
def test_what_is_no_jack_or_no_voltage_is_refused(make):
    with pytest.raises(BadConfig):
        make()


def test_every_jack_of_the_pin_map_can_be_patched():
    from tombola_device.hal.panel.port import GATES, VOLTAGES
    from tombola_device.surface.actions import GATE_JACKS

    assert (CV_JACKS, GATE_JACKS) == (VOLTAGES, GATES)


class Server:
    """Says what it is given, then dies."""

    idle = True

    def __init__(self, *said):
        self._said = [list(said), None]

    def receive(self):
        return self._said.pop(0) if self._said else []

    def send(self, message):
        pass

    def close(self):
        pass


def test_a_gate_falls_when_the_server_dies():
    face = BrowserFace(Server(fields_of(Gate("GATE_IN", high=True)), fields_of(Gate("TRIG_IN", high=False))), print)
    asked = face.poll(View(), 0.0) + face.poll(View(), 0.0)
    face.close()
    assert asked == [Gate("GATE_IN", high=True), Gate("TRIG_IN", high=False), Gate("GATE_IN", high=False)]


def test_a_gate_falls_and_a_button_comes_up_when_their_page_goes():
    import asyncio

    class Gone:
        def __init__(self):
            self.said = [
                '{"kind": "gate", "jack": "TRIG_IN", "high": true}',
                '{"kind": "button", "name": "SHIFT", "high": true}',
            ]

        async def receive(self):
            if not self.said:
                raise Closed
            return self.said.pop()

        def abort(self):
            pass

    class Hub:
        def __init__(self):
            self.state, self.sent, self.pressed = {}, [], []

        def send(self, message):
            self.sent.append(message)

        def press(self, name, *, high):
            self.pressed.append((name, high))

    class Held:
        def leave(self):
            return []

    hub = Hub()

    async def visit():
        with pytest.raises(Closed):
            await Page(Gone(), hub, Held()).run()

    asyncio.run(visit())
    assert [message["high"] for message in hub.sent] == [True, False]
    assert hub.pressed == [("SHIFT", True), ("SHIFT", False)]
