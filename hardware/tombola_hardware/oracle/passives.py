"""What each resistor and capacitor is for: between which nets it stands, and within which values it does its work.

Typed apart from the sheets, from the arithmetic and documents that stand beside each row. A part that no row names, and
a row that no part fills, is a fault: so whatever is moved, dropped or given another value has its sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """One resistor or capacitor.

    Args:
        letter: ``R`` or ``C``.
        nets: On either side.
        low: Smallest value that works, in ohm or farad …
        high: … and largest.
        why: What it does, and where the bounds are from.
        strong_watts: What it must at least bear, 0 where a small one does.
    """

    letter: str
    nets: frozenset[str]
    low: float
    high: float
    why: str
    strong_watts: float = 0.0


def _row(letter: str, one: str, other: str, bounds: tuple[float, float], why: str, watts: float = 0.0) -> Row:
    return Row(letter, frozenset((one, other)), *bounds, why, watts)


def _near(value: float, share: float = 0.03) -> tuple[float, float]:
    return value * (1 - share), value * (1 + share)


_BYPASS: Final = (47e-9, 220e-9)
_MICRO: Final = (0.47e-6, 2.2e-6)
_TEN: Final = (4.7e-6, 22e-6)


def _inputs() -> Iterator[Row]:
    for name in ("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3"):
        pitch = name == "V_OCT"
        yield _row("R", f"{name}_JACK", f"{name}_SUM", _near(100e3), f"{name}: 100 kΩ is what Eurorack inputs have")
        feedback = 28e3 if pitch else 18e3
        yield _row("R", f"{name}_SUM", f"{name}_AMP", _near(feedback), f"{name}: sets how many volts are full scale")
        across = 3.3e-9 if pitch else 4.7e-9
        yield _row("C", f"{name}_SUM", f"{name}_AMP", _near(across, 0.3), f"{name}: bandwidth of 1.7 … 1.9 kHz")
        settle = (220, 470) if pitch else (680, 2.2e3)
        yield _row(
            "R", f"{name}_AMP", f"ADC_{name}", settle, f"{name}: keeps the amplifier from its capacitor, settles"
        )
        yield _row("C", f"ADC_{name}", "GND", (4.7e-9, 22e-9),
                   f"{name}: 370 times the converter's 27 pF (AD7689, analogue inputs)")  # fmt: skip
    yield _row("R", "VREF", "BIAS_PITCH", _near(9.1e3), "zero of V/OCT: 3 V · 10 / 19.1 · 1.28 = 2.010 V")
    yield _row("R", "BIAS_PITCH", "GND", _near(10e3), "zero of V/OCT: 3 V · 10 / 19.1 · 1.28 = 2.010 V")
    yield _row("R", "VREF", "BIAS_CV", _near(8.2e3), "zero of the other inputs: 3 V · 10 / 18.2 · 1.18 = 1.945 V")
    yield _row("R", "BIAS_CV", "GND", _near(10e3), "zero of the other inputs: 3 V · 10 / 18.2 · 1.18 = 1.945 V")
    for bias in ("BIAS_PITCH", "BIAS_CV"):
        yield _row("C", bias, "GND", _MICRO, f"{bias}: nothing above 40 Hz from the reference")


def _gates() -> Iterator[Row]:
    for name in ("GATE_IN", "TRIG_IN", "CLOCK_IN"):
        yield _row("R", f"{name}_JACK", f"{name}_BASE", _near(100e3), f"{name}: threshold 1.3 V, with its twin")
        yield _row("R", f"{name}_BASE", "GND", _near(100e3), f"{name}: threshold 1.3 V, with its twin")
        yield _row("R", "+3.3V", name, (4.7e3, 22e3), f"{name}: pull-up, which 30 µA of base current sink")
    yield _row("R", "GATE_OUT", "GND", (47e3, 220e3), "GATE_OUT: low until somebody drives it")
    yield _row(
        "R", "GATE_OUT_DRIVE", "GATE_OUT_JACK", _near(1e3), "GATE_OUT: a case's −12 V drives 11 mA, not 20", 0.25
    )
    yield _row("C", "+5V", "GND", _BYPASS, "U41: 100 nF a chip")


def _audio(*, amplified: bool) -> Iterator[Row]:
    for side in ("L", "R"):
        name = f"AUDIO_{side}"
        yield _row("R", f"OUT_{side}", f"{name}_DAC", _near(470), f"{name}: 470 Ω and 2.2 nF (SLAS859C, 10.1.1)")
        yield _row("C", f"{name}_DAC", "GND", _near(2.2e-9, 0.3), f"{name}: 470 Ω and 2.2 nF (SLAS859C, 10.1.1)")
        if amplified:
            yield _row("R", f"{name}_SUM", f"{name}_AMP", _near(6.8e3), f"{name}: gain 1.68, 10 V peak to peak")
            yield _row("R", f"{name}_SUM", "GND", _near(10e3), f"{name}: gain 1.68, 10 V peak to peak")
            yield _row("R", f"{name}_AMP", f"{name}_JACK", _near(1e3), f"{name}: 1 kΩ, as Eurorack outputs have")
        else:
            yield _row("R", f"{name}_DAC", f"{name}_JACK", _near(100), f"{name}: line level, and a short survives")
    yield _row(
        "R", "AUDIO_MUTE", "GND", (4.7e3, 12e3), "muted at boot: holds the pin low against the Pi's pull-up of 50 kΩ"
    )
    yield _row("R", "AUDIO_MUTE", "XSMT", (4.7e3, 22e3), "lets PWR_FAIL mute, whatever the Pi drives")
    yield _row("C", "PUMP_P", "PUMP_M", (1e-6, 3.3e-6), "charge pump: 2.2 µF (SLAS859C, 10.1.1)")
    yield _row("C", "VNEG", "GND", (1e-6, 3.3e-6), "charge pump: 2.2 µF (SLAS859C, 10.1.1)")
    yield _row("C", "LDOO", "GND", _MICRO, "DAC's own 1.8 V: 1 µF (SLAS859C, 10.1.1)")
    for pin in ("CPVDD", "AVDD", "DVDD"):
        yield _row("C", "P3_AUDIO", "GND", _BYPASS, f"U61 {pin}: 100 nF (SLAS859C, 12.1)")
    yield _row("C", "P3_AUDIO", "GND", _TEN, "U61: 10 µF (SLAS859C, 12.1)")


def _midi() -> Iterator[Row]:
    yield _row("R", "MIDI_IN_4", "MIDI_LED", _near(220), "MIDI IN: 220 Ω in the receiver (CA-033)")
    yield _row("R", "+3.3V", "MIDI_RX", (330, 2.2e3), "MIDI IN: pull-up; 1.6 mA at most of 16 (H11L3M/D)")
    yield _row("R", "+3.3V", "MIDI_TX", (4.7e3, 15e3), "MIDI OUT: at rest while the Pi boots, against its 50 kΩ down")
    yield _row("R", "MIDI_DRIVE", "MIDI_OUT_5", _near(10), "MIDI OUT: 10 Ω of 1/4 W (CA-033, 3.3 V)", 0.25)
    yield _row("R", "+3.3V", "MIDI_OUT_4", _near(33), "MIDI OUT: 33 Ω of 1/2 W (CA-033, 3.3 V)", 0.5)
    for chip in ("U71", "U72"):
        yield _row("C", "+3.3V", "GND", _BYPASS, f"{chip}: 100 nF a chip")


def _controls() -> Iterator[Row]:
    for name in ("ENC_A", "ENC_B", "ENC_SW"):
        yield _row("R", "+3.3V", name, (4.7e3, 22e3), f"{name}: pull-up")
        yield _row("C", name, "GND", (4.7e-9, 22e-9), f"{name}: 0.1 ms against bounce; more would lose steps")
    for number in range(1, 9):
        # 3.3 V less 0.2 V of the driver and 1.8 V (red) or 2.0 V (green) of the die: 2 … 5 mA.
        yield _row("R", f"8{number}_A1", f"LAMP_{number}_RED", (270, 650), f"lamp {number} red: 2 … 5 mA of 10")
        yield _row("R", f"8{number}_A2", f"LAMP_{number}_GREEN", (220, 550), f"lamp {number} green: 2 … 5 mA of 10")
        yield _row("C", f"KNOB_{number}", "GND", (47e-9, 220e-9), f"KNOB_{number}: 640 Hz with the knob's own 2.5 kΩ")
    for name in ("USB_CC1", "USB_CC2"):
        yield _row("R", name, "GND", _near(5.1e3, 0.1), f"{name}: Rd is 5.1 kΩ ± 10 % (USB Type-C, table 4-27)")
    yield _row("R", "USB_VBUS", "VBUS_SENSE", _near(10e3), "VBUS sense: 5.25 V become 3.15 V, 4.4 V become 2.64")
    yield _row("R", "VBUS_SENSE", "GND", _near(15e3), "VBUS sense: 5.25 V become 3.15 V, 4.4 V become 2.64")
    yield _row("C", "+3.3V", "GND", _BYPASS, "U82: 100 nF a chip")
    yield _row("C", "+3.3V", "GND", _TEN, "lamps and display: 10 µF where the ribbon ends")


def _supplies() -> Iterator[Row]:
    for chip in ("U31", "U32", "U91", "U92, VDD", "U92, VIO"):
        yield _row("C", "+3.3VA", "GND", _BYPASS, f"{chip}: 100 nF a chip")
    yield _row("C", "+3.3VA", "GND", _MICRO, "U91: 1 µF (DS21298E, 6.4)")
    yield _row("C", "VREF", "GND", _BYPASS, "U91: 100 nF at its reference")
    yield _row("C", "+3.3VA", "GND", _TEN, "U92: 10 µF at its supply (AD7689, power supply)")
    yield _row("C", "VREF", "GND", _TEN, "U92: 10 µF at REF, from which it takes charge (AD7689, reference decoupling)")
    yield _row(
        "C", "ADC_REFIN", "GND", _BYPASS, "U92: 100 nF at REFIN, which nobody drives (AD7689, external reference)"
    )
    yield _row("C", "+3.3VA", "GND", _TEN, "U12: its output, 1 µF or more (AP2112)")
    yield _row("C", "P3_AUDIO", "GND", _TEN, "U14: its output, 1 µF or more (AP2112)")
    yield _row("C", "P5_QUIET", "GND", _TEN, "U12 and U14: their input, 1 µF or more (AP2112)")
    yield _row("C", "P5_QUIET", "GND", _MICRO, "U93: 1 µF or more (SBOS410, 9.4.1)")
    yield _row("C", "VREF_NR", "GND", _MICRO, "U93: noise, 1 µF (SBOS410, 9.3.4)")
    yield _row("C", "VREF", "GND", (4.7e-6, 30e-6), "U93: 1 … 50 µF (SBOS410, 9.4.1), of which U92 has 10")
    yield _row("C", "+3.3V", "GND", _BYPASS, "U21: 100 nF a chip")
    yield _row("C", "+3.3V", "GND", _TEN, "the header: 10 µF")
    yield _row("C", "+5V", "GND", _TEN, "the header: 10 µF")
    yield _row("C", "+5V", "GND", (10e-6, 47e-6), "the 5 V: 22 µF, ceramic")
    yield _row("C", "+5V", "GND", (47e-6, 220e-6), "the 5 V: 100 µF for steps of the Pi's load")


def _module() -> Iterator[Row]:
    for name in ("CV_A", "CV_B"):
        yield _row(
            "R", f"{name}_AMP", f"{name}_JACK", _near(330), f"{name}: a short takes 35 mA of the amplifier's 50", 0.5
        )
        yield _row("R", f"{name}_SUM", f"{name}_JACK", _near(20e3), f"{name}: −2 … +8 V from 0 … 2.048 V")
        yield _row("R", f"{name}_SUM", "GND", _near(6.2e3), f"{name}: −2 … +8 V from 0 … 2.048 V")
        yield _row("R", "VREF", f"{name}_SUM", _near(30e3), f"{name}: −2 … +8 V from 0 … 2.048 V")
        yield _row("C", f"{name}_SUM", f"{name}_AMP", _near(100e-12, 0.3), f"{name}: no ringing into a cable")
    yield _row("C", "+3.3VA", "GND", _BYPASS, "U51: 100 nF a chip")
    yield _row("C", "+3.3VA", "GND", _TEN, "U51: 10 µF (DS22187E, 7.2)")
    for chip in ("U52", "U62"):
        yield _row("C", "+12V", "GND", _BYPASS, f"{chip}: 100 nF a chip")
        yield _row("C", "-12V", "GND", _BYPASS, f"{chip}: 100 nF a chip")
    for rail in ("+12V", "-12V"):
        yield _row("C", rail, "GND", _BYPASS, f"{rail} behind its diode: 100 nF")
        yield _row("C", rail, "GND", _TEN, f"{rail} behind its diode: 10 µF")
    yield _row("R", "+12V", "SOFT", (47e3, 220e3), "soft start: half of 12 V at the gate, 12 at most")
    yield _row("R", "SOFT", "GND", (47e3, 220e3), "soft start: pulls the gate down with 0.1 mA")
    yield _row(
        "C",
        "+12V",
        "SOFT",
        (0.47e-6, 2.2e-6),
        "soft start: keeps the gate up while the case comes up; 20 times the other",
    )
    yield _row("C", "SOFT", "P12_SOFT", (4.7e-9, 22e-9), "soft start: 0.1 mA into 10 nF is 10 V/ms, 0.2 A into 22 µF")
    yield _row("R", "P12_SOFT", "HOLD_P", (47e3, 220e3), "holds the buck off until 0.6 V are left over Q11")
    yield _row("R", "HOLD_C", "HOLD_N", (47e3, 220e3), "holds the buck off: base current of Q13")
    yield _row("R", "HOLD_N", "GND", (47e3, 470e3), "holds the buck off: leakage of Q12 does not")
    yield _row("C", "P12_SOFT", "GND", (10e-6, 33e-6), "input of the buck: 22 µF")
    yield _row("R", "+12V", "P12_SENSE", _near(240e3), "PWR_FAIL: 0.405 V · 25 = 10.1 V (SBVS050)")
    yield _row("R", "P12_SENSE", "GND", _near(10e3), "PWR_FAIL: 0.405 V · 25 = 10.1 V (SBVS050)")
    yield _row(
        "C",
        "P12_SENSE",
        "GND",
        (1e-9, 4.7e-9),
        "PWR_FAIL: 20 µs against spikes; more would lose the 0.3 ms that there are",
    )
    yield _row("R", "+3.3V", "PWR_FAIL", (10e3, 47e3), "PWR_FAIL: 10 kΩ … 1 MΩ (SBVS050)")
    yield _row("C", "+3.3V", "GND", _BYPASS, "U13: 100 nF a chip")


def _desktop() -> Iterator[Row]:
    for name in ("POWER_CC1", "POWER_CC2"):
        yield _row("R", name, "GND", _near(5.1e3, 0.1), f"{name}: Rd is 5.1 kΩ ± 10 % (USB Type-C, table 4-27)")


def rows(variant: str) -> list[Row]:
    """All of ``tombola`` or ``tombola-desktop``."""
    module = variant == "tombola"
    return [*_inputs(), *_gates(), *_audio(amplified=module), *_midi(), *_controls(), *_supplies(),
            *(_module() if module else _desktop())]  # fmt: skip
