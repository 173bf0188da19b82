"""The panel: one contract for the fake and for the real panel on mock pins; converters, gates, outputs."""

from __future__ import annotations

import gc
import json
import time
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.panel.converters import FULL_SCALE, FakeConverter
from tombola_device.hal.panel.cv_out import CvOut, FakeMcp4728
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.late import AGAIN_S, Late, LateCvOut, LateLeds
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.hal.panel.open import on_a_pi, open_panel
from tombola_device.hal.panel.pins import load_pin_map, read_pin_map
from tombola_device.hal.panel.port import BUTTONS, GATES
from tombola_device.hal.panel.readings import PITCH_MEAN, PITCH_READINGS, Readings

CENTS_PER_COUNT = 10.0 / FULL_SCALE * 1200


@pytest.fixture
def mock():
    if find_spec("gpiozero") is None:
        pytest.skip("gpiozero is not installed")
    from tombola_device.hal.panel.mock import mock_panel

    made = mock_panel()
    yield made
    made.panel.close()
    made.factory.reset()
    # If gpiozero 2.0 collects this SPI bus later, it removes the next panel's bus from its table.
    gc.collect()


class FakeHands:
    def __init__(self):
        self.panel = FakePanel()

    def turn(self, knob, counts):
        self.panel.turn(knob, counts / FULL_SCALE)

    def patch(self, name, counts):
        self.panel.patch(name, counts / FULL_SCALE)

    def gate(self, name, *, high):
        (self.panel.raise_gate if high else self.panel.drop_gate)(name, time.monotonic())

    def click(self, *, right=True):
        self.panel.click(1 if right else -1)

    def power(self, *, fails):
        (self.panel.fail_power if fails else self.panel.restore_power)()

    def plug_usb(self):
        self.panel.plug_usb()

    @property
    def muted(self):
        return self.panel.muted

    @property
    def gate_out(self):
        return self.panel.gate


class MockHands:
    def __init__(self, mock):
        self.mock, self.panel, self.pins = mock, mock.panel, load_pin_map()

    def turn(self, knob, counts):
        pin = self.pins.adc[f"KNOB_{knob + 1}"]
        self.mock.counts[pin.converter][pin.channel] = counts

    def patch(self, name, counts):
        pin = self.pins.adc[name]
        self.mock.counts[pin.converter][pin.channel] = counts

    def gate(self, name, *, high):
        pin = self.mock.factory.pin(self.pins.gpio[name])
        pin.drive_low() if high == (name in self.pins.active_low) else pin.drive_high()

    def click(self, *, right=True):
        """To the next detent: both contacts close, or both open."""
        for name in ("ENC_A", "ENC_B") if right else ("ENC_B", "ENC_A"):
            pin = self.mock.factory.pin(self.pins.gpio[name])
            pin.drive_low() if pin.state else pin.drive_high()

    def power(self, *, fails):
        self.gate("PWR_FAIL", high=fails)

    def plug_usb(self):
        self.gate("VBUS_SENSE", high=True)

    @property
    def muted(self):
        return not self.mock.factory.pin(self.pins.gpio["AUDIO_MUTE"]).state

    @property
    def gate_out(self):
        return bool(self.mock.factory.pin(self.pins.gpio["GATE_OUT"]).state)


@pytest.fixture(params=["fake", "mock"])
def hands(request):
    return FakeHands() if request.param == "fake" else MockHands(request.getfixturevalue("mock"))


def test_every_panel_reads_what_it_is_set_to(hands):
    for knob in range(8):
        hands.turn(knob, 400 * knob)
    hands.patch("V_OCT", 3000)
    hands.patch("CV_3", 100)
    for _ in range(60):  # Enough to read each input and to settle the filters of the voltages.
        state = hands.panel.read()
    np.testing.assert_allclose(state.knobs, [400 * knob / FULL_SCALE for knob in range(8)])
    assert state.voltages["V_OCT"] == pytest.approx(3000 / FULL_SCALE)
    assert state.voltages["CV_3"] == pytest.approx(100 / FULL_SCALE, abs=1e-2)


