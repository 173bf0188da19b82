"""The cost of a bundle: its size, and the time per period in a loop that is paced like a sound card's.

A hot loop flatters: after each sleep the caches are cold and the clock is low, and a call takes 3 to 5 times as long.
The device has the paced figures; the hot figure is listed separately. The loop runs in a process of its own, on one
core, with the garbage collector frozen, like the device's audio process.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from rich.markup import escape
from rich.table import Table
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, MAX_VOICES, PERIOD_SAMPLES, Controls
from tombola_device.contract.errors import BadBundle, BadConfig
from tombola_device.engine.engine import Engine

Float64Array = npt.NDArray[np.float64]

PERIOD_S = 1 / FRAME_RATE_HZ
WARM_UP_PERIODS = 200
HOT_PERIODS = 1000
GRAPH_PERIODS = 750
NOTE_PERIODS = 187
"""A note each half second, so that a plucked mode does not fade out and cost nothing."""
START_S = 60.0
"""Time to load onnxruntime on a slow or busy machine."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Time per period of 128 samples with a number of sounding voices, µs.

    Args:
        voices: Number of sounding voices.
        periods: Number of measured periods, paced.
        p50_us: Median. ``p90_us``, ``p99_us`` and ``max_us`` likewise.
        real_time_factor: Median divided by the length of a period.
        moving_p50_us: Paced median while blend, timbre and loudness change in every period, as in a performance; the
            figures above are for held notes.
        hot_p50_us: Median without pauses between periods; no device plays like that.
        graph_p50_us: Paced median of the graph alone; the engine needs the rest.
    """

    voices: int
    periods: int
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    real_time_factor: float
    moving_p50_us: float
    hot_p50_us: float
    graph_p50_us: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Size and time of a bundle.

    Args:
        name: The bundle's name.
        parameters: Number of the network's parameters.
        bundle_bytes: Size of the file; ``onnx_bytes``: of the graphs in it.
        nodes: Number of the graphs' nodes, without constants.
        state_tensors: Number of tensors carried from period to period.
        delay_samples: As in the manifest.
        timings: One for each number of voices.
        machine: The machine that was measured.
        core: The core to which the loop was bound; None where the system cannot bind it.
        fifo: Whether the loop had SCHED_FIFO, as on the device.
    """

    name: str
    parameters: int
    bundle_bytes: int
    onnx_bytes: int
    nodes: int
    state_tensors: int
    delay_samples: int
    timings: tuple[Timing, ...]
    machine: str
    core: int | None
    fifo: bool


@dataclass(frozen=True, slots=True)
class _Measured:
    """The result of the measuring process."""

    timings: tuple[Timing, ...]
    core: int | None
    fifo: bool


def bench(bundle: Path, voices: Sequence[int] = (1, 4), seconds: float = 10.0) -> BenchReport:
    """Measure a bundle in a fresh process.

    Args:
        bundle: The file.
        voices: Numbers of voices to measure, 1 … MAX_VOICES each.
        seconds: Length of the paced measurement for each of them.

    Raises:
        BadBundle: The file cannot be read or played.
        BadConfig: ``voices`` or ``seconds`` is out of range.
    """
    if not voices or not all(1 <= count <= MAX_VOICES for count in voices) or not 0.1 <= seconds <= 3600:
        raise BadConfig(f"bench takes 1 to {MAX_VOICES} voices and 0.1 to 3600 seconds, not {list(voices)}, {seconds}")
    data = _read(bundle)
    manifest = decode_bundle(data).manifest
    measured = _in_fresh_process(bundle, voices, seconds)
    return BenchReport(
        name=manifest.name,
        parameters=manifest.cost.parameters,
        bundle_bytes=len(data),
        onnx_bytes=manifest.cost.onnx_bytes,
        nodes=manifest.cost.nodes,
        state_tensors=manifest.cost.state_tensors,
        delay_samples=manifest.delay_samples,
        timings=measured.timings,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        core=measured.core,
        fifo=measured.fifo,
    )


