"""One page that tells what a run made: sounds to hear, pictures and figures, in a single file that needs no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import ShapeError, StoreError

from tombola_host.cost.bench import BenchReport
from tombola_host.report.data import Cell, Goal, ModeSounds, Plot, ReportData, Table
from tombola_host.report.pictures import plot_svg, spectrogram_db, spectrogram_png, sweep_svg
from tombola_host.report.style import SCRIPT, STYLE

MP3_COMPRESSION = 0.3
"""Of 0 … 1: some 130 kbit/s for one channel, at which the notes and their copies sound like the originals."""
PEAK = 0.98


def write_report(data: ReportData, path: Path) -> int:
    """Write the page; what was there before stays until the new one is whole.

    Returns:
        Its size, bytes.

    Raises:
        ShapeError: Sounds or weights are of the wrong shape.
        StoreError: The file cannot be written.
    """
    page = render_page(data).encode()
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(page)
        part.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; free some space or choose another folder") from error
    return len(page)


def render_page(data: ReportData) -> str:
    """The whole page as HTML."""
    sections = (
        _section("Hear it", _sweep(data), "Held notes while the blend moves through all modes: one network, one pass."),
        _section(
            "Modes", "".join(map(_mode, data.modes)), "The same note each time; the recording was not learned from."
        ),
        _section("Compared", _table(data.comparison) if data.comparison else ""),
        _section("Learning", f'<div class="plots">{"".join(map(_plot, data.plots))}</div>' if data.plots else ""),
        _section("Cost", _cost(data.bench) if data.bench else ""),
        _section("Figures to reach", _goals(data.goals) if data.goals else ""),
        _section("Where it comes from", _origin(data)),
    )
    facts = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in data.facts.items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(data.title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(data.title)}</h1><p>{escape(data.summary)}</p>"
        + "".join(f'<p class="soft">{escape(remark)}</p>' for remark in data.remarks)
        + (f'<div class="facts">{facts}</div>' if facts else "")
        + "".join(sections)
        + f"</main><script>{SCRIPT}</script></body></html>\n"
    )


def encode_audio(audio: Float32Array) -> tuple[str, bytes]:
    """MIME type and bytes of a compressed sound: MP3, which every browser plays, or FLAC where libsndfile lacks it.

    Raises:
        ShapeError: ``audio`` is not one channel of finite samples.
    """
    import soundfile

    if audio.ndim != 1 or not audio.size or not np.all(np.isfinite(audio)):
        raise ShapeError(f"a sound of shape {audio.shape} cannot be shown; give one channel of finite samples")
    peak = float(np.abs(audio).max())
    quiet = audio * np.float32(PEAK / peak) if peak > PEAK else audio
    file = io.BytesIO()
    if "MP3" in soundfile.available_formats():
        soundfile.write(file, quiet, SAMPLE_RATE_HZ, format="MP3", compression_level=MP3_COMPRESSION)
        return "audio/mpeg", file.getvalue()
    soundfile.write(file, quiet, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return "audio/flac", file.getvalue()


def _section(title: str, body: str, text: str = "") -> str:
    if not body:
        return ""
    return (
        f"<section><h2>{escape(title)}</h2>"
        + (f'<p class="soft">{escape(text)}</p>' if text else "")
        + f"{body}</section>"
    )


def _player(audio: Float32Array, label: str) -> str:
    mime, data = encode_audio(audio)
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return f'<audio controls preload="metadata" aria-label="{escape(label)}" src="{source}"></audio>'


def _sweep(data: ReportData) -> str:
    sweep = data.sweep
    if sweep is None:
        return ""
    if sweep.weights.shape != (len(sweep.time_s), len(data.modes)):
        raise ShapeError(
            f"the weights of the sweep are {sweep.weights.shape}, not {(len(sweep.time_s), len(data.modes))}"
        )
    picture = sweep_svg(sweep, [mode.name for mode in data.modes], [mode.color for mode in data.modes])
    caption = f"<figcaption>{escape(sweep.caption)}</figcaption>"
    return f"<figure><div class='wide'>{picture}</div>{_player(sweep.audio, 'blend sweep')}{caption}</figure>"


def _mode(mode: ModeSounds) -> str:
    loudest_db = max(float(spectrogram_db(sound.audio).max()) for sound in mode.sounds)
    figures = []
    for sound in mode.sounds:
        image = base64.b64encode(spectrogram_png(sound.audio, loudest_db)).decode()
        label = f"{mode.name}, {sound.title}"
        picture = f'<img alt="spectrogram of {escape(label)}" src="data:image/png;base64,{image}">'
        text = f"<b>{escape(sound.title)}</b>" + (f" · {escape(sound.remark)}" if sound.remark else "")
        figures.append(f"<figure>{picture}{_player(sound.audio, label)}<figcaption>{text}</figcaption></figure>")
    heading = f'<h3><span class="dot" style="background:{escape(mode.color)}"></span>{escape(mode.name)}</h3>'
    return f'{heading}<div class="sounds">{"".join(figures)}</div>'


def _plot(plot: Plot) -> str:
    caption = f"<b>{escape(plot.title)}</b>" + (f" · {escape(plot.caption)}" if plot.caption else "")
    return f"<figure>{plot_svg(plot)}<figcaption>{caption}</figcaption></figure>"


def _table(table: Table, kind: str = "") -> str:
    best = {column: _lowest(row[column] for row in table.rows) for column in range(len(table.columns))}
    marked = {index for index, name in enumerate(table.columns) if name in table.lower_is_better}
    body = ""
    for row in table.rows:
        cells = ""
        for column, cell in enumerate(row):
            style = ' class="best"' if column in marked and cell is not None and cell == best[column] else ""
            cells += f"<td{style}>{_text(cell)}</td>"
        body += f"<tr>{cells}</tr>"
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    style = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll"><table{style}>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _lowest(cells: Iterable[Cell]) -> float | None:
    return min((cell for cell in cells if isinstance(cell, int | float)), default=None)


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return (
            f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}" if abs(cell) < 1000 else f"{cell:,.0f}".replace(",", " ")
        )
    return f"{cell:,}".replace(",", " ") if isinstance(cell, int) else escape(cell)


def _cost(report: BenchReport) -> str:
    columns = ("voices", "p50 µs", "p90 µs", "p99 µs", "max µs", "real-time factor")
    apart = ("blend moving p50 µs", "graph alone p50 µs", "hot p50 µs")
    rows = tuple(
        (
            *(f"{t.voices}", t.p50_us, t.p90_us, t.p99_us, t.max_us, t.real_time_factor),
            *(t.moving_p50_us, t.graph_p50_us, t.hot_p50_us),
        )
        for t in report.timings
    )
    caption = (
        f"{report.parameters} parameters, {report.bundle_bytes} bytes, {report.nodes} nodes, "
        f"{report.state_tensors} state tensor(s), delay {report.delay_samples} samples. Time per period of 128 samples "
        f"in a loop paced like a sound card's (hot: without pauses), one core, {report.machine}."
    )
    return _table(Table((*columns, *apart), rows, caption))


def _goals(goals: Sequence[Goal]) -> str:
    body = ""
    for goal in goals:
        style, word = {True: ("yes", "met"), False: ("no", "not met"), None: ("soft", "not measured")}[goal.met]
        cells = "".join(f"<td>{escape(text)}</td>" for text in (goal.what, goal.bar, goal.measured))
        body += f'<tr>{cells}<td class="{style}">{word}</td></tr>'
    head = "<tr><th>what</th><th>bar</th><th>measured</th><th></th></tr>"
    return f'<div class="scroll"><table class="words"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _origin(data: ReportData) -> str:
    licences = tuple((f"sounds of {mode.name}", mode.licence) for mode in data.modes if mode.licence)
    rows = (*licences, *((name, cell) for name, cell in data.provenance.items()))
    return _table(Table(("what", "value"), rows), "words") if rows else ""
