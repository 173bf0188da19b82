"""Inputs: all that moves the player."""

from __future__ import annotations

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi.file import FileIn
from tombola_device.hal.midi.port import FakeMidi
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.play.offline import BlendAutomation
from tombola_device.play.player import Player
from tombola_device.surface.inputs import Inputs


def test_inputs_pass_midi_panel_and_automation_on_to_the_player():
    now, player, source, panel = [0.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs = Inputs(player, [source], panel, clock=lambda: now[0])
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


def test_panel_that_fails_is_given_up_and_midi_goes_on(caplog):
    class Broken(FakePanel):
        def read(self):
            raise DeviceUnavailable("the panel's converters do not answer; check SPI")

    player, source = Player(2, 2), FakeMidi()
    inputs = Inputs(player, [source], Broken())
    inputs.poll()
    source.press(64)
    inputs.poll()
    assert player.held == 1
    assert inputs.panel_name == ""
    assert "check SPI" in caplog.text


def test_what_came_is_as_old_as_its_edge_or_as_the_poll_before():
    now, player, source, panel = [10.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs = Inputs(player, [source], panel, clock=lambda: now[0])
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