@pytest.mark.parametrize("name", ["GATE_IN", "TRIG_IN", "CLOCK_IN", "ENC_SW", "SHIFT", "SAVE"])
def test_every_panel_tells_each_edge_once_with_its_time(hands, name):
    before_s = time.monotonic()
    hands.gate(name, high=True)
    hands.gate(name, high=False)
    hands.gate(name, high=True)
    edges = hands.panel.read().edges
    assert [(edge.name, edge.high) for edge in edges] == [(name, True), (name, False), (name, True)]
    assert all(before_s - 0.1 <= edge.time_s <= time.monotonic() + 0.1 for edge in edges)
    assert hands.panel.read().edges == ()


def test_every_panel_counts_clicks_once(hands):
    hands.click()
    assert hands.panel.read().turns == 1
    assert hands.panel.read().turns == 0
    for _ in range(3):
        hands.click()
    assert hands.panel.read().turns == 3
    hands.click(right=False)
    hands.click(right=False)
    assert hands.panel.read().turns == -2


def test_turn_of_the_encoder_is_thirty_clicks_although_its_contacts_bounce(mock):
    hands = MockHands(mock)
    a, b = (mock.factory.pin(hands.pins.gpio[name]) for name in ("ENC_A", "ENC_B"))
    for detent in range(30):
        for pin in (a, b):
            for _ in range(2):  # Two bounces, then the contact rests.
                (pin.drive_low if detent % 2 == 0 else pin.drive_high)()
                (pin.drive_high if detent % 2 == 0 else pin.drive_low)()
            (pin.drive_low if detent % 2 == 0 else pin.drive_high)()
    assert mock.panel.read().turns == 30


def test_touched_encoder_that_falls_back_into_its_detent_counts_nothing(mock):
    hands = MockHands(mock)
    a = mock.factory.pin(hands.pins.gpio["ENC_A"])
    a.drive_low()
    a.drive_high()
    assert mock.panel.read().turns == 0
    hands.click()
    assert mock.panel.read().turns == 1


def test_every_panel_is_muted_until_told_and_again_when_closed(hands):
    assert hands.muted
    hands.panel.set_mute(muted=False)
    assert not hands.muted
    hands.panel.set_gate(high=True)
    assert hands.gate_out
    hands.panel.close()
    hands.panel.close()
    assert hands.muted


def test_every_panel_mutes_and_drops_its_gate_while_power_fails_without_being_read(hands):
    hands.panel.set_mute(muted=False)
    hands.panel.set_gate(high=True)
    hands.power(fails=True)
    assert (hands.muted, hands.gate_out) == (True, False)
    hands.panel.set_mute(muted=False)
    hands.panel.set_gate(high=True)
    assert (hands.muted, hands.gate_out) == (True, False)
    assert hands.panel.read().power_fails
    assert hands.panel.read().edges == ()
    hands.power(fails=False)
    assert (hands.muted, hands.gate_out) == (False, True)
    assert not hands.panel.read().power_fails


def test_power_that_comes_back_raises_no_gate_that_was_dropped_meanwhile(hands):
    hands.panel.set_mute(muted=False)
    hands.panel.set_gate(high=True)
    hands.power(fails=True)
    hands.panel.set_mute(muted=True)
    hands.panel.set_gate(high=False)
    hands.power(fails=False)
    assert (hands.muted, hands.gate_out) == (True, False)


def test_every_panel_tells_whether_a_computer_is_at_the_usb_port(hands):
    assert not hands.panel.read().usb
    hands.plug_usb()
    assert hands.panel.read().usb


def test_panel_of_a_board_without_a_supervisor_opens(mock):
    import msgspec
    from tombola_device.hal.panel.gpio import GpioPanel

    mock.panel.close()
    pins = load_pin_map()
    gpio = {name: number for name, number in pins.gpio.items() if name != "PWR_FAIL"}
    fewer = msgspec.structs.replace(pins, gpio=gpio, active_low=[name for name in pins.active_low if name in gpio])
    panel = GpioPanel(fewer, {name: FakeConverter() for name in pins.spi}, factory=mock.factory)
    assert not panel.read().power_fails
    panel.close()


def test_mock_converter_gives_back_every_code(mock):
    pin = load_pin_map().adc["KNOB_3"]
    for code in range(0, FULL_SCALE + 1, 13):
        mock.counts[pin.converter][pin.channel] = code
        assert mock.panel._converters[pin.converter].read(pin.channel) == code


