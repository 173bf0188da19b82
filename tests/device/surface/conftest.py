"""An instrument on the bench: player, surface, panel and a face, in virtual time."""

from __future__ import annotations

import socket
from functools import partial

import pytest
from tombola_device.audio.ring import create_memory
from tombola_device.audio.tap import TAP_BYTES
from tombola_device.config import Config
from tombola_device.daemon.console import Console
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.panel.display import FakeDisplay
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.hal.panel.memory import FakeMemory
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player
from tombola_device.surface.archive import Archive
from tombola_device.surface.browser.child import Place, ServerProcess
from tombola_device.surface.calibration import load_calibration, nominal_lines, save_calibration
from tombola_device.surface.calibrator import Calibrator
from tombola_device.surface.fake import FakeFace
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.inputs import Inputs
from tombola_device.surface.oled.face import OledFace
from tombola_device.surface.oled.menu import Page
from tombola_device.surface.panel import PanelIn, PanelOut
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.surface import Surface
from tombola_device.surface.view import View
from tombola_device.surface.volts import Voltmeter

MODES = ("saxophone", "harp", "bells", "violin")


class House:
    def __init__(self):
        self.asked = []

    def revert(self):
        self.asked.append("revert")
        return "going back"

    def allow_once(self, bundle):
        self.asked.append(f"allow {bundle}")
        return "it may come in"

    def enrol(self):
        self.asked.append("enrol")
        return "open"

    def accept_key(self, fingerprint):
        self.asked.append(f"accept {fingerprint}")
        return "an owner"

    def turn_down_key(self):
        self.asked.append("turn down")
        return "turned down"

    def open_page(self, *, opened):
        self.asked.append("open" if opened else "close")
        return "code 123456, for ten minutes" if opened else "closed"


class Bench:
    """An instrument with a fake panel, played in steps of a millisecond.

    Args:
        folder: Where scenes and settings are stored.
        memory: Where the calibration is saved.
        face: ``oled`` has buttons, display and LEDs; ``fake`` is the face that ships for tests; or a face.
        more_faces: Faces beside it.
        modes: Of the bundle; empty: none plays.
        errands: Do what waits for the disk.
    """

    def __init__(self, folder, memory=None, face="oled", more_faces=(), modes=MODES, errands=None):
        self.now_s, self.panel, self.player, self.house = 0.0, FakePanel(), Player(4, 2), House()
        pins, self.memory, clock = load_pin_map(), memory or FakeMemory(), lambda: self.now_s
        self.voltmeter = Voltmeter(nominal_lines(pins), load_calibration(self.memory)[0])
        self.errands = errands or AtOnce()
        save = partial(save_calibration, self.memory)
        calibrator = Calibrator(self.voltmeter, save, self.errands)
        hands, self.midi_map, store = PanelMap(self.player), MidiMap(self.player), SceneStore(DiskFiles(), folder)
        scenes = ScenePage(self.player, hands, store, self.errands)
        self.settings = SettingsPage(self.player, self.midi_map, hands, store, self.errands)
        archive = Archive(store, scenes, self.settings, self.voltmeter, save, self.errands)
        self.surface = Surface(self.player, self.midi_map, scenes, self.settings, calibrator, self.house, archive)
        panel_in = PanelIn(self.panel, hands, self.voltmeter, calibrator, clock)
        self.display, self.chip = FakeDisplay(), FakePca9685()
        if face == "oled":
            self.face = OledFace(panel_in, pins.leds, self.display, Leds(FakeI2c({64: self.chip}), 64))
        else:
            self.face = FakeFace() if face == "fake" else face
        inputs = Inputs(self.player, self.midi_map, [], panel_in, clock)
        outputs = PanelOut(self.panel, self.voltmeter, calibrator)
        self.console = Console(
            self.player, inputs, self.surface, self.errands, [self.face, *more_faces], panel_in, outputs
        )
        if modes:
            self.surface.set_modes(modes)
        self.level_db, self.healthy, self.seen = -80.0, True, View()
        for knob, position in enumerate((1.0, 0, 0, 0, 0, 0.5, 0.5, 1.0)):
            self.panel.turn(knob, position)
        self.run(0.05)

    @property
    def view(self):
        """What a face is shown now."""
        return self.surface.view(self.seen, self.now_s)

    def run(self, seconds):
        for _ in range(round(seconds * 1000)):
            self.now_s += 0.001
            self.console.inputs.poll()
            self.console.answer(lambda _: self.seen, self.now_s)
            self.console.put_out(self.level_db, self.now_s, healthy=self.healthy)

    # The hands of a player at the OLED

    def hold(self, *names, seconds=0.1):
        for name in names:
            self.panel.raise_gate(name, self.now_s)
        self.run(seconds)
        for name in names:
            self.panel.drop_gate(name, self.now_s)
        self.run(0.02)

    def click(self, clicks):
        self.panel.click(clicks)
        self.run(0.01)

    def go(self, page):
        pages = list(Page)
        self.panel.raise_gate("SHIFT", self.now_s)
        self.run(0.01)
        self.click(pages.index(page) - pages.index(self.face.menu.page))
        self.panel.drop_gate("SHIFT", self.now_s)
        self.run(0.01)

    def choose(self, name, word):
        """Push on the row, turn to the choice, push."""
        options = self.view.options
        row = [option.name for option in options].index(name)
        self.click(row - self.face.menu.row)
        self.hold("ENC_SW")
        self.click(options[row].choices.index(word) - options[row].chosen)
        self.hold("ENC_SW")


@pytest.fixture(scope="session")
def make_server(tmp_path_factory):
    """Makes servers of pages, in processes of their own."""
    servers = []

    def make():
        folder = tmp_path_factory.mktemp("server")
        listener, tap = socket.create_server(("127.0.0.1", 0)), create_memory(TAP_BYTES)
        keys, slots = folder / "browser.json", folder / "slots"
        factory = Config().factory_path
        servers.append(ServerProcess(Place(listener, tap, keys, slots, factory, hands_here=True)))
        return servers[-1], listener.getsockname()[1], keys

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def make_bench(tmp_path):
    """Makes an instrument on the bench; all of one test share one disk."""
    return partial(Bench, tmp_path)
