"""The DAC of the CV outputs: reference, gain, EEPROM, and what it gives while the computer boots."""

from __future__ import annotations

import pytest
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.cv_out import CvOut, FakeMcp4728
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.pins import load_pin_map

PINS = load_pin_map()
REST = {pin.channel: pin.share_at_zero_volts for pin in PINS.dac.values()}


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr("tombola_device.hal.panel.cv_out.EEPROM_WRITE_S", 0)


def jacks_volts(chip):
    """What the amplifiers make of 0 … 2.048 V, at CV A and B."""
    volts = {}
    for name, pin in PINS.dac.items():
        share = chip.volts[pin.channel] / 2.048
        volts[name] = pin.volts_at_zero + share * (pin.volts_at_full - pin.volts_at_zero)
    return volts


def test_new_dac_is_told_its_reference_gain_and_rest_and_remembers_them_without_power():
    chip = FakeMcp4728()
    assert jacks_volts(chip) == pytest.approx({"CV_A": -2.0, "CV_B": -2.0})
    CvOut(FakeI2c({96: chip}), 96, REST)
    assert jacks_volts(chip) == pytest.approx({"CV_A": 0.0, "CV_B": 0.0}, abs=0.003)
    chip.settings = [0xFFFF] * 4
    chip.power_on()
    assert jacks_volts(chip) == pytest.approx({"CV_A": 0.0, "CV_B": 0.0}, abs=0.003)


def test_eeprom_is_written_once_and_again_only_if_it_holds_something_else():
    chip = FakeMcp4728()
    for _ in range(3):
        CvOut(FakeI2c({96: chip}), 96, REST).write({0: 0.7})
    assert chip.eeprom_writes == 1
    chip.eeprom[1] ^= 0x1000
    CvOut(FakeI2c({96: chip}), 96, REST)
    assert chip.eeprom_writes == 2
    assert chip.eeprom[0] == chip.eeprom[1] == 0x8000 | chip.counts[0]


@pytest.mark.parametrize("setting", [0x0333, 0x9333, 0xE333])
def test_wrong_reference_gain_or_power_down_is_mended_at_the_start(setting):
    chip = FakeMcp4728()
    CvOut(FakeI2c({96: chip}), 96, REST)
    chip.settings = [setting] * 4
    out = CvOut(FakeI2c({96: chip}), 96, REST)
    assert jacks_volts(chip) == pytest.approx({"CV_A": 0.0, "CV_B": 0.0}, abs=0.003)
    out.write({0: 1.0})
    assert jacks_volts(chip)["CV_A"] == pytest.approx(8.02, abs=0.005)
    assert chip.eeprom_writes == 1


def test_dac_gets_only_what_has_changed():
    chip = FakeMcp4728()
    out, sent = CvOut(FakeI2c({96: chip}), 96, {}), []
    receive = chip.receive
    chip.receive = lambda data: (sent.append(data), receive(data))
    out.write({0: 0.5, 1: 2.0})
    out.write({0: 0.5})
    assert chip.counts == [2048, 4095, 0, 0]
    assert sent == [bytes.fromhex("0800 0fff 0000 0000")]


def test_silent_dac_is_one_sentence():
    bus = FakeI2c({96: FakeMcp4728()})
    out = CvOut(bus, 96, REST)
    bus.chips.clear()
    with pytest.raises(DeviceUnavailable, match="DAC"):
        out.write({0: 1.0})
    with pytest.raises(DeviceUnavailable, match="DAC"):
        CvOut(bus, 96, REST)
