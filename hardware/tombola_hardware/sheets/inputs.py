"""Inputs for control voltages: one inverting stage a jack, from instrument.CV_INPUTS.

V(ADC) = zero − share·V(jack), with share = Rf / 100 kΩ and zero = bias·(1 + share), both ratiometric to the
converter's reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tombola_hardware.instrument import CV_INPUTS, CvInput
from tombola_hardware.kinds import CLAMP, JACK, QUAD_AMPLIFIER, amplifier_pins, capacitor, precision_resistor, resistor
from tombola_hardware.model import Part
from tombola_hardware.sheet import Sheet, Xy

REFERENCE_VOLTS: Final = 3.0
INPUT_OHM: Final = 100e3
UNITS: Final = "ABCD"


@dataclass(frozen=True, slots=True)
class Range:
    """A kind of input: its bias, and the resistors that make its range.

    Args:
        bias: Net of the voltage that shifts it.
        feedback: Resistor from the output to the summing node.
        upper: Of the divider that makes the bias, to the reference.
        lower: To ground.
        capacitor: Over the feedback; sets the bandwidth.
        settle: Between amplifier and converter; with 10 nF it says how soon a reading forgets the channel before it.
        prefix: Digits of the divider's references.
    """

    bias: str
    feedback: str
    upper: str
    lower: str
    capacitor: str
    settle: str
    prefix: str

    @property
    def share(self) -> float:
        """How much of a volt at the jack comes out, upside down."""
        return ohm(self.feedback) / INPUT_OHM

    @property
    def volts_at_zero(self) -> float:
        """Volts at the jack for which the converter reads its lowest."""
        return self._zero / self.share

    @property
    def volts_at_full(self) -> float:
        """Volts at the jack for which the converter reads its highest."""
        return (self._zero - REFERENCE_VOLTS) / self.share

    @property
    def _zero(self) -> float:
        upper, lower = ohm(self.upper), ohm(self.lower)
        return REFERENCE_VOLTS * lower / (upper + lower) * (1 + self.share)


PITCH: Final = Range("BIAS_PITCH", "28k", "9.1k", "10k", "3.3n", "330", "30")
VOLTAGE: Final = Range("BIAS_CV", "18k", "8.2k", "10k", "4.7n", "1k", "38")


def ohm(value: str) -> float:
    """``28k`` in ohm."""
    scale = {"k": 1e3, "M": 1e6, "R": 1.0}.get(value[-1], 1.0)
    return float(value.rstrip("kMR")) * scale


def range_of(jack: CvInput) -> Range:
    """Which circuit an input has."""
    return PITCH if jack.pitch else VOLTAGE


def analogue() -> Sheet:
    """All of them, and what they share."""
    sheet = Sheet(
        3, "analogue_inputs", "Analogue inputs: V/OCT and control voltages", "A4" if len(CV_INPUTS) <= 6 else "A3"
    )
    quads = -(-len(CV_INPUTS) // len(UNITS))
    for quad in range(quads):
        _quad(sheet, quad)
    for index, jack in enumerate(CV_INPUTS):
        _stage(sheet, index, jack, (7 + 36 * (index % 3), 14 + 20 * (index // 3)))
    row = 14 + 20 * (-(-len(CV_INPUTS) // 3))
    _divider(sheet, PITCH, (10, row + 3), precise=True)
    _divider(sheet, VOLTAGE, (28, row + 3), precise=False)
    for quad in range(quads):
        sheet.place(f"U3{quad + 1}", (48 + 12 * quad, row + 4), unit=5)
        sheet.add(f"C30{quad + 1}", capacitor("100n"), {"1": "+3.3VA", "2": "GND"}, (54 + 12 * quad, row + 4))
    for spare in range(len(CV_INPUTS), quads * len(UNITS)):
        column = spare - len(CV_INPUTS)
        x, y = 84 + 20 * column, row + 2
        quad, unit = divmod(spare, len(UNITS))
        plus, minus, out = amplifier_pins(QUAD_AMPLIFIER, unit)
        sheet.place(f"U3{quad + 1}", (x, y), unit=unit + 1)
        sheet.wire(
            f"U3{quad + 1}.{out}", (x + 4, y), (x + 4, y + 4), (x - 4, y + 4), (x - 4, y + 1), f"U3{quad + 1}.{minus}"
        )
        sheet.wire(f"U3{quad + 1}.{plus}", (x - 5, y - 1))
        sheet.note("spare", (x - 2, y + 7))
    return sheet


def _quad(sheet: Sheet, quad: int) -> None:
    nets = {"V+": "+3.3VA", "V-": "GND"}
    for unit, letter in enumerate(UNITS):
        index = quad * len(UNITS) + unit
        used = index < len(CV_INPUTS)
        nets[f"+{letter}"] = range_of(CV_INPUTS[index]).bias if used else VOLTAGE.bias
        nets[f"-{letter}"] = f"{CV_INPUTS[index].name}_SUM" if used else f"SPARE_{index}"
        nets[f"OUT{letter}"] = f"{CV_INPUTS[index].name}_AMP" if used else f"SPARE_{index}"
    sheet.parts[f"U3{quad + 1}"] = Part(f"U3{quad + 1}", QUAD_AMPLIFIER, nets)


def _stage(sheet: Sheet, index: int, jack: CvInput, at: Xy) -> None:
    x, y = at
    kind, name, digits = range_of(jack), jack.name, f"3{index + 1}"
    make = precision_resistor if jack.pitch else resistor
    quad, unit = divmod(index, len(UNITS))
    amplifier = f"U3{quad + 1}"
    plus, minus, out = amplifier_pins(QUAD_AMPLIFIER, unit)
    sheet.note(jack.legend if not jack.legend.isdigit() else f"CV {jack.legend}", (x - 2, y - 8), 2.2)
    sheet.note(f"{jack.low_volts:+g} … {jack.high_volts:+g} V", (x - 2, y - 6), 1.5)
    sheet.add(f"J{digits}", JACK, {"T": f"{name}_JACK", "S": "GND", "TN": "GND"}, (x, y), board="control")
    sheet.wire(f"J{digits}.S", (x + 3, y - 1), (x + 3, y + 1), (x + 3, y + 3))
    sheet.wire(f"J{digits}.TN", (x + 3, y + 1))
    sheet.add(f"R{digits}1", make("100k"), {"1": f"{name}_JACK", "2": f"{name}_SUM"}, (x + 6.5, y), angle=90)
    sheet.wire(f"J{digits}.T", f"R{digits}1.1")
    sheet.add(f"D{digits}1", CLAMP, {"1": "GND", "2": "+3.3VA", "3": f"{name}_SUM"}, (x + 8, y + 7), angle=90)
    sheet.place(amplifier, (x + 15, y + 1), unit=unit + 1, mirror="x")
    sheet.wire(f"R{digits}1.2", (x + 10, y), (x + 11, y), f"{amplifier}.{minus}")
    sheet.wire(f"D{digits}1.3", (x + 10, y + 7), (x + 10, y))
    sheet.add(f"R{digits}2", make(kind.feedback), {"1": f"{name}_SUM", "2": f"{name}_AMP"}, (x + 15, y - 3.5), angle=90)
    sheet.add(
        f"C{digits}1", capacitor(kind.capacitor), {"1": f"{name}_SUM", "2": f"{name}_AMP"}, (x + 15, y - 7), angle=90
    )
    sheet.wire((x + 11, y), (x + 11, y - 3.5), (x + 11, y - 7), f"C{digits}1.1")
    sheet.wire((x + 11, y - 3.5), f"R{digits}2.1")
    sheet.add(f"R{digits}3", resistor(kind.settle), {"1": f"{name}_AMP", "2": f"ADC_{name}"}, (x + 23, y + 1), angle=90)
    sheet.wire(f"{amplifier}.{out}", (x + 19, y + 1), f"R{digits}3.1")
    sheet.wire((x + 19, y + 1), (x + 19, y - 3.5), (x + 19, y - 7), f"C{digits}1.2")
    sheet.wire((x + 19, y - 3.5), f"R{digits}2.2")
    sheet.add(f"C{digits}2", capacitor("10n"), {"1": f"ADC_{name}", "2": "GND"}, (x + 26, y + 4.5))
    sheet.wire(f"R{digits}3.2", (x + 26, y + 1), (x + 29, y + 1))
    sheet.wire((x + 26, y + 1), f"C{digits}2.1")
    sheet.wire(f"{amplifier}.{plus}", (x + 12, y + 5), (x + 13, y + 5))


def _divider(sheet: Sheet, kind: Range, at: Xy, *, precise: bool) -> None:
    x, y = at
    make = precision_resistor if precise else resistor
    upper, lower = f"R{kind.prefix}1", f"R{kind.prefix}2"
    sheet.add(upper, make(kind.upper), {"1": "VREF", "2": kind.bias}, (x, y))
    sheet.add(lower, make(kind.lower), {"1": kind.bias, "2": "GND"}, (x, y + 7))
    sheet.add(f"C{kind.prefix}9", capacitor("1u"), {"1": kind.bias, "2": "GND"}, (x + 6, y + 7))
    sheet.wire(f"{upper}.2", (x, y + 3.5), f"{lower}.1")
    sheet.wire((x, y + 3.5), (x + 6, y + 3.5), (x + 9, y + 3.5))
    sheet.wire((x + 6, y + 3.5), f"C{kind.prefix}9.1")
    sheet.wire(f"{upper}.1", (x, y - 2.5), (x + 2, y - 2.5))
