"""The whole instrument in one process and in virtual time, over the fakes that ship: the patient of the campaign.

Real: the control loop, the states, the surface, the store, flashd, the panel on mock pins, the MIDI sources, the audio
loop with its engine, the card that returns. Fake: the chips, the pins, the ports, the disk, the card, the processes,
the time. Between the two stands a ``Tap`` on each Protocol.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import gpiozero.pins.mock
import msgspec
from faults import Plan, Tap
from gpiozero.pins.mock import MockFactory
from parts import (
    COARSE_S,
    FINE_S,
    PERIOD_S,
    PROTOCOLS,
    VOICES,
    AtOnce,
    Backend,
    Clock,
    Heard,
    InTurn,
    Later,
    Line,
    Passing,
    PassingThread,
    Process,
    Speaker,
    Wire,
)
from tombola_device.config import Config
from tombola_device.contract.bundle import bundle_sha256, decode_bundle
from tombola_device.contract.errors import DeviceUnavailable, TombolaError
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.daemon import bundles as bundles_module
from tombola_device.daemon import console as console_module
from tombola_device.daemon import daemon as daemon_module
from tombola_device.daemon import status_file as status_module
from tombola_device.daemon.console import Hardware, build_console
from tombola_device.daemon.daemon import Daemon
from tombola_device.daemon.performance import Performance
from tombola_device.daemon.trial import LONG_PERIODS
from tombola_device.disk.fake import FakeFiles
from tombola_device.engine.engine import Engine
from tombola_device.flash import serve as serve_module
from tombola_device.hal.audio import returning as returning_module
from tombola_device.hal.keyboard.port import FakeKeyboard
from tombola_device.hal.midi.din import DinIn
from tombola_device.hal.midi.held import Sources
from tombola_device.hal.midi.ports import FakePort, PortsIn
from tombola_device.hal.midi.typed import TypedIn
from tombola_device.hal.panel import readings as readings_module
from tombola_device.hal.panel.converters import FULL_SCALE, FakeConverter
from tombola_device.hal.panel.cv_out import CvOut, FakeMcp4728
from tombola_device.hal.panel.display import FakeDisplay
from tombola_device.hal.panel.gpio import GpioPanel, resting_shares
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.hal.panel.memory import FakeMemory
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.hal.panel.port import BUTTONS, GATES, POWER_FAILS, shares_at_rest
from tombola_device.surface.actions import CancelCalibration, Choose, StopLearning
from tombola_device.surface.fake import FakeFace
from tombola_device.surface.scenes import SceneStore

STATE = Path("/state")


class Stage:
    """One instrument, which may be killed and started again; its disk, memory, pins and cables stay.

    Args:
        folder: For the factory bundle.
        bundles: Name → encoded bundle: ``factory`` and at least two others.
        seed: Of garbage.
        like: A stage whose disk and memory it begins with.
    """

    def __init__(self, folder: Path, bundles: dict[str, bytes], seed: int = 0, like: Stage | None = None) -> None:
        self.clock, self.speaker, self.log = Clock(), Speaker(), Heard()
        self.plan = Plan(lambda: self.clock.now_s, self._slow)
        self.plan.rng.seed(seed)
        self.bundles, self.factory = bundles, folder / "factory.tombola"
        if not self.factory.exists():
            self.factory.write_bytes(bundles["factory"])
        self.disk = FakeFiles() if like is None else like.disk.after_power_cut(random.Random(0))
        self.memory, self.backend = FakeMemory(), Backend(self.plan)
        self.memory.image[:] = self.memory.image if like is None else like.memory.image
        self.keyboard: FakePort = self.backend.plug("keyboard")
        self.letters = FakeKeyboard()
        self.din = Wire()
        self.pins = load_pin_map()
        rests = shares_at_rest(self.pins)
        self.converters = {name: FakeConverter() for name in self.pins.spi}
        for name, share in rests.items():
            self.patch(name, share)
        for knob, position in enumerate((1.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 1.0), 1):
            self.patch(f"KNOB_{knob}", position)
        self.pins_factory: Any = None
        self._unmute: Any = None
        self.processes: list[Process] = []
        self.dies_at_start = 0
        self.sender: Sender | None = None
        self.sessions = itertools.count(1)
        self.ended = ""
        """Why the daemon has ended by itself, in its own sentence."""
        self.notes: list[str] = []
        self.notices: list[str] = []
        self._engines: dict[str, list[Engine]] = {}
        self._owing = 0.0

    # Its life

    def boot(self) -> None:
        """Start the daemon, as systemd does."""
        self.ended = ""
        self.line = Line()
        self.face = FakeFace()
        config = Config(
            state_dir=str(STATE), factory=str(self.factory), midi="none", panel="none", voices=VOICES, serial="line"
        )
        self.daemon = Daemon(config, Performance(), self.note)
        self.starter = self.daemon._starts
        bundles, clock = self.daemon.bundles, self.clock.monotonic
        bundles._flashd = self.flashd = serve_module.Flashd(
            "line",
            bundles.store,
            bundles.install,
            self.daemon.playing,
            lambda _: self._tap(self.line, "SerialPort"),
            bundles.owner,
            bundles.board,
        )
        held: Sources = []
        sources = [
            PortsIn("", self._tap(self.backend, "MidiBackend"), clock, held),
            DinIn("din", thru=True, open_port=lambda _: self._tap(self.din, "Uart"), clock=clock, sources=held),
            TypedIn(self._tap(self.letters, "Keyboard"), clock=clock, sources=held),
        ]
        bus = self._tap(FakeI2c({self.pins.i2c.addresses["DAC"]: FakeMcp4728(), 64: FakePca9685()}), "I2cBus")
        self.pins_factory = MockFactory()
        self._unmute = None
        for name in (*GATES, *BUTTONS, POWER_FAILS):
            if name in self.pins.active_low:
                self._pin(name).drive_high()
        converters = {name: self._tap(converter, "Converter") for name, converter in self.converters.items()}
        cv_out = _if_it_answers(lambda: CvOut(bus, self.pins.i2c.addresses["DAC"], resting_shares(self.pins)))
        panel = GpioPanel(self.pins, converters, cv_out, self.pins_factory)
        self.display, leds = FakeDisplay(), _if_it_answers(lambda: Leds(bus, 64))
        hardware = Hardware(
            self._tap(self.memory, "Memory"),
            [self._tap(source, "MidiIn") for source in sources],
            self._tap(panel, "Panel"),
            self._tap(self.display, "Display"),
            None if leds is None else self._tap(leds, "Lights"),
            clock,
        )
        self.console = build_console(
            hardware,
            SceneStore(console_module.DiskFiles(), STATE / "scenes"),
            self.daemon._player,
            self.daemon,
            self.daemon.errands,
            [self.face],
        )
        self.daemon._boot(self.console)

    def kill(self) -> None:
        """End the daemon as SIGKILL does; its audio process notices that and ends."""
        for process in self.processes:
            process.stop()
        self.processes.clear()
        self.line = Line()

    def end(self) -> None:
        """End the daemon as SIGTERM does, and start it again."""
        try:
            self.daemon.state.close()
            self.flashd.close()
            self.console.close()
            self.daemon.errands.close()
        except Exception as error:  # noqa: BLE001 - it ends with a traceback
            self.note(f"the daemon dies of {error!r} at {_place(error)}")
        self.restart()

    def restart(self) -> None:
        """As systemd does after an end."""
        self.kill()
        for _ in range(20):
            self.clock.now_s += 1.0
            try:
                self.boot()
            except TombolaError as error:
                self.ended = str(error)
                self.note(f"the daemon ends: {error}")
                continue
            except Exception as error:  # noqa: BLE001 - it ends with a traceback
                self.note(f"the daemon dies of {error!r} at {_place(error)}")
                continue
            return

    @property
    def process(self) -> Process | None:
        """The audio process that lives."""
        return next((process for process in self.processes if process.alive), None)

    @property
    def muted(self) -> bool:
        """Whether the panel mutes the output."""
        if self._unmute is None:
            self._unmute = self._pin("AUDIO_MUTE")
        return not self._unmute.state

    @property
    def player(self) -> Any:
        """The player."""
        return self.daemon._player

    def run(self, seconds: float, tick_s: float = COARSE_S) -> None:
        """Let time pass."""
        for _ in range(max(round(seconds / tick_s), 1)):
            self.tick(tick_s)

    def tick(self, tick_s: float) -> None:
        """One tick of the control loop, and what happens beside it."""
        self.clock.now_s += tick_s
        self._owing += tick_s
        periods = int(self._owing / PERIOD_S + 1e-6)
        self._owing -= periods * PERIOD_S
        for process in list(self.processes):
            process.advance(periods)
            if not process.alive and process is not getattr(self.daemon.state, "audio", None):
                self.processes.remove(process)
        if self.process is None:
            self.speaker.now = 0.0
        self._host()
        self.flashd.poll()
        self.starter.work()
        self.display.images.clear()
        self.din.up.clear()
        try:
            self.daemon._tick(self.console)
        except TombolaError as error:
            self.ended = str(error)
            self.note(f"the daemon ends: {error}")
            self.restart()
            return
        except Exception as error:  # noqa: BLE001 - it ends with a traceback
            self.note(f"the daemon dies of {error!r} at {_place(error)}")
            self.restart()
            return
        if (notice := self.face.see().notice) and notice not in self.notices[-1:]:
            self.notices.append(notice)

    # Hands

    def press(self, note: int) -> None:
        """Press a key of the keyboard."""
        self.keyboard.send((0x90, note, 100))

    def release(self, note: int) -> None:
        """Release it."""
        self.keyboard.send((0x80, note, 0))

    def gate(self, *, high: bool) -> None:
        """Move the gate input."""
        self._drive("GATE_IN", high=high)

    def patch(self, name: str, share: float) -> None:
        """Set an analogue input to a share of its range."""
        pin = self.pins.adc.get(name)
        if pin is not None:
            self.converters[pin.converter].set(pin.channel, round(share * FULL_SCALE))

    def tidy(self) -> None:
        """What a player does after a wild hand has played: all notes off, controllers at rest, knobs put back."""
        for channel in range(16):
            for controller in (121, 123):
                self.keyboard.send((0xB0 | channel, controller, 0))
        for controller, value in ((101, 0), (100, 6), (6, 0), (7, 127), (11, 127), (5, 0)):
            self.keyboard.send((0xB0, controller, value))
        self.gate(high=False)
        for high in (True, False):
            self._drive("SHIFT", high=high)
            self.run(0.02, FINE_S)
        self.run(0.03, FINE_S)
        self.face.press(CancelCalibration())
        self.face.press(StopLearning())
        for option, word in (("MIDI channel", "all"), ("voices", "poly"), ("CV I", "none"), ("MPE keys", "off")):
            self.face.press(Choose(option, word))
        self.run(0.1)
        for positions in (
            (0.0, 0.0, 0.0),
            (1.0, 1.0, 1.0),
            (1.0, 0.5, 1.0),
        ):  # All the way: a knob may wait to be picked up.
            for knob, position in zip((8, 6, 1), positions, strict=True):
                self.patch(f"KNOB_{knob}", position)
            self.run(0.03, FINE_S)

    def flash(self, name: str) -> None:
        """Begin to send a bundle."""
        self.sender = Sender(self.bundles[name], next(self.sessions))

    # What the rig is made of

    def engine(self, path: Path) -> tuple[Engine, str]:
        """An engine for the bundle in a file, as ``load_engine`` makes it."""
        data = self.factory.read_bytes() if path == self.factory else self.disk.read(path)
        sha256 = bundle_sha256(data)
        free = self._engines.setdefault(sha256, [])
        busy = {id(engine) for process in self.processes if process.alive for engine in process.loop._known}
        engine = next((engine for engine in free if id(engine) not in busy), None)
        if engine is None:
            neighbour = next((other for engines in self._engines.values() for other in engines), None)
            engine = Engine(decode_bundle(data), VOICES, neighbour=neighbour)
            engine.warm_up()
            free.append(engine)
        engine.mute("rests")
        engine.fault, engine._frame, engine._seen, engine._limit = "", None, [0] * VOICES, VOICES
        return engine, sha256

    def play_long(self) -> None:
        """Let the bundle that plays have played for ten minutes."""
        process = self.process
        if process is not None:
            process.loop._periods += LONG_PERIODS
            process.loop._played += LONG_PERIODS
            self.clock.now_s += LONG_PERIODS * PERIOD_S

    def note(self, line: str) -> None:
        """Keep what was said."""
        self.notes.append(line)

    def _host(self) -> None:
        if self.sender is None:
            return
        now_s = self.clock.now_s
        try:
            self.line.down += self.sender.poll(now_s)
            data = bytes(self.line.up)
            self.line.up.clear()
            self.sender.receive(data, now_s)
        except TombolaError as error:
            self.note(f"flash: {error}")
            self.sender = None
            return
        if self.sender.phase is SenderPhase.DONE:
            self.sender = None

    def _drive(self, name: str, *, high: bool) -> None:
        (self._pin(name).drive_high if high != (name in self.pins.active_low) else self._pin(name).drive_low)()

    def _pin(self, name: str) -> Any:
        return self.pins_factory.pin(self.pins.gpio[name])

    def _tap(self, target: Any, protocol: str) -> Any:
        return Tap(target, PROTOCOLS[protocol], self.plan)

    def _slow(self, seconds: float) -> None:
        self.clock.now_s += seconds


def _if_it_answers(open_chip: Callable[[], Any]) -> Any:
    """A chip; None if it does not answer, as the daemon opens it."""
    try:
        return open_chip()
    except DeviceUnavailable:
        return None


def _place(error: BaseException) -> str:
    """Where in the instrument an error came through, the last three places."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tombola_device" in frame.filename]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[:-4:-1])


