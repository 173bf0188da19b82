"""Converters from analogue, and their one reference: twelve bits for the knobs, sixteen for voltages (ADR 25)."""

from __future__ import annotations

from tombola_hardware.instrument import CV_INPUTS, KNOBS
from tombola_hardware.kinds import ADC, FINE_ADC, REFERENCE, capacitor
from tombola_hardware.model import NC, by_channel
from tombola_hardware.sheet import Sheet


def adc() -> Sheet:
    """One converter for knobs, one for voltages; both, the knobs and every offset hang on one 3.0 V."""
    sheet = Sheet(9, "converters", "Converters and their reference", "A4")
    _knobs(sheet, by_channel("the converter for knobs", ((knob.channel, knob.name, knob.name) for knob in KNOBS)))
    _voltages(
        sheet,
        by_channel("the converter for voltages", ((jack.channel, jack.name, f"ADC_{jack.name}") for jack in CV_INPUTS)),
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


def _knobs(sheet: Sheet, channels: dict[int, str]) -> None:
    nets = {"VDD": "+3.3VA", "VREF": "VREF", "AGND": "GND", "DGND": "GND", "CLK": "SPI_SCLK", "DOUT": "SPI_MISO",
            "DIN": "SPI_MOSI", "~CS/SHDN": "CS_KNOBS"}  # fmt: skip
    nets |= {f"CH{channel}": channels.get(channel, "GND") for channel in range(8)}  # Unused: grounded.
    sheet.add("U91", ADC, nets, (20, 26))
    sheet.wire("U91.15", (19, 16))
    sheet.wire("U91.16", (22, 18))
    sheet.add("C911", capacitor("100n"), {"1": "+3.3VA", "2": "GND"}, (27, 13))
    sheet.add("C912", capacitor("1u"), {"1": "+3.3VA", "2": "GND"}, (32, 13))
    sheet.add("C913", capacitor("100n"), {"1": "VREF", "2": "GND"}, (13, 13))


def _voltages(sheet: Sheet, channels: dict[int, str]) -> None:
    """Its CNV is a chip select: a conversion begins when it rises, and SDO is let go of."""
    nets = {"VDD": "+3.3VA", "VIO": "+3.3VA", "REF": "VREF", "REFIN": "ADC_REFIN", "GND": "GND", "EPAD": "GND",
            "COM": "GND", "SCK": "SPI_SCLK", "SDO": "SPI_MISO", "DIN": "SPI_MOSI", "CNV": "CS_CV"}  # fmt: skip
    nets |= {f"IN{channel}": channels.get(channel, "GND") for channel in range(8)}
    sheet.add("U92", FINE_ADC, nets, (56, 26))
    sheet.wire("U92.15", (57, 17))
    for index, (value, net, place) in enumerate(
        (
            ("100n", "+3.3VA", (62, 14)),
            ("100n", "+3.3VA", (67, 14)),
            ("10u", "+3.3VA", (49, 14)),
            ("10u", "VREF", (44, 38)),
            ("100n", "ADC_REFIN", (50, 38)),
        )
    ):
        sheet.add(f"C92{index + 1}", capacitor(value), {"1": net, "2": "GND"}, place)
    sheet.wire("U92.3", (50, 32), "C925.1")
