"""``tombolad`` with the shipped mock panel, played by lines on standard input.

    python tests/rig/played_panel.py run --config FILE     (with panel = "mock")

``GATE_IN 1`` raises a gate, ``GATE_IN 0`` drops it; ``KNOB_8 0.5`` turns a knob to half; ``CV_2 -5.0`` patches volts.
Each line is answered on standard output by ``at`` and the monotonic time just before the change. Everything passes
through gpiozero: edges of its pins, conversions of its MCP3208 bit by bit on its SPI bus.
"""

from __future__ import annotations

import sys
import threading
import time

from tombola_device import __main__ as tombolad
from tombola_device.daemon import console
from tombola_device.hal.panel.converters import FULL_SCALE
from tombola_device.hal.panel.mock import MockPanel, mock_panel
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.hal.panel.port import GATES


def obey(made: MockPanel, name: str, value: float) -> None:
    """Carry out one line."""
    pins = load_pin_map()
    if name in GATES:
        pin, high = made.factory.pin(pins.gpio[name]), (value > 0) != (name in pins.active_low)
        (pin.drive_high if high else pin.drive_low)()
        return
    line = pins.adc[name]
    volts = (value - line.volts_at_zero) / (line.volts_at_full - line.volts_at_zero)
    share = value if name.startswith("KNOB_") else volts
    made.counts[line.converter][line.channel] = round(share * FULL_SCALE)


def listen(made: MockPanel) -> None:
    """Carry out lines until standard input ends."""
    for line in sys.stdin:
        name, value = line.split()
        at_s = time.monotonic()
        obey(made, name, float(value))
        sys.stdout.write(f"at {at_s}\n")
        sys.stdout.flush()


def main() -> int:
    """Run the daemon's command line with that panel."""
    made = mock_panel()
    console.open_panel = lambda _: made.panel
    threading.Thread(target=listen, args=(made,), daemon=True).start()
    return tombolad.main()


if __name__ == "__main__":
    sys.exit(main())
