"""The campaign of `make torture` in short: some single faults and pairs, and that it would notice what is broken."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tombola_device.audio.process import AudioLoop
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.errors import StoreError
from tombola_device.daemon.daemon import Daemon
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.fake import FakeFiles
from tombola_device.disk.sealed import read_sealed, write_sealed
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.hal.midi.ports import SCAN_S, FakeBackend, PortsIn
from tombola_device.slots.pointer import Slots
from tombola_device.slots.store import Store
from tombola_device.surface.scenes import Settings

pytest.importorskip("gpiozero", reason="gpiozero is not installed")
STEP = 43
"""Of the single faults, each so many-th is tried here; `make torture` tries all."""
PAIRS = 16


@pytest.fixture(scope="module")
def rig():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "torture"))
        yield importlib.import_module("campaign"), importlib.import_module("faults")


@pytest.fixture(scope="module")
def well(rig, tmp_path_factory):
    """An instrument that is well, how often each activity uses each edge, and a folder."""
    campaign, _ = rig
    folder = tmp_path_factory.mktemp("torture")
    stage, calls = campaign.healthy(campaign.tones(), folder)
    return stage, folder, calls


def test_every_protocol_towards_the_outside_is_in_the_rig_or_has_a_reason_not_to_be(rig, well):
    _, faults = rig
    _, _, calls = well
    called = {edge for counted in calls.values() for edge in counted}
    assert {edge.protocol for edge in faults.edges()} == {edge.protocol for edge in called} | {"Audio"}
    for edge in faults.edges():
        assert edge in called or edge in faults.UNUSED or edge.protocol == "Audio", (
            f"no activity of the rig calls {edge}"
        )


def test_single_faults_leave_sound_and_all_that_was_kept(rig, well):
    campaign, _ = rig
    stage, folder, calls = well
    outcomes = list(campaign.run_singles(stage, folder, calls, seed=3, step=STEP))
    assert len(outcomes) >= 20
    assert sum(outcome.fired for outcome in outcomes) >= 0.9 * len(outcomes)
    assert [f"{outcome}: {outcome.problems}" for outcome in outcomes if outcome.problems] == []


def test_pairs_of_faults_leave_sound_and_open_nothing_that_stays_open(rig, well):
    campaign, _ = rig
    stage, folder, calls = well
    before = campaign.descriptors()
    outcomes = list(campaign.run_pairs(stage, folder, calls, 4, PAIRS, life=20))
    assert len(outcomes) == PAIRS
    assert [f"{outcome}: {outcome.problems}" for outcome in outcomes if outcome.problems] == []
    assert campaign.descriptors() == before


def one(campaign, well, activity, fault):
    """The problems after one fault."""
    stage, folder, _ = well
    return "; ".join(campaign.single(stage, folder, activity, fault).problems)


def test_campaign_notices_silence_a_dead_daemon_a_hanging_note_a_step_and_lost_scenes(rig, well, monkeypatch):
    campaign, faults = rig
    kill = faults.Fault(faults.Edge("process", "audio"), "kill", 5)
    with monkeypatch.context() as patch:
        patch.setattr(Daemon, "_revive", lambda daemon, console, error: daemon._wait(str(error)))
        assert "silence" in one(campaign, well, "hold", kill)
    with monkeypatch.context() as patch:
        patch.setattr(Daemon, "_revive", lambda *_: 1 / 0)
        assert "the daemon dies of ZeroDivisionError" in one(campaign, well, "hold", kill)
    unplug = faults.Fault(faults.Edge("MidiPort", "poll"), "once", 0)
    with monkeypatch.context() as patch:
        patch.setattr(HeldKeys, "release", lambda *_: [])
        assert "a note hangs" in one(campaign, well, "plug", unplug)
    with monkeypatch.context() as patch:
        render = AudioLoop._period

        def steps(loop, audio):
            render(loop, audio)
            loop._block[64:] += 0.2
            loop._enter = False
            audio.write(loop._block)

        patch.setattr(AudioLoop, "_period", steps)
        assert "the sound jumps" in one(campaign, well, "hold", unplug)
    with monkeypatch.context() as patch:
        write = FakeFiles.write

        def loses(disk, path, data):
            write(disk, path, data)
            disk._files.pop(path.parent / "scene-02.json", None)

        patch.setattr(FakeFiles, "write", loses)
        assert "scene 2 is lost" in one(campaign, well, "save", unplug)


# What the campaign has found


def test_list_of_midi_ports_that_cannot_be_read_at_the_start_is_read_again():
    class Refusing(FakeBackend):
        refuses = True

        def get_input_names(self):
            if self.refuses:
                raise RuntimeError("the server does not answer")
            return super().get_input_names()

    now, backend = [0.0], Refusing()
    backend.plug("keyboard").send((0x90, 60, 100))
    ports = PortsIn("", backend, lambda: now[0])
    backend.refuses = False
    now[0] += SCAN_S
    assert ports.poll() == [(0x90, 60, 100)]


def test_list_of_files_that_cannot_be_read_at_a_boot_does_not_keep_the_active_bundle_from_playing(tmp_path):
    class Listless(FakeFiles):
        def names(self, folder):
            raise OSError(5, "Input/output error")

    factory = tmp_path / "factory.tombola"
    with pytest.raises(StoreError, match="no playable bundle"):
        Store(tmp_path, lambda _: None, factory, Listless()).boot()
    factory.write_bytes((Path(__file__).parents[3] / "models/quartet/quartet.tombola").read_bytes())
    assert Store(tmp_path, lambda _: None, factory, Listless()).boot() == factory


def test_bundle_that_was_just_read_is_booted_although_the_disk_fails_a_moment_later(tmp_path, bundle):
    data, disk = encode_bundle(bundle), FakeFiles()
    sha256 = bundle_sha256(data)
    store = Store(Path("/slots"), lambda _: None, tmp_path / "none", disk)
    store.begin(sha256, len(data))
    store.write(data)
    store.finish()
    store.confirm()
    reads = []

    def read_once(path):
        reads.append(path)
        if reads.count(path) > 1:
            raise OSError(5, "Input/output error")
        return FakeFiles.read(disk, path)

    disk.read = read_once
    assert store.boot() == Path(f"/slots/{sha256}.tombola")


@pytest.mark.parametrize("operation", ["read", "write", "sync", "rename", "sync_folder"])
def test_disk_that_fails_once_neither_loses_nor_refuses_a_sealed_file(operation):
    disk, path, function = FakeFiles(), Path("/state/settings.json"), getattr(FakeFiles, operation)
    left = [1]

    def fails_once(*arguments):
        if left[0]:
            left[0] -= 1
            raise OSError(5, "Input/output error")
        return function(disk, *arguments)

    setattr(disk, operation, fails_once)
    write_sealed(disk, path, Settings())
    assert read_sealed(disk, path, Settings) == Settings()
    assert left == [0]


def test_slots_know_what_the_disk_holds_after_a_change_that_failed_late():
    class Late(FakeFiles):
        late = False

        def sync_folder(self, folder):
            super().sync_folder(folder)
            if self.late:
                raise OSError(5, "Input/output error")

    disk = Late()
    store = Store(Path("/slots"), lambda _: None, files=disk)
    disk.late = True
    with pytest.raises(OSError, match="Input"):
        store._write_slots(Slots(active="ab" * 32, confirmed=False))
    assert store.slots == Slots(active="ab" * 32, confirmed=False)


def test_work_for_the_disk_that_fails_in_an_unknown_way_is_a_sentence():
    errands = AtOnce()
    errands.send(lambda: 1 / 0)
    assert "fault of this program (ZeroDivisionError('division by zero'))" in errands.collect()[0]


def test_pin_that_lost_the_order_to_unmute_is_told_again_within_half_a_second(rig, well):
    campaign, faults = rig
    lost = faults.Fault(faults.Edge("Panel", "set_mute"), "garbage", 0)
    assert one(campaign, well, "boot", lost) == ""


@pytest.mark.parametrize("edge", ["MidiIn.poll", "Panel.read", "Display.show"])
def test_error_that_no_interface_knows_is_said_once_and_ends_nothing(rig, well, edge):
    campaign, faults = rig
    fault = faults.Fault(faults.Edge(*edge.split(".")), "second", 0)
    assert one(campaign, well, "hold", fault) == ""
