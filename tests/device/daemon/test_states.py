"""Waiting, playing, falling back: the daemon's states in virtual time, without a process."""

from __future__ import annotations

import errno
import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from tombola_device.audio.client import AudioLost, AudioProcess
from tombola_device.audio.fake import FakeAudio
from tombola_device.config import Config
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.errors import BadBundle, DeviceUnavailable
from tombola_device.contract.graph import MAX_HIT_SAMPLES
from tombola_device.daemon.performance import TAIL_S, Performance, Performing
from tombola_device.daemon.states import LOAD_PERIODS, Playing, Starting, Waiting
from tombola_device.daemon.status import read_status
from tombola_device.daemon.status_file import StatusFile
from tombola_device.daemon.trial import MUTE_PERIODS, TRIAL_PERIODS
from tombola_device.daemon.watchdog import Watchdog
from tombola_device.disk.errands import AtOnce
from tombola_device.disk.files import DiskFiles
from tombola_device.play.player import Player
from tombola_device.slots.store import Store


class Instrument:
    """The states with a real store, a fake audio process and a player; ``flash`` does what the serial line does."""

    def __init__(self, folder, make_bundle):
        self.folder, self.make_bundle, self.errands, self.notices = folder, make_bundle, AtOnce(), []
        self.factory = self.file("factory")
        self.store = Store(folder / "slots", lambda _: None, self.factory)
        self.player, self.arrived = Player(1, 4), []
        self.state = Waiting()

    def file(self, name, **options):
        path = self.folder / f"{name}.tombola"
        path.write_bytes(encode_bundle(self.make_bundle(name=name, **options)))
        return path

    def start(self, path):
        """Play, without the time that a process takes to start."""
        return self.plays(FakeAudio(path))

    def plays(self, audio):
        state = Playing(audio, self.player, self.store, self.errands, self.arrived.append)
        self.player.set_modes(len(state.bundle.modes))
        return state

    def flash(self, path):
        data = path.read_bytes()
        held = self.store.begin(bundle_sha256(data), len(data))
        self.store.write(data[held.offset :])
        self.state = self.state.install(self.store.finish(), self.start)
        return bundle_sha256(data)

    def play(self, periods):
        self.state.audio.play(periods)
        return self.tick()

    def sound(self, periods):
        """Play while a note sounds."""
        self.state.audio.sound(-20.0)
        return self.play(periods)

    def tick(self):
        changed = self.state.tick()
        self.notices += self.errands.collect()
        return changed


@pytest.fixture
def instrument(tmp_path, make_bundle):
    return Instrument(tmp_path, make_bundle)


def test_waiting_is_mute_silent_and_alive_and_shows_no_bundle(instrument):
    state = instrument.state
    pulses = [state.pulse, *(state.tick() or state.pulse for _ in range(2))]
    assert pulses == [0, 1, 2]
    assert (state.healthy, state.level_db, state.name, state.see().bundle) == (False, -80.0, "", "")
    assert state.revert() == "nothing plays yet"
    state.send(instrument.player.packed(), 0.0)


def test_first_bundle_turns_waiting_into_playing_which_is_healthy_from_its_first_period(instrument):
    sha256 = instrument.flash(instrument.file("first"))
    assert isinstance(instrument.state, Playing)
    assert not instrument.state.healthy
    instrument.play(1)
    assert (instrument.state.healthy, instrument.state.pulse, instrument.state.name) == (True, 1, "first")
    assert instrument.state.status.sha256 == sha256
    assert instrument.arrived == []


def test_audio_process_starts_beside_the_loop_and_what_is_flashed_meanwhile_follows(instrument):
    future = Future()
    state = Starting(future, instrument.plays, pulse=3)
    assert (state.next(), state.tick(), state.pulse, state.healthy, state.doing) == (state, False, 4, False, "starting")
    other = instrument.file("other")
    assert state.install(other, instrument.start) is state
    audio = FakeAudio(instrument.factory)
    future.set_result(audio)
    playing = state.next()
    assert (playing.name, audio.loads, playing.next()) == ("factory", [other], playing)


