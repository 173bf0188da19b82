"""The pin map of the board, read from ``pin_map.json``. The hardware description generates this file."""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tombola_device.contract.errors import BadConfig


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A converter on an SPI bus."""

    chip: Literal["MCP3208", "AD7689"]
    bus: int
    chip_enable: int


class AnalogInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One channel of a converter; ``volts_at_zero`` … ``volts_at_full``: the nominal voltages of its range."""

    converter: str
    channel: Annotated[int, Meta(ge=0, le=7)]
    volts_at_zero: float = 0.0
    volts_at_full: float = 1.0

    @property
    def share_at_zero_volts(self) -> float:
        """Share of the range at 0 V."""
        return -self.volts_at_zero / (self.volts_at_full - self.volts_at_zero)


class AnalogOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One channel of the DAC, with the nominal voltages of its range."""

    channel: Annotated[int, Meta(ge=0, le=3)]
    volts_at_zero: float
    volts_at_full: float

    @property
    def share_at_zero_volts(self) -> float:
        """Share of the range at 0 V."""
        return -self.volts_at_zero / (self.volts_at_full - self.volts_at_zero)


class I2c(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The I²C bus and the addresses of its chips, by name."""

    bus: int
    addresses: dict[str, Annotated[int, Meta(ge=8, le=119)]]


class Led(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The two channels of the LED driver for one two-colour LED."""

    red: Annotated[int, Meta(ge=0, le=15)]
    green: Annotated[int, Meta(ge=0, le=15)]


class PinMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pin map of one revision of the board.

    Args:
        board: Name of the board.
        revision: Revision of the board.
        gpio: Name → number of the GPIO (BCM).
        active_low: Names of the GPIOs whose active level is low.
        spi: Name → chip on SPI.
        adc: Name → analogue input.
        i2c: The I²C bus.
        dac: Name → analogue output.
        leds: LEDs in the order of the panel.
    """

    board: str
    revision: str
    gpio: dict[str, Annotated[int, Meta(ge=0, le=27)]]
    active_low: list[str]
    spi: dict[str, Bus]
    adc: dict[str, AnalogInput]
    i2c: I2c
    dac: dict[str, AnalogOutput]
    leds: list[Led]


def load_pin_map() -> PinMap:
    """Load the pin map of this firmware's board.

    Raises:
        BadConfig: The file is damaged, or uses one pin twice.
    """
    return read_pin_map(resources.files("tombola_device.hal.panel").joinpath("pin_map.json").read_bytes())


def read_pin_map(data: bytes) -> PinMap:
    """Parse and check a pin map.

    Raises:
        BadConfig: ``data`` is damaged, or uses one pin twice.
    """
    try:
        pins = msgspec.json.decode(data, type=PinMap)
    except msgspec.DecodeError as error:
        raise BadConfig(f"the pin map cannot be read: {error}; install the firmware again") from error
    uses = {
        "GPIO": [str(number) for number in pins.gpio.values()],
        "converter channel": [f"{pin.converter} {pin.channel}" for pin in pins.adc.values()],
        "DAC channel": [str(pin.channel) for pin in pins.dac.values()],
        "LED channel": [str(channel) for led in pins.leds for channel in (led.red, led.green)],
    }
    for what, used in uses.items():
        twice = sorted({use for use in used if used.count(use) > 1})
        if twice:
            raise BadConfig(f"the pin map uses {what} {twice[0]} twice; install the firmware again")
    for name in pins.active_low:
        if name not in pins.gpio:
            raise BadConfig(
                f"the pin map marks {name} as active low but has no GPIO for it; install the firmware again"
            )
    for name, pin in pins.adc.items():
        if pin.converter not in pins.spi or pin.volts_at_zero == pin.volts_at_full:
            raise BadConfig(f"the pin map lacks a converter or a range for {name}; install the firmware again")
    return pins
