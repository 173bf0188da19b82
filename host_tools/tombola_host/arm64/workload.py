"""Runs in the arm64 tree, under qemu: the engine as the instrument runs it, with a mark after each period.

Arguments: folder of wheels' contents, folder of tombola_device, bundle, voices, periods. Prints nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

MARK_HELD, MARK_MOVING, MARK_GRAPH = 1, 2, 3
GETPID, MAGIC = 172, 0x7011
WARM_PERIODS = 24


def main(libraries: str, device: str, bundle_path: str, voices: int, periods: int) -> None:
    """Play ``voices`` held notes, then the same with the blend moving, then the graph alone."""
    sys.path[:0] = [libraries, device]
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import gc
    from pathlib import Path

    import numpy as np
    from tombola_device.contract.bundle import decode_bundle
    from tombola_device.engine.engine import Engine
    from tombola_device.engine.player import Player
    from tombola_device.hal.alsa import FORMATS, StereoFrames

    bundle = decode_bundle(Path(bundle_path).read_bytes())
    engine, player = Engine(bundle, voices), Player(len(bundle.manifest.modes), voices)
    engine.warm_up()
    block, frames = np.zeros(128, np.float32), StereoFrames(*FORMATS[0][1:])
    call = ctypes.CDLL(None).syscall
    low, high = bundle.manifest.modes[0].note_range
    for voice in range(voices):
        player.note_on(low + (high - low) * (voice + 0.5) / voices, 0.8)
    gc.collect()
    gc.freeze()
    gc.disable()

    def play(mark: int, controls: list[Any]) -> None:
        for period in range(WARM_PERIODS + periods):
            engine.render(controls[period % len(controls)], block)
            frames.of(block)
            if period >= WARM_PERIODS:
                call(GETPID, MAGIC, mark)

    # The blend first settles: for 100 periods after a new frame the engine glides.
    still = player.controls()
    for _ in range(110):
        engine.render(still, block)
    play(MARK_HELD, [still])
    moving = []
    for step in range(8):
        player.morph(0.3 + 0.05 * step)
        moving.append(player.controls())
    play(MARK_MOVING, moving)
    for period in range(WARM_PERIODS + periods):
        engine._session.run(voices)  # noqa: SLF001 - the graph alone is what is asked for here
        if period >= WARM_PERIODS:
            call(GETPID, MAGIC, MARK_GRAPH)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
