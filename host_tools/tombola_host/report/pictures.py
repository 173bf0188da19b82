"""The pictures of a report: lines as SVG that takes the colour of the page's text, spectrograms as PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.evaluation.clicks import LEVEL_STEP_S, level_curve_db
from tombola_host.report.data import BlendSweep, Curve, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


Float64Array = npt.NDArray[np.float64]

LOWEST_HZ, HIGHEST_HZ = 50.0, 20_000.0
RANGE_DB = 90.0
FFT_SAMPLES = 2048
WIDTH_PIXELS, HEIGHT_PIXELS = 480, 240
PNG_COLORS = 32
MOST_POINTS = 300
FILE_PIXELS = 720
PLOT_POINTS, SWEEP_POINTS, MARK_POINTS = 8.0, 11.0, 6.5
"""Sizes of text: the sweep is as wide as the page, 20 rem on a phone, where 11 points become 9 pixels."""
INK = "#010203"
"""Stands for the colour of the page's text, which light and dark mode choose."""
MARKERS = "os^"
"""Each goes once through the palette."""
MOST_MARKED = 24
PALETTE = (
    *("#d1603d", "#3d7dd1", "#3f9b6c", "#a35cc4", "#c79a2b", "#4aa7ad"),
    *("#7a5c43", "#e07fb0", "#20307a", "#94b83d", "#b02a4c", "#6fc7ff"),
)


