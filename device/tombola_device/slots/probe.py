"""The load probe: checks that an undamaged bundle plays on this device, and fast enough."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SCALAR_COLUMNS, SILENCE_DB, Float32Array
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import TIMBRE
from tombola_device.contract.manifest import Mode
from tombola_device.contract.refusals import ErrorCode, Refused, two_figures
from tombola_device.engine.engine import LOUDEST
from tombola_device.engine.onset_session import OnsetSession
from tombola_device.engine.session import Session
from tombola_device.slots.board import PERIOD_S, Board, check_cost

PROBE_PERIODS: Final = 8
PROBE_VOICES: Final = 2
TIMED_PERIODS: Final = 41
PROBE_DB: Final = -20.0


def probe_bundle(bundle: Bundle, board: Board | None = None) -> None:
    """Load a bundle's graphs, compare their tensors with the manifest, and play both ends of each mode's range.

    Args:
        bundle: A decoded bundle.
        board: The board that must be fast enough; None: do not check the speed.

    Raises:
        BadBundle: A graph refers to files outside the bundle, cannot be loaded or run, has other tensors than in the
            manifest, or its sound is not finite or louder than LOUDEST.
        Refused: The board is too slow for one voice.
    """
    known = board is None or check_cost(bundle.manifest.cost, board)
    for role, graph in bundle.manifest.graphs.items():
        run = _play_hits(bundle, role) if graph.rate == "onset" else _play_blocks(bundle, role)
        # The manifest's cost is that of a held note, so the cost of an onset is always measured.
        if not known or (board is not None and graph.rate == "onset"):
            check_speed(run)


def check_speed(run: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
    """Measure one voice of a bundle of unknown cost, in a loop paced like a sound card's.

    A graph that runs once for each onset runs in the period in which its note begins, so its bar is the same.

    The measurement runs beside the playing sound and without priority. It uses the median, which a few stalls of the
    machine do not change, and refuses only what clearly cannot play.

    Raises:
        Refused: The median run takes longer than a period.
    """
    taken_s = []
    for _ in range(TIMED_PERIODS):
        begun_s = clock()
        run()
        taken_s.append(clock() - begun_s)
        time.sleep(max(PERIOD_S - taken_s[-1], 0.0))
    median_s = statistics.median(taken_s)
    if median_s > PERIOD_S:
        raise Refused(ErrorCode.TOO_SLOW, two_figures(median_s * 1e6, PERIOD_S * 1e6))


def _play_blocks(bundle: Bundle, role: str) -> Callable[[], None]:
    """Play both ends of the range of each mode of a graph; return a run of one voice, warmed up."""
    manifest = bundle.manifest
    session = Session(bundle.graphs[role], manifest.graphs[role], PROBE_VOICES)
    rng = np.random.default_rng(0)
    for index, mode in enumerate(manifest.modes[at] for at in manifest.modes_of(role)):
        for period in range(PROBE_PERIODS):
            last = period == PROBE_PERIODS - 1
            session.controls.fill(0.0)
            session.controls[:, : len(SCALAR_COLUMNS)] = _columns(
                mode, SCALAR_COLUMNS, SILENCE_DB if last else PROBE_DB
            )
            session.controls[:, len(SCALAR_COLUMNS) + index] = 1.0
            session.noise[:] = rng.standard_normal(session.noise.shape)
            _run(lambda: session.run(PROBE_VOICES))
            _check_sound(session.sound.rows, mode)
            if not np.isfinite(session.state).all():
                raise BadBundle(f"the graph's state runs away in mode {mode.name!r}; train or export it again")
    return lambda: _run(lambda: session.run(1))


def _play_hits(bundle: Bundle, role: str) -> Callable[[], None]:
    """Do the same with a graph that makes whole hits."""
    manifest = bundle.manifest
    graph = manifest.graphs[role]
    session = OnsetSession(bundle.graphs[role], graph, PROBE_VOICES)
    for index, mode in enumerate(manifest.modes[at] for at in manifest.modes_of(role)):
        session.controls.fill(0.0)
        session.controls[:, : len(graph.columns)] = _columns(mode, graph.columns, PROBE_DB)
        session.controls[:, len(graph.columns) + index] = 1.0
        for voice in range(PROBE_VOICES):
            _run(partial(session.run, voice, 0))
        _check_sound(session.memory, mode)
    return lambda: _run(lambda: session.run(0, 0))


def _check_sound(sound: Float32Array, mode: Mode) -> None:
    if not np.isfinite(sound).all() or np.abs(sound).max() > LOUDEST:
        raise BadBundle(f"the graph plays no usable sound in mode {mode.name!r}; train or export it again")


def _columns(mode: Mode, columns: Sequence[str], loudness_db: float) -> np.ndarray:
    """Controls of an onset: the first voice plays the lowest note, the second the highest. Shape (V, C)."""
    row = dict.fromkeys(SCALAR_COLUMNS, 1.0) | {axis: mode.controls.get(axis, (0.0,) * 3)[1] for axis in TIMBRE}
    row["loudness_db"] = loudness_db
    return np.array([[(row | {"note": note})[name] for name in columns] for note in mode.note_range], np.float32)


def _run(run: Callable[[], None]) -> None:
    try:
        run()
    except Exception as error:  # onnxruntime's exceptions have no other common base.
        reason = str(error).replace("\n", " ").strip()[:200]
        raise BadBundle(f"the bundle's graph cannot be run ({reason}); export the bundle again") from error
