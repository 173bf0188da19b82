"""The control board: knobs, encoder, buttons, lamps, display, USB, and the connectors to the main board."""

from __future__ import annotations

from typing import Final

from tombola_hardware.instrument import BUTTONS, KNOBS, LAMPS
from tombola_hardware.kinds import (
    BUTTON,
    DISPLAY_PINS,
    ENCODER,
    LAMP_DRIVER,
    POTENTIOMETER,
    TWO_COLOUR_LED,
    USB_C,
    USB_GUARD,
    capacitor,
    header,
    resistor,
)
from tombola_hardware.model import NC, by_channel
from tombola_hardware.sheet import Sheet

PER_LAMP_OHM: Final = {"red": "470", "green": "330"}
"""3 mA from 3.3 V: 0.2 V stay in the driver, 1.8 and 2.0 V in the dies."""


def panel() -> Sheet:
    """Knobs, encoder, buttons, display and USB."""
    sheet = Sheet(8, "panel_controls", "Panel controls: knobs, encoder, buttons, display, USB")
    _knobs(sheet)
    _switches(sheet)
    pins = {"1": "GND", "2": "+3.3V", "3": "SCL", "4": "SDA"}
    sheet.add("J81", DISPLAY_PINS, pins, (130, 50), board="control")
    sheet.note("Display, at 0x3C of I²C 1", (120, 43))
    _usb(sheet)
    return sheet


def lamps() -> Sheet:
    """Lamps of two colours, dimmed by one driver."""
    sheet = Sheet(10, "lamps", "Lamps and their driver", "A4")
    _lamps(sheet)
    return sheet


def _knobs(sheet: Sheet) -> None:
    sheet.note("Knobs", (8, 9), 2.2)
    for index, knob in enumerate(KNOBS):
        x, y = 12 + 18 * index, 16
        sheet.add(
            f"RV{index + 1}",
            POTENTIOMETER,
            {"1": "GND", "2": knob.name, "3": "VREF"},
            (x, y),
            mirror="x",
            board="control",
        )
        sheet.wire(f"RV{index + 1}.3", (x, y - 2.5), (x + 1.5, y - 2.5))
        sheet.wire(f"RV{index + 1}.2", (x + 4, y))


def _switches(sheet: Sheet) -> None:
    x, y = 16, 36
    sheet.note("Encoder and buttons", (8, y - 9), 2.2)
    nets = {"A": "ENC_A", "B": "ENC_B", "C": "GND", "S1": "ENC_SW", "S2": "GND"}
    sheet.add("SW1", ENCODER, nets, (x, y), board="control")
    for index, name in enumerate(("ENC_A", "ENC_B", "ENC_SW")):
        at = 34 + 14 * index
        sheet.add(f"R80{index + 1}", resistor("10k"), {"1": "+3.3V", "2": name}, (at, y - 2), board="control")
        sheet.add(f"C80{index + 1}", capacitor("10n"), {"1": name, "2": "GND"}, (at, y + 5), board="control")
        sheet.wire(f"R80{index + 1}.2", (at, y + 1.5), f"C80{index + 1}.1")
        sheet.wire((at, y + 1.5), (at + 3, y + 1.5))
    for index, button in enumerate(BUTTONS):
        at = 84 + 22 * index
        reference = f"SW{index + 2}"
        sheet.add(reference, BUTTON, {"1": button.name, "2": "GND"}, (at, y), board="control")
        sheet.wire(f"{reference}.1", (at - 4, y))
    sheet.note("The Raspberry Pi's own pull-ups hold the buttons high.", (78, y + 5))


