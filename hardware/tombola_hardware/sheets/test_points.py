"""Pads to put a probe on: one for each supply and each level that the build guide asks for."""

from __future__ import annotations

from typing import Final

from tombola_hardware.kinds import TEST_POINT
from tombola_hardware.model import Part
from tombola_hardware.sheet import Sheet

PROBED: Final = (
    *("GND", "+12V", "-12V", "P12_SOFT", "BUCK_CTRL", "+5V", "P5_QUIET", "+3.3V", "+3.3VA", "P3_AUDIO", "VREF"),
    *("BIAS_PITCH", "BIAS_CV", "ADC_V_OCT", "PWR_FAIL", "AUDIO_MUTE", "XSMT", "MIDI_RX", "MIDI_TX"),
)


def probes(parts: list[Part]) -> Sheet:
    """One for each net of the list that the variant has."""
    sheet = Sheet(12, "test_points", "Test points", "A4")
    there = {net for part in parts for net in part.connections().values()}
    for index, net in enumerate(net for net in PROBED if net in there):
        sheet.add(f"TP{index + 1}", TEST_POINT, {"1": net}, (16 + 18 * (index % 5), 16 + 10 * (index // 5)))
    return sheet
