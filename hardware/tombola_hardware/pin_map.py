"""The firmware's pin map, from the circuit: what is soldered where, and what a converter's range is in volts."""

from __future__ import annotations

import json
from typing import Final

from tombola_hardware.board import Design
from tombola_hardware.errors import BadBoard
from tombola_hardware.instrument import CV_INPUTS, CV_OUTPUTS, KNOBS, LAMPS
from tombola_hardware.sheets.header import BUSES, PIN_OF_GPIO
from tombola_hardware.sheets.inputs import range_of
from tombola_hardware.sheets.outputs import volts_out

ACTIVE_LOW: Final = ("GATE_IN", "TRIG_IN", "CLOCK_IN", "PWR_FAIL", "ENC_SW", "SHIFT", "SAVE", "AUDIO_MUTE")
SPARE_SHARE: Final = 0.045
"""Of a converter's range that stays free at either end of what an input must follow."""


def pin_map(design: Design) -> dict[str, object]:
    """As the firmware's ``hal/pins.py`` reads it.

    Raises:
        BadBoard: An input's range does not fit its converter, or a signal is not on the header where the map says.
    """
    board = design.board
    for name, number in board.gpio.items():
        on_board = board.part("J21").net(str(PIN_OF_GPIO[number]))
        if on_board != name:
            raise BadBoard(
                f"GPIO {number} is {name} in the pin map but {on_board or 'open'} on the header; wire it in "
                f"sheets/header.py"
            )
    adc: dict[str, object] = {knob.name: {"converter": "ADC_KNOBS", "channel": knob.channel} for knob in KNOBS}
    for jack in CV_INPUTS:
        zero, full = range_of(jack).volts_at_zero, range_of(jack).volts_at_full
        spare = SPARE_SHARE * (zero - full)
        if jack.low_volts < full + spare or jack.high_volts > zero - spare:
            raise BadBoard(
                f"{jack.name} must follow {jack.low_volts:g} … {jack.high_volts:g} V, but its stage takes "
                f"{full + spare:.2f} … {zero - spare:.2f} V; change its range or its resistors"
            )
        adc[jack.name] = {
            "converter": "ADC_CV",
            "channel": jack.channel,
            "volts_at_zero": round(zero, 4),
            "volts_at_full": round(full, 4),
        }
    low, high = (round(volts, 4) for volts in volts_out())
    chips = {
        reference: board.part(reference).kind.value.split("-")[0].removesuffix("B") for reference in ("U91", "U92")
    }
    selects = {net: number for number, net in BUSES.items()}
    dac = {jack.name: {"channel": jack.channel, "volts_at_zero": low, "volts_at_full": high} for jack in CV_OUTPUTS}
    addresses = {"OLED": 0x3C, "LEDS": 0x40, "EEPROM": 0x50} | ({"DAC": 0x60} if design.has_cv_outputs else {})
    return {
        "board": board.name,
        "revision": board.revision,
        "gpio": dict(board.gpio),
        "active_low": [name for name in ACTIVE_LOW if name in board.gpio],
        # SPI0: chip enable 0 is GPIO 8, chip enable 1 is GPIO 7.
        "spi": {
            "ADC_KNOBS": {"chip": chips["U91"], "bus": 0, "chip_enable": 8 - selects["CS_KNOBS"]},
            "ADC_CV": {"chip": chips["U92"], "bus": 0, "chip_enable": 8 - selects["CS_CV"]},
        },
        "adc": adc,
        "i2c": {"bus": 1, "addresses": addresses},
        "dac": dac if design.has_cv_outputs else {},
        "leds": [{"red": lamp.red, "green": lamp.green} for lamp in LAMPS],
    }


def text(design: Design) -> str:
    """The file: one line an entry."""
    lines = []
    for key, value in pin_map(design).items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            inner_lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(inner)}" for name, inner in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{inner_lines}}}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "}\n"
