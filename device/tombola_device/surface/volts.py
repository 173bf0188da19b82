"""Volts from shares of a converter's range: nominal lines, and lines as measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

_Volts = Annotated[float, Meta(ge=-50, le=50)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A straight line from a share of the range, 0 … 1, to volts."""

    volts_at_zero: _Volts
    volts_at_full: _Volts

    def volts(self, share: float) -> float:
        """Volts at a share of the range."""
        return self.volts_at_zero + (self.volts_at_full - self.volts_at_zero) * share

    def share(self, volts: float) -> float:
        """Share of the range at so many volts; not limited to 0 … 1."""
        return (volts - self.volts_at_zero) / (self.volts_at_full - self.volts_at_zero)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines that were measured, by the pin map's names; an input or output without one uses its nominal line."""

    lines: dict[str, Line] = {}


class Voltmeter:
    """Turns shares into volts and back.

    Args:
        nominal: The lines that the circuit should have, by the pin map's names.
        calibration: The lines that were measured.
    """

    def __init__(self, nominal: Mapping[str, Line], calibration: Calibration) -> None:
        self._nominal = dict(nominal)
        self.calibrate(calibration)

    def calibrate(self, calibration: Calibration) -> None:
        """Use these measured lines from now on."""
        self.calibration = calibration
        self._lines = {name: calibration.lines.get(name, line) for name, line in self._nominal.items()}

    def of(self, name: str, share: float) -> float:
        """Volts at an input."""
        return self._lines[name].volts(share)

    def share(self, name: str, volts: float) -> float:
        """Share of an output's range, 0 … 1."""
        return min(max(self._lines[name].share(volts), 0.0), 1.0)

    def line(self, name: str) -> Line:
        """The line in use for an input or output."""
        return self._lines[name]

    def nominal(self, name: str) -> Line:
        """The line that the circuit of an input or output should have."""
        return self._nominal[name]


def through(points: Mapping[float, float]) -> Line:
    """The line through two points, volts by share.

    >>> line = through({0.6: 1.0, 0.4: 3.0})
    >>> round(line.volts(0.5), 6)
    2.0
    """
    (share_1, volts_1), (share_2, volts_2) = sorted(points.items())
    slope = (volts_2 - volts_1) / (share_2 - share_1)
    zero = volts_1 - slope * share_1
    return Line(zero, zero + slope)
