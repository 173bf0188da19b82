"""The panel: one contract over the fake and the real one, and what it does to the player."""

from __future__ import annotations

import pytest
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.engine.offline import BlendAutomation
from tombola_device.engine.player import Player
from tombola_device.hal.midi import FakeMidi
from tombola_device.hal.midi_file import FileIn
from tombola_device.hal.panel import FakePanel, PanelMap, on_a_pi, open_panel
from tombola_device.inputs import Inputs

# Panel


def fake_panel():
    panel = FakePanel()
    return panel, panel.turn, panel.patch


def mock_panel():
    pytest.importorskip("gpiozero", reason="gpiozero is not installed")
    from tombola_device.hal import gpio

    panel, knobs, cvs = gpio.mock_panel()

    def turn(knob, position):
        knobs.counts[knob] = round(position * 4095)

    def patch(cv, level):
        cvs.counts[cv] = round((level / 2 + 0.5) * 4095)

    return panel, turn, patch


@pytest.fixture(params=[fake_panel, mock_panel])
def panel(request):
    opened, turn, patch = request.param()
    yield opened, turn, patch
    opened.close()


def test_every_panel_reads_what_it_is_set_to(panel):
    opened, turn, patch = panel
    for knob in range(8):
        turn(knob, knob / 7)
    for cv in range(4):
        patch(cv, cv / 2 - 1)
    state = opened.read()
    assert state.knobs == pytest.approx([knob / 7 for knob in range(8)], abs=2e-4)
    assert state.cvs == pytest.approx([-1, -0.5, 0, 0.5], abs=4e-4)


def test_knobs_and_cv_move_the_blend_and_the_others_timbre_and_loudness(panel):
    opened, turn, patch = panel
    player = Player(3, 1)
    mapped = PanelMap(player)
    for knob, position in enumerate([0.0, 0.5, 0.5, 0.0, 0.0, 0.25, 1.0, 0.5]):
        turn(knob, position)
    mapped.apply(opened.read())
    assert player.blend == pytest.approx([0, 0.5, 0.5], abs=1e-3)
    controls = player.controls()
    assert controls.timbre[0] == pytest.approx([0.25, 1.0], abs=2e-3)
    assert controls.loudness_db[0] == pytest.approx(-20, abs=0.1)
    patch(2, 0.5)
    mapped.apply(opened.read())
    assert player.blend == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-3)


def test_mock_converter_gives_back_every_code():
    pytest.importorskip("gpiozero", reason="gpiozero is not installed")
    from tombola_device.hal import gpio

    panel, knobs, _ = gpio.mock_panel()
    for code in (0, 1, 2, 4, 1023, 2047, 2048, 4094, 4095):
        knobs.counts = [code] * 8
        assert [round(position * 4095) for position in panel.read().knobs] == [code] * 8
    panel.close()


def test_noise_of_a_knob_moves_nothing_but_its_ends_are_reached():
    player, panel = Player(2, 1), FakePanel()
    mapped = PanelMap(player)
    panel.turn(0, 0.5)
    panel.turn(1, 0.5)
    assert mapped.apply(panel.read())
    for noise in (0.001, -0.001, 0.0015):
        panel.turn(0, 0.5 + noise)
        assert not mapped.apply(panel.read())
    panel.turn(0, 0.9995)
    mapped.apply(panel.read())
    panel.turn(0, 1.0)
    mapped.apply(panel.read())
    assert player.blend == pytest.approx([2 / 3, 1 / 3])


def test_panel_at_rest_leaves_the_blend_to_midi():
    player, panel = Player(2, 1), FakePanel()
    mapped = PanelMap(player)
    panel.turn(0, 1.0)
    mapped.apply(panel.read())
    player.program_change(1)
    panel.patch(0, 0.01)
    assert not mapped.apply(panel.read())
    assert player.blend.tolist() == [0, 1]


def test_panel_names(tmp_path):
    assert open_panel("none") is None
    with pytest.raises(BadConfig, match="'knobs' is unknown"):
        open_panel("knobs")
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    assert on_a_pi(tmp_path / "model")
    assert not on_a_pi(tmp_path / "none")


# Inputs


def test_inputs_pass_midi_panel_and_automation_on_to_the_player():
    now, player, source, panel = [0.0], Player(2, 2), FakeMidi(), FakePanel()
    inputs = Inputs(player, [source], panel, lambda: now[0])
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
