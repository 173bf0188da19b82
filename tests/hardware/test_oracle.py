"""The second opinion: golden tables and arithmetic typed apart from the sheets, and faults that they must see."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIANTS = ("tombola", "tombola-desktop")
HARMLESS = {
    "pin 2 of R60 and of R65 swapped": "both are 10 kΩ from AUDIO_MUTE: the circuit stays the same",
    "pin 2 of R801 and of R802 swapped": "both are 10 kΩ from +3.3V: the circuit stays the same",
    "pin 2 of R802 and of R803 swapped": "both are 10 kΩ from +3.3V: the circuit stays the same",
}
"""Faults that no check sees, and why none has to."""
TOLD = (
    # The 17 faults that passed all tests of revision A, in the order of mutants.named, and what must be said first.
    "D81 gets 1.8e\\+02 mA in its red die through R1011",
    "MIDI IN has a loop of 0.17 mA",
    "R74 \\(1\\) heats with 12.96 W but bears 0.66",
    "between GND and USB_CC1 stands no R .* R811 has 5.1e\\+04",
    "AUDIO_MUTE stands at 3.14 V while the Pi boots",
    "between \\+12V and SOFT stands no C .* C15 has 1e-10",
    "PWR_FAIL trips at 0.8 V",
    "pin 19 of the header \\(MOSI\\) and U92 both drive SPI_MISO",
    "pin 38 of J21 .* is on I2S_DATA instead of nothing",
    "pin 29 of J21 .* is on TRIG_IN instead of GATE_IN",
    "U21 .* answers at 0x51 of I²C, but the firmware asks at 0x50",
    "U51 .* has ~LDAC on \\+3.3VA instead of GND",
    "pin 1 of RV1 .* is on VREF instead of GND",
    "pin 10 of the header \\(MIDI_RX\\) gets 5.25 V but bears 3.6",
    "U91 .* drives SPI_MISO to 5 V, which bears 3.6",
    "pin 37 of the header \\(VBUS_SENSE\\) gets 5.16 V but bears 3.6",
    "pin C1 of U11 .* is on GND instead of BUCK_CTRL",
)


@pytest.mark.parametrize("name", VARIANTS)
def test_board_is_what_the_golden_tables_and_the_arithmetic_want(designs, name):
    from tombola_hardware.oracle import checks

    assert checks.faults(designs[name].board) == []


@pytest.mark.parametrize("index", range(len(TOLD)))
def test_each_fault_of_the_review_is_told_in_one_sentence(board, index):
    from tombola_hardware.oracle import mutants

    named = mutants.named(board)
    assert len(named) == len(TOLD) == 17
    said = mutants.first_fault(named[index])
    assert said is not None
    assert re.search(TOLD[index], said), said
    assert "\n" not in said


def test_generated_faults_are_caught_but_for_those_that_change_nothing(board):
    from tombola_hardware.oracle import mutants

    tried, survived = mutants.survivors(board)
    assert tried >= 300
    assert set(survived) == set(HARMLESS)
    assert mutants.share(tried, len(survived)) >= 0.95


def test_first_screen_counts_pins_from_memory_and_faults_caught(board):
    from tombola_hardware.oracle import golden, library, mutants

    text = (ROOT / "hardware" / "README.md").read_text("utf-8")[:3500]
    rows, from_memory = golden.counts("tombola")
    assert f"**{from_memory} of {rows}** pins" in text
    assert f"for {library.confirmed(board)} of these" in text
    tried = len(mutants.generated(board))
    assert f"{tried - len(HARMLESS)} of {tried}" in text


def test_a_pin_that_kicad_calls_otherwise_is_not_confirmed(kicad_libraries):
    """KiCad's BAV99 has anode and cathode the other way round; an output is no input."""
    from tombola_hardware.kicad.library import symbol
    from tombola_hardware.oracle.library import agrees

    clamp, amplifier = symbol("Diode:BAV99"), symbol("Amplifier_Operational:MCP6004")
    assert not agrees(clamp.pin("1"), "A")
    assert agrees(amplifier.pin("1"), "OUTA")
    assert not agrees(amplifier.pin("1"), "OUTB")
    assert agrees(amplifier.pin("9"), "-C")
    assert not agrees(amplifier.pin("9"), "+C")


@pytest.mark.parametrize(
    ("what", "moved", "said"),
    [
        ("CV_INPUTS", "CV_3", "CV_2 and CV_3 are both on channel 4 of the converter for voltages"),
        ("KNOBS", "KNOB_7", "KNOB_6 and KNOB_7 are both on channel 5 of the converter for knobs"),
    ],
)
def test_two_controls_on_one_channel_are_named(monkeypatch, kicad_libraries, what, moved, said):
    from tombola_hardware.errors import BadBoard
    from tombola_hardware.sheets import converters

    was = getattr(converters, what)
    there = [control.name for control in was].index(moved)
    wrong = dataclasses.replace(was[there], channel=was[there - 1].channel)
    monkeypatch.setattr(converters, what, (*was[:there], wrong, *was[there + 1 :]))
    with pytest.raises(BadBoard, match=said):
        converters.adc()


def test_two_jacks_on_one_gpio_are_named(board):
    from tombola_hardware.errors import BadBoard

    gpio = {**board.gpio, "TRIG_IN": board.gpio["GATE_IN"]}
    with pytest.raises(BadBoard, match="GPIO 5 is used 2 times"):
        dataclasses.replace(board, gpio=gpio).check()


def test_lamps_are_dark_when_their_driver_has_just_been_reset(board):
    """After a reset LEDn_OFF's bit 12 is set, INVRT clear and the outputs push and pull: all are low (PCA9685, 7.3)."""
    for number in range(1, 9):
        lamp = board.part(f"D8{number}")
        assert lamp.net("K") == "GND"
        assert lamp.kind.pins == {"1": "A1", "2": "K", "3": "A2"}


def test_power_fails_at_10_volts_and_then_mutes_without_the_firmware(board):
    from tombola_hardware.oracle.network import Network, elements

    network = Network(elements(board))
    assert 0.405 / network.volts("P12_SENSE", {"+12V": 1.0}).real == pytest.approx(10.1, abs=0.1)
    # The supervisor takes 25 nA at its input (SBVS050): 2 mV on the divider, not the 1.1 V that its supply took.
    diode = board.part("D61")
    assert (diode.net("A"), diode.net("K")) == ("XSMT", "PWR_FAIL")


def test_solver_gives_the_textbook_divider_filter_and_amplifier():
    from tombola_hardware.oracle.network import Element, Network

    network = Network([
        Element("R", ("IN", "MIDDLE"), 10e3), Element("R", ("MIDDLE", "GND"), 30e3),
        Element("R", ("IN", "SLOW"), 1e3), Element("C", ("SLOW", "GND"), 1e-6),
        Element("R", ("IN", "SUM"), 10e3), Element("R", ("SUM", "OUT"), 20e3),
        Element("X", ("GND", "SUM", "OUT"))])  # fmt: skip
    assert network.volts("MIDDLE", {"IN": 4.0}).real == pytest.approx(3.0)
    assert abs(network.volts("SLOW", {"IN": 1.0}, 159.155)) == pytest.approx(2**-0.5, abs=1e-4)
    assert network.volts("OUT", {"IN": 1.0}).real == pytest.approx(-2.0)
