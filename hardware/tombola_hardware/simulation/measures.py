"""What the circuit does: one function a figure, each from a simulation of the parts that the board declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tombola_hardware.instrument import AUDIO_OUTPUTS, CV_INPUTS, CV_OUTPUTS, GATE_INPUTS, GATE_OUTPUTS
from tombola_hardware.model import Board
from tombola_hardware.sheets.inputs import REFERENCE_VOLTS, range_of
from tombola_hardware.simulation.spice import elements, run

RAILS: Final = ("Vp3 p3.3va 0 3.3", "Vd3 p3.3v 0 3.3", "Vp5 p5v 0 5", "Vp12 p12v 0 11.6", "Vm12 m12v 0 -11.6")
Curve = NDArray[np.float64]


def input_parts(index: int) -> tuple[list[str], dict[str, str]]:
    """References of an input's stage with its bias, and the unit of its amplifier."""
    digits = f"3{index + 1}"
    prefix = range_of(CV_INPUTS[index]).prefix
    amplifier = f"U3{index // 4 + 1}"
    parts = [f"R{digits}1", f"R{digits}2", f"R{digits}3", f"C{digits}1", f"C{digits}2", f"D{digits}1", amplifier]
    return [*parts, f"R{prefix}1", f"R{prefix}2", f"C{prefix}9"], {amplifier: "ABCD"[index % 4]}


def cv_transfer(board: Board, index: int = 0, *, step_volts: float = 0.1) -> dict[str, Curve]:
    """Volts at the converter over volts at the jack, −24 … +24 V, and the current into the jack."""
    parts, units = input_parts(index)
    name = CV_INPUTS[index].name.lower()
    lines = [*RAILS, f"Vref vref 0 {REFERENCE_VOLTS}", *elements(board, parts, units), f"Vin {name}_jack 0 0"]
    found = run(lines, f"dc Vin -24 24 {step_volts}", [f"v(adc_{name})", f"v({name}_sum)", "i(Vin)"])
    return {
        "volts": found["x"],
        "adc": found[f"v(adc_{name})"],
        "node": found[f"v({name}_sum)"],
        "amps": found["i(Vin)"],
    }


