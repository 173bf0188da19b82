"""``tombolad`` with a panel on which everything changes: voltages at each reading, gates, a clock, the encoder, the
display.

    python tests/rig/swept_panel.py run --config FILE     (with panel = "mock")

The panel is the shipped fake. The display is luma's dummy, as slow as a real one.
"""

from __future__ import annotations

import math
import sys
import time

from luma.core.device import dummy
from tombola_device import __main__ as tombolad
from tombola_device.daemon import console
from tombola_device.hal.panel.display import LumaDisplay
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.late import Late
from tombola_device.hal.panel.port import KNOBS, VOLTAGES, PanelState

PICTURE_S = 0.025
GATES_HZ = {"GATE_IN": 5.0, "TRIG_IN": 3.0, "CLOCK_IN": 8.0}


class SweptPanel(FakePanel):
    """A panel with other values at each reading; the control loop reads it a thousand times a second."""

    def __init__(self) -> None:
        super().__init__("a panel that is swept")
        self.held: dict[str, bool] = {}
        self.quarter = 0

    def read(self) -> PanelState:
        now_s = time.monotonic()
        for index, name in enumerate(VOLTAGES):
            self.patch(name, 0.5 + 0.3 * math.sin(2 * math.pi * (1.0 + 0.7 * index) * now_s))
        for knob in range(KNOBS):
            self.turn(knob, 0.5 + 0.5 * math.sin(2 * math.pi * (0.3 + 0.1 * knob) * now_s))
        for name, rate_hz in GATES_HZ.items():
            high = (now_s * rate_hz) % 1.0 < 0.5
            if high != self.held.get(name, False):
                self.held[name] = high
                (self.raise_gate if high else self.drop_gate)(name, now_s)
        if int(now_s * 4) != self.quarter:
            self.quarter = int(now_s * 4)
            self.click(1 if self.quarter % 8 < 4 else -1)
        return super().read()


class SlowDummy(dummy):
    """A display that needs as long for a picture as I²C at 400 kHz."""

    def display(self, image):
        super().display(image)
        time.sleep(PICTURE_S)


def main() -> int:
    """Run the daemon's command line with that panel."""
    console.open_panel = lambda _: SweptPanel()
    console.open_chips = lambda *_, **__: (LumaDisplay(Late(lambda: SlowDummy(width=128, height=64, mode="1"))), None)
    return tombolad.main()


if __name__ == "__main__":
    sys.exit(main())