def _usb(sheet: Sheet) -> None:
    sheet.note(
        "USB for flashing: VBUS goes nowhere but to the sense divider, so that no computer feeds the module.", (8, 60)
    )
    nets = {
        "VBUS": "USB_VBUS",
        "GND": "GND",
        "SHIELD": "GND",
        "CC1": "USB_CC1",
        "CC2": "USB_CC2",
        "D+": "USB_DP",
        "D-": "USB_DM",
        "SBU1": NC,
        "SBU2": NC,
    }
    sheet.add("J82", USB_C, nets, (16, 76), board="control")
    sheet.add("R811", resistor("5.1k"), {"1": "USB_CC1", "2": "GND"}, (40, 84), board="control")
    sheet.add("R812", resistor("5.1k"), {"1": "USB_CC2", "2": "GND"}, (34, 84), board="control")
    sheet.wire("J82.A5", (40, 72), "R811.1")
    sheet.wire("J82.B5", (34, 73), "R812.1")
    sheet.wire("J82.A7", (25, 75), (25, 76), "J82.B7")
    sheet.wire((25, 75), (29, 75))
    sheet.wire("J82.A6", (25, 77), (25, 78), "J82.B6")
    sheet.wire((25, 77), (29, 77))
    sheet.add("R813", resistor("10k"), {"1": "USB_VBUS", "2": "VBUS_SENSE"}, (48, 73.5), board="control")
    sheet.add("R814", resistor("15k"), {"1": "VBUS_SENSE", "2": "GND"}, (48, 80.5), board="control")
    sheet.wire("J82.A4", (48, 70), "R813.1")
    sheet.wire("R813.2", (48, 77), "R814.1")
    sheet.wire((48, 77), (51, 77))
    guard = {"1": "USB_DP", "6": "USB_DP", "3": "USB_DM", "4": "USB_DM", "2": "GND", "5": "USB_VBUS"}
    sheet.add("U81", USB_GUARD, guard, (78, 76), board="control")
    sheet.add(
        "J83",
        header(3, 1, value="to USB-C of the Pi"),
        {"1": "USB_DM", "2": "USB_DP", "3": "GND"},
        (104, 77),
        board="control",
    )
    sheet.note("A cable of D−, D+ and GND to the Raspberry Pi's USB-C plug.", (94, 84))


def _lamps(sheet: Sheet) -> None:
    driver = {f"A{index}": "GND" for index in range(6)}
    driver |= {"~OE": "GND", "EXTCLK": "GND", "SCL": "SCL", "SDA": "SDA", "VDD": "+3.3V", "VSS": "GND"}
    dies = [(lamp.red, lamp.name, f"{lamp.name}_RED") for lamp in LAMPS]
    dies += [(lamp.green, lamp.name, f"{lamp.name}_GREEN") for lamp in LAMPS]
    used = by_channel("the driver of the lamps", dies)
    driver |= {f"LED{channel}": used.get(channel, NC) for channel in range(16)}
    sheet.add("U82", LAMP_DRIVER, driver, (30, 36), board="control")
    sheet.add("C81", capacitor("100n"), {"1": "+3.3V", "2": "GND"}, (16, 22), board="control")
    sheet.add("C82", capacitor("10u"), {"1": "+3.3V", "2": "GND"}, (22, 22), board="control")
    sheet.note("At 0x40 of I²C 1. Common cathode: a driver that was just reset pulls low, and all are dark.", (10, 64))
    for index, lamp in enumerate(LAMPS):
        x, y = 60 + 30 * (index % 2), 14 + 14 * (index // 2)
        digits = f"8{index + 1}"
        sheet.add(
            f"D{digits}",
            TWO_COLOUR_LED,
            {"K": "GND", "A1": f"{digits}_A1", "A2": f"{digits}_A2"},
            (x, y),
            board="control",
        )
        sheet.wire(f"D{digits}.2", (x - 5, y), (x - 5, y + 2))
        for pin, colour, row, side in (("1", "RED", -1, -3), ("3", "GREEN", 1, 3)):
            part = f"R10{index + 1}{1 if pin == '1' else 2}"
            value = PER_LAMP_OHM[colour.lower()]
            sheet.add(
                part,
                resistor(value),
                {"1": f"{digits}_A{1 if pin == '1' else 2}", "2": f"{lamp.name}_{colour}"},
                (x + 9, y + side),
                angle=90,
                board="control",
            )
            sheet.wire(f"D{digits}.{pin}", (x + 5, y + row), (x + 5, y + side), f"{part}.1")
            sheet.wire(f"{part}.2", (x + 13, y + side))