def cv_bandwidth(board: Board, index: int = 0) -> float:
    """Frequency at which an input has lost 3 dB, in Hz."""
    parts, units = input_parts(index)
    name = CV_INPUTS[index].name.lower()
    lines = [*RAILS, f"Vref vref 0 {REFERENCE_VOLTS}", *elements(board, parts, units), f"Vin {name}_jack 0 1 ac 1"]
    found = run(lines, "ac dec 50 1 100k", [f"db(v(adc_{name}))"])
    level = found[f"db(v(adc_{name}))"]
    return float(np.interp(-(level[0] - 3.0103), -level, found["x"]))


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a part strays: tolerance as built, and parts per million a kelvin after."""

    resistor: float = 1e-3
    resistor_ppm: float = 5.0
    reference: float = 0.5e-3
    reference_ppm: float = 3.0
    offset_volts: float = 4.5e-3
    offset_volts_per_k: float = 2e-6
    kelvin: float = 10.0


def pitch_error_cents(
    board: Board, *, draws: int = 200, seed: int = 1, drift: Drift | None = None
) -> tuple[Curve, Curve]:
    """Monte Carlo of V/OCT: calibrated at 1 and 3 V, then 10 K warmer or colder.

    Every resistor, the reference and the amplifier's offset are drawn evenly within their tolerance, and drift
    evenly within theirs. The converter's own steps are not in it.

    Returns:
        Volts at the jack (points,) and the error in cents (draws, points).
    """
    drift = drift or Drift()
    generator = np.random.default_rng(seed)
    index = next(i for i, jack in enumerate(CV_INPUTS) if jack.pitch)
    name = CV_INPUTS[index].name.lower()
    parts, units = input_parts(index)
    resistors = [part for part in parts if part.startswith("R")]
    lines, outputs, references = [*RAILS, "Vin all 0 0"], [], []
    for draw in range(draws):
        as_built = {part: 1 + generator.uniform(-drift.resistor, drift.resistor) for part in resistors}
        later = {
            part: 1 + 1e-6 * drift.kelvin * generator.uniform(-drift.resistor_ppm, drift.resistor_ppm)
            for part in resistors
        }
        volts = REFERENCE_VOLTS * (1 + generator.uniform(-drift.reference, drift.reference))
        offset = generator.uniform(-drift.offset_volts, drift.offset_volts)
        for when in ("a", "b"):
            suffix = f"_{draw}{when}"
            warm = when == "b"
            reference = volts * (
                1 + 1e-6 * drift.kelvin * generator.uniform(-drift.reference_ppm, drift.reference_ppm) * warm
            )
            shift = (
                offset + drift.kelvin * generator.uniform(-drift.offset_volts_per_k, drift.offset_volts_per_k) * warm
            )
            for line in elements(board, parts, units, suffix):
                part = line.split()[0].removesuffix(suffix)
                if part in resistors:
                    head, value = line.rsplit(" ", 1)
                    lines.append(f"{head} {_number(value) * as_built[part] * (later[part] if warm else 1):.9g}")
                elif line.startswith("X"):
                    lines.append(f"{line} vos={shift:.9g}")
                else:
                    lines.append(line)
            lines += [f"Vref{suffix} vref{suffix} 0 {reference:.9g}", f"Rin{suffix} all {name}_jack{suffix} 1e-3"]
            outputs.append(f"v(adc_{name}{suffix})")
            references.append(reference)
    low, high = CV_INPUTS[index].low_volts, CV_INPUTS[index].high_volts
    found = run(lines, f"dc Vin {low} {high} 0.5", outputs)
    volts_in = found["x"]
    shares = np.array([found[output] / reference for output, reference in zip(outputs, references, strict=True)])
    built, warmed = shares[0::2], shares[1::2]
    one, three = (int(np.argmin(np.abs(volts_in - volts))) for volts in (1.0, 3.0))
    slope = 2.0 / (built[:, three] - built[:, one])
    told = 1.0 + (warmed - built[:, one, None]) * slope[:, None]
    return volts_in, (told - volts_in) * 1200


CONVERTER_CODES: Final = 65536
CONVERTER_LSB: Final = 1.5
"""Integral nonlinearity of an AD7689B, at most. Source: Analog Devices AD7682/AD7689 revision J, page 1 …"""
CONVERTER_TYPICAL_LSB: Final = 0.4
"""… and typical."""
SAMPLER_FARAD: Final = 27e-12
"""Of an AD7689, charged to the channel before. Source: the same, analogue inputs, from memory."""
ACQUIRED_S: Final = 10e-6
"""Shortest time from the end of a conversion to the next sample: 16 bits at 4 MHz and the call, less 3.2 µs."""
CONVERSION_S: Final = 2 * 14e-6
"""Shortest time from one reading to the next: two transfers."""


def pitch_total_cents(
    volts: Curve,
    cents: Curve,
    *,
    lsb: float = CONVERTER_LSB,
    points: tuple[float, float] = (1.0, 3.0),
    seed: int = 2,
) -> Curve:
    """The Monte Carlo of the circuit with a converter whose every code is off by up to ``lsb``, calibrated as it reads.

    Each draw is a converter; its errors at the points are drawn evenly and apart from each other, which is worse than a
    real one. Two points of calibration take a straight line away, and stretch what they were off by.

    Args:
        volts: Points, shape (points,), from pitch_error_cents.
        cents: Errors of the circuit alone, shape (draws, points).
        lsb: How far a code may be off.
        points: Volts at which the converter was calibrated.
        seed: Of the draws.
    """
    a_step = range_of(next(jack for jack in CV_INPUTS if jack.pitch))
    step_cents = (a_step.volts_at_zero - a_step.volts_at_full) / CONVERTER_CODES * 1200
    off = np.random.default_rng(seed).uniform(-lsb, lsb, cents.shape) * step_cents
    one, three = (int(np.argmin(np.abs(volts - point))) for point in points)
    slope = (off[:, three] - off[:, one]) / (points[1] - points[0])
    line = off[:, one, None] + slope[:, None] * (volts - points[0])
    total: Curve = cents + off - line
    return total


def crosstalk_cents(board: Board, *, discarded: int, readings: int = 4) -> float:
    """How far a channel that stands at the other end of the range moves the mean of the readings of V/OCT after it.

    The sampler brings its charge onto the channel's capacitor, which forgets it through the resistor before it.

    Args:
        board: Whose resistor and capacitor.
        discarded: Readings that are thrown away first.
        readings: How many are kept and averaged.
    """
    index = next(i for i, jack in enumerate(CV_INPUTS) if jack.pitch)
    ohm = _number(board.part(f"R3{index + 1}3").kind.value)
    farad = 10e-9
    kick = REFERENCE_VOLTS * SAMPLER_FARAD / (farad + SAMPLER_FARAD) * np.exp(-ACQUIRED_S / (ohm * farad))
    left = kick * np.exp(-CONVERSION_S / (ohm * farad)) ** np.arange(discarded + readings)
    return float(left[discarded:].mean() / range_of(CV_INPUTS[index]).share * 1200)


def _number(value: str) -> float:
    return float(value.replace("k", "e3").replace("M", "e6"))


def gate(board: Board, index: int = 0) -> dict[str, Curve]:
    """Volts at the GPIO and at the base over volts at the jack, −24 … +24 V."""
    digits, name = f"4{index + 1}", GATE_INPUTS[index].name.lower()
    parts = [f"R{digits}1", f"R{digits}2", f"R{digits}3", f"D{digits}1", f"Q{digits}1"]
    lines = [*RAILS, *elements(board, parts), f"Vin {name}_jack 0 0"]
    found = run(lines, "dc Vin -24 24 0.02", [f"v({name})", f"v({name}_base)"])
    return {"volts": found["x"], "gpio": found[f"v({name})"], "base": found[f"v({name}_base)"]}


def gate_threshold_volts(board: Board, index: int = 0) -> float:
    """Where the GPIO passes the middle of its range."""
    found = gate(board, index)
    return float(np.interp(-1.65, -found["gpio"], found["volts"]))


def gate_out_volts(board: Board, load_ohm: float = 100e3) -> tuple[float, float]:
    """Low and high level of the gate output into a load."""
    name = GATE_OUTPUTS[0].name.lower()
    parts = ["R451", "U41", "R455"]
    lines = [*RAILS, *elements(board, parts), f"Vin {name} 0 0", f"Rload {name}_jack 0 {load_ohm}"]
    found = run(lines, "dc Vin 0 3.3 3.3", [f"v({name}_jack)"])[f"v({name}_jack)"]
    return float(found[0]), float(found[-1])


def audio(board: Board, load_ohm: float = 100e3, *, gain_only: bool = False) -> dict[str, Curve]:
    """Level over frequency from the DAC's pins to the jack, in dB."""
    name = AUDIO_OUTPUTS[0].name.lower()
    parts = ["R611", "R612", "R613", "R614", "C611", "U62"]
    source = "Vin out_l 0 0 ac 1"
    lines = [*RAILS, *elements(board, parts, {"U62": "A"}), source, f"Rload {name}_jack 0 {load_ohm}"]
    found = run(lines, "ac dec 1 1k 1k" if gain_only else "ac dec 20 1 1meg", [f"db(v({name}_jack))"])
    return {"hz": found["x"], "db": found[f"db(v({name}_jack))"]}


