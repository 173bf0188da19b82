"""Power: what comes in, what is made of it, and how its loss is seen."""

from __future__ import annotations

from tombola_hardware.kinds import (
    BEAD,
    BUCK,
    BULK,
    NPN,
    PMOS,
    PNP,
    POWER_HEADER,
    REGULATOR_3V3,
    SCHOTTKY,
    SUPERVISOR,
    SUPPRESSOR,
    USB_C,
    capacitor,
    polyfuse,
    resistor,
)
from tombola_hardware.model import NC
from tombola_hardware.sheet import Sheet, Xy


def eurorack() -> Sheet:
    """±12 V of a Eurorack case: fused, guarded against a turned cable, switched on softly."""
    sheet = Sheet(1, "power", "Power: Eurorack ±12 V to 5 V and 3.3 V", "A4")
    pins = {str(pin): "GND" for pin in range(3, 9)} | {"1": "M12_IN", "2": "M12_IN", "9": "P12_IN", "10": "P12_IN"}
    sheet.add("J11", POWER_HEADER, pins, (14, 30))
    sheet.wire("J11.9", (10, 32), (10, 36), (19, 36))
    sheet.wire("J11.10", (19, 32), (19, 36))
    sheet.wire("J11.1", (10, 28), (10, 24), (19, 24))
    sheet.wire("J11.2", (19, 28), (19, 24))
    sheet.wire((19, 24), (19, 18), (22.5, 18))
    sheet.wire((19, 36), (22.5, 36))
    sheet.note("Pin 1 is −12 V, at the red stripe.", (5, 41))
    _plus_12(sheet)
    _minus_12(sheet)
    _soft_start(sheet)
    _hold(sheet)
    _five_volts(sheet)
    _analogue_supply(sheet, (90, 49))
    _supervisor(sheet)
    return sheet


def _plus_12(sheet: Sheet) -> None:
    sheet.add("F11", polyfuse(1.5, 24, "1812L150/24"), {"1": "P12_IN", "2": "P12_FUSED"}, (24, 36), angle=90)
    sheet.add("D11", SCHOTTKY, {"A": "P12_FUSED", "K": "+12V"}, (30, 36), angle=180)
    sheet.wire("F11.2", "D11.2")
    sheet.add("C11", capacitor("10u"), {"1": "+12V", "2": "GND"}, (35, 39.5))
    sheet.add("C12", capacitor("100n"), {"1": "+12V", "2": "GND"}, (41, 39.5))
    sheet.wire("D11.1", (35, 36), (41, 36), (49, 36))
    sheet.wire((35, 36), "C11.1")
    sheet.wire((41, 36), "C12.1")
    sheet.wire((45, 36), (45, 34))
    sheet.flag((45, 36))
    sheet.add("D13", SUPPRESSOR, {"K": "+12V", "A": "GND"}, (8, 54), angle=270)


def _minus_12(sheet: Sheet) -> None:
    sheet.add("F12", polyfuse(0.2, 30, "1812L020/30"), {"1": "M12_IN", "2": "M12_FUSED"}, (24, 18), angle=90)
    sheet.add("D12", SCHOTTKY, {"K": "M12_FUSED", "A": "-12V"}, (30, 18))
    sheet.wire("F12.2", "D12.1")
    sheet.add("C13", capacitor("10u"), {"1": "GND", "2": "-12V"}, (35, 14.5))
    sheet.add("C14", capacitor("100n"), {"1": "GND", "2": "-12V"}, (41, 14.5))
    sheet.wire("D12.2", (35, 18), (41, 18), (45, 18), (45, 20))
    sheet.wire((35, 18), "C13.2")
    sheet.wire((41, 18), "C14.2")
    sheet.flag((45, 18))
    sheet.add("D14", SUPPRESSOR, {"K": "GND", "A": "-12V"}, (16, 54), angle=270)


