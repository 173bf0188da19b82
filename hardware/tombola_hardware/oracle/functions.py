"""What each circuit does with a voltage, as numbers: solved from the board's parts, compared with the design's own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tombola_hardware.oracle.network import Network

RAILS: Final = {"+12V": 11.6, "-12V": -11.6, "+5V": 5.0, "+3.3V": 3.3, "+3.3VA": 3.3, "P3_AUDIO": 3.3, "VREF": 3.0}
QUIET: Final = dict.fromkeys(RAILS, 0.0)
"""For sines: a rail does not move."""


@dataclass(frozen=True, slots=True)
class Function:
    """One sentence of arithmetic.

    Args:
        what: It does.
        probe: Net at which the voltage is looked at.
        given: Nets whose voltage is given.
        volts: What must stand there …
        within: … as near as this, as a share of the larger of it and 0.1 V.
        hertz: Of a sine; 0: a steady voltage.
    """

    what: str
    probe: str
    given: Mapping[str, float]
    volts: float
    within: float = 0.02
    hertz: float = 0.0


def _inputs() -> Iterator[Function]:
    for name in ("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3"):
        pitch = name == "V_OCT"
        zero, share = (2.0105, 0.28) if pitch else (1.9451, 0.18)
        jack, adc = f"{name}_JACK", f"ADC_{name}"
        yield Function(f"{name} at 0 V", adc, {**RAILS, jack: 0.0}, zero, 0.01)
        yield Function(f"{name} at 3 V", adc, {**RAILS, jack: 3.0}, zero - 3 * share, 0.02)
        # One pole of 28 kΩ · 3.3 nF or 18 kΩ · 4.7 nF, and one of 330 Ω or 1 kΩ with 10 nF.
        corner, second = (1722.0, 48.2e3) if pitch else (1881.0, 15.9e3)
        for hertz in (1800.0, 16e3):
            level = share / math.hypot(1, hertz / corner) / math.hypot(1, hertz / second)
            yield Function(f"{name} at {hertz:g} Hz", adc, {**QUIET, jack: 1.0}, level, 0.04, hertz)
    for bias, level in (("BIAS_PITCH", 3 * 10 / 19.1), ("BIAS_CV", 3 * 10 / 18.2)):
        yield Function(f"{bias}", bias, RAILS, level, 0.01)
        yield Function(f"{bias}: noise of the reference at 1 kHz", bias, {**QUIET, "VREF": 10.0}, 0.18, 0.3, 1e3)


def _outputs() -> Iterator[Function]:
    for name in ("CV_A", "CV_B"):
        jack, dac = f"{name}_JACK", f"DAC_{name}"
        yield Function(f"{name} at the DAC's lowest", jack, {**RAILS, dac: 0.0}, -2.0, 0.01)
        yield Function(f"{name} at the DAC's highest", jack, {**RAILS, dac: 2.048}, 8.02, 0.01)
    for side in ("L", "R"):
        full = {f"OUT_{side}": 2.97}
        yield Function(f"AUDIO_{side}, a full scale of 2.1 V rms at 1 kHz", f"AUDIO_{side}_JACK",
                       {**QUIET, **full}, 2.97 * 1.68, 0.02, 1e3)  # fmt: skip
        yield Function(
            f"AUDIO_{side} at 154 kHz", f"AUDIO_{side}_DAC", {**QUIET, f"OUT_{side}": 1.0}, 0.7071, 0.1, 154e3
        )


def _gates() -> Iterator[Function]:
    for name in ("GATE_IN", "TRIG_IN", "CLOCK_IN"):
        yield Function(f"{name}: base at a jack of 1.3 V", f"{name}_BASE", {f"{name}_JACK": 1.3}, 0.65, 0.05)
        yield Function(f"{name} with nothing patched", name, RAILS, 3.3, 0.03)


def _levels(*, power_fail: bool) -> Iterator[Function]:
    yield Function("VBUS_SENSE at 5 V", "VBUS_SENSE", {"USB_VBUS": 5.0}, 3.0, 0.03)
    if power_fail:
        yield Function("PWR_FAIL: the supervisor's input at 10.125 V", "P12_SENSE", {"+12V": 10.125}, 0.405, 0.02)
        yield Function("soft start: the gate of Q11 at the end", "SOFT", {"+12V": 12.0}, 6.0, 0.1)


def functions(variant: str) -> list[Function]:
    """All of ``tombola`` or ``tombola-desktop``."""
    module = variant == "tombola"
    outputs = list(_outputs()) if module else []
    return [*_inputs(), *outputs, *_gates(), *_levels(power_fail=module)]


def faults(variant: str, network: Network) -> Iterator[str]:
    """A sentence for each that does something else."""
    for row in functions(variant):
        found = network.volts(row.probe, dict(row.given), row.hertz)
        volts = abs(found) if row.hertz else found.real
        if not abs(volts - row.volts) <= row.within * max(abs(row.volts), 0.1):
            yield (
                f"{row.what}: {volts:.3g} V stand at {row.probe} instead of {row.volts:.3g}; "
                "look at the parts around it"
            )
