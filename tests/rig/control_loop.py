"""Measures what a tick of the control loop costs, and how long the longest one is while everything happens.

    python tests/rig/control_loop.py [--ticks N]

The real loop runs over a fake panel, a fake audio process and a real disk, a tick each millisecond. Times are also
ratios to an empty tick of the same run: the same loop without panel, face and status file. A shared machine stalls for
10 ms and more, which hits the empty loop too; under ``chrt -f 5`` other programs do not add to that.

  idle     nobody touches anything
  playing  a note each 50 ms, a knob as often as it is read (125 times a second), the blend 100 times a second
  moving   something moves in each tick, so that each makes a frame of controls
  disk     as idle, and scenes, settings and the status are written all the time, each scene and setting synced
  bundles  as disk, and a bundle of 50 MB is read, checked and hashed, as going back to another one does
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from tombola_device.audio.fake import FakeAudio
from tombola_device.audio.frames import ControlsWriter, memory_bytes
from tombola_device.audio.realtime import SWITCH_INTERVAL_S
from tombola_device.config import Config
from tombola_device.contract.bundle import Bundle, bundle_sha256, check_bundle, decode_bundle, encode_bundle
from tombola_device.daemon.console import Hardware, build_console
from tombola_device.daemon.daemon import Daemon
from tombola_device.daemon.performance import Performance
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.midi.port import FakeMidi
from tombola_device.hal.panel.display import FakeDisplay
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.hal.panel.memory import FileMemory
from tombola_device.surface.actions import Choose, SaveScene
from tombola_device.surface.fake import FakeFace
from tombola_device.surface.scenes import SceneStore

BUNDLE = Path(__file__).parents[2] / "models" / "quartet" / "quartet.tombola"
LARGE_BYTES = 50_000_000


class Sending(FakeAudio):
    """A fake that publishes its frames in shared memory, as the real one does."""

    def __init__(self, bundle: Path, voices: int) -> None:
        super().__init__(bundle, voices)
        self._writer = ControlsWriter(memoryview(bytearray(memory_bytes(voices))), voices)

    def send(self, controls: bytes, stamp_s: float = 0.0) -> None:
        """See Audio; nothing is kept."""
        self._writer.write(controls, stamp_s)


class Rig:
    """The loop over fakes; ``full`` gives it a panel, a face and the status file."""

    def __init__(self, folder: Path, *, full: bool) -> None:
        folder.mkdir()
        config = Config(state_dir=str(folder), factory=str(BUNDLE), midi="none", panel="none")
        self.daemon = Daemon(config, Performance(), lambda line: None)
        self.midi, self.panel, self.face = FakeMidi(), FakePanel(), FakeFace()
        self.audio = Sending(BUNDLE, config.voices)
        hardware = Hardware(
            FileMemory(folder / "calibration.bin"),
            [self.midi],
            self.panel if full else None,
            FakeDisplay(),
            Leds(FakeI2c({64: FakePca9685()}), 64),
        )
        player, errands = self.daemon._player, self.daemon.errands
        faces = [self.face] if full else []
        self.console = build_console(
            hardware, SceneStore(DiskFiles(), folder / "scenes"), player, self.daemon, errands, faces
        )
        self.daemon.state = self.daemon._started(self.console, False, self.audio)
        if not full:
            self.daemon._status_file = SimpleNamespace(tick=lambda *_: None)  # type: ignore[assignment]

    def ticks_us(self, count: int, play: Callable[[int], None] = lambda tick: None) -> list[float]:
        """Time of each of ``count`` ticks, µs; ``play`` is called before each, and its time is not counted."""
        taken_us = []
        for tick in range(count):
            if tick % 21 == 0:
                self.audio.play(8)
            play(tick)
            begun_s = time.perf_counter()
            self.daemon._tick(self.console)
            taken_us.append((time.perf_counter() - begun_s) * 1e6)
            time.sleep(0.001)
        return taken_us

    def plays(self, tick: int) -> None:
        """Notes, a knob and the blend."""
        if tick % 50 == 0:
            self.midi.press(60 + tick // 50 % 12)
        elif tick % 50 == 40:
            self.midi.release(60 + tick // 50 % 12)
        if tick % 8 == 0:
            self.panel.turn(5, tick % 500 / 500)
        if tick % 10 == 0:
            self.midi.turn(1, tick // 10 % 128)

    def moves(self, tick: int) -> None:
        """The blend, in each tick."""
        self.midi.turn(1, tick % 128)

    def writes(self, tick: int) -> None:
        """Scenes and settings."""
        if tick % 20 == 0:
            self.face.press(SaveScene(tick // 20 % 16))
        if tick % 100 == 0:
            self.face.press(Choose("velocity", ("soft", "hard")[tick // 100 % 2]))

    def reads(self, large: Path, tick: int) -> None:
        """A large file, beside the scenes."""
        if tick % 500 == 0:
            self.daemon.errands.send(lambda: check(large.read_bytes()))
        self.writes(tick)

    def close(self) -> None:
        """End the threads."""
        self.daemon.errands.close()
        self.console.close()


def check(data: bytes) -> str:
    """What the store does with a bundle before it leads back to it."""
    check_bundle(data)
    return bundle_sha256(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=5000, help="ticks of each kind")
    count = parser.parse_args().ticks
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # As ``tombolad run`` does.
    with tempfile.TemporaryDirectory(dir=".") as name:  # Not in memory, where a file needs no sync.
        folder = Path(name)
        large = folder / "large"
        manifest = decode_bundle(BUNDLE.read_bytes()).manifest
        graphs = {role: os.urandom(LARGE_BYTES) for role in manifest.graphs}
        large.write_bytes(encode_bundle(Bundle(manifest, graphs)))
        empty, full = Rig(folder / "empty", full=False), Rig(folder / "full", full=True)
        kinds = {
            "empty": (empty, lambda tick: None),
            "idle": (full, lambda tick: None),
            "playing": (full, full.plays),
            "moving": (full, full.moves),
            "disk": (full, full.writes),
            "bundles": (full, partial(full.reads, large)),
        }
        for rig in (empty, full):
            rig.ticks_us(300)
        base_us = 0.0
        print(f"{'':8} {'median':>9} {'ratio':>6} {'p99':>9} {'longest':>9} {'over 5 ms':>9}")
        for kind, (rig, play) in kinds.items():
            taken_us = sorted(rig.ticks_us(count, play))
            median_us, p99_us = statistics.median(taken_us), taken_us[int(0.99 * count)]
            base_us = base_us or median_us
            over = sum(taken > 5000 for taken in taken_us)
            ratio, longest_us = median_us / base_us, taken_us[-1]
            print(f"{kind:8} {median_us:6.0f} µs {ratio:6.1f} {p99_us:6.0f} µs {longest_us:6.0f} µs {over:9}")
        for rig in (empty, full):
            rig.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
