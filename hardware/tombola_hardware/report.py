"""Figures of the simulation as a file, and as pictures for people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tombola_hardware.model import Board
from tombola_hardware.simulation import measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWS: Final = 300


def figures(board: Board) -> dict[str, float]:
    """The figures that the documents quote, rounded."""
    transfer = measures.cv_transfer(board)
    volts, cents = measures.pitch_error_cents(board, draws=DRAWS)
    worst = np.abs(cents).max(axis=1)
    with_converter = np.abs(measures.pitch_total_cents(volts, cents)).max(axis=1)
    wide = np.abs(measures.pitch_total_cents(volts, cents, points=(0.0, 5.0))).max(axis=1)
    typical = np.abs(measures.pitch_total_cents(volts, cents, lsb=measures.CONVERTER_TYPICAL_LSB)).max(axis=1)
    coarse = np.abs(measures.pitch_total_cents(volts, cents, lsb=16.0)).max(axis=1)
    gate = measures.gate(board)
    response = measures.audio(board)
    level = float(np.interp(1000, response["hz"], response["db"]))
    heavy, light = measures.cv_out(board, 1e3)["volts"], measures.cv_out(board, 100e3)["volts"]
    turned = measures.reversed_power(board)
    low, high = measures.gate_out_volts(board)
    return {
        key: round(float(value), 4)
        for key, value in {
            "input clamp: most current at ±24 V, mA": np.abs(transfer["amps"]).max() * 1e3,
            "input clamp: node at −24 V, V": transfer["node"][0],
            "input clamp: node at +24 V, V": transfer["node"][-1],
            "V/OCT bandwidth, Hz": measures.cv_bandwidth(board, 0),
            "CV bandwidth, Hz": measures.cv_bandwidth(board, 1),
            "V/OCT error over −3 … +6.5 V and 10 K, median of the worst, cents": np.median(worst),
            "V/OCT error, 95 % of boards, cents": np.percentile(worst, 95),
            "V/OCT error, worst board, cents": worst.max(),
            "V/OCT with a typical converter, median of the worst, cents": np.median(typical),
            "V/OCT with a typical converter, 95 % of boards, cents": np.percentile(typical, 95),
            "V/OCT with a converter at its limit, 95 % of boards, cents": np.percentile(with_converter, 95),
            "V/OCT with one at its limit, calibrated at 0 and 5 V instead, 95 % of boards, cents": np.percentile(
                wide, 95
            ),
            "V/OCT with revision A's MCP3208 at its limit, 95 % of boards, cents": np.percentile(coarse, 95),
            "V/OCT moved by the channel before, no reading discarded, cents": measures.crosstalk_cents(
                board, discarded=0
            ),
            "V/OCT moved by the channel before, one discarded, cents": measures.crosstalk_cents(board, discarded=1),
            "gate threshold, V": measures.gate_threshold_volts(board),
            "gate: base at −12 V, V": np.interp(-12, gate["volts"], gate["base"]),
            "gate out high, V": high,
            "gate out low, V": low,
            "audio, V peak to peak into 100 kΩ": measures.audio_volts(board),
            "audio, V peak to peak into 10 kΩ": measures.audio_volts(board, 10e3),
            "audio at 20 kHz against 1 kHz, dB": float(np.interp(20e3, response["hz"], response["db"])) - level,
            "audio at 10 Hz against 1 kHz, dB": float(np.interp(10, response["hz"], response["db"])) - level,
            "CV out low, V": light[0],
            "CV out high, V": light[-1],
            "CV out: 1 kΩ against 100 kΩ, mV": np.abs(heavy - light).max() * 1e3,
            "CV out: overshoot of 1 V into 1 nF, %": _overshoot(board, 1e-9) * 100,
            "CV out: overshoot of 1 V into 10 nF, %": _overshoot(board, 1e-8) * 100,
            "power turned round: most current, µA": max(abs(turned["i(Vp)"]), abs(turned["i(Vm)"])) * 1e6,
            "power turned round: most on a rail, mV": max(abs(turned["v(p12v)"]), abs(turned["v(m12v)"])) * 1e3,
            "inrush, case up in 1 ms, A": measures.inrush(board, 1e-3)["amps"].max(),
            "inrush, case up in 5 ms, A": measures.inrush(board, 5e-3)["amps"].max(),
            "inrush, case up in 1 ms, Q11 bridged, A": measures.inrush(board, 1e-3, limited=False)["amps"].max(),
        }.items()
    }


def _overshoot(board: Board, farad: float) -> float:
    volts = measures.cv_out_step(board, farad)["volts"]
    return float((volts.max() - volts[-1]) / (volts[-1] - volts[0]))


def draw(board: Board, folder: Path) -> list[Path]:
    """One picture a question, as SVG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    style: Any = {
        "svg.hashsalt": "tombola",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    plots: dict[str, Callable[[Board, Axes], None]] = {
        "cv_transfer": _transfer,
        "pitch_error": _pitch,
        "gate": _gate,
        "audio": _audio,
        "cv_out": _cv_out,
        "inrush": _inrush,
    }
    written = []
    with mpl.rc_context(style):
        for name, plot in plots.items():
            figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
            plot(board, axes)
            target = folder / f"{name}.svg"
            figure.savefig(target, metadata={"Date": None})
            plt.close(figure)
            written.append(target)
    return written


def _transfer(board: Board, axes: Axes) -> None:
    for index, label in ((0, "V/OCT"), (1, "other CV")):
        found = measures.cv_transfer(board, index, step_volts=0.5)
        axes.plot(found["volts"], found["adc"], label=label)
    axes.axhspan(0.15, 2.85, color="0.92", zorder=0)
    axes.set(
        xlabel="volts at the jack",
        ylabel="volts at the converter",
        title="Inputs, ±24 V; grey: 5 … 95 % of the reference",
    )
    axes.legend()


def _pitch(board: Board, axes: Axes) -> None:
    volts, cents = measures.pitch_error_cents(board, draws=DRAWS)
    axes.plot(volts, cents[:100].T, color="C0", alpha=0.15, linewidth=0.7)
    axes.plot(volts, np.percentile(np.abs(cents), 95, axis=0), color="C3", label="95 % of boards")
    axes.axhline(1, color="0.5", linestyle=":")
    axes.axhline(-1, color="0.5", linestyle=":")
    axes.set(xlabel="volts at V/OCT", ylabel="cents", title="Pitch, calibrated at 1 and 3 V, then 10 K away")
    axes.legend()


def _gate(board: Board, axes: Axes) -> None:
    found = measures.gate(board)
    axes.plot(found["volts"][::10], found["gpio"][::10], label="GPIO")
    axes.plot(found["volts"][::10], found["base"][::10], label="base")
    axes.set(xlabel="volts at the jack", ylabel="volts", title="A gate input")
    axes.legend()


def _audio(board: Board, axes: Axes) -> None:
    for load, label in ((100e3, "into 100 kΩ"), (10e3, "into 10 kΩ")):
        found = measures.audio(board, load)
        axes.semilogx(found["hz"], found["db"], label=label)
    axes.set(xlabel="Hz", ylabel="dB from the DAC", title="Audio output")
    axes.legend()


def _cv_out(board: Board, axes: Axes) -> None:
    for farad, label in ((1e-10, "100 pF"), (1e-9, "1 nF"), (1e-8, "10 nF")):
        found = measures.cv_out_step(board, farad)
        axes.plot(found["seconds"][80:400] * 1e6, found["volts"][80:400], label=label)
    axes.set(xlabel="µs", ylabel="volts at the jack", title="CV output, a step into a cable")
    axes.legend()


def _inrush(board: Board, axes: Axes) -> None:
    for limited, label in ((False, "Q11 bridged"), (True, "as built")):
        found = measures.inrush(board, 1e-3, limited=limited)
        axes.plot(found["seconds"][::4] * 1e3, found["amps"][::4], label=label)
    axes.set(xlabel="ms", ylabel="amps from +12 V", title="A case that comes up in 1 ms", xlim=(0, 25))
    axes.legend()
