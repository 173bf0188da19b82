"""The calibration wizard: 1 V and 3 V into the pitch input, checked, and kept only if it makes sense. Pure.

idle ─► patch 1 V ─► measuring ─► patch 3 V ─► measuring ─► done (keep or cancel) ─► idle
▲           │             ▲            │
└── refused ┘             └── refused ─┘          any step: cancel, or TIMEOUT_S without a push ─► idle
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from enum import Enum
from typing import Final

from tombola_device.calibration import Line, through

STEPS_VOLTS: Final = (1.0, 3.0)
READINGS: Final = 200
"""A fifth of a second of readings, each of which is a mean of sixteen."""
MEASURE_S: Final = 2.0
"""Longer than that READINGS cannot take; the panel has stopped answering."""
TIMEOUT_S: Final = 120.0
STEADY_VOLTS: Final = 0.004
"""Spread (standard deviation) of the readings: 5 cents. A source that moves more cannot be calibrated on."""
NEAR_VOLTS: Final = 0.4
"""How far a voltage may be from its place by the nominal line: parts of 1 % and a source that is off are less."""
SLOPE_TOLERANCE: Final = 0.08


class Step(Enum):
    """Where the wizard stands."""

    IDLE = "idle"
    PATCH = "patch"
    MEASURE = "measure"
    DONE = "done"


class Wizard:
    """One calibration of the pitch input.

    Args:
        nominal: The line that the circuit should have.
        keep: Called with the measured line when the player says so.
    """

    def __init__(self, nominal: Line, keep: Callable[[Line], None]) -> None:
        self._nominal, self._keep = nominal, keep
        self.step = Step.IDLE
        self.text = ""
        """What the player should do or know, in one sentence."""
        self._points: dict[float, float] = {}
        self._readings: list[float] = []
        self._since_s = 0.0
        self._line: Line | None = None

    @property
    def error_cents(self) -> float:
        """How far off pitch the nominal line was, at worst between -3 and 7 V; 0 before it is known."""
        if self._line is None:
            return 0.0
        return max(abs(self._nominal.volts(self._line.share(volts)) - volts) for volts in (-3.0, 7.0)) * 1200

    def begin(self, now_s: float) -> None:
        """Start, or start again."""
        self._points.clear()
        self._line = None
        self._ask(now_s)

    def cancel(self) -> None:
        """Stop; what was kept before stays."""
        self.step, self.text = Step.IDLE, "cancelled; nothing was changed"

    def push(self, now_s: float) -> None:
        """The player says: patched, or keep it."""
        self._since_s = now_s
        if self.step is Step.PATCH:
            self.step, self.text = Step.MEASURE, "measuring"
            self._readings.clear()
        elif self.step is Step.DONE and self._line is not None:
            self._keep(self._line)
            self.step, self.text = Step.IDLE, "calibrated"

    def read(self, share: float, now_s: float) -> None:
        """One reading of the pitch input, and time."""
        if self.step is Step.IDLE:
            return
        if self.step is Step.MEASURE:
            self._readings.append(share)
            if len(self._readings) >= READINGS:
                self._judge(now_s)
            elif now_s - self._since_s > MEASURE_S:
                self._refuse("the converter hardly answers; check the ribbon between the boards", now_s)
        elif now_s - self._since_s > TIMEOUT_S:
            self.step, self.text = Step.IDLE, "ended after two minutes without a push; nothing was changed"

    def _ask(self, now_s: float) -> None:
        self.step, self._since_s = Step.PATCH, now_s
        self.text = f"patch {self._volts:.0f} V into V/OCT, then push"

    @property
    def _volts(self) -> float:
        return STEPS_VOLTS[len(self._points)]

    def _refuse(self, why: str, now_s: float) -> None:
        self._ask(now_s)
        self.text = f"{why}; {self.text}"

    def _judge(self, now_s: float) -> None:
        share, spread = statistics.fmean(self._readings), statistics.pstdev(self._readings)
        span = abs(self._nominal.volts_at_full - self._nominal.volts_at_zero)
        seen = self._nominal.volts(share)
        if spread * span > STEADY_VOLTS:
            self._refuse(f"the voltage moves by {spread * span * 1200:.0f} cents", now_s)
        elif abs(seen - self._volts) > NEAR_VOLTS:
            self._refuse(f"that looks like {seen:.1f} V", now_s)
        else:
            self._points[share] = self._volts
            if len(self._points) < len(STEPS_VOLTS):
                self._ask(now_s)
            else:
                self._finish(now_s)

    def _finish(self, now_s: float) -> None:
        line = through(self._points)
        slope = (line.volts_at_full - line.volts_at_zero) / (self._nominal.volts_at_full - self._nominal.volts_at_zero)
        if abs(slope - 1) > SLOPE_TOLERANCE:
            self._points.clear()
            self._refuse(f"the two are {2 * slope:.2f} V apart instead of 2; begin again", now_s)
            return
        self._line, self.step, self._since_s = line, Step.DONE, now_s
        self.text = f"it was {self.error_cents:.0f} cents off at worst; push to keep"