def audio_volts(board: Board, load_ohm: float = 100e3) -> float:
    """Peak to peak at the jack for a full-scale sine of 1 kHz, by a transient; the DAC gives 2.1 V rms (TI SLAS859)."""
    name = AUDIO_OUTPUTS[0].name.lower()
    parts = ["R611", "R612", "R613", "R614", "C611", "U62"]
    source = f"Vin out_l 0 sin(0 {2.1 * 2**0.5:.6f} 1k)"
    lines = [*RAILS, *elements(board, parts, {"U62": "A"}), source, f"Rload {name}_jack 0 {load_ohm}"]
    found = run(lines, "tran 2u 3m 1m 2u", [f"v({name}_jack)"])[f"v({name}_jack)"]
    return float(np.ptp(found))


def cv_out(board: Board, load_ohm: float) -> dict[str, Curve]:
    """Volts at the jack over the DAC's, into a load."""
    name = CV_OUTPUTS[0].name.lower()
    parts = ["R511", "R512", "R513", "R514", "C515", "U52"]
    lines = [
        *RAILS,
        f"Vref vref 0 {REFERENCE_VOLTS}",
        *elements(board, parts, {"U52": "A"}),
        f"Vin dac_{name} 0 0",
        f"Rload {name}_jack 0 {load_ohm}",
    ]
    found = run(lines, "dc Vin 0 2.048 0.064", [f"v({name}_jack)"])
    return {"dac": found["x"], "volts": found[f"v({name}_jack)"]}