def _modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.startswith("tombola_device.") and module]


@contextlib.contextmanager
def performed(stage: Stage) -> Iterator[Stage]:
    """Put the stage's time, disk and processes in the place of the real ones."""
    files = stage._tap(stage.disk, "Files")
    logger = logging.getLogger("tombola_device")

    def write_status(_: Path, status: Any) -> None:
        files.write(STATE / "status.json", msgspec.json.encode(status))

    with contextlib.ExitStack() as patches:

        def put(target: Any, name: str, value: Any) -> None:
            patches.enter_context(mock.patch.object(target, name, value))

        for module in _modules():
            if getattr(module, "time", None) is time:
                put(module, "time", stage.clock)
            if module.__name__ != "tombola_device.disk.files" and hasattr(module, "DiskFiles"):
                put(module, "DiskFiles", lambda: files)
        put(gpiozero.pins.mock, "monotonic", stage.clock.monotonic)
        put(daemon_module, "ErrandThread", InTurn)
        put(daemon_module, "ThreadPoolExecutor", lambda *_: Later(stage.clock))
        put(daemon_module, "AudioProcess", lambda path, controls, **_: Process(stage, path, controls))
        put(serve_module, "ThreadPoolExecutor", AtOnce)
        put(bundles_module, "ChildProbe", lambda _: _no_probe)
        # Scans are made in each tick, and a tick may take twenty times as long here.
        put(readings_module, "LONGEST_REST_SCANS", round(readings_module.LONGEST_REST_SCANS * 0.001 / COARSE_S))
        put(returning_module, "threading", SimpleNamespace(Event=Passing, Thread=PassingThread))
        put(returning_module, "_become_ordinary", lambda: None)
        put(status_module, "write_status", write_status)
        put(console_module, "_LOG", logging.getLogger("tombola_device.daemon.console"))
        level = logger.level
        logger.addHandler(stage.log)
        logger.setLevel(logging.INFO)
        propagates, logger.propagate = logger.propagate, False
        try:
            yield stage
        finally:
            logger.removeHandler(stage.log)
            logger.setLevel(level)
            logger.propagate = propagates


def _no_probe(_: object) -> None:
    """The rig's own bundles play."""
