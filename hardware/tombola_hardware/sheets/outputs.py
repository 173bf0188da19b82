"""Outputs for control voltages: −2 … +8 V from a DAC, exact into any load of 1 kΩ and more."""

from __future__ import annotations

from typing import Final

from tombola_hardware.instrument import CV_OUTPUTS, CvOutput
from tombola_hardware.kinds import DAC, DUAL_AMPLIFIER, JACK, amplifier_pins, capacitor, resistor, strong_resistor
from tombola_hardware.model import NC, Part, by_channel
from tombola_hardware.sheet import Sheet, Xy
from tombola_hardware.sheets.inputs import REFERENCE_VOLTS, ohm

DAC_FULL_VOLTS: Final = 2.048
"""Of the DAC's own reference, times one."""
FEEDBACK, TO_GROUND, TO_REFERENCE = "20k", "6.2k", "30k"


def volts_out() -> tuple[float, float]:
    """Nominal voltages at the jack for the DAC's lowest and highest code."""
    feedback, ground, reference = ohm(FEEDBACK), ohm(TO_GROUND), ohm(TO_REFERENCE)
    low = -REFERENCE_VOLTS * feedback / reference
    return low, low + DAC_FULL_VOLTS * (1 + feedback / ground + feedback / reference)


def voltages() -> Sheet:
    """The DAC and an amplifier a jack."""
    sheet = Sheet(5, "cv_outputs", "Outputs for control voltages", "A4")
    nets = {"VDD": "+3.3VA", "VSS": "GND", "SCL": "SCL", "SDA": "SDA", "~LDAC": "GND", "RDY/~BSY": NC}
    used = by_channel("the DAC", ((jack.channel, jack.name, f"DAC_{jack.name}") for jack in CV_OUTPUTS))
    nets |= {f"VOUT{letter}": used.get(channel, NC) for channel, letter in enumerate("ABCD")}
    sheet.add("U51", DAC, nets, (20, 20))
    sheet.add("C51", capacitor("100n"), {"1": "+3.3VA", "2": "GND"}, (8, 28))
    sheet.add("C52", capacitor("10u"), {"1": "+3.3VA", "2": "GND"}, (13, 28))
    amplifier = {"V+": "+12V", "V-": "-12V"}
    for jack, letter in zip(CV_OUTPUTS, "AB", strict=True):
        amplifier |= {
            f"+{letter}": f"DAC_{jack.name}",
            f"-{letter}": f"{jack.name}_SUM",
            f"OUT{letter}": f"{jack.name}_AMP",
        }
    sheet.parts["U52"] = Part("U52", DUAL_AMPLIFIER, amplifier)
    for index, jack in enumerate(CV_OUTPUTS):
        _stage(sheet, index, jack, (56, 16 + 28 * index))
    sheet.place("U52", (14, 46), unit=3)
    sheet.add("C53", capacitor("100n"), {"1": "+12V", "2": "GND"}, (22, 43))
    sheet.add("C54", capacitor("100n"), {"1": "GND", "2": "-12V"}, (22, 51))
    low, high = volts_out()
    sheet.note(f"{low:.1f} … {high:.1f} V; the 330 Ω stand inside the loop.", (6, 60))
    return sheet


def _stage(sheet: Sheet, index: int, jack: CvOutput, at: Xy) -> None:
    x, y = at
    digits, name = f"5{index + 1}", jack.name
    plus, minus, out = amplifier_pins(DUAL_AMPLIFIER, index)
    total, output = f"{name}_SUM", f"{name}_JACK"
    sheet.note(f"CV {jack.legend} out", (x + 26, y - 5), 2.2)
    sheet.place("U52", (x + 8, y), unit=index + 1)
    sheet.wire(f"U52.{plus}", (x + 1, y - 1))
    sheet.add(f"R{digits}1", strong_resistor("330"), {"1": f"{name}_AMP", "2": output}, (x + 17, y), angle=90)
    sheet.wire(f"U52.{out}", (x + 13, y), f"R{digits}1.1")
    sheet.add(f"J{digits}", JACK, {"T": output, "S": "GND", "TN": NC}, (x + 28, y), mirror="y", board="control")
    sheet.wire(f"J{digits}.S", (x + 25, y - 1), (x + 25, y + 3))
    sheet.wire(f"R{digits}1.2", (x + 21, y), f"J{digits}.T")
    sheet.add(f"C{digits}5", capacitor("100p"), {"1": total, "2": f"{name}_AMP"}, (x + 8.5, y + 5), angle=90)
    sheet.wire(f"U52.{minus}", (x + 3, y + 1), (x + 3, y + 5), f"C{digits}5.1")
    sheet.wire((x + 13, y), (x + 13, y + 5), f"C{digits}5.2")
    sheet.add(f"R{digits}2", resistor(FEEDBACK), {"1": total, "2": output}, (x + 8.5, y + 9), angle=90)
    sheet.wire((x + 3, y + 5), (x + 3, y + 9), f"R{digits}2.1")
    sheet.wire((x + 21, y), (x + 21, y + 9), f"R{digits}2.2")
    sheet.add(f"R{digits}3", resistor(TO_GROUND), {"1": total, "2": "GND"}, (x + 3, y + 13.5))
    sheet.wire((x + 3, y + 9), f"R{digits}3.1")
    sheet.add(f"R{digits}4", resistor(TO_REFERENCE), {"1": "VREF", "2": total}, (x - 3, y + 9), angle=90)
    sheet.wire(f"R{digits}4.2", (x + 3, y + 9))
