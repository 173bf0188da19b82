"""Calibrates one jack at a time: runs its wizard, uses the measured line, and saves it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tombola_device.disk.errands import Errands
from tombola_device.surface.actions import JACKS
from tombola_device.surface.again import Again
from tombola_device.surface.volts import Calibration, Line, Voltmeter
from tombola_device.surface.wizard import OutputWizard, Step, Wizard

PIN_NAMES: Final = dict(zip(JACKS, ("V_OCT", "CV_A", "CV_B"), strict=True))
"""The pin map's name of each jack that can be calibrated."""
PITCH: Final = "V_OCT"


class Calibrator:
    """Calibrates the pitch input by two voltages from outside, and the CV outputs by the pitch input.

    Args:
        voltmeter: Uses a new line as soon as it is saved.
        save: Saves the calibration; raises a TombolaError if that fails. It may wait.
        errands: Does so.
        again: Reads the calibration again if it could not be read at the start.
    """

    def __init__(
        self,
        voltmeter: Voltmeter,
        save: Callable[[Calibration], None],
        errands: Errands,
        again: Again[Calibration] | None = None,
    ) -> None:
        self._voltmeter, self._save, self._errands, self._again = voltmeter, save, errands, again
        self._jack = JACKS[0]
        self._wizard = self._wizard_of(self._jack)
        self._running = False
        self.pitch_volts = 0.0
        """Volts at V/OCT at the last reading."""

    @property
    def text(self) -> str:
        """The wizard's sentence; empty while no calibration runs."""
        return self._wizard.text if self._wizard.step is not Step.IDLE else ""

    @property
    def drive(self) -> dict[str, float]:
        """The output that is being measured, and the share of its range that it must stand at; empty: none is."""
        share = self._wizard.drive
        return {} if share is None else {PIN_NAMES[self._jack]: share}

    def tick(self, now_s: float) -> None:
        """Read again what could not be read at the start. Does not wait."""
        if self._again is not None:
            self._again.tick(now_s)

    def begin(self, jack: str, now_s: float) -> str:
        """Begin with a jack. Gives a notice if the pitch input, which measures the outputs, must come first."""
        if jack != JACKS[0] and PITCH not in self._voltmeter.calibration.lines:
            return f"calibrate {JACKS[0]} first: it measures the outputs"
        self._jack, self._wizard, self._running = jack, self._wizard_of(jack), True
        self._wizard.begin(now_s)
        return ""

    def confirm(self, now_s: float) -> None:
        """The player has patched the cable, or wants to keep the measured line. What is not saved is not used."""
        self._wizard.push(now_s)

    def cancel(self) -> None:
        """Stop; the calibration before stays."""
        self._wizard.cancel()

    def read(self, share: float, now_s: float) -> None:
        """Take one reading of the pitch input, a share of its range."""
        self.pitch_volts = self._voltmeter.of(PITCH, share)
        self._wizard.read(share, now_s)

    def outcome(self) -> str:
        """How the calibration ended, once; empty while it runs."""
        if not self._running or self._wizard.step is not Step.IDLE:
            return ""
        self._running = False
        return self._wizard.text

    def _wizard_of(self, jack: str) -> Wizard:
        nominal = self._voltmeter.nominal(PIN_NAMES[jack])
        if jack == JACKS[0]:
            return Wizard(nominal, self._keep)
        return OutputWizard(jack, nominal, self._voltmeter.line(PITCH), self._keep)

    def _keep(self, line: Line) -> None:
        calibration = Calibration({**self._voltmeter.calibration.lines, PIN_NAMES[self._jack]: line})
        self._running = False  # Its outcome is known when it is saved.

        def saved(_: None) -> str:
            self._voltmeter.calibrate(calibration)
            return "calibrated"

        self._errands.send(partial(self._save, calibration), saved)
