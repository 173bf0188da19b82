"""The panel's jacks and knobs at work: readings move the player, the outputs follow it.

These need no face: a module without a display plays by its knobs and jacks all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.edge import Edge
from tombola_device.hal.panel.port import Panel, PanelState
from tombola_device.surface.calibrator import PITCH, Calibrator
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.outputs import GateOut, Sounding, output_volts
from tombola_device.surface.routing import Assignments
from tombola_device.surface.volts import Voltmeter

READ_S: Final = 0.001
"""Gates and pitch are read a thousand times a second, other voltages 600 times, knobs 125 times."""
OUTPUT_S: Final = 0.005
AGAIN_S: Final = 0.5
"""A pin that has not done what it was told would stay as it is for good; so mute and gate are told again and again."""
OLDEST_EDGE_S: Final = 1.0
"""An edge is read within milliseconds; one that seems older was stamped by another clock."""
_LOG = logging.getLogger(__name__)


class PanelIn:
    """Reads the panel: knobs, voltages and gates move the player, the pitch voltage is calibrated.

    Args:
        panel: The panel. What does not answer is asked again; the outputs never depend on it.
        hands: What its knobs and jacks do to the player.
        voltmeter: Makes volts of its readings.
        calibrator: Takes the readings of V/OCT.
        clock: Seconds.
    """

    def __init__(
        self,
        panel: Panel,
        hands: PanelMap,
        voltmeter: Voltmeter,
        calibrator: Calibrator,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.panel = panel
        self.fault = ""
        """Why the converters do not answer, in one sentence; empty: they do."""
        self.state: PanelState | None = None
        """The reading of the last ``poll``; None if it did not read."""
        self.usb: bool | None = None
        """Whether a computer is at the USB port; None: nothing was read yet."""
        self._hands, self._voltmeter, self._calibrator, self._clock = hands, voltmeter, calibrator, clock
        self._read_s = -READ_S
        self._edge = Edge("the panel")

    @property
    def name(self) -> str:
        """The panel's name."""
        return self.panel.name

    def poll(self) -> bool:
        """Read the panel if it is time; True if the player was moved. Does not wait."""
        now_s = self._clock()
        self.state = None
        if now_s - self._read_s < READ_S:
            return False
        self._read_s = now_s
        state = self.state = self._edge.call(self.panel.read, otherwise=None)
        self._note(state.fault if state is not None else self._edge.fault)
        if state is None:
            return False
        self.usb = state.usb
        if not state.fault:
            self._calibrator.read(state.voltages[PITCH], now_s)
        volts = {name: self._voltmeter.of(name, share) for name, share in state.voltages.items()}
        return self._hands.apply(state, volts)

    def stamps_s(self) -> list[float]:
        """When the last reading's edges were; without those stamped by another clock, as kernels before 5.7 do."""
        edges, now_s = self.state.edges if self.state is not None else (), self._clock()
        return [edge.time_s for edge in edges if 0 <= now_s - edge.time_s < OLDEST_EDGE_S]

    def close(self) -> None:
        """Give the panel back."""
        self._edge.call(self.panel.close, otherwise=None)

    def _note(self, fault: str) -> None:
        if fault and not self.fault:
            _LOG.warning("%s", fault)
        elif self.fault and not fault:
            _LOG.warning("the converters answer again")
        self.fault = fault


class PanelOut:
    """Moves the CV and gate outputs, and lets the sound out.

    Args:
        panel: The panel.
        voltmeter: Makes shares of volts.
        calibrator: Says where an output must stand while it is being measured.
    """

    def __init__(self, panel: Panel, voltmeter: Voltmeter, calibrator: Calibrator) -> None:
        self._panel, self._voltmeter, self._calibrator = panel, voltmeter, calibrator
        self._gate = GateOut()
        self._gate_high: bool | None = None
        self._muted = True
        self._moved_s = self._told_s = 0.0
        self._said = ""

    def poll(self, look: Callable[[], Sounding], assigned: Assignments, now_s: float, *, healthy: bool) -> None:
        """Follow the player.

        Args:
            look: Gives what the outputs follow; called when they move, every OUTPUT_S.
            assigned: What each output carries.
            now_s: By ``time.monotonic``.
            healthy: Whether the sound may be heard; the outputs are muted otherwise.
        """
        again = now_s - self._told_s >= AGAIN_S
        if again:
            self._told_s, self._gate_high = now_s, None
        if (healthy == self._muted or again) and self._tell(lambda: self._panel.set_mute(muted=not healthy)):
            self._muted = not healthy
        if now_s - self._moved_s >= OUTPUT_S:
            self._moved_s = now_s
            self._move(look(), assigned, now_s)

    def _move(self, sounding: Sounding, assigned: Assignments, now_s: float) -> None:
        high = self._gate.level(assigned.gate, sounding, now_s)
        if high != self._gate_high and self._tell(lambda: self._panel.set_gate(high=high)):
            self._gate_high = high
        sources = {"CV_A": assigned.cv_a, "CV_B": assigned.cv_b}
        shares = {name: self._voltmeter.share(name, output_volts(source, sounding)) for name, source in sources.items()}
        self._tell(lambda: self._panel.set_voltages(shares | self._calibrator.drive))

    def _tell(self, change: Callable[[], None]) -> bool:
        """Change the panel's outputs; False if they do not answer, and must be told again."""
        try:
            change()
        except DeviceUnavailable as error:
            if str(error) != self._said:  # Once, not two hundred times a second.
                self._said = str(error)
                _LOG.warning("%s", error)
            return False
        return True