def test_unread_edges_are_kept_up_to_a_limit(mock):
    from tombola_device.hal.panel.gpio import MOST_EDGES

    pin = mock.factory.pin(load_pin_map().gpio["CLOCK_IN"])
    for _ in range(MOST_EDGES):
        pin.drive_low()
        pin.drive_high()
    assert len(mock.panel.read().edges) == MOST_EDGES


def readings():
    pins = load_pin_map()
    converters = {name: FakeConverter() for name in pins.spi}
    return Readings(pins.adc, converters), converters["ADC_CV"]


def test_pitch_step_of_a_volt_is_complete_at_the_next_reading():
    read, converter = readings()
    converter.set(0, 1000)
    for _ in range(10):
        read.scan()
    converter.set(0, 1409)
    read.scan()
    assert read.voltages["V_OCT"] * FULL_SCALE == 1409


def test_step_at_any_other_input_is_seen_within_two_scans():
    for first in range(3):
        for channel, name in enumerate(("CV_X", "CV_Y", "CV_1", "CV_2", "CV_3"), 1):
            read, converter = readings()
            for _ in range(first):
                read.scan()
            converter.set(channel, 4000)
            for _ in range(2):
                read.scan()
            assert read.voltages[name] > 0


def test_slow_ramp_is_followed_within_two_counts():
    read, converter = readings()
    for step in range(200):
        converter.set(0, 1000 + step // 4)
        read.scan()
        if step > 8:
            assert abs(read.voltages["V_OCT"] * FULL_SCALE - (1000 + step // 4)) <= 2


def test_noise_of_one_count_moves_pitch_by_less_than_a_cent_and_a_half():
    rng, (read, converter) = np.random.default_rng(0), readings()
    seen = []
    for _ in range(2000):
        converter.counts[0] = 2000
        noise = iter(rng.normal(0, 1, PITCH_READINGS + 1).round().astype(int))
        converter.read = lambda channel, noise=noise: 2000 + int(next(noise, 0)) if channel == 0 else 0
        read.scan()
        seen.append(read.voltages["V_OCT"] * FULL_SCALE)
    cents = (np.array(seen[PITCH_MEAN:]) - 2000) * CENTS_PER_COUNT
    assert np.percentile(np.abs(cents), 50) < 0.75
    assert np.percentile(np.abs(cents), 95) < 1.75


@pytest.mark.parametrize("gate", [False, True])
def test_channel_before_does_not_move_pitch_by_a_hundredth_of_a_count(gate):
    read, converter = readings()
    converter.set(0, 1000)
    for others in (0, FULL_SCALE):
        converter.counts[1:] = [others] * 7
        for _ in range(10):
            if gate:
                read.settle_pitch()
            read.scan()
            assert read.voltages["V_OCT"] * FULL_SCALE == pytest.approx(1000, abs=0.01)


def test_scan_makes_nine_conversions_and_a_gate_seventeen_more():
    pins, made = load_pin_map(), []

    class Counted(FakeConverter):
        def read(self, channel):
            made.append(channel)
            return super().read(channel)

    read = Readings(pins.adc, {name: Counted() for name in pins.spi})
    made.clear()
    read.scan()
    assert len(made) == 9
    read.settle_pitch()
    assert len(made) == 26


def test_mock_converter_brings_what_the_channel_before_leaves(mock):
    pins = load_pin_map()
    pitch, other = pins.adc["V_OCT"], pins.adc["CV_1"]
    converter, counts = mock.panel._converters[pitch.converter], mock.counts[pitch.converter]
    counts[pitch.channel], counts[other.channel] = 0, FULL_SCALE
    converter.read(other.channel)
    assert [converter.read(pitch.channel) for _ in range(2)] == pytest.approx([0.00013 * FULL_SCALE, 0], abs=1 / 16)


def test_converter_of_voltages_tells_a_sixteenth_of_a_count(mock):
    pin = load_pin_map().adc["V_OCT"]
    converter = mock.panel._converters[pin.converter]
    for counts in (0.0, 1000.0, 1000.0625, 2047.5, FULL_SCALE):
        mock.counts[pin.converter][pin.channel] = counts
        converter.read(pin.channel)  # The first has something of the step from the value before.
        assert converter.read(pin.channel) == pytest.approx(counts, abs=1 / 30)


def test_converter_of_voltages_never_gives_another_channel_or_an_old_value(mock):
    """What an AD7689 sends was asked for two transfers before."""
    pins = load_pin_map()
    converter, counts = mock.panel._converters["ADC_CV"], mock.counts["ADC_CV"]
    order = np.random.default_rng(3).integers(0, 6, 60)
    for turn, channel in enumerate(order):
        counts[:] = [500.0 * other + turn for other in range(8)]
        assert converter.read(int(channel)) == pytest.approx(500.0 * channel + turn, abs=0.5)
    assert {pins.adc[name].converter for name in ("V_OCT", "CV_X", "CV_3")} == {"ADC_CV"}


def test_transfer_that_fails_is_not_taken_for_a_channel_that_was_asked_for():
    from tombola_device.hal.panel.converters import Ad7689

    class Failing:
        sent = 0

        def transfer(self, data):
            self.sent += 1
            if self.sent == 5:
                raise DeviceUnavailable("gone")
            return [self.sent, 0]

    spi = Failing()
    converter = Ad7689(spi)
    converter.read(2)
    with pytest.raises(DeviceUnavailable):
        converter.read(2)
    converter.read(2)
    assert spi.sent == 3 + 2 + 3


def test_silent_converter_is_one_sentence():
    read, converter = readings()
    converter.unplug()
    with pytest.raises(DeviceUnavailable, match="does not answer"):
        read.scan()


def test_converters_that_fail_keep_edges_and_values_and_are_asked_again_ever_less_often(mock, monkeypatch):
    hands, pin = MockHands(mock), load_pin_map().adc["V_OCT"]
    converter, asked = mock.panel._converters[pin.converter], []
    before = mock.panel.read()

    def silent(channel):
        asked.append(channel)
        raise DeviceUnavailable("a converter does not answer; check SPI")

    with monkeypatch.context() as patch:
        patch.setattr(converter, "read", silent)
        hands.gate("GATE_IN", high=True)
        hands.click()
        state = mock.panel.read()
        assert [(edge.name, edge.high) for edge in state.edges] == [("GATE_IN", True)]
        assert (state.turns, state.fault) == (1, "a converter does not answer; check SPI")
        assert (state.knobs, state.voltages) == (before.knobs, before.voltages)
        for _ in range(9):
            mock.panel.read()
        assert len(asked) == 4  # In scans 0, 1, 3 and 7.
        for _ in range(5000):
            mock.panel.read()
        assert len(asked) < 20
    for _ in range(600):
        hands.patch("V_OCT", 3000)
        state = mock.panel.read()
        if not state.fault:
            break
    assert (state.fault, state.voltages["V_OCT"]) == ("", pytest.approx(3000 / FULL_SCALE))


def test_one_failed_conversion_costs_one_scan():
    pins, failing = load_pin_map(), [False]

    class Shaky(FakeConverter):
        def read(self, channel):
            if failing[0]:
                raise DeviceUnavailable("a converter does not answer")
            return super().read(channel)

    read = Readings(pins.adc, {name: Shaky() for name in pins.spi})
    faults = []
    for failing[0] in (False, True, False, False, True, False):
        faults.append(read.follow(struck=False))
    assert [bool(fault) for fault in faults] == [False, True, False, False, True, False]


@pytest.mark.parametrize(("fails", "at_once"), [(3, True), (200, False)])
def test_converters_that_fail_at_first_give_values_from_when_they_answer(fails, at_once):
    pins, left = load_pin_map(), [fails]

    class Waking(FakeConverter):
        def read(self, channel):
            left[0] -= 1
            if left[0] >= 0:
                raise DeviceUnavailable("a converter does not answer")
            return super().read(channel)

    converters = {name: Waking(rest=1000) for name in pins.spi}
    read = Readings(pins.adc, converters)
    if not at_once:
        assert (read.knobs, read.voltages) == ((), {})
        left[0] = 2
        assert [bool(read.follow(struck=False)) for _ in range(5)] == [True, True, True, False, False]
    assert read.knobs == pytest.approx((1000 / FULL_SCALE,) * 8, abs=2e-3)
    assert len(read.voltages) == 6


def test_a_chip_that_does_not_answer_at_the_start_works_from_when_it_does():
    now, bus = [0.0], FakeI2c({})
    lights = LateLeds(Late(lambda: Leds(bus, 64), lambda: now[0]))
    out = LateCvOut(Late(lambda: CvOut(bus, 96, {}), lambda: now[0]))
    leds, dac = FakePca9685(), FakeMcp4728()
    for missing in (lambda: lights.show([1.0] * 16), lambda: out.write({0: 1.0})):
        with pytest.raises(DeviceUnavailable, match="does not answer"):
            missing()
    bus.chips |= {64: leds, 96: dac}
    with pytest.raises(DeviceUnavailable):
        lights.show([1.0] * 16)  # Not asked in each tick.
    now[0] = AGAIN_S
    lights.show([1.0] * 16)
    out.write({0: 1.0})
    assert (leds.light, dac.counts[0]) == ([1.0] * 16, FULL_SCALE)


def test_pins_of_inputs_that_cannot_be_opened_leave_the_outputs_and_the_other_inputs(mock, caplog):
    pins, broken = load_pin_map(), {"GATE_IN", "ENC_A", "VBUS_SENSE"}
    from gpiozero.pins.mock import MockFactory
    from tombola_device.hal.panel.gpio import GpioPanel

    factory = MockFactory()

    def busy(pull):
        raise OSError(16, "busy")

    for name in broken:
        factory.pin(pins.gpio[name]).input_with_pull = busy
    for name in (*GATES, *BUTTONS, "PWR_OK"):
        if name in pins.active_low:
            factory.pin(pins.gpio[name]).drive_high()
    panel = GpioPanel(pins, {name: FakeConverter() for name in pins.spi}, None, factory)
    panel.set_mute(muted=False)
    assert factory.pin(pins.gpio["AUDIO_MUTE"]).state
    assert [record.message.partition(" of the panel")[0] for record in caplog.records] == [
        "GATE_IN",
        "the encoder",
        "VBUS_SENSE",
    ]
    trigger = factory.pin(pins.gpio["TRIG_IN"])
    trigger.drive_low() if "TRIG_IN" in pins.active_low else trigger.drive_high()
    assert [edge.name for edge in panel.read().edges] == ["TRIG_IN"]
    panel.close()


def test_pin_map_of_the_board_is_sound():
    pins = load_pin_map()
    assert len(pins.leds) == 8
    taken = {0, 1, 2, 3, 7, 8, 9, 10, 11, 18, 19, 20, 21}  # EEPROM of the HAT, I²C, SPI, I²S.
    assert not taken & set(pins.gpio.values())
    assert {pins.gpio["MIDI_TX"], pins.gpio["MIDI_RX"]} == {14, 15}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gpio": {"A": 4, "B": 4}, "active_low": []}, "GPIO 4 twice"),
        ({"active_low": ["NOWHERE"]}, "marks NOWHERE as active low"),
        ({"gpio": {"A": 40}}, "cannot be read"),
        ({"colour": "red"}, "cannot be read"),
        ({"spi": {}}, "lacks a converter or a range"),
        ({"leds": [{"red": 0, "green": 0}]}, "LED channel 0 twice"),
    ],
)
def test_wrong_pin_map_is_one_sentence(change, said):
    import msgspec

    whole = json.loads(msgspec.json.encode(load_pin_map()))
    with pytest.raises(BadConfig, match=said):
        read_pin_map(json.dumps(whole | change).encode())


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_as_a_pin_map(data):
    with pytest.raises(BadConfig):
        read_pin_map(data)


def test_panel_names(tmp_path):
    assert open_panel("none") is None
    assert open_panel("auto") is None or on_a_pi()
    with pytest.raises(BadConfig, match="'dashboard' is unknown"):
        open_panel("dashboard")
    model = tmp_path / "model"
    model.write_text("Raspberry Pi 4 Model B Rev 1.5\0")
    assert on_a_pi(model)
    assert not on_a_pi(tmp_path / "none")