def cv_out_step(board: Board, farad: float) -> dict[str, Curve]:
    """A step of 1 V at the jack into a cable, over time."""
    name = CV_OUTPUTS[0].name.lower()
    parts = ["R511", "R512", "R513", "R514", "C515", "U52"]
    lines = [
        *RAILS,
        f"Vref vref 0 {REFERENCE_VOLTS}",
        *elements(board, parts, {"U52": "A"}),
        "Vin dac_cv_a 0 pulse(0.6 0.8 50u 10n 10n 1 2)",
        f"Rload {name}_jack 0 100k",
        f"Cload {name}_jack 0 {farad:g}",
    ]
    found = run(lines, "tran 0.5u 300u 0 0.5u", [f"v({name}_jack)"])
    return {"seconds": found["x"], "volts": found[f"v({name}_jack)"]}


POWER: Final = ("F11", "D11", "C11", "C12", "F12", "D12", "C13", "C14", "C16")
SOFT_START: Final = ("Q11", "R11", "R12", "C15", "C103", "R18", "Q12", "R19", "R101", "Q13")


def reversed_power(board: Board) -> dict[str, float]:
    """The ribbon cable the wrong way round: volts that arrive behind the diodes, and current that flows."""
    lines = [
        *elements(board, [*POWER, *SOFT_START]),
        "Vp p12_in 0 -12",
        "Vm m12_in 0 12",
        "Rp p12v 0 1k",
        "Rm m12v 0 1k",
        "Rb p12_soft 0 100",
    ]
    found = run(lines, "dc Vp -12 -12 1", ["v(p12v)", "v(m12v)", "v(p12_soft)", "i(Vp)", "i(Vm)"])
    return {key: float(values[0]) for key, values in found.items() if key != "x"}


def inrush(board: Board, rise_s: float, *, limited: bool = True) -> dict[str, Curve]:
    """Current from +12 V while a case is switched on, with a converter that takes 4 W once it has 4.5 V and may run.

    Args:
        board: Whose.
        rise_s: Time in which the case comes up.
        limited: False: Q11 is bridged and nothing holds the converter off, to see what the soft start is worth.
    """
    parts = [*POWER, *SOFT_START] if limited else POWER
    lines = [
        *elements(board, parts),
        f"Vp supply 0 pwl(0 0 100u 0 {100e-6 + rise_s:g} 12)",
        "Rs supply p12_in 0.05",
        "Vm m12_in 0 -12",
        # The converter's own pull-up, and its start at 1.2 V of that pin.
        "Bup up 0 V=min(V(p12_soft),3.3)",
        "Rup up buck_ctrl 100k",
        "Bload p12_soft 0 I=(1+tanh(4*(V(p12_soft)-4.5)))*(1+tanh(20*(V(buck_ctrl)-1.2)))/max(V(p12_soft),2)",
        "Rm m12v 0 1k",
        "Ra p12v 0 500",
        *([] if limited else ["Rbridge p12v p12_soft 0.05"]),
    ]
    found = run(lines, "tran 10u 60m 0 10u", ["-i(Vp)", "v(p12_soft)"])
    return {"seconds": found["x"], "amps": found["-i(Vp)"], "volts": found["v(p12_soft)"]}
