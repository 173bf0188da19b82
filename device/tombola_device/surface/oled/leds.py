"""What the eight two-coloured LEDs show. Pure.

green, by weight       that mode sounds
all green, breathing   the bundle is on trial
first red              fewer voices than asked for: too much to do
all red, blinking      mute: a fault, or the card is unplugged
red, running           a bundle is coming: so far
"""

from __future__ import annotations

import math
from typing import Final

from tombola_device.surface.view import View

LEDS: Final = 8
GAMMA: Final = 2.2
"""The eye sees half of the light as three quarters."""
BLINK_HZ, BREATH_HZ = 2.0, 0.5


def levels(view: View, now_s: float) -> tuple[tuple[float, float], ...]:
    """Red and green of each LED, 0 … 1, linear in light."""
    if view.fault or view.lost:
        return ((float(now_s * BLINK_HZ % 1 < 0.5), 0.0),) * LEDS
    if view.flashing >= 0:
        return tuple((float(led < view.flashing * LEDS), 0.0) for led in range(LEDS))
    breath = 1.0 if view.confirmed else 0.6 - 0.4 * math.cos(2 * math.pi * BREATH_HZ * now_s)
    weights = (*view.blend[:LEDS], *(0.0,) * (LEDS - len(view.blend[:LEDS])))
    greens = [breath * weight**GAMMA for weight in weights]
    reds = [float(view.slimmed and led == 0) for led in range(LEDS)]
    return tuple(zip(reds, greens, strict=True))
