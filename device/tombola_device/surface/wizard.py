"""The calibration wizards: they measure a line, check it, and keep it only if the player says so. Pure.

The pitch input, by 1 V and 3 V from outside:

    idle ─► patch 1 V ─► measuring ─► patch 3 V ─► measuring ─► done (keep or cancel) ─► idle
    ▲           │             ▲            │
    └── refused ┘             └── refused ─┘

An output, by the pitch input at the other end of a cable, at 1 V and 5 V one after the other:

    idle ─► patch ─► measuring ─► measuring ─► done (keep or cancel) ─► idle
    ▲         ▲          │            │
    └─────────┴─────── refused ───────┘           any step: cancel, or TIMEOUT_S without a push ─► idle
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from enum import Enum
from typing import Final

from tombola_device.surface.volts import Line, through

READINGS: Final = 200
"""A fifth of a second of readings, each of which is a mean of sixteen."""
MEASURE_S: Final = 2.0
"""READINGS take longer only if the panel has stopped answering."""
TIMEOUT_S: Final = 120.0
STEADY_VOLTS: Final = 0.004
"""Spread (standard deviation) of the readings: 5 cents. A source that moves more cannot be calibrated on."""
NEAR_VOLTS: Final = 0.4
"""How far a voltage may be from the nominal line. Parts of 1 % and a detuned source stay below it."""
SLOPE_TOLERANCE: Final = 0.08
SETTLE_S: Final = 0.1
"""Readings this soon after an output moved are dropped: outputs are written every 5 ms and filtered."""


class Step(Enum):
    """The steps of a wizard."""

    IDLE = "idle"
    PATCH = "patch"
    MEASURE = "measure"
    DONE = "done"


class Wizard:
    """One calibration of the pitch input.

    Args:
        nominal: The line that the circuit should have.
        keep: Called with the measured line when the player wants to keep it.
    """

    steps_volts = (1.0, 3.0)

    def __init__(self, nominal: Line, keep: Callable[[Line], None]) -> None:
        self._nominal, self._keep, self._meter = nominal, keep, nominal
        self.step = Step.IDLE
        self.text = ""
        """What the player should do or know, in one sentence."""
        self._points: dict[float, float] = {}
        self._readings: list[float] = []
        self._since_s = 0.0
        self._line: Line | None = None

    @property
    def error_cents(self) -> float:
        """Largest error of the nominal line between -3 and 7 V; 0 before it is measured."""
        if self._line is None:
            return 0.0
        return max(abs(self._nominal.volts(self._line.share(volts)) - volts) for volts in (-3.0, 7.0)) * 1200

    @property
    def drive(self) -> float | None:
        """The share of its range at which the measured output must stand; None: no output is being measured."""
        return None

    def begin(self, now_s: float) -> None:
        """Start, or start again."""
        self._points.clear()
        self._line = None
        self._ask(now_s)

    def cancel(self) -> None:
        """Stop; the calibration before stays."""
        self.step, self.text = Step.IDLE, "cancelled; nothing was changed"

    def push(self, now_s: float) -> None:
        """The player has patched the cable, or wants to keep the line."""
        self._since_s = now_s
        if self.step is Step.PATCH:
            self._measure(now_s)
        elif self.step is Step.DONE and self._line is not None:
            self._keep(self._line)
            self.step, self.text = Step.IDLE, "calibrated"

    def read(self, share: float, now_s: float) -> None:
        """Take one reading of the pitch input, and the time."""
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
        return self.steps_volts[len(self._points)]

    def _measure(self, now_s: float) -> None:
        self.step, self.text, self._since_s = Step.MEASURE, "measuring", now_s
        self._readings.clear()

    def _refuse(self, why: str, now_s: float) -> None:
        self._ask(now_s)
        self.text = f"{why}; {self.text}"

    def _judge(self, now_s: float) -> None:
        share, spread = statistics.fmean(self._readings), statistics.pstdev(self._readings)
        spread_volts = spread * abs(self._meter.volts_at_full - self._meter.volts_at_zero)
        seen_volts = self._meter.volts(share)
        if spread_volts > STEADY_VOLTS:
            self._refuse(f"the voltage moves by {spread_volts * 1200:.0f} cents", now_s)
        elif abs(seen_volts - self._volts) > NEAR_VOLTS:
            self._refuse(f"that looks like {seen_volts:.1f} V", now_s)
        else:
            self._take(share)
            if len(self._points) < len(self.steps_volts):
                self._go_on(now_s)
            else:
                self._finish(now_s)

    def _take(self, share: float) -> None:
        """Take a reading as one of the two points."""
        self._points[share] = self._volts

    def _go_on(self, now_s: float) -> None:
        """Go on to the second point."""
        self._ask(now_s)

    def _finish(self, now_s: float) -> None:
        line = through(self._points)
        slope = (line.volts_at_full - line.volts_at_zero) / (self._nominal.volts_at_full - self._nominal.volts_at_zero)
        if abs(slope - 1) > SLOPE_TOLERANCE:
            self._points.clear()
            apart_volts = self.steps_volts[1] - self.steps_volts[0]
            self._refuse(
                f"the two are {apart_volts * slope:.2f} V apart instead of {apart_volts:.0f}; begin again", now_s
            )
            return
        self._line, self.step, self._since_s = line, Step.DONE, now_s
        self.text = f"it was {self._verdict} off at worst; push to keep"

    @property
    def _verdict(self) -> str:
        return f"{self.error_cents:.0f} cents"


class OutputWizard(Wizard):
    """One calibration of a CV output, whose cable leads to the pitch input.

    Args:
        jack: The output's name on the panel.
        nominal: The line that its circuit should have.
        meter: The line of the pitch input, as calibrated.
        keep: Called with the measured line when the player wants to keep it.
    """

    steps_volts = (1.0, 5.0)
    """With no cable the input reads 0 V, which is neither."""

    def __init__(self, jack: str, nominal: Line, meter: Line, keep: Callable[[Line], None]) -> None:
        super().__init__(nominal, keep)
        self._jack, self._meter = jack, meter

    @property
    def drive(self) -> float | None:
        """See Wizard."""
        return self._nominal.share(self._volts) if self.step is Step.MEASURE else None

    def read(self, share: float, now_s: float) -> None:
        """See Wizard."""
        if self.step is not Step.MEASURE or now_s - self._since_s >= SETTLE_S:
            super().read(share, now_s)

    def _ask(self, now_s: float) -> None:
        self._points.clear()
        self.step, self._since_s = Step.PATCH, now_s
        self.text = f"patch {self._jack} into V/OCT, then push"

    def _take(self, share: float) -> None:
        self._points[self._nominal.share(self._volts)] = self._meter.volts(share)

    def _go_on(self, now_s: float) -> None:
        self._measure(now_s)

    @property
    def _verdict(self) -> str:
        assert self._line is not None
        errors = [abs(self._line.volts(share) - self._nominal.volts(share)) for share in (0.0, 1.0)]
        return f"{1000 * max(errors):.0f} mV"
