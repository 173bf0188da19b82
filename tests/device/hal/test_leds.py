"""The driver of the lamps: polarity, and dark until the first picture."""

from __future__ import annotations

import pytest
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.leds import FakePca9685, Leds

DARK = [0.0] * 16
ONE = [0.0, 0.0, 0.0, 1.0, *DARK[4:]]


class Watched(FakePca9685):
    """Keeps the light after each write."""

    def __init__(self):
        super().__init__()
        self.seen = [self.light]

    def receive(self, data):
        super().receive(data)
        self.seen.append(self.light)


def test_lamps_are_dark_from_reset_until_the_first_picture_and_then_only_the_lamp_that_is_meant_is_lit():
    chip = Watched()
    leds = Leds(FakeI2c({64: chip}), 64)
    assert chip.seen == [DARK] * 6
    leds.show(ONE)
    assert chip.light == ONE
    leds.show(DARK)
    assert chip.light == DARK


def test_picture_of_the_daemon_before_goes_dark_with_the_first_write_and_stays_dark():
    chip = Watched()
    Leds(FakeI2c({64: chip}), 64).show([1.0] * 16)
    chip.seen.clear()
    Leds(FakeI2c({64: chip}), 64)
    assert chip.seen == [DARK] * 5


@pytest.mark.parametrize(("mode_2", "lit"), [(0x00, 0), (0x04, 1), (0x14, 15), (0x10, 0)])
def test_wrong_polarity_shows_at_the_lamps(mode_2, lit):
    chip = FakePca9685()
    Leds(FakeI2c({64: chip}), 64).show(ONE)
    chip.registers[1] = mode_2
    assert sum(light > 0 for light in chip.light) == lit