def spectrogram_db(audio: Float32Array, columns: int = WIDTH_PIXELS, rows: int = HEIGHT_PIXELS) -> Float64Array:
    """Magnitudes over time and the logarithm of frequency, dB re a full-scale sine; low frequencies first.

    Args:
        audio: 48 kHz. Shape (T,).
        columns: Of the picture, along time.
        rows: Of the picture, along frequency, LOWEST_HZ … HIGHEST_HZ.

    Returns:
        Shape (rows, columns).
    """
    padded = np.pad(np.asarray(audio, np.float64), FFT_SAMPLES // 2)
    starts = np.linspace(0, padded.size - FFT_SAMPLES, columns).astype(int)
    window = np.hanning(FFT_SAMPLES)
    frames = sliding_window_view(padded, FFT_SAMPLES)[starts]
    magnitude = 2 * np.abs(np.fft.rfft(frames * window, axis=1)) / window.sum()
    bins = np.geomspace(LOWEST_HZ, HIGHEST_HZ, rows) * FFT_SAMPLES / SAMPLE_RATE_HZ
    below = bins.astype(int)
    share = bins - below
    between = magnitude[:, below] * (1 - share) + magnitude[:, below + 1] * share
    picture: Float64Array = 20 * np.log10(between.T + 1e-6)
    return picture


def spectrogram_png(audio: Float32Array, loudest_db: float) -> bytes:
    """A spectrogram with its frequencies written on it; ``loudest_db`` is the brightest colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(WIDTH_PIXELS / 100, HEIGHT_PIXELS / 100), dpi=100)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    _draw_spectrogram(axes, audio, loudest_db)
    for hz, text in ((100, "100 Hz"), (1000, "1 kHz"), (10_000, "10 kHz")):
        axes.axhline(hz, color="white", linewidth=0.5, alpha=0.25)
        axes.text(0.004 * len(audio) / SAMPLE_RATE_HZ, hz * 1.06, text, color="white", fontsize=9, alpha=0.85)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # A palette shows no difference here and takes a third of the bytes.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(PNG_COLORS)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def plot_svg(plot: Plot) -> str:
    """Curves over one axis."""
    figure = _figure(5.6, 3.4)
    axes = figure.add_subplot()
    for number, (curve, color) in enumerate(zip(plot.curves, _colors(plot.curves), strict=True)):
        x, y = _thinned(np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64))
        marker = MARKERS[number // len(PALETTE) % len(MARKERS)] if len(x) <= MOST_MARKED else ""
        line = "" if plot.x_names else "--" if curve.published else "-"
        style: dict[str, Any] = {"linestyle": line, "marker": marker, "markersize": 4, "linewidth": 1.6}
        spread = curve.spread if len(curve.spread) == len(x) else None
        axes.errorbar(x, y, spread, color=color, label=curve.name, elinewidth=0.8, **style)
    for place, name in plot.marks:
        axes.axvline(place, color=INK, linewidth=0.6, linestyle=":", alpha=0.6)
        beside: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "top", "alpha": 0.8, "fontsize": MARK_POINTS}
        axes.text(place, 0.98, name, transform=axes.get_xaxis_transform(), color=INK, **beside)
    if plot.log_x:
        axes.set_xscale("log")
        _plain_numbers(axes.xaxis)
    if plot.log_y:
        axes.set_yscale("log")
        _plain_numbers(axes.yaxis)
    if plot.x_names:
        axes.set_xticks(range(len(plot.x_names)), plot.x_names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.grid(visible=True, color=INK, alpha=0.12)
    if len(plot.curves) > 1:
        axes.legend(frameon=False, fontsize=PLOT_POINTS, labelcolor=INK)
    return _svg(figure, plot.title)


def plot_file(plot: Plot) -> bytes:
    """The same as a file of its own: dark on white, whatever page it stands in."""
    alone = f'<svg width="{FILE_PIXELS}" style="color:#222;background:#fff" '
    return (plot_svg(plot).replace("<svg ", alone, 1) + "\n").encode()


def sweep_svg(sweep: BlendSweep, names: Sequence[str], colors: Sequence[str]) -> str:
    """Blend weights, spectrogram and level of a sweep, one under another over the same time."""
    figure = _figure(6.0, 5.0)
    weights, spectrogram, level = figure.subplots(3, 1, sharex=True, height_ratios=(1.0, 2.2, 1.0))
    seconds = len(sweep.audio) / SAMPLE_RATE_HZ
    step = max(len(sweep.time_s) // MOST_POINTS, 1)
    weights.stackplot(sweep.time_s[::step], sweep.weights[::step].T, labels=names, colors=colors, alpha=0.85)
    weights.set_ylim(0, 1)
    weights.set_yticks([])
    weights.set_ylabel("blend")
    weights.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, labelcolor=INK, fontsize=SWEEP_POINTS
    )
    _draw_spectrogram(spectrogram, sweep.audio, float(spectrogram_db(sweep.audio).max()))
    spectrogram.set_yticks([100, 1000, 10_000], ["100", "1k", "10k"])
    spectrogram.minorticks_off()
    spectrogram.set_ylabel("Hz")
    curve_db = level_curve_db(sweep.audio, LEVEL_STEP_S, 5 * LEVEL_STEP_S)
    level_time_s: Float64Array = (np.arange(curve_db.size, dtype=np.float64) + 2.5) * LEVEL_STEP_S
    level.plot(*_thinned(level_time_s, curve_db), color=PALETTE[0], linewidth=1.4)
    level.set_ylim(max(float(curve_db.max(initial=-60.0)) - 36, -80), float(curve_db.max(initial=-60.0)) + 3)
    level.set_ylabel("dBFS")
    level.set_xlabel("s")
    level.set_xlim(0, seconds)
    level.grid(visible=True, color=INK, alpha=0.12)
    return _svg(figure, "blend sweep", points=SWEEP_POINTS)


def _draw_spectrogram(axes: Axes, audio: Float32Array, loudest_db: float) -> None:
    picture = spectrogram_db(audio)
    time_s = np.linspace(0, len(audio) / SAMPLE_RATE_HZ, picture.shape[1] + 1)
    hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, picture.shape[0] + 1)
    span: dict[str, Any] = {"vmin": loudest_db - RANGE_DB, "vmax": loudest_db, "cmap": "magma"}
    axes.set_yscale("log")
    axes.pcolormesh(time_s, hz, picture, rasterized=True, **span)
    axes.set_ylim(LOWEST_HZ, HIGHEST_HZ)


def _plain_numbers(axis: Axis) -> None:
    """0.1 and not 10⁻¹."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _svg(figure: Figure, salt: str, points: float = PLOT_POINTS) -> str:
    """The figure as markup that can stand in a page; ``salt`` keeps the ids of several apart."""
    from matplotlib import rc_context

    for axes in figure.axes:
        axes.set_facecolor("none")
        axes.tick_params(colors=INK, which="both", labelsize=points)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        axes.xaxis.label.set_fontsize(points)
        axes.yaxis.label.set_fontsize(points)
        for side, spine in axes.spines.items():
            spine.set_color(INK)
            spine.set_alpha(0.35)
            spine.set_visible(side in {"left", "bottom"})
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}):
        none = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=none)
    text = file.getvalue()
    # Sizes in points would fix the width, and the style would apply to the whole page.
    markup = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text[text.index("<svg") :], count=1)
    markup = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", markup, count=1)
    return re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL).replace(INK, "currentColor")


def _colors(curves: Sequence[Curve]) -> list[str]:
    return [curve.color or PALETTE[index % len(PALETTE)] for index, curve in enumerate(curves)]


def _thinned(x: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array]:
    """At most some MOST_POINTS, each the mean of its neighbours, so that a noisy curve can be read."""
    block = -(-len(x) // MOST_POINTS)
    if block <= 1:
        return x, y
    whole = len(x) // block * block
    return x[:whole].reshape(-1, block).mean(axis=1), y[:whole].reshape(-1, block).mean(axis=1)