def test_start_that_fails_says_why_and_one_that_is_given_up_leaves_no_process(instrument):
    failed, begun, audio = Future(), Future(), FakeAudio(instrument.factory)
    failed.set_exception(BadBundle("it does not play"))
    with pytest.raises(BadBundle, match="does not play"):
        Starting(failed, instrument.plays).next()
    Starting(failed, instrument.plays).close()
    begun.set_result(audio)
    Starting(begun, instrument.plays).close()
    assert audio.stopped


def test_bundle_is_confirmed_when_it_has_sounded_for_two_seconds_and_not_one_period_earlier(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.flash(instrument.file("next", modes=1))
    assert instrument.sound(TRIAL_PERIODS - 1)
    assert [bundle.manifest.name for bundle in instrument.arrived] == ["next"]
    assert not instrument.store.slots.confirmed
    assert not instrument.sound(1)
    assert instrument.store.slots.confirmed


def test_silence_of_an_hour_confirms_no_bundle_and_neither_does_sound_that_nobody_asked_for(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.flash(instrument.file("next"))
    instrument.play(round(3600 * FRAME_RATE_HZ))
    instrument.state.audio.sound(-80.0, peak_db=-3.0)
    instrument.play(10 * TRIAL_PERIODS)
    assert not instrument.store.slots.confirmed
    instrument.sound(TRIAL_PERIODS)
    assert instrument.store.slots.confirmed


def test_what_one_bundle_has_sounded_does_not_count_for_the_next(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.sound(TRIAL_PERIODS)
    instrument.flash(instrument.file("first"))
    instrument.sound(TRIAL_PERIODS - 1)
    second = instrument.flash(instrument.file("second"))
    instrument.sound(TRIAL_PERIODS - 1)
    assert (instrument.store.slots.active, instrument.store.slots.confirmed) == (second, False)


def test_bundle_that_starts_but_is_not_played_is_not_thrown_out_by_its_boots(instrument):
    sha256 = instrument.flash(instrument.file("next"))
    for _ in range(5):
        instrument.state = instrument.start(instrument.store.boot())
        assert instrument.store.slots.boots == 1
        instrument.play(TRIAL_PERIODS - 1)
        assert instrument.store.slots.boots == 1
        instrument.play(1)
    assert (instrument.store.slots.active, instrument.store.slots.boots) == (sha256, 0)
    assert not instrument.store.slots.confirmed


@pytest.mark.parametrize("confirmed", [False, True])
def test_bundle_that_stays_mute_while_a_note_is_held_is_given_up_after_the_longest_hit_and_a_second(
    instrument, confirmed
):
    assert MUTE_PERIODS * PERIOD_SAMPLES == MAX_HIT_SAMPLES + SAMPLE_RATE_HZ
    instrument.state = instrument.start(instrument.factory)
    dumb = instrument.flash(instrument.file("dumb"))
    if confirmed:
        instrument.sound(TRIAL_PERIODS)
    audio = instrument.state.audio
    audio.sound(-20.0, peak_db=-80.0)
    instrument.play(MUTE_PERIODS - 1)
    assert audio.loads[1:] == []
    instrument.play(1)
    assert audio.loads[1:] == [instrument.factory]
    assert instrument.store.slots.rejected == dumb
    audio.sound(-60.0, peak_db=-80.0)  # As soft as that, silence is no fault.
    instrument.play(10 * MUTE_PERIODS)
    assert len(audio.loads) == 2


def test_bundle_on_trial_that_goes_mute_is_given_up_once_and_the_one_before_plays(instrument):
    instrument.state = instrument.start(instrument.factory)
    bad = instrument.flash(instrument.file("bad", modes=1))
    instrument.play(10)
    audio = instrument.state.audio
    audio.break_down("the sound is not a number")
    instrument.state.tick()
    assert instrument.store.slots.rejected == bad
    assert audio.loads[1:] == [instrument.factory]
    instrument.play(1)
    assert instrument.state.name == "factory"
    assert instrument.state.healthy
    assert len(audio.loads) == 2


def test_confirmed_bundle_that_goes_mute_is_given_up_too(instrument):
    instrument.state = instrument.start(instrument.factory)
    sha256 = instrument.flash(instrument.file("next"))
    instrument.sound(TRIAL_PERIODS)
    assert instrument.store.slots.confirmed
    instrument.state.audio.break_down("the sound is not a number")
    instrument.tick()
    instrument.play(1)
    assert (instrument.state.healthy, instrument.state.see().fault) == (True, "")
    assert instrument.state.audio.loads[-1] == instrument.factory
    assert instrument.store.slots.rejected == sha256


def test_factory_bundle_that_goes_mute_is_shown_with_its_fault(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.play(1)
    instrument.state.audio.break_down("the sound is not a number")
    instrument.tick()
    assert (instrument.state.healthy, instrument.state.see().fault) == (False, "the sound is not a number")
    assert instrument.state.audio.loads == []


def test_bundle_that_was_given_up_is_judged_anew_when_it_is_flashed_again(instrument):
    instrument.state = instrument.start(instrument.factory)
    path = instrument.file("next")
    for flashes in (1, 2):
        instrument.flash(path)
        instrument.play(8)
        instrument.state.audio.break_down("the sound is not a number")
        instrument.tick()
        instrument.play(8)
        assert instrument.state.audio.loads.count(instrument.factory) == flashes


# A disk that refuses


class FullDisk(DiskFiles):
    """A disk that can be full: nothing can be written."""

    full, refused = False, 0

    def write(self, path, data):
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data)


@pytest.fixture
def disk(instrument):
    disk = FullDisk()
    instrument.store = Store(instrument.folder / "slots", lambda _: None, instrument.factory, disk)
    instrument.state = instrument.start(instrument.factory)
    return disk


def test_full_disk_does_not_end_the_music_is_said_once_and_the_bundle_is_confirmed_when_there_is_room(
    instrument, disk, caplog
):
    instrument.flash(instrument.file("next"))
    disk.full = True
    for _ in range(20):
        instrument.sound(TRIAL_PERIODS)
    assert not instrument.store.slots.confirmed
    assert disk.refused == 8  # 40 s: every ten seconds, twice each time.
    assert len(instrument.notices) == caplog.text.count("is full; remove files there") == 1
    disk.full = False
    for _ in range(6):
        instrument.sound(TRIAL_PERIODS)
    assert instrument.store.slots.confirmed


def test_mute_bundle_leads_to_the_factory_bundle_even_if_the_disk_is_full_or_the_bundle_before_is_gone(
    instrument, disk
):
    for trouble in ("full", "gone"):
        before = instrument.flash(instrument.file(f"before {trouble}"))
        instrument.sound(TRIAL_PERIODS)
        instrument.flash(instrument.file(f"bad {trouble}"))
        instrument.play(8)
        disk.full = trouble == "full"
        if trouble == "gone":
            instrument.store.path_of(before).unlink()
        instrument.state.audio.break_down("the sound is not a number")
        instrument.tick()
        assert instrument.state.audio.loads[-1] == instrument.factory
        instrument.play(8)
        assert (instrument.state.name, instrument.state.healthy) == ("factory", True)
        disk.full = False


def test_status_that_cannot_be_written_is_said_once_and_written_again_when_there_is_room(instrument, caplog):
    folder = instrument.folder / "state"
    errands, console = AtOnce(), SimpleNamespace(inputs=SimpleNamespace(names=[]), panel_name="", player=Player(1, 4))
    file = StatusFile(Config(state_dir=str(folder), midi="none"), errands)
    for second in range(1, 10):
        file.tick(instrument.state, console, instrument.store.slots, float(second))
    assert len(errands.collect()) == caplog.text.count("cannot be written") == 1
    folder.mkdir()
    file.tick(instrument.state, console, instrument.store.slots, 20.0)
    assert read_status(folder).doing == "waiting for a bundle"
    instrument.state = instrument.start(instrument.factory)
    file.tick(instrument.state, console, instrument.store.slots, 21.0)
    status = read_status(folder)
    assert (status.doing, status.modes) == ("playing factory", ["mode 0", "mode 1", "mode 2"])
    file.remove()
    file.remove()


def test_bundle_that_the_audio_process_refuses_is_given_up(instrument):
    instrument.state = instrument.start(instrument.factory)
    path = instrument.file("next")
    sha256 = instrument.flash(path)
    instrument.state.audio.events()
    damaged = instrument.store.path_of(sha256)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    instrument.state.audio.load(damaged)
    instrument.state.tick()
    assert instrument.store.slots.rejected == sha256
    assert instrument.state.audio.loads[-1] == instrument.factory


def test_player_can_go_back_once_and_is_told_when_there_is_nothing_to_go_back_to(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.flash(instrument.file("next"))
    instrument.play(1)
    instrument.state.revert()
    instrument.tick()
    assert instrument.notices == ["going back"]
    assert instrument.state.audio.loads[-1] == instrument.factory
    instrument.state.revert()
    instrument.tick()
    assert "no previous bundle" in instrument.notices[-1]


def test_voices_follow_what_can_be_rendered_and_the_view_says_slim(instrument, caplog):
    instrument.state = instrument.start(instrument.factory)
    instrument.play(1)
    assert not instrument.state.see().slimmed
    instrument.state.audio.slim(2)
    instrument.state.tick()
    for note in (60, 64, 67):
        instrument.player.note_on(note, 1.0)
    assert instrument.player.held == 2
    assert (instrument.state.see().voices, instrument.state.see().slimmed) == (2, True)
    assert "2 voices now" in caplog.text


def test_lost_card_mutes_and_a_dead_audio_process_is_one_sentence(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.play(1)
    instrument.state.audio.unplug()
    instrument.state.tick()
    assert (instrument.state.healthy, instrument.state.see().lost) == (False, True)
    instrument.state.audio.die()
    instrument.state.install(instrument.factory, instrument.start)  # Nobody hears it, and nothing breaks.
    with pytest.raises(AudioLost, match="ended by itself"):
        instrument.state.tick()
    instrument.state.close()
    assert instrument.state.audio.stopped


def test_of_two_flashes_in_a_row_the_first_ones_missing_file_is_a_refusal_and_the_second_one_plays(instrument):
    instrument.state = instrument.start(instrument.factory)
    first = instrument.flash(instrument.file("first"))
    gone = instrument.store.path_of(first)
    gone.unlink()  # As the second flash does, before the audio process has read it.
    audio = instrument.state.audio
    audio.events()
    audio.load(gone)
    second = instrument.flash(instrument.file("second"))
    instrument.play(1)
    assert (instrument.state.name, instrument.store.slots.active) == ("second", second)
    assert instrument.store.slots.rejected is None
    instrument.sound(TRIAL_PERIODS)
    assert instrument.store.slots.confirmed


def test_audio_process_that_has_loaded_no_bundle_for_thirty_seconds_is_lost_and_one_that_loads_is_not(instrument):
    instrument.state = instrument.start(instrument.factory)
    instrument.flash(instrument.file("first"))
    instrument.play(LOAD_PERIODS + 1)
    instrument.state.audio.hang()
    instrument.flash(instrument.file("second"))
    instrument.play(LOAD_PERIODS)
    with pytest.raises(AudioLost):
        instrument.play(1)


def test_control_process_learns_of_a_bundle_without_its_file(instrument):
    instrument.state = instrument.start(instrument.factory)
    sha256 = instrument.flash(instrument.file("next", modes=1))
    instrument.store.path_of(sha256).unlink()
    assert instrument.play(1)
    assert (instrument.state.name, instrument.state.bundle.modes) == ("next", ("mode 0",))


# The audio process and its fake


@pytest.fixture(params=["fake", "process"])
def audio(request, instrument, tmp_path):
    if request.param == "fake":
        audio = FakeAudio(instrument.factory, 2)
        audio.play(1)
    else:
        audio = AudioProcess(
            instrument.factory,
            Player(3, 2).packed(),
            audio="null",
            buffer_periods=4,
            fallback=tmp_path / "x.wav",
            realtime=False,
        )
    yield audio
    audio.stop()


def wait_for_event(audio):
    for _ in range(3000):
        if events := audio.events():
            return events[0]
        time.sleep(0.01)
    pytest.fail("no event came")


def test_audio_takes_another_bundle_refuses_a_damaged_one_and_takes_none_after_its_end(audio, instrument):
    assert (audio.alive, audio.ready.event, audio.ready.voices) == (True, "ready", 2)
    assert len(audio.status().levels_db) == 2
    path = instrument.file("next")
    audio.load(path)
    event = wait_for_event(audio)
    assert (event.event, event.path, event.manifest.name) == ("loaded", str(path), "next")
    path.write_bytes(path.read_bytes()[:-1])
    audio.load(path)
    event = wait_for_event(audio)
    assert event.event == "refused"
    assert "cut short" in event.reason
    path.unlink()
    audio.load(path)
    event = wait_for_event(audio)
    assert (event.event, event.path) == ("refused", str(path))
    audio.stop()
    audio.stop()
    assert not audio.alive
    with pytest.raises(DeviceUnavailable):
        audio.load(path)


# Watchdog and performance


class Ear:
    """What a Notifier tells."""

    def __init__(self, watchdog_s=1.0):
        self.watchdog_s, self.heard = watchdog_s, []

    def ready(self):
        self.heard.append("ready")

    def status(self, text):
        self.heard.append(text)

    def alive(self):
        self.heard.append("alive")

    def stopping(self):
        self.heard.append("stopping")

    def close(self):
        self.heard.append("closed")


def test_watchdog_is_fed_only_while_the_pulse_goes_on():
    ear = Ear()
    watchdog = Watchdog(ear)
    watchdog.tick(0, "playing a", 10.0)
    assert ear.heard == []
    watchdog.tick(1, "playing a", 10.1)
    assert ear.heard == ["ready", "playing a", "alive"]
    for tick in range(30):
        watchdog.tick(1, "playing a", 10.2 + tick / 10)
    assert ear.heard == ["ready", "playing a", "alive"]
    watchdog.tick(2, "playing b", 13.2)
    watchdog.tick(3, "playing b", 13.3)
    assert ear.heard[3:] == ["playing b", "alive"]


@pytest.mark.parametrize(("pulse", "heard"), [(0, []), (7, ["ready", "starting", "alive", "alive", "alive"])])
def test_watchdog_is_fed_while_the_audio_process_starts_but_not_before_it_was_ready(pulse, heard):
    ear, state = Ear(), Starting(Future(), lambda audio: None, pulse)
    watchdog = Watchdog(ear)
    for tick in range(30):
        state.tick()
        watchdog.tick(state.pulse, state.doing, 10.0 + tick / 10)
    assert ear.heard == heard


class Stage:
    """The inputs that a performance begins on."""

    def __init__(self):
        self.performed = 0

    def perform(self, midi, automation):
        self.performed += 1


@pytest.mark.parametrize(("after_flash", "flashed", "begins"), [(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 1)])
def test_performance_begins_with_the_bundle_that_it_waits_for_and_only_once(after_flash, flashed, begins):
    stage = Stage()
    performing = Performing(Performance(after_flash=bool(after_flash)))
    for _ in range(2):
        performing.bundle_plays(stage, flashed=bool(flashed))
    assert stage.performed == begins


def test_performance_is_over_after_its_seconds_its_last_sound_or_its_tail():
    now = [100.0]
    assert not Performing(Performance(seconds=1.0), lambda: now[0]).over(-80.0, performing=False)
    timed = Performing(Performance(seconds=1.0), lambda: now[0])
    rung = Performing(Performance(exit_when_done=True), lambda: now[0])
    for performing in (timed, rung):
        performing.bundle_plays(Stage(), flashed=False)
    now[0] = 100.9
    assert not timed.over(-80.0, performing=True)
    now[0] = 101.0
    assert timed.over(-20.0, performing=True)
    assert not rung.over(-80.0, performing=True)
    assert not rung.over(-80.0, performing=False)
    now[0] = 101.25
    assert not rung.over(-20.0, performing=False)
    assert rung.over(-80.0, performing=False)
    now[0] = 101.01 + TAIL_S
    assert rung.over(-20.0, performing=False)
