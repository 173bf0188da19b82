"""Converters from analogue, and their one reference."""

from __future__ import annotations

from tombola_hardware.instrument import CV_INPUTS, KNOBS
from tombola_hardware.kinds import ADC, REFERENCE, capacitor
from tombola_hardware.model import NC, by_channel
from tombola_hardware.sheet import Sheet


def adc() -> Sheet:
    """One converter for knobs, one for voltages; both, the knobs and every offset hang on one 3.0 V."""
    sheet = Sheet(9, "converters", "Converters and their reference", "A4")
    _converter(
        sheet,
        "U91",
        by_channel("the converter for knobs", ((knob.channel, knob.name, knob.name) for knob in KNOBS)),
        "CS_KNOBS",
        20,
    )
    _converter(
        sheet,
        "U92",
        by_channel("the converter for voltages", ((jack.channel, jack.name, f"ADC_{jack.name}") for jack in CV_INPUTS)),
        "CS_CV",
        56,
    )
    nets = {"VIN": "P5_QUIET", "GND": "GND", "VOUT": "VREF", "TRIM/NR": "VREF_NR", "TEMP": NC, "DNC": NC, "NC": NC}
    sheet.add("U93", REFERENCE, nets, (92, 24))
    sheet.add("C93", capacitor("1u"), {"1": "P5_QUIET", "2": "GND"}, (82, 27))
    sheet.add("C94", capacitor("1u"), {"1": "VREF_NR", "2": "GND"}, (98, 28.5))
    sheet.wire("U93.5", (98, 25), "C94.1")
    sheet.add("C95", capacitor("10u"), {"1": "VREF", "2": "GND"}, (104, 27))
    sheet.wire("U93.6", (104, 23), (107, 23))
    sheet.wire((104, 23), "C95.1")
    sheet.note("3.000 V, 3 ppm/K", (84, 35))
    for index, knob in enumerate(KNOBS):
        sheet.add(f"C96{index + 1}", capacitor("100n"), {"1": knob.name, "2": "GND"}, (10 + 12 * index, 59))
    sheet.note("With the knob's own resistance: 640 Hz at most.", (6, 52))
    return sheet


def _converter(sheet: Sheet, reference: str, channels: dict[int, str], select: str, x: float) -> None:
    nets = {"VDD": "+3.3VA", "VREF": "VREF", "AGND": "GND", "DGND": "GND", "CLK": "SPI_SCLK", "DOUT": "SPI_MISO",
            "DIN": "SPI_MOSI", "~CS/SHDN": select}  # fmt: skip
    # A channel that nobody uses is grounded.
    nets |= {f"CH{channel}": channels.get(channel, "GND") for channel in range(8)}
    sheet.add(reference, ADC, nets, (x, 28))
    sheet.wire(f"{reference}.15", (x - 1, 18))
    sheet.wire(f"{reference}.16", (x + 2, 20))
    digits = reference[1:]
    sheet.add(f"C{digits}1", capacitor("100n"), {"1": "+3.3VA", "2": "GND"}, (x - 6, 43))
    sheet.add(f"C{digits}2", capacitor("1u"), {"1": "+3.3VA", "2": "GND"}, (x, 43))
    sheet.add(f"C{digits}3", capacitor("100n"), {"1": "VREF", "2": "GND"}, (x + 6, 43))