def _soft_start(sheet: Sheet) -> None:
    sheet.add("Q11", PMOS, {"S": "+12V", "G": "SOFT", "D": "P12_SOFT"}, (58, 37), angle=90, mirror="y")
    sheet.wire((49, 36), "Q11.2")
    sheet.add("R11", resistor("100k"), {"1": "+12V", "2": "SOFT"}, (53, 38.5))
    sheet.wire((53, 36), "R11.1")
    sheet.add("R12", resistor("100k"), {"1": "SOFT", "2": "GND"}, (53, 43.5))
    sheet.wire("R11.2", (53, 41), "R12.1")
    sheet.wire((53, 41), (58, 41), "Q11.1")
    sheet.add("C15", capacitor("1u"), {"1": "+12V", "2": "SOFT"}, (49, 41.5))
    sheet.add("C103", capacitor("10n"), {"1": "SOFT", "2": "P12_SOFT"}, (62, 41), angle=90)
    sheet.wire((58, 41), "C103.1")
    sheet.wire("Q11.3", (66, 36), (66, 41), "C103.2")
    sheet.add("C16", capacitor("22u"), {"1": "P12_SOFT", "2": "GND"}, (70, 39.5))
    sheet.wire((66, 36), (70, 36), (79, 36))
    sheet.wire((70, 36), "C16.1")
    sheet.note("C15 keeps Q11 off at first; C103: 10 V/ms.", (40, 49))


def _hold(sheet: Sheet) -> None:
    """The buck stays off until next to nothing is left over Q11: it would take most current at its least voltage."""
    sheet.add("R18", resistor("100k"), {"1": "P12_SOFT", "2": "HOLD_P"}, (66, 18), angle=90)
    sheet.add("Q12", PNP, {"B": "HOLD_P", "E": "+12V", "C": "HOLD_C"}, (74, 18), mirror="x")
    sheet.wire("R18.2", "Q12.1")
    sheet.add("R19", resistor("100k"), {"1": "HOLD_C", "2": "HOLD_N"}, (82, 22), angle=90)
    sheet.wire("Q12.3", (75, 22), "R19.1")
    sheet.add("R101", resistor("100k"), {"1": "HOLD_N", "2": "GND"}, (88, 26.5))
    sheet.add("Q13", NPN, {"B": "HOLD_N", "C": "BUCK_CTRL", "E": "GND"}, (94, 22))
    sheet.wire("R19.2", (88, 22), "Q13.1")
    sheet.wire((88, 22), "R101.1")
    sheet.note("Q12 and Q13 hold the buck off until 0.6 V are left over Q11.", (58, 10))


def _five_volts(sheet: Sheet) -> None:
    buck = {
        "VIN": "P12_SOFT",
        "GND": "GND",
        "VOUT": "+5V",
        "SENSE": "+5V",
        "CTRL": "BUCK_CTRL",
        "SEQ": NC,
        "NC": NC,
        "TRIM": NC,
        "PGOOD": NC,
    }
    sheet.add("U11", BUCK, buck, (83, 39))
    sheet.wire((79, 36), "U11.A1")
    sheet.flag((76, 36))
    sheet.wire("U11.A5", (90, 36), (96, 36), (106, 36), (110, 36), (110, 34))
    sheet.wire("U11.C5", (90, 38), (90, 36))
    sheet.add("C17", capacitor("22u"), {"1": "+5V", "2": "GND"}, (96, 39.5))
    sheet.wire((96, 36), "C17.1")
    sheet.add("C18", BULK, {"1": "+5V", "2": "GND"}, (102, 39.5))
    sheet.wire((102, 36), "C18.1")


def _supervisor(sheet: Sheet) -> None:
    """The divider feeds the supervisor's input, which takes 25 nA, not its supply: low below 10.1 V behind D11."""
    sheet.add("R13", resistor("240k"), {"1": "+12V", "2": "P12_SENSE"}, (30, 56.5))
    sheet.add("R14", resistor("10k"), {"1": "P12_SENSE", "2": "GND"}, (30, 63.5))
    sheet.wire("R13.2", (30, 60), "R14.1")
    pins = {"VDD": "+3.3V", "GND": "GND", "~MR": "+3.3V", "CT": NC, "SENSE": "P12_SENSE", "~RESET": "PWR_FAIL"}
    sheet.add("U13", SUPERVISOR, pins, (46, 66))
    sheet.add("C104", capacitor("100n"), {"1": "+3.3V", "2": "GND"}, (51, 57))
    sheet.add("C19", capacitor("2.2n"), {"1": "P12_SENSE", "2": "GND"}, (36, 63.5))
    sheet.wire((30, 60), (36, 60), (40, 60), (40, 65), "U13.5")
    sheet.wire((36, 60), "C19.1")
    sheet.add("R15", resistor("10k"), {"1": "+3.3V", "2": "PWR_FAIL"}, (56, 61))
    sheet.note("PWR_FAIL is low when +12V falls below 10.1 V, and mutes the DAC by itself.", (24, 73))


