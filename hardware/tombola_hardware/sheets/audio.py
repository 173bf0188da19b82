"""Sound: the DAC, and the two sides to their jacks, at the level of a case or of a line."""

from __future__ import annotations

from tombola_hardware.instrument import AUDIO_OUTPUTS, AudioOutput
from tombola_hardware.kinds import AUDIO_DAC, DUAL_AMPLIFIER, JACK, SMALL_SCHOTTKY, amplifier_pins, capacitor, resistor
from tombola_hardware.model import NC, Part
from tombola_hardware.sheet import Sheet, Xy

FEEDBACK, TO_GROUND = "6.8k", "10k"
"""Gain 1.68: 2.1 V rms of the DAC become 10 V peak to peak."""


def module() -> Sheet:
    """Ten volts peak to peak."""
    sheet = _dac("Audio: DAC and outputs of 10 V peak to peak")
    nets = {"V+": "+12V", "V-": "-12V"}
    for jack, letter in zip(AUDIO_OUTPUTS, "AB", strict=True):
        nets |= {f"+{letter}": f"{jack.name}_DAC", f"-{letter}": f"{jack.name}_SUM", f"OUT{letter}": f"{jack.name}_AMP"}
    sheet.parts["U62"] = Part("U62", DUAL_AMPLIFIER, nets)
    for index, jack in enumerate(AUDIO_OUTPUTS):
        _amplified(sheet, index, jack, (68, 20 + 22 * index))
    sheet.place("U62", (50, 61), unit=3)
    sheet.add("D61", SMALL_SCHOTTKY, {"A": "XSMT", "K": "PWR_FAIL"}, (14, 30))
    sheet.note("PWR_FAIL mutes whatever the Pi drives.", (6, 27))
    sheet.add("C67", capacitor("100n"), {"1": "+12V", "2": "GND"}, (58, 58))
    sheet.add("C68", capacitor("100n"), {"1": "GND", "2": "-12V"}, (58, 66))
    return sheet


def desktop() -> Sheet:
    """Line level, straight from the DAC."""
    sheet = _dac("Audio: DAC and outputs at line level")
    for index, jack in enumerate(AUDIO_OUTPUTS):
        _filter(sheet, index, jack, (68, 20 + 22 * index))
        x, y = 68, 20 + 22 * index
        digits, name = f"6{index + 1}", jack.name
        sheet.add(f"R{digits}4", resistor("100"), {"1": f"{name}_DAC", "2": f"{name}_JACK"}, (x + 18, y), angle=90)
        sheet.wire((x + 8, y), f"R{digits}4.1")
        sheet.add(
            f"J{digits}", JACK, {"T": f"{name}_JACK", "S": "GND", "TN": NC}, (x + 38, y), mirror="y", board="control"
        )
        sheet.wire(f"J{digits}.S", (x + 35, y - 1), (x + 35, y + 3))
        sheet.wire(f"R{digits}4.2", f"J{digits}.T")
    return sheet


