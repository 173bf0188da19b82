"""MIDI over 3.5 mm TRS jacks of type A: tip is DIN 5, ring is DIN 4.

Source: MIDI Association, TRS specification (RP-054).
"""

from __future__ import annotations

from tombola_hardware.kinds import BUFFER, OPTOCOUPLER, SIGNAL_DIODE, STEREO_JACK, capacitor, resistor, strong_resistor
from tombola_hardware.model import NC
from tombola_hardware.sheet import Sheet


def midi() -> Sheet:
    """In through an optocoupler, out through a buffer at 3.3 V.

    Source: MIDI 1.0 electrical specification update (CA-033).
    """
    sheet = Sheet(7, "midi", "MIDI in and out (TRS type A)", "A4")
    x, y = 12, 20
    sheet.note("MIDI in", (x - 2, y - 6), 2.2)
    sheet.add("J71", STEREO_JACK, {"T": "MIDI_IN_5", "R": "MIDI_IN_4", "S": NC}, (x, y), board="control")
    sheet.add("R71", resistor("220"), {"1": "MIDI_IN_4", "2": "MIDI_LED"}, (x + 12, y), angle=90)
    sheet.wire("J71.R", "R71.1")
    sheet.add("D71", SIGNAL_DIODE, {"K": "MIDI_LED", "A": "MIDI_IN_5"}, (x + 20, y + 2.5), angle=270)
    sheet.add(
        "U71",
        OPTOCOUPLER,
        {"A": "MIDI_LED", "K": "MIDI_IN_5", "NC": NC, "VO": "MIDI_RX", "GND": "GND", "VCC": "+3.3V"},
        (x + 30, y + 2.5),
    )
    sheet.wire("R71.2", (x + 20, y), (x + 24, y), (x + 24, y + 1.5), "U71.1")
    sheet.wire((x + 20, y), "D71.1")
    sheet.wire("J71.T", (x + 4, y + 1), (x + 4, y + 5), (x + 20, y + 5), (x + 24, y + 5), (x + 24, y + 3.5), "U71.2")
    sheet.wire("D71.2", (x + 20, y + 5))
    sheet.wire((x + 24, y + 5), (x + 28, y + 5), (x + 28, y + 8), (x + 30, y + 8))
    sheet.add("R72", resistor("1k"), {"1": "+3.3V", "2": "MIDI_RX"}, (x + 36, y - 2))
    sheet.wire("U71.4", (x + 36, y + 2.5), (x + 39, y + 2.5))
    sheet.wire("R72.2", (x + 36, y + 2.5))
    sheet.add("C71", capacitor("100n"), {"1": "+3.3V", "2": "GND"}, (x + 44, y - 1))
    sheet.note("The jack's sleeve stays open: no loop of earths.", (x - 2, y + 9))

    y = 46
    sheet.note("MIDI out", (x + 62, y - 7), 2.2)
    sheet.add(
        "U72", BUFFER, {"A": "MIDI_TX", "Y": "MIDI_DRIVE", "VCC": "+3.3V", "GND": "GND", "NC": NC}, (x + 20, y + 1)
    )
    sheet.add("C72", capacitor("100n"), {"1": "+3.3V", "2": "GND"}, (x + 4, y + 4))
    sheet.add("R73", strong_resistor("10"), {"1": "MIDI_DRIVE", "2": "MIDI_OUT_5"}, (x + 34, y + 1), angle=90)
    sheet.wire("U72.4", "R73.1")
    sheet.add("R75", resistor("10k"), {"1": "+3.3V", "2": "MIDI_TX"}, (x + 8, y - 4))
    sheet.note("At rest while the Pi boots: no break on the line.", (x - 2, y + 14))
    sheet.add("R74", strong_resistor("33"), {"1": "+3.3V", "2": "MIDI_OUT_4"}, (x + 50, y - 4))
    sheet.add(
        "J72", STEREO_JACK, {"T": "MIDI_OUT_5", "R": "MIDI_OUT_4", "S": "GND"}, (x + 64, y), mirror="y", board="control"
    )
    sheet.wire("R73.2", "J72.T")
    sheet.wire("R74.2", (x + 50, y), "J72.R")
    return sheet
