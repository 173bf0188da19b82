"""The load probe: checks that an undamaged bundle plays on this device, and fast enough.

declared cost ► graphs load and fit the manifest ► time of one voice ► rehearsal
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import MAX_VOICES
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.refusals import ErrorCode, Refused, two_figures
from tombola_device.engine.board import PERIOD_S, Board, check_cost
from tombola_device.engine.engine import Engine
from tombola_device.engine.rehearsal import rehearse
from tombola_device.engine.renderer import Renderer
from tombola_device.engine.runtime import reason_of

TIMED_PERIODS: Final = 41


def probe_bundle(bundle: Bundle, board: Board | None = None) -> None:
    """Load a bundle's graphs, compare their tensors with the manifest, measure them, and rehearse the bundle.

    Args:
        bundle: A decoded bundle.
        board: The board that must be fast enough; None: do not check the speed.

    Raises:
        BadBundle: A graph is refused (``graph_check``), cannot be loaded or run, has other tensors than in the
            manifest, or fails its rehearsal.
        Refused: The board is too slow for one voice, by what the bundle declares or by what was measured.
    """
    if board is not None:
        check_cost(bundle.manifest.cost, board)
    engine = Engine(bundle, MAX_VOICES)
    if board is not None:  # Whatever is declared: a declaration can be wrong.
        for renderer in engine.renderers:
            check_speed(partial(_run_one_voice, renderer))
    engine.warm_up()
    rehearse(engine)


def _run_one_voice(renderer: Renderer) -> None:
    try:
        renderer.run(1)
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception.
        raise BadBundle(f"a graph cannot be run ({reason_of(error)}); export it again") from error


def check_speed(run: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
    """Measure one voice, in a loop paced like a sound card's.

    A graph that runs once for each onset runs in the period in which its note begins, so its bar is the same. How long
    a run takes depends on the number of voices alone (``operators``).

    The measurement runs beside the playing sound and without priority. It uses the median, which a few stalls of the
    machine do not change, and refuses only what clearly cannot play.

    Raises:
        Refused: The median run takes longer than a period.
    """
    taken_s: list[float] = []
    # Once more than half of the runs were too long, so is the median.
    while len(taken_s) < TIMED_PERIODS and sum(time_s > PERIOD_S for time_s in taken_s) <= TIMED_PERIODS // 2:
        begun_s = clock()
        run()
        taken_s.append(clock() - begun_s)
        time.sleep(max(PERIOD_S - taken_s[-1], 0.0))
    median_s = statistics.median(taken_s)
    if median_s > PERIOD_S:
        raise Refused(ErrorCode.TOO_SLOW, two_figures(median_s * 1e6, PERIOD_S * 1e6))
