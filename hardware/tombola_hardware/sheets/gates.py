"""Gates: inputs that bear anything a case gives, and an output of 5 V."""

from __future__ import annotations

from tombola_hardware.instrument import GATE_INPUTS, GATE_OUTPUTS, GateInput, GateOutput
from tombola_hardware.kinds import GATE_BUFFER, JACK, NPN, SIGNAL_DIODE, capacitor, resistor, strong_resistor
from tombola_hardware.sheet import Sheet, Xy


def gates() -> Sheet:
    """Gate, trigger and clock in; gate out."""
    sheet = Sheet(4, "gates", "Gates: GATE, TRIG and CLOCK in, GATE out", "A4")
    for index, jack in enumerate(GATE_INPUTS):
        _input(sheet, f"4{index + 1}", jack, (8, 17 + 20 * index))
    for index, output in enumerate(GATE_OUTPUTS):
        _output(sheet, f"5{index + 5}", output, (62, 24 + 26 * index))
    sheet.note("On above 1.2 V; the diode keeps the base when a case gives −12 V. Upside down: low is on.", (8, 76))
    return sheet


def _input(sheet: Sheet, digits: str, jack: GateInput, at: Xy) -> None:
    x, y = at
    base = f"{jack.name}_BASE"
    sheet.note(f"{jack.legend} in", (x - 2, y - 7), 2.2)
    sheet.add(f"J{digits}", JACK, {"T": f"{jack.name}_JACK", "S": "GND", "TN": "GND"}, (x, y), board="control")
    sheet.wire(f"J{digits}.S", (x + 3, y - 1), (x + 3, y + 1), (x + 3, y + 3))
    sheet.wire(f"J{digits}.TN", (x + 3, y + 1))
    sheet.add(f"R{digits}1", resistor("100k"), {"1": f"{jack.name}_JACK", "2": base}, (x + 8, y), angle=90)
    sheet.wire(f"J{digits}.T", f"R{digits}1.1")
    sheet.add(f"R{digits}2", resistor("100k"), {"1": base, "2": "GND"}, (x + 13, y + 4.5))
    sheet.add(f"D{digits}1", SIGNAL_DIODE, {"K": base, "A": "GND"}, (x + 18, y + 4.5), angle=270)
    sheet.add(f"Q{digits}1", NPN, {"B": base, "C": jack.name, "E": "GND"}, (x + 24, y))
    sheet.wire(f"R{digits}1.2", (x + 13, y), (x + 18, y), f"Q{digits}1.1")
    sheet.wire((x + 13, y), f"R{digits}2.1")
    sheet.wire((x + 18, y), f"D{digits}1.1")
    sheet.add(f"R{digits}3", resistor("10k"), {"1": "+3.3V", "2": jack.name}, (x + 25, y - 6.5))
    sheet.wire(f"R{digits}3.2", (x + 25, y - 4), f"Q{digits}1.3")
    sheet.wire((x + 25, y - 4), (x + 29, y - 4))


def _output(sheet: Sheet, digits: str, jack: GateOutput, at: Xy) -> None:
    x, y = at
    name = jack.name
    sheet.note(f"{jack.legend} out", (x + 32, y - 5), 2.2)
    drive = f"{name}_DRIVE"
    sheet.add("R451", resistor("100k"), {"1": name, "2": "GND"}, (x + 3, y + 8.5))
    sheet.add("U41", GATE_BUFFER, {"~OE": "GND", "A": name, "GND": "GND", "Y": drive, "VCC": "+5V"}, (x + 14, y + 4))
    sheet.add("C41", capacitor("100n"), {"1": "+5V", "2": "GND"}, (x + 3, y - 4))
    sheet.add("R455", strong_resistor("1k"), {"1": drive, "2": f"{name}_JACK"}, (x + 25, y + 4), angle=90)
    sheet.wire((x, y + 4), (x + 3, y + 4), "U41.2")
    sheet.wire((x + 3, y + 4), "R451.1")
    sheet.wire("U41.4", "R455.1")
    sheet.add(
        f"J{digits}", JACK, {"T": f"{name}_JACK", "S": "GND", "TN": ""}, (x + 37, y + 4), mirror="y", board="control"
    )
    sheet.wire(f"J{digits}.S", (x + 34, y + 3), (x + 34, y + 7))
    sheet.wire("R455.2", f"J{digits}.T")
    sheet.note("Drives both ways; low until the firmware drives it.", (x, y + 15))
