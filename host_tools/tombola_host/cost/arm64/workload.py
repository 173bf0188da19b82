"""Runs in the arm64 tree under qemu: the engine as on the instrument, with a mark after each period.

Arguments: folder of the unpacked wheels, folder of tombola_device, bundle, voices, periods. Prints nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tombola_device.contract.controls import Float32Array
    from tombola_device.engine.engine import Engine
    from tombola_device.hal.audio.alsa import StereoFrames

MARK_HELD, MARK_MOVING, MARK_LOOP, MARK_GRAPH, MARK_NOTHING = 1, 2, 3, 4, 5
GETPID, MAGIC = 172, 0x7011
WARM_PERIODS = 6
SETTLED_PERIODS = 101
"""After a new frame the engine glides for 100 periods. Some 40 periods later the first mode's attack is over, and a
constant level is cheaper."""


def main(libraries: str, device: str, bundle_path: str, voices: int, periods: int) -> None:
    """Play ``voices`` held notes, then with the blend moving, then in the audio loop; then run the graph alone."""
    sys.path[:0] = [libraries, device]
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import gc
    from itertools import cycle
    from pathlib import Path

    import numpy as np
    from tombola_device.contract.bundle import decode_bundle
    from tombola_device.engine.engine import Engine
    from tombola_device.hal.audio.alsa import FORMATS, StereoFrames
    from tombola_device.play.player import Player

    bundle = decode_bundle(Path(bundle_path).read_bytes())
    engine, player = Engine(bundle, voices), Player(len(bundle.manifest.modes), voices)
    engine.warm_up()
    block, frames = np.zeros(128, np.float32), StereoFrames(*FORMATS[0][1:])
    call = ctypes.CDLL(None).syscall
    low, high = bundle.manifest.modes[0].note_range
    for voice in range(voices):
        player.note_on(low + (high - low) * (voice + 0.5) / voices, 0.8)
    still, packed, moving = player.controls(), player.packed(), []
    for step in range(8):
        player.morph(0.3 + 0.05 * step)
        moving.append(player.controls())
    period_of_loop = _loop(engine, packed, frames)
    gc.collect()
    gc.freeze()
    gc.disable()

    def repeat(mark: int, run: Callable[[], None]) -> None:
        for period in range(WARM_PERIODS + periods):
            run()
            if period >= WARM_PERIODS:
                call(GETPID, MAGIC, mark)

    turn = cycle(moving)

    def held() -> None:
        engine.render(still, block)
        frames.of(block)

    def moved() -> None:
        engine.render(next(turn), block)
        frames.of(block)

    for _ in range(SETTLED_PERIODS):
        held()
    repeat(MARK_HELD, held)
    repeat(MARK_MOVING, moved)
    for _ in range(SETTLED_PERIODS):
        period_of_loop()
    repeat(MARK_LOOP, period_of_loop)
    graph = engine.renderers[0]
    repeat(MARK_GRAPH, lambda: graph.run(voices))
    repeat(MARK_NOTHING, lambda: None)  # The cost of a mark, to be subtracted from the others.


def _loop(engine: Engine, packed: bytes, frames: StereoFrames) -> Callable[[], None]:
    """One period of the audio process's loop, with a card that accepts everything at once; conversion is included."""
    from tombola_device.audio.frames import ControlsWriter, memory_bytes
    from tombola_device.audio.process import AudioLoop
    from tombola_device.hal.audio.files import NullOut

    class Card(NullOut):
        def write(self, block: Float32Array) -> bool:
            frames.of(block)
            return True

    memory = memoryview(bytearray(memory_bytes(engine.voices)))
    ControlsWriter(memory, engine.voices).write(packed)
    loop, card = AudioLoop(engine, "", memory, engine.voices), Card(paced=False)
    rendered = loop._budget.rendered  # noqa: SLF001 - emulation is slow: the budget would remove voices
    setattr(loop._budget, "rendered", lambda _, sounding: rendered(100.0, sounding))  # noqa: SLF001, B010
    loop._overload = type(loop._overload)(clock=lambda: 0.0)  # noqa: SLF001 - it would mute the bundle
    return lambda: loop._period(card)  # noqa: SLF001 - this is the function to count


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
