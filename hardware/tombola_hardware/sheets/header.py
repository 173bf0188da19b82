"""The Raspberry Pi's header, and the memory of the calibration."""

from __future__ import annotations

from typing import Final

from tombola_hardware.instrument import BUTTONS, ENCODER, GATE_INPUTS, GATE_OUTPUTS, Button, GateInput, GateOutput
from tombola_hardware.kinds import EEPROM, capacitor, header
from tombola_hardware.model import NC
from tombola_hardware.sheet import Sheet

PIN_OF_GPIO: Final = {
    0: 27,
    1: 28,
    2: 3,
    3: 5,
    4: 7,
    5: 29,
    6: 31,
    7: 26,
    8: 24,
    9: 21,
    10: 19,
    11: 23,
    12: 32,
    13: 33,
    14: 8,
    15: 10,
    16: 36,
    17: 11,
    18: 12,
    19: 35,
    20: 38,
    21: 40,
    22: 15,
    23: 16,
    24: 18,
    25: 22,
    26: 37,
    27: 13,
}
"""Source: Raspberry Pi documentation, GPIO and the 40-pin header."""
BUSES: Final = {
    2: "SDA",
    3: "SCL",
    7: "CS_CV",
    8: "CS_KNOBS",
    9: "SPI_MISO",
    10: "SPI_MOSI",
    11: "SPI_SCLK",
    18: "I2S_BCK",
    19: "I2S_LRCK",
    21: "I2S_DATA",
}
"""Nets of the buses: I²C1, SPI0 with its two chip selects, I²S."""


def gpio(*, power_fail: bool = True) -> dict[str, int]:
    """Name of each signal that the firmware reads or drives, to its GPIO."""
    found = {"AUDIO_MUTE": 4, "MIDI_TX": 14, "MIDI_RX": 15, "VBUS_SENSE": 26}
    if power_fail:
        found["PWR_FAIL"] = 13
    wired: list[GateInput | GateOutput | Button] = [*GATE_INPUTS, *GATE_OUTPUTS, *BUTTONS]
    for jack in wired:
        found[jack.name] = jack.gpio
    found |= {"ENC_A": ENCODER.gpio_a, "ENC_B": ENCODER.gpio_b, "ENC_SW": ENCODER.gpio_switch}
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def pi(signals: dict[str, int]) -> Sheet:
    """A Raspberry Pi 4 or 5 on its 2 × 20 pins."""
    sheet = Sheet(2, "raspberry_pi", "Raspberry Pi header, and memory of the calibration", "A4")
    nets = {str(pin): "GND" for pin in (6, 9, 14, 20, 25, 30, 34, 39)}
    nets |= {"1": "+3.3V", "17": "+3.3V", "2": "+5V", "4": "+5V"}
    by_number = BUSES | {number: name for name, number in signals.items()}
    nets |= {str(pin): by_number.get(number, NC) for number, pin in PIN_OF_GPIO.items()}
    sheet.add("J21", header(20, 2, socket=True, value="Raspberry Pi"), nets, (38, 38))
    sheet.flag((20, 12))
    sheet.wire((20, 12), (20, 10))
    sheet.add("C21", capacitor("10u"), {"1": "+3.3V", "2": "GND"}, (20, 15))
    sheet.wire((20, 12), "C21.1")
    sheet.wire("C21.2", (20, 18), (14, 18))
    sheet.flag((16, 18))
    sheet.add("C22", capacitor("10u"), {"1": "+5V", "2": "GND"}, (26, 15))
    memory = {
        "A0": "GND",
        "A1": "GND",
        "A2": "GND",
        "VSS": "GND",
        "SDA": "SDA",
        "SCL": "SCL",
        "WP": "GND",
        "VCC": "+3.3V",
    }
    sheet.add("U21", EEPROM, memory, (80, 26))
    sheet.add("C23", capacitor("100n"), {"1": "+3.3V", "2": "GND"}, (92, 26))
    sheet.note("Memory of the calibration, at 0x50 of I²C 1.", (72, 36))
    sheet.note("The Raspberry Pi has pull-ups of 1.8 kΩ on SDA and SCL.", (72, 39))
    sheet.note("GPIO 0 and 1 stay free: the Raspberry Pi looks there for a HAT.", (72, 42))
    return sheet
