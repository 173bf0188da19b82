"""One page that shows what a run made, in a single file that needs no network.

The first screen is for the ears, on a phone too: the blend, and for each mode a phrase, a recording and the
instrument's own sound side by side. Pictures, figures and credits follow.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import ShapeError, StoreError
from tombola_device.contract.foreign import plain

from tombola_host.cost.bench import BenchReport
from tombola_host.report.data import Cell, Goal, ModeSounds, Plot, ReportData, Sound, Table
from tombola_host.report.pictures import plot_file, plot_svg, spectrogram_db, spectrogram_png, sweep_svg
from tombola_host.report.style import SCRIPT, STYLE

MP3_COMPRESSION = 0.3
"""Of 0 … 1: some 130 kbit/s for one channel, at which the notes and their copies sound like the originals."""
PEAK = 0.98
NOTES_TEXT = (
    "The same note each time, all at the same peak level. Colour is loudness, from 50 Hz at the bottom to 20 kHz."
)


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


def write_plots(data: ReportData, folder: Path) -> tuple[Path, ...]:
    """Write the plots of a page as SVG files named by their titles.

    Raises:
        StoreError: A file cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for plot in data.plots:
            paths.append(folder / (re.sub(r"[^a-z0-9]+", "-", plot.title.lower()).strip("-") + ".svg"))
            paths[-1].write_bytes(plot_file(plot))
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; free some space or choose another folder"
        ) from error
    return tuple(paths)


def escape(text: str) -> str:
    """Text for HTML; what cannot be seen, and could turn the direction of writing, is shown."""
    return html.escape(plain(text))


def render_page(data: ReportData) -> str:
    """The whole page as HTML."""
    facts = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in data.facts.items()
    )
    plots = "".join(map(_plot, data.plots))
    sections = (
        f'<section class="hear">{_hear(data)}</section>' if data.sweep or data.modes else "",
        f'<div class="facts">{facts}</div>' if facts else "",
        _section("The blend", _sweep(data), "From one mode to the next without a gap: one network, never two mixed."),
        _section("Note by note", "".join(map(_mode, range(len(data.modes)), data.modes)), NOTES_TEXT),
        _section("Against the recordings", "".join(map(_table, data.judged))),
        _section("How it was made", f"<p>{escape(data.method)}</p>" if data.method else ""),
        _section("Does a lottery pay here?", _table(data.lottery) if data.lottery else ""),
        _section("Compared", _table(data.comparison) if data.comparison else ""),
        _section("Learning", f'<div class="plots">{plots}</div>' if plots else ""),
        _section("Cost", _cost(data.bench) if data.bench else ""),
        _section("Figures to reach", _goals(data.goals) if data.goals else ""),
        _section("Where it comes from", _origin(data)),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(data.title)}</title><style>{STYLE}</style><script>{SCRIPT}</script></head><body><main>"
        f"<h1>{escape(data.title)}</h1><p>{escape(data.summary)}</p>" + "".join(sections) + "</main></body></html>\n"
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


def _player(audio: Float32Array, label: str, name: str = "") -> str:
    """A player; with a name, buttons can start it."""
    mime, data = encode_audio(audio)
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    named = f' id="{name}"' if name else ""
    return f'<audio controls preload="metadata"{named} aria-label="{escape(label)}" src="{source}"></audio>'


def _hear(data: ReportData) -> str:
    """The first screen: the blend, and a row of buttons for each mode."""
    first = ""
    if data.sweep is not None:
        caption = f"<figcaption>{escape(data.sweep.caption)}</figcaption>"
        first = f"<figure>{_player(data.sweep.audio, 'the blend')}{caption}</figure>"
    rows = "".join(map(_row, range(len(data.modes)), data.modes))
    return first + (f'<ul class="rows">{rows}</ul>' if rows else "")


def _row(number: int, mode: ModeSounds) -> str:
    """A mode's phrase, the recording and what the instrument makes of it, side by side."""
    heard = [Sound("phrase", mode.phrase)] if mode.phrase is not None else []
    if mode.sounds:
        heard.append(Sound("recording", mode.sounds[0].audio))
    if len(mode.sounds) > 1:
        heard.append(Sound("Tombola", mode.sounds[-1].audio))
    buttons = ""
    for place, sound in enumerate(heard):
        name, label = f"sound-{number}-{place}", f"{mode.name}, {sound.title}"
        button = f'<button data-plays="{name}" aria-label="play {escape(label)}">{escape(sound.title)}</button>'
        buttons += f"<span>{button}{_player(sound.audio, label, name)}</span>"
    dot = f'<i class="dot" style="background:{escape(mode.color)}"></i>'
    return f"<li><b>{dot}<span>{escape(mode.name)}</span></b>{buttons}</li>"


def _sweep(data: ReportData) -> str:
    sweep = data.sweep
    if sweep is None:
        return ""
    if sweep.weights.shape != (len(sweep.time_s), len(data.modes)):
        raise ShapeError(
            f"the weights of the sweep are {sweep.weights.shape}, not {(len(sweep.time_s), len(data.modes))}"
        )
    picture = sweep_svg(sweep, [mode.name for mode in data.modes], [mode.color for mode in data.modes])
    return f'<figure class="picture">{picture}</figure>'


def _mode(number: int, mode: ModeSounds) -> str:
    """Spectrograms; recording and own sound are played by the players of the mode's row, the rest here."""
    before = int(mode.phrase is not None)
    loudest_db = max((float(spectrogram_db(sound.audio).max()) for sound in mode.sounds), default=0.0)
    figures = []
    # The recording and what the instrument makes of it stand side by side, whatever else there is.
    last = len(mode.sounds) - 1
    for place in sorted(range(last + 1), key=lambda place: 0 < place < last):
        sound = mode.sounds[place]
        image = base64.b64encode(spectrogram_png(sound.audio, loudest_db)).decode()
        label = f"{mode.name}, {sound.title}"
        picture = f'<img alt="spectrogram of {escape(label)}" src="data:image/png;base64,{image}">'
        if 0 < place < last:
            player = _player(sound.audio, label)
        else:
            heard = f"sound-{number}-{before + (place > 0)}"
            player = f'<button data-plays="{heard}" aria-label="play {escape(label)}">play</button>'
        text = f"<b>{escape(sound.title)}</b>" + (f" · {escape(sound.remark)}" if sound.remark else "")
        figures.append(f"<figure>{picture}{player}<figcaption>{text}</figcaption></figure>")
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
    # Below the part that scrolls: in it a caption would be as wide as the table, and cut off on a phone.
    caption = f'<p class="soft">{escape(table.caption)}</p>' if table.caption else ""
    style = f' class="{kind}"' if kind else ""
    rows = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table{style}>{rows}</table></div>{caption}'


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
    columns = ("notes at once", "usual, µs", "99 of 100, µs", "longest, µs", "blend moving, µs", "of the time there is")
    rows = tuple(
        (
            *(f"{t.voices}", t.p50_us, t.p99_us, t.max_us, t.moving_p50_us),
            f"{100 * t.real_time_factor:.1f} %",
        )
        for t in report.timings
    )
    caption = (
        "How long 128 samples, 2.67 ms of sound, take to make, in a loop that waits for each as a sound card does; one "
        f"core, {report.machine}. {report.parameters} parameters, {report.bundle_bytes} bytes, {report.nodes} nodes, "
        f"delay {report.delay_samples} samples."
    )
    return _table(Table(columns, rows, caption))


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
    remarks = "".join(f'<p class="soft">{escape(remark)}</p>' for remark in data.remarks)
    return remarks + (_table(Table(("what", "value"), rows), "words") if rows else "")
