"""The load probe: checks that an undamaged bundle plays on this device, and fast enough."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import SCALAR_COLUMNS, SILENCE_DB
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.manifest import Mode
from tombola_device.contract.refusals import ErrorCode, Refused, two_figures
from tombola_device.engine.session import Session
from tombola_device.slots.board import PERIOD_S, Board, check_cost

PROBE_PERIODS: Final = 8
PROBE_VOICES: Final = 2
TIMED_PERIODS: Final = 41
PROBE_DB: Final = -20.0
LOUDEST: Final = 100.0
"""40 dB over full scale. The limiter handles less, but a louder graph was not trained on sound."""


def probe_bundle(bundle: Bundle, board: Board | None = None) -> None:
    """Load a bundle's graph, compare its tensors with the manifest, and play both ends of each mode's range.

    Args:
        bundle: A decoded bundle.
        board: The board that must be fast enough; None: do not check the speed.

    Raises:
        BadBundle: The graph refers to files outside the bundle, cannot be loaded or run, has other tensors than in the
            manifest, or its sound is not finite or louder than LOUDEST.
        Refused: The board is too slow for one voice.
    """
    known = board is None or check_cost(bundle.manifest.cost, board)
    session = _play(bundle)
    if not known:
        check_speed(lambda: _run(session, 1))


def check_speed(run: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
    """Measure one voice of a bundle of unknown cost, in a loop paced like a sound card's.

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


def _play(bundle: Bundle) -> Session:
    """Play both ends of each mode's range; return the warmed-up session."""
    session = Session(bundle.onnx, bundle.manifest, PROBE_VOICES)
    rng = np.random.default_rng(0)
    for index, mode in enumerate(bundle.manifest.modes):
        for period in range(PROBE_PERIODS):
            last = period == PROBE_PERIODS - 1
            session.controls.fill(0.0)
            session.controls[:, : len(SCALAR_COLUMNS)] = _columns(mode, SILENCE_DB if last else PROBE_DB)
            session.controls[:, len(SCALAR_COLUMNS) + index] = 1.0
            session.noise[:] = rng.standard_normal(session.noise.shape)
            _run(session, PROBE_VOICES)
            if not np.isfinite(session.sound.rows).all() or np.abs(session.sound.rows).max() > LOUDEST:
                raise BadBundle(f"the graph plays no usable sound in mode {mode.name!r}; train or export it again")
            if not np.isfinite(session.state).all():
                raise BadBundle(f"the graph's state runs away in mode {mode.name!r}; train or export it again")
    return session


def _columns(mode: Mode, loudness_db: float) -> np.ndarray:
    """Controls of an onset: the first voice plays the lowest note, the second the highest. Shape (V, 7)."""
    row = dict.fromkeys(SCALAR_COLUMNS, 1.0) | {"timbre_x": mode.timbre_x[1], "timbre_y": mode.timbre_y[1]}
    row["loudness_db"] = loudness_db
    return np.array([[(row | {"note": note})[name] for name in SCALAR_COLUMNS] for note in mode.note_range], np.float32)


def _run(session: Session, voices: int) -> None:
    try:
        session.run(voices)
    except Exception as error:  # onnxruntime's exceptions have no other common base.
        reason = str(error).replace("\n", " ").strip()[:200]
        raise BadBundle(f"the bundle's graph cannot be run ({reason}); export the bundle again") from error
