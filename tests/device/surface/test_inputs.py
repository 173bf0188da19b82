"""Inputs: all that moves the player."""

from __future__ import annotations

import time

from tombola_device.config import Config
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.disk.errands import AtOnce
from tombola_device.hal.keyboard.port import FakeKeyboard
from tombola_device.hal.midi.file import FileIn
from tombola_device.hal.midi.port import FakeMidi
from tombola_device.hal.midi.ports import FakeBackend, PortsIn
from tombola_device.hal.midi.typed import WHAT_TO_PRESS, TypedIn
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.offline import BlendAutomation
from tombola_device.play.player import Player
from tombola_device.surface import inputs as surface_inputs
from tombola_device.surface.calibration import nominal_lines
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.inputs import Inputs, open_sources
from tombola_device.surface.panel import PanelIn
from tombola_device.surface.volts import Calibration, Voltmeter


def inputs_of(player, source, panel, clock=time.monotonic):
    """Inputs, and the reader of the panel in them."""
    voltmeter = Voltmeter(nominal_lines(load_pin_map()), Calibration())
    panel_in = PanelIn(panel, PanelMap(player), voltmeter, Calibrator(voltmeter, lambda _: None, AtOnce()), clock)
    return Inputs(player, MidiMap(player), [source], panel_in, clock), panel_in


def test_inputs_pass_midi_panel_and_automation_on_to_the_player():
    now, player, source, panel = [0.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs, _ = inputs_of(player, source, panel, lambda: now[0])
    inputs.poll()
    source.press(64)
    assert inputs.poll()
    assert player.held == 1
    assert not inputs.poll()
    inputs.perform(
        FileIn("tune", [(0.0, (0x80, 64, 0))], lambda: now[0]), BlendAutomation((0.0, 1.0), ((1, 0), (0, 1)))
    )
    now[0] = 0.5
    assert inputs.poll()
    assert player.held == 0
    assert player.blend.tolist() == [0.5, 0.5]
    now[0] = 2.0
    inputs.poll()
    assert player.blend.tolist() == [0, 1]
    assert not inputs.performing


def test_panel_whose_converters_fail_is_said_once_asked_again_and_gates_and_midi_go_on(caplog):
    now, player, source, panel = [0.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs, panel_in = inputs_of(player, source, panel, lambda: now[0])

    def play(milliseconds):
        for _ in range(milliseconds):
            now[0] += 0.001
            inputs.poll()

    panel.raise_gate()
    play(10)
    panel.unplug()
    play(500)
    source.press(64)
    play(500)
    assert player.held == 2
    panel.drop_gate()
    panel.turn(5, 0.25)
    play(10)
    assert (player.held, player.timbre[0]) == (1, 0.0)
    assert panel_in.fault == "the fake is unplugged; plug it in"
    panel.plug_in()
    play(10)
    assert (panel_in.fault, player.timbre[0]) == ("", 0.25)
    assert [record.message for record in caplog.records] == [
        "the fake is unplugged; plug it in",
        "the converters answer again",
    ]


def test_what_came_is_as_old_as_its_edge_or_as_the_poll_before():
    now, player, source, panel = [10.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs, _ = inputs_of(player, source, panel, lambda: now[0])
    inputs.poll()
    now[0] = 10.002
    panel.raise_gate(time_s=10.0015)
    inputs.poll()
    assert inputs.came_s == 10.0015
    now[0] = 10.004
    source.press(64)
    inputs.poll()
    assert inputs.came_s == 10.002
    now[0] = 10.006
    panel.drop_gate(time_s=10.005)
    source.release(64)
    inputs.poll()
    assert inputs.came_s == 10.004
    now[0] = 10.008
    panel.raise_gate(time_s=1.7e9)  # By the wall clock.
    inputs.poll()
    assert inputs.came_s == 10.006


def test_player_without_a_panel_is_told_what_to_press():
    player, backend = Player(2, 2), FakeBackend()

    def told(*sources):
        return Inputs(player, MidiMap(player), sources).what_to_press

    ports = PortsIn(backend=backend)
    assert told() == ""
    assert told(ports).startswith("no keyboard: connect a MIDI keyboard, or start it in a terminal")
    assert told(ports, TypedIn(FakeKeyboard())) == WHAT_TO_PRESS
    backend.plug("a small keyboard")
    assert told(PortsIn(backend=backend)) == "play on a small keyboard"
    assert inputs_of(player, ports, FakePanel())[0].what_to_press == ""


def test_letter_keys_play_in_a_terminal_unless_other_inputs_were_named(monkeypatch):
    def none_here(*_):
        raise DeviceUnavailable("no MIDI here")

    monkeypatch.setattr(surface_inputs, "open_ports", none_here)
    monkeypatch.setattr(surface_inputs, "open_keyboard", FakeKeyboard)
    assert [source.name for source in open_sources(Config())] == [TypedIn.name]
    assert open_sources(Config(midi="none")) == []
    monkeypatch.setattr(surface_inputs, "open_keyboard", lambda: None)
    assert open_sources(Config()) == []