def as_json(report: BenchReport) -> str:
    """One JSON object with the fields of ``BenchReport``, indented."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def as_table(report: BenchReport) -> Table:
    """The report as a table for a terminal, printed by rich."""
    caption = (
        f"{report.parameters} parameters, {report.bundle_bytes} bytes, {report.nodes} nodes, "
        f"{report.state_tensors} state tensor(s), delay {report.delay_samples} samples; "
        f"µs per period of {PERIOD_SAMPLES} samples ({PERIOD_S * 1e6:.0f} µs), {report.machine}"
    )
    table = Table(title=escape(report.name), title_justify="left", caption=escape(caption), caption_justify="left")
    for column in ("voices", "p50", "p90", "p99", "max", "real-time factor", "p50 moving", "p50 graph", "p50 hot"):
        table.add_column(column, justify="right")
    for timing in report.timings:
        figures = (timing.p50_us, timing.p90_us, timing.p99_us, timing.max_us)
        cells = [f"{figure:.0f}" for figure in figures]
        apart = [f"{figure:.0f}" for figure in (timing.moving_p50_us, timing.graph_p50_us, timing.hot_p50_us)]
        table.add_row(str(timing.voices), *cells, f"{timing.real_time_factor:.4f}", *apart)
    return table


def _read(bundle: Path) -> bytes:
    try:
        return bundle.read_bytes()
    except OSError as error:
        raise BadBundle(f"the bundle {bundle} cannot be read ({error.strerror}); check the path") from error


def _in_fresh_process(bundle: Path, voices: Sequence[int], seconds: float) -> _Measured:
    # A fresh interpreter has no torch, no threads and no garbage of the caller.
    command = [sys.executable, "-m", "tombola_host.cost.bench", str(bundle), json.dumps(list(voices)), str(seconds)]
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    limit_s = START_S + len(voices) * 2 * (seconds + START_S)
    try:
        result = subprocess.run(command, env=environment, capture_output=True, timeout=limit_s, check=True)
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.decode(errors="replace").strip().splitlines() or [f"exit {error.returncode}"])[-1]
        raise BadBundle(f"{bundle} cannot be measured: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise BadBundle(f"{bundle} took more than {limit_s:.0f} s to measure; is it far too large?") from error
    return msgspec.json.decode(result.stdout, type=_Measured)


def _measure(bundle: Bundle, voices: Sequence[int], seconds: float) -> _Measured:
    core, fifo = _alone_on_a_core()
    return _Measured(tuple(_time(bundle, count, max(int(seconds / PERIOD_S), 1)) for count in voices), core, fifo)


def _time(bundle: Bundle, voices: int, periods: int) -> Timing:
    engine = Engine(bundle, voices)
    engine.warm_up()
    held, moving = _held(bundle, voices), _moving(bundle, voices)
    out = np.zeros(PERIOD_SAMPLES, np.float32)

    def render(period: int) -> None:
        engine.render(held[period % len(held)], out)

    def render_moving(period: int) -> None:
        engine.render(moving[period % len(moving)], out)

    def run_graphs(_: int) -> None:
        for renderer in engine.renderers:
            renderer.run(voices)

    gc.collect()
    gc.freeze()
    gc.disable()
    _times_us(render, WARM_UP_PERIODS)
    paced = _times_us(render, periods)
    hot = _times_us(render, HOT_PERIODS, paced=False)
    swept = _times_us(render_moving, min(periods, GRAPH_PERIODS))
    # A graph has no branches, so it takes the same time at rest. A graph that runs for each onset is included.
    graph = _times_us(run_graphs, min(periods, GRAPH_PERIODS))
    gc.enable()
    p50, p90, p99 = (round(float(value), 1) for value in np.percentile(paced, (50, 90, 99)))
    return Timing(
        voices=voices,
        periods=periods,
        p50_us=p50,
        p90_us=p90,
        p99_us=p99,
        max_us=round(float(paced.max()), 1),
        real_time_factor=round(p50 / (PERIOD_S * 1e6), 5),
        moving_p50_us=round(float(np.median(swept)), 1),
        hot_p50_us=round(float(np.median(hot)), 1),
        graph_p50_us=round(float(np.median(graph)), 1),
    )


def _alone_on_a_core() -> tuple[int | None, bool]:
    core, fifo = None, False
    if sys.platform == "linux":
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
            fifo = True
        except OSError:
            fifo = False  # Only root and the audio group may set it; without it there are more outliers.
    return core, fifo


def _held(bundle: Bundle, voices: int) -> list[Controls]:
    """Notes held for half a second, in each mode in turn; one frame of controls per note, as on the device."""
    modes = len(bundle.manifest.modes)
    frames = []
    for mode in range(modes):
        blend = np.eye(modes, dtype=np.float32)[mode]
        frames += [_controls(bundle, voices, mode + 1, blend)] * NOTE_PERIODS
    return frames


def _moving(bundle: Bundle, voices: int) -> list[Controls]:
    """The same notes while the blend moves through all modes and the timbre follows; one frame per period."""
    modes, length = len(bundle.manifest.modes), 2 * NOTE_PERIODS
    frames = []
    for period in range(length):
        place = period / length * modes
        distance = np.abs((np.arange(modes) - place + modes / 2) % modes - modes / 2)
        weights = np.clip(1.0 - distance, 0.0, None) if modes > 1 else np.ones(1)
        blend = (weights / weights.sum()).astype(np.float32)
        frames.append(_controls(bundle, voices, 1 + period // NOTE_PERIODS, blend, period / length))
    return frames


def _controls(bundle: Bundle, voices: int, onset: int, blend: npt.NDArray[np.float32], timbre: float = 0.5) -> Controls:
    modes = bundle.manifest.modes
    low, high = max(mode.note_range[0] for mode in modes), min(mode.note_range[1] for mode in modes)
    return Controls(
        note=np.linspace(low, max(high, low), voices + 2)[1:-1].astype(np.float32),
        gate=np.ones(voices, np.bool_),
        velocity=np.full(voices, 0.8, np.float32),
        onset=np.full(voices, onset, np.int32),
        onset_s=np.zeros(voices),
        blend=np.tile(blend, (voices, 1)),
        bend_semitones=np.zeros(voices, np.float32),
        glide_s=np.zeros(voices, np.float32),
        loudness_db=np.zeros(voices, np.float32),
        timbre=np.full((voices, 2), timbre, np.float32),
        life=np.ones(voices, np.float32),
    )


def _times_us(work: Callable[[int], None], periods: int, *, paced: bool = True) -> Float64Array:
    times_ns = np.zeros(periods, np.int64)
    due = time.perf_counter()
    for period in range(periods):
        if paced:
            due += PERIOD_S
            pause = due - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
        begin = time.perf_counter_ns()
        work(period)
        times_ns[period] = time.perf_counter_ns() - begin
    return times_ns / 1e3


def _main(arguments: Sequence[str]) -> None:
    path, voices, seconds = arguments
    measured = _measure(decode_bundle(Path(path).read_bytes()), json.loads(voices), float(seconds))
    sys.stdout.buffer.write(msgspec.json.encode(measured))


if __name__ == "__main__":
    _main(sys.argv[1:])
