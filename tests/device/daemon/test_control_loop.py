"""What the control loop does how often, in virtual time: a thousand ticks are a second. Times are in the benchmark."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
from tombola_device.audio.fake import FakeAudio
from tombola_device.config import Config
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.words import Stop, Word
from tombola_device.daemon import daemon as daemon_module
from tombola_device.daemon.console import Hardware, build_console
from tombola_device.daemon.daemon import Daemon
from tombola_device.daemon.performance import Performance
from tombola_device.daemon.trial import TRIAL_PERIODS
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.midi.port import FakeMidi
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.memory import FileMemory
from tombola_device.play.player import Player
from tombola_device.slots.owner import EnrolledKey
from tombola_device.surface.actions import AcceptKey, Choose, Revert, SaveScene
from tombola_device.surface.fake import FakeFace
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.surface import Surface

TICK_S = 0.0010001
"""A little more than a millisecond, which is what the loop sleeps: it reads the panel in each tick."""
WATCHED = ("read", "append", "write", "sync", "rename", "remove", "sync_folder")


class Loop:
    """A daemon whose loop a test turns by hand, over a fake panel and a fake audio process, on a real disk."""

    def __init__(self, folder, bundle, monkeypatch):
        self.now_s = 0.0
        monkeypatch.setattr(daemon_module, "time", SimpleNamespace(monotonic=lambda: self.now_s))
        (folder / "state").mkdir()
        factory = folder / "factory.tombola"
        factory.write_bytes(encode_bundle(bundle))
        config = Config(state_dir=str(folder / "state"), factory=str(factory), midi="none", panel="none", voices=2)
        self.daemon = Daemon(config, Performance(), lambda line: None)
        self.midi, self.panel, self.face, self.audio = FakeMidi(), FakePanel(), FakeFace(), FakeAudio(factory, 2)
        self.console = build_console(
            Hardware(FileMemory(folder / "calibration.bin"), [self.midi], self.panel, clock=lambda: self.now_s),
            SceneStore(DiskFiles(), folder / "state" / "scenes"),
            self.daemon._player,
            self.daemon,
            self.daemon.errands,
            [self.face],
        )
        self.daemon.state = self.daemon._started(self.console, False, self.audio)
        self.run(0.2)

    def run(self, seconds):
        for tick in range(round(1000 * seconds)):
            self.now_s += TICK_S
            if tick % 21 == 0:
                self.audio.play(8)
            self.daemon._tick(self.console)

    def run_until(self, condition):
        until_s = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < until_s, "it did not happen"
            time.sleep(0.001)
            self.run(0.001)

    def flash(self, path):
        store, data = self.daemon.bundles.store, path.read_bytes()
        store.begin(bundle_sha256(data), len(data))
        store.write(data)
        self.daemon.bundles.install(store.finish())


@pytest.fixture
def loop(tmp_path, bundle, monkeypatch):
    loop = Loop(tmp_path, bundle, monkeypatch)
    yield loop
    loop.daemon.errands.close()
    loop.console.close()


@pytest.fixture
def calls(loop, monkeypatch):
    """How often each of the dearest functions was called."""
    counted = Counter()

    def count(kind, name):
        function = getattr(kind, name)
        value = function.fget if isinstance(function, property) else function

        def counting(*arguments, **options):
            counted[f"{kind.__name__}.{name}"] += 1
            return value(*arguments, **options)

        monkeypatch.setattr(kind, name, property(counting) if isinstance(function, property) else counting)

    for kind, name in (
        (Surface, "view"),
        (Surface, "tick"),
        (SettingsPage, "options"),
        (Player, "packed"),
        (Player, "place"),
        (FakePanel, "read"),
        (FakePanel, "set_voltages"),
    ):
        count(kind, name)
    return counted


@pytest.fixture
def disk(monkeypatch):
    """The names of the threads that the disk was used in; ``gate`` holds the disk up while it is cleared."""
    disk = SimpleNamespace(threads=[], gate=threading.Event())
    disk.gate.set()

    def watch(name):
        function = getattr(DiskFiles, name)

        def watching(*arguments):
            disk.threads.append(threading.current_thread().name)
            assert disk.gate.wait(10)
            return function(*arguments)

        monkeypatch.setattr(DiskFiles, name, watching)

    for name in WATCHED:
        watch(name)
    yield disk
    disk.gate.set()


def test_idle_second_makes_twenty_views_two_hundred_outputs_and_no_frame(loop, calls):
    loop.run(1.0)
    assert calls["FakePanel.read"] == pytest.approx(1000, abs=2)
    assert 19 <= calls["Surface.view"] == calls["Surface.tick"] == calls["SettingsPage.options"] <= 21
    assert 195 <= calls["FakePanel.set_voltages"] <= 201
    # A view tells what the outputs carry.
    assert calls["Player.place"] == calls["FakePanel.set_voltages"] + calls["Surface.view"]
    assert calls["Player.packed"] == 0


def test_button_is_answered_in_its_own_tick_and_a_gate_makes_no_view(loop, calls):
    loop.run(0.049)
    calls.clear()
    for _ in range(10):
        loop.panel.raise_gate("GATE_IN", loop.now_s)
        loop.panel.drop_gate("GATE_IN", loop.now_s)
        loop.run(0.001)
    assert calls["Surface.view"] <= 1
    assert calls["Player.packed"] == 10
    before = calls["Surface.view"]
    loop.panel.click(3)
    place = loop.console.player.hand_place
    loop.run(0.001)
    assert calls["Surface.view"] == before + 1
    assert loop.console.player.hand_place > place


def test_disk_is_used_by_its_own_thread_alone(loop, disk, tmp_path, make_bundle):
    path = tmp_path / "next.tombola"
    path.write_bytes(encode_bundle(make_bundle(name="next")))
    loop.flash(path)
    disk.threads.clear()
    loop.audio.sound(-20.0)
    for place in range(16):
        loop.face.press(SaveScene(place))
    loop.face.press(Choose("voices", "mono"))
    loop.face.press(Choose("velocity", "hard"))
    owner = loop.daemon.bundles.owner
    owner.open_window()
    owner._asking_key = EnrolledKey("ab" * 32)
    loop.face.press(AcceptKey(owner.asking_key))
    loop.run(0.1)
    loop.audio.play(TRIAL_PERIODS)
    loop.run_until(lambda: loop.daemon.bundles.store.slots.confirmed and "owner now" in loop.face.see().notice)
    assert len(owner.keys) == 1
    loop.face.press(Revert())
    loop.run_until(lambda: loop.daemon.bundles.store.slots.active is None)
    assert len(disk.threads) > 70  # Four operations a file.
    assert {name.split("_")[0] for name in disk.threads} == {"disk"}


def test_disk_that_hangs_stops_neither_notes_nor_the_display(loop, disk):
    disk.gate.clear()
    loop.face.press(SaveScene(2))
    loop.run(0.1)
    loop.midi.press(69)
    loop.run(0.001)
    assert loop.audio.sent[-1].gate.tolist() == [True, False]
    loop.run(5.0)
    assert loop.face.see().scenes[2] == ""
    loop.face.turn(1.0)
    loop.run(0.1)
    assert loop.face.see().blend == (0.0, 0.0, 1.0)
    disk.gate.set()
    loop.run_until(lambda: loop.face.see().notice == "scene 3 kept")
    assert loop.face.see().scenes[2] == "mode 0"  # As it was when it was saved.


def test_full_disk_is_said_and_everything_plays_on(loop, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(DiskFiles, "write", full)
        loop.face.press(SaveScene(0))
        loop.run_until(lambda: "scene-01.json cannot be kept (No space left on device)" in loop.face.see().notice)
        loop.face.press(Choose("priority", "lowest"))
        loop.run_until(lambda: "settings.json cannot be kept" in loop.face.see().notice)
    loop.face.press(SaveScene(0))
    loop.run_until(lambda: loop.face.see().notice == "scene 1 kept")
    assert (tmp_path / "state" / "scenes" / "scene-01.json").is_file()


def test_the_instrument_begins_with_the_blend_that_its_bundle_states_and_has_its_words(tmp_path, bundle, monkeypatch):
    scary = Word("scary", [Stop([1.0, 0.0, 0.0], 0.5, 0.5, 1.0), Stop([0.0, 1.0, 0.0], 0.5, 0.5, 0.0)])
    manifest = msgspec.structs.replace(bundle.manifest, blend=[0.25, 0.0, 0.75], words=[scary])
    monkeypatch.setattr(Loop, "run", lambda self, seconds: None)  # Where there is a panel, its knobs are read next.
    loop = Loop(tmp_path, replace(bundle, manifest=manifest), monkeypatch)
    try:
        assert loop.console.player.blend.tolist() == [0.25, 0.0, 0.75]
        assert loop.console.player.words == (("scary", None),)
    finally:
        loop.daemon.errands.close()
        loop.console.close()