def usb() -> Sheet:
    """5 V from a USB-C supply, for the desktop."""
    sheet = Sheet(1, "power", "Power: USB-C 5 V, and 3.3 V for what is analogue", "A4")
    nets = {
        "VBUS": "P5_IN",
        "GND": "GND",
        "SHIELD": "GND",
        "CC1": "POWER_CC1",
        "CC2": "POWER_CC2",
        "D+": NC,
        "D-": NC,
        "SBU1": NC,
        "SBU2": NC,
    }
    sheet.add("J12", USB_C, nets, (22, 40))
    sheet.add("F13", polyfuse(2.6, 12, "1812L260/12"), {"1": "P5_IN", "2": "+5V"}, (40, 34), angle=90)
    sheet.wire("J12.A4", "F13.1")
    sheet.add("R16", resistor("5.1k"), {"1": "POWER_CC1", "2": "GND"}, (36, 44))
    sheet.add("R17", resistor("5.1k"), {"1": "POWER_CC2", "2": "GND"}, (32, 44))
    sheet.wire("J12.A5", (36, 36), "R16.1")
    sheet.wire("J12.B5", (32, 37), "R17.1")
    sheet.add("C17", capacitor("22u"), {"1": "+5V", "2": "GND"}, (50, 37.5))
    sheet.add("C18", BULK, {"1": "+5V", "2": "GND"}, (56, 37.5))
    sheet.wire("F13.2", (50, 34), (56, 34), (62, 34), (62, 32))
    sheet.wire((50, 34), "C17.1")
    sheet.wire((56, 34), "C18.1")
    sheet.flag((59, 34))
    _analogue_supply(sheet, (90, 46))
    return sheet


def _analogue_supply(sheet: Sheet, at: Xy) -> None:
    """3.3 V for what is analogue, apart from the Raspberry Pi's own."""
    x, y = at
    sheet.add("L11", BEAD, {"1": "+5V", "2": "P5_QUIET"}, (x - 12, y), angle=90)
    sheet.add("C101", capacitor("10u"), {"1": "P5_QUIET", "2": "GND"}, (x - 7, y + 3.5))
    sheet.add(
        "U12",
        REGULATOR_3V3,
        {"VIN": "P5_QUIET", "EN": "P5_QUIET", "GND": "GND", "NC": NC, "VOUT": "+3.3VA"},
        (x, y + 1),
    )
    sheet.wire("L11.2", (x - 7, y), (x - 5, y), "U12.1")
    sheet.wire((x - 7, y), "C101.1")
    sheet.wire("U12.3", (x - 4, y + 1), (x - 4, y))
    sheet.flag((x - 5.5, y))
    sheet.add(
        "U14",
        REGULATOR_3V3,
        {"VIN": "P5_QUIET", "EN": "P5_QUIET", "GND": "GND", "NC": NC, "VOUT": "P3_AUDIO"},
        (x, y + 9),
    )
    sheet.add("C105", capacitor("10u"), {"1": "P3_AUDIO", "2": "GND"}, (x + 14, y + 10))
    sheet.note("One for what measures, one for the audio DAC.", (x - 10, y + 15))
    sheet.add("C102", capacitor("10u"), {"1": "+3.3VA", "2": "GND"}, (x + 6, y + 3.5))
    sheet.wire("U12.5", (x + 6, y), (x + 10, y), (x + 10, y - 2))
    sheet.wire((x + 6, y), "C102.1")
    sheet.wire("L11.1", (x - 16, y), (x - 16, y - 2))