def _dac(title: str) -> Sheet:
    sheet = Sheet(6, "audio", title, "A4")
    out = {f"OUT{jack.side}": f"OUT_{jack.side}" for jack in AUDIO_OUTPUTS}
    nets = {
        "BCK": "I2S_BCK",
        "LRCK": "I2S_LRCK",
        "DIN": "I2S_DATA",
        "SCK": "GND",
        "FLT": "GND",
        "DEMP": "GND",
        "FMT": "GND",
        "XSMT": "XSMT",
        "CPVDD": "P3_AUDIO",
        "AVDD": "P3_AUDIO",
        "DVDD": "P3_AUDIO",
        "CPGND": "GND",
        "AGND": "GND",
        "DGND": "GND",
        "CAPP": "PUMP_P",
        "CAPM": "PUMP_M",
        "VNEG": "VNEG",
        "LDOO": "LDOO",
        **out,
    }
    sheet.add("U61", AUDIO_DAC, nets, (40, 34))
    sheet.wire("U61.1", (39, 26), (39, 24), (40, 24), (41, 24), (41, 26), "U61.8")
    sheet.wire("U61.20", (40, 24), (40, 22))
    sheet.wire("U61.3", (39, 43), (40, 43), (41, 43), "U61.9")
    sheet.wire("U61.19", (40, 43), (40, 45))
    # What selects nothing: no system clock, normal filter, no de-emphasis, I²S.
    sheet.wire("U61.12", (33, 33), (33, 35), (33, 36), (33, 38), (33, 44))
    sheet.wire("U61.11", (33, 35))
    sheet.wire("U61.10", (33, 36))
    sheet.wire("U61.16", (33, 38))
    sheet.add("R60", resistor("10k"), {"1": "AUDIO_MUTE", "2": "GND"}, (16, 41.5))
    sheet.add("R65", resistor("10k"), {"1": "AUDIO_MUTE", "2": "XSMT"}, (22, 37), angle=90)
    sheet.wire("U61.17", (27, 37), "R65.2")
    sheet.wire("R65.1", (16, 37), "R60.1")
    sheet.wire((16, 37), (13, 37))
    sheet.add("C61", capacitor("2.2u"), {"1": "PUMP_P", "2": "PUMP_M"}, (48, 34.5))
    sheet.wire("U61.2", (48, 33), "C61.1")
    sheet.wire("U61.4", (48, 36), "C61.2")
    sheet.add("C62", capacitor("1u"), {"1": "LDOO", "2": "GND"}, (55, 41.5))
    sheet.wire("U61.18", (55, 38), "C62.1")
    sheet.add("C63", capacitor("2.2u"), {"1": "VNEG", "2": "GND"}, (49, 42.5))
    sheet.wire("U61.5", (49, 39), "C63.1")
    for index in range(3):
        sheet.add(f"C6{index + 4}", capacitor("100n"), {"1": "P3_AUDIO", "2": "GND"}, (25 + 5 * index, 22))
    sheet.add("C60", capacitor("10u"), {"1": "P3_AUDIO", "2": "GND"}, (47, 22))
    sheet.note("Muted while AUDIO_MUTE is low, so until the daemon is healthy.", (8, 50))
    return sheet


def _filter(sheet: Sheet, index: int, jack: AudioOutput, at: Xy) -> None:
    """What is left above the sound, at 154 kHz."""
    x, y = at
    digits, name = f"6{index + 1}", jack.name
    sheet.note(f"{jack.legend}", (x + 34, y - 5), 2.2)
    sheet.add(f"R{digits}1", resistor("470"), {"1": f"OUT_{jack.side}", "2": f"{name}_DAC"}, (x + 4, y), angle=90)
    sheet.wire(f"R{digits}1.1", (x, y))
    sheet.add(f"C{digits}1", capacitor("2.2n"), {"1": f"{name}_DAC", "2": "GND"}, (x + 8, y + 4.5))
    sheet.wire(f"R{digits}1.2", (x + 8, y), f"C{digits}1.1")


def _amplified(sheet: Sheet, index: int, jack: AudioOutput, at: Xy) -> None:
    x, y = at
    digits, name = f"6{index + 1}", jack.name
    plus, minus, out = amplifier_pins(DUAL_AMPLIFIER, index)
    _filter(sheet, index, jack, at)
    sheet.place("U62", (x + 17, y + 1), unit=index + 1)
    sheet.wire((x + 8, y), f"U62.{plus}")
    sheet.add(f"R{digits}2", resistor(FEEDBACK), {"1": f"{name}_SUM", "2": f"{name}_AMP"}, (x + 17, y + 6), angle=90)
    sheet.add(f"R{digits}3", resistor(TO_GROUND), {"1": f"{name}_SUM", "2": "GND"}, (x + 13, y + 10.5))
    sheet.wire(f"U62.{minus}", (x + 13, y + 2), (x + 13, y + 6), f"R{digits}2.1")
    sheet.wire((x + 13, y + 6), f"R{digits}3.1")
    sheet.wire(f"U62.{out}", (x + 22, y + 1), (x + 22, y + 6), f"R{digits}2.2")
    sheet.add(f"R{digits}4", resistor("1k"), {"1": f"{name}_AMP", "2": f"{name}_JACK"}, (x + 27, y + 1), angle=90)
    sheet.wire((x + 22, y + 1), f"R{digits}4.1")
    sheet.add(
        f"J{digits}", JACK, {"T": f"{name}_JACK", "S": "GND", "TN": NC}, (x + 38, y + 1), mirror="y", board="control"
    )
    sheet.wire(f"J{digits}.S", (x + 35, y), (x + 35, y + 4))
    sheet.wire(f"R{digits}4.2", f"J{digits}.T")
