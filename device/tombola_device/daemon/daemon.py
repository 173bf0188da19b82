"""The control process: everything but audio.

    MIDI, knobs, CV ──► Player ──► frames of controls ═══► audio process ──► card
    serial ──► Flashd ──► Store ──► "load this" ─────────►      │
                            ▲  confirm / revert ◄── status ◄═════╛

It wakes a thousand times a second, passes on what came, and now and then writes down how things are.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tombola_device import __version__
from tombola_device.audio.client import AudioEvent, AudioProcess, error_of
from tombola_device.audio.frames import AudioStatus, quiet_status
from tombola_device.config import Config
from tombola_device.contract.bundle import bundle_sha256, decode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB
from tombola_device.contract.errors import BadBundle, DeviceUnavailable, StoreError
from tombola_device.contract.manifest import Manifest
from tombola_device.daemon.status import DaemonStatus, Lock, write_status
from tombola_device.daemon.systemd import Notifier
from tombola_device.disk.files import DiskFiles
from tombola_device.flash.serve import Flashd
from tombola_device.hal.midi.port import MidiIn
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.offline import BlendAutomation
from tombola_device.play.player import Player
from tombola_device.slots.board import this_board
from tombola_device.slots.owner import OWNERS_FILE, Owner
from tombola_device.slots.probe_child import probe_in_child
from tombola_device.slots.store import Store
from tombola_device.surface.inputs import Inputs, open_inputs, open_memory
from tombola_device.surface.outputs import Sounding
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.surface import Front, open_front_chips
from tombola_device.surface.view import View

TICK_S = 0.001
STATUS_S = 0.5
TRIAL_PERIODS = round(2.0 * FRAME_RATE_HZ)
"""A bundle that has played alone for two seconds without a fault is kept."""
TAIL_S = 10.0
"""How long a performance may ring before ``exit_when_done`` ends it."""
COMING = ("receiving", "checking")
"""What the serial line does while a bundle is on its way; see ``Reception.doing``."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Performance:
    """What is to be played from files.

    Args:
        midi: Notes; none by default.
        automation: A blend that moves by itself; none by default.
        seconds: When to end; never by default.
        after_flash: Begin when the first bundle that is flashed plays, not at the start.
        exit_when_done: End when the last note has died away.
    """

    midi: MidiIn | None = None
    automation: BlendAutomation | None = None
    seconds: float | None = None
    after_flash: bool = False
    exit_when_done: bool = False


class Daemon:
    """The instrument.

    Args:
        config: How it is set up.
        performance: What it plays by itself.
        report: Told in one line when it begins to play, and of each bundle that takes over.
    """

    def __init__(self, config: Config, performance: Performance, report: Callable[[str], None]) -> None:
        self._config, self._performance, self._report = config, performance, report
        self._board = this_board()
        self._store = Store(config.slots_path, partial(probe_in_child, board=self._board), config.factory_path)
        self._player = Player(1, config.voices)
        self._installed: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._inputs: Inputs | None = None
        self._audio: AudioProcess | None = None
        self._manifest: Manifest | None = None
        self._coming: tuple[Manifest, str] | None = None
        self._sha256 = ""
        self._limit, self._slimmed = config.voices, 0
        self._owner = Owner(config.state_path / OWNERS_FILE, config.unsigned)
        self._front: Front | None = None
        self._flashd: Flashd | None = None
        self._notifier = Notifier()
        self._ready = False
        self._alive_s, self._alive_periods = 0.0, 0
        self._muted = True
        self._heard: AudioStatus | None = None
        self._hopeless = ""
        self._status_s = 0.0
        self._begin_s: float | None = None
        self._done_s: float | None = None

    def run(self, stop: threading.Event) -> None:
        """Play until ``stop`` is set or the performance is over.

        Raises:
            TombolaError: There is nothing to play, or nothing to play it on.
        """
        with Lock(self._config.state_path):
            flashd = self._flashd = self._open_flashd()
            ended = threading.Event()
            server = threading.Thread(target=flashd.run, args=(ended,), name="flashd") if flashd else None
            try:
                self._inputs = open_inputs(self._config, self._player)
                self._front = self._open_front(self._inputs)
                if server is not None:
                    server.start()
                self._start(stop, waits=server is not None)
                while not stop.is_set() and not self._over():
                    self._tick(stop)
                    time.sleep(TICK_S)
            finally:
                ended.set()
                if server is not None and server.ident is not None:
                    server.join()
                self._close()

    def playing(self) -> Mapping[str, object]:
        """What a host is told that asks over the serial line."""
        # Called in the serial line's thread: what the control loop read last, since a ring has one reader.
        status = self._heard or quiet_status(self._config.voices)
        name = self._manifest.name if self._manifest is not None else ""
        return {"bundle": name, "sha256": status.sha256, "xruns": status.xruns, "fault": status.fault}

    def _open_flashd(self) -> Flashd | None:
        if not self._config.serial:
            return None
        return Flashd(
            self._config.serial, self._store, self._installed.put, self.playing, owner=self._owner, board=self._board
        )

    def _open_front(self, inputs: Inputs) -> Front | None:
        if inputs.panel is None:
            return None
        pins = load_pin_map()
        display, lights = open_front_chips(inputs.panel, pins, real=self._config.panel in ("auto", "gpio"))
        scenes = SceneStore(DiskFiles(), self._config.state_path / "scenes")
        memory = open_memory(self._config, pins, inputs.panel)
        return Front(self._player, inputs, scenes, memory, pins, self, display, lights)

    # What the panel asks

    def revert(self) -> str:
        """See House."""
        if self._audio is None:
            return "nothing plays yet"
        try:
            self._audio.load(self._store.revert())
        except StoreError as error:
            return str(error)
        return "going back"

    def allow_unsigned(self) -> str:
        """See House."""
        self._owner.allow_unsigned_once()
        return "the next bundle may be unsigned"

    def enrol(self) -> str:
        """See House."""
        self._owner.open_window()
        return "open for an owner's key: `tombola pair`"

    def _start(self, stop: threading.Event, *, waits: bool) -> None:
        """Play the active bundle, or the one before if that does not load; without any, wait if one can come."""
        try:
            path = self._store.boot()
        except StoreError:
            if not waits:
                raise
            self._report(f"waiting for a bundle on {self._config.serial}: none has been flashed yet")
            return
        try:
            self._start_audio(path, stop)
        except BadBundle as error:
            _LOG.warning("%s", error)
            self._start_audio(self._store.revert(), stop)
        if not self._performance.after_flash:
            self._perform()

    def _start_audio(self, path: Path, stop: threading.Event) -> None:
        self._take_up(*_read_bundle(path))
        config = self._config
        self._audio = AudioProcess(
            path,
            voices=config.voices,
            audio=config.audio,
            buffer_periods=config.buffer_periods,
            fallback=config.state_path / "tombola.wav",
            realtime=config.realtime,
            measure=config.measure,
            should_stop=stop.is_set,
        )
        self._audio.send(self._player.controls())
        ready, manifest = self._audio.ready, self._manifest
        assert manifest is not None
        self._report(
            f"playing {manifest.name} (modes: {', '.join(mode.name for mode in manifest.modes)}; "
            f"{_count(ready.voices, 'voice')}) on {ready.audio}"
            f"{' because ALSA has no card' if config.audio == 'auto' and 'file' in ready.audio else ''}"
        )
        for refused in ready.refused:
            _LOG.info("the system does not grant %s to the audio process", refused)

    def _take_up(self, manifest: Manifest, sha256: str) -> None:
        """Know the bundle that plays, and fit the player to it."""
        self._manifest, self._sha256 = manifest, sha256
        self._player.set_modes(len(manifest.modes))

    def _tick(self, stop: threading.Event) -> None:
        assert self._inputs is not None
        now_s = time.monotonic()
        changed = self._inputs.poll()
        while not self._installed.empty():
            self._install(self._installed.get(), stop)
        if self._audio is None:
            return
        status = self._audio.status()
        if status is not self._heard:  # An old one would call a voice silent that was taken just now.
            self._heard = status
            self._player.hear(status.levels_db)
            self._follow_limit(status)
        for event in self._audio.events():
            self._hear_of(event)
        changed |= self._arrive(status)
        if self._front is not None:
            changed |= self._front.poll(self._view(status), self._sounding(status), now_s)
        if changed:
            self._audio.send(self._player.controls(), self._inputs.came_s)
        if not self._audio.alive:
            raise DeviceUnavailable("the audio process has ended by itself; start tombolad again")
        self._judge(status)
        self._watch(status, now_s)
        if time.monotonic() - self._status_s >= STATUS_S:
            self._status_s = time.monotonic()
            self._write_status(status)

    def _follow_limit(self, status: AudioStatus) -> None:
        """Play with as many voices as the audio process can render, and say so when that changes."""
        if status.voice_limit == self._limit:
            return
        if status.slimmed > self._slimmed:
            _LOG.warning(
                "too much to do: %s now; fewer voices or a smaller bundle", _count(status.voice_limit, "voice")
            )
        self._limit, self._slimmed = status.voice_limit, status.slimmed
        self._player.limit_voices(status.voice_limit)

    def _watch(self, status: AudioStatus, now_s: float) -> None:
        """Let the sound out while all is well, and tell systemd so: only while periods are rendered."""
        healthy = status.periods > 0 and not status.fault and not status.lost
        if self._inputs is not None and self._inputs.panel is not None and healthy == self._muted:
            self._muted = not healthy
            self._inputs.panel.set_mute(muted=self._muted)
        if not self._ready and status.periods > 0:
            self._ready = True
            self._notifier.ready()
            self._notifier.status(f"playing {self._manifest.name if self._manifest else ''}")
        watchdog_s = self._notifier.watchdog_s
        if watchdog_s and now_s - self._alive_s >= watchdog_s and status.periods != self._alive_periods:
            self._alive_s, self._alive_periods = now_s, status.periods
            self._notifier.alive()

    def _view(self, status: AudioStatus) -> View:
        """What the display can show of the daemon."""
        manifest, slots, flashd = self._manifest, self._store.slots, self._flashd
        return View(
            bundle=manifest.name if manifest else "",
            modes=tuple(mode.name for mode in manifest.modes) if manifest else (),
            blend=tuple(self._player.blend.tolist()) if manifest else (),
            peak_db=status.peak_db,
            load=status.load_p99_us * FRAME_RATE_HZ / 1e6,
            sounding=sum(level_db > SILENCE_DB for level_db in status.levels_db),
            voices=status.voice_limit,
            slimmed=status.slimmed > 0 and status.voice_limit < self._config.voices,
            xruns=status.xruns,
            tempo_bpm=self._player.clock.tempo_bpm(time.monotonic()),
            previous=slots.previous[:12] if slots.previous else "",
            confirmed=slots.confirmed,
            flashing=flashd.progress if flashd is not None and flashd.doing in COMING else -1.0,
            owners=len(self._owner.keys),
            pairing=self._owner.window_s > 0,
            unsigned=self._owner.unsigned_allowed,
            about=(
                f"tombola {__version__}",
                self._board.name,
                f"latency {status.latency_p50_ms:.1f} ms",
                f"at most {status.latency_max_ms:.1f} ms",
                *((manifest.licence or "no licence given").split("; ") if manifest else ()),
            ),
            fault=status.fault,
            lost=status.lost,
        )

    def _sounding(self, status: AudioStatus) -> Sounding:
        """What outputs can follow."""
        player = self._player
        return Sounding(
            level_db=max(status.levels_db),
            note=player.first_note,
            blend=tuple(player.blend.tolist()),
            place=player.place,
            held=player.held > 0,
            pulses=player.clock.pulses,
        )

    def _install(self, path: Path, stop: threading.Event) -> None:
        if self._audio is None:
            self._start_audio(path, stop)
            if self._performance.after_flash:
                self._perform()
        else:
            self._audio.load(path)

    def _hear_of(self, event: AudioEvent) -> None:
        """Act on what the audio process said."""
        if event.event == "ended":
            raise error_of(event)
        if event.event == "refused":
            _LOG.warning("%s", event.reason)
            self._go_back()
        elif event.event == "loaded":
            self._coming = _read_bundle(Path(event.path))

    def _arrive(self, status: AudioStatus) -> bool:
        """Turn to the bundle that was loaded once it plays alone; True if the controls changed.

        Not before: the bundle that is leaving would follow a blend that is meant for other modes.
        """
        if self._coming is None or status.sha256 != self._coming[1] or status.fading:
            return False
        manifest, sha256 = self._coming
        self._coming = None
        self._take_up(manifest, sha256)
        self._report(f"now playing {manifest.name} (modes: {', '.join(mode.name for mode in manifest.modes)})")
        if self._performance.after_flash and self._begin_s is None:
            self._perform()
        return True

    def _judge(self, status: AudioStatus) -> None:
        """Keep a bundle on trial that has played, give up one that is mute."""
        slots = self._store.slots
        on_trial = slots.active is not None and not slots.confirmed and status.sha256 == slots.active
        if not on_trial or status.sha256 == self._hopeless:
            return
        if status.fault:
            _LOG.warning("%s", status.fault)
            self._hopeless = status.sha256
            self._go_back()
        elif status.played >= TRIAL_PERIODS:
            self._store.confirm(status.sha256)

    def _go_back(self) -> None:
        assert self._audio is not None
        try:
            self._audio.load(self._store.revert())
        except StoreError as error:
            _LOG.warning("%s", error)

    def _perform(self) -> None:
        assert self._inputs is not None
        self._begin_s = time.monotonic()
        self._inputs.perform(self._performance.midi, self._performance.automation)

    def _over(self) -> bool:
        """Whether the performance is."""
        if self._begin_s is None or self._inputs is None or self._audio is None:
            return False
        now_s = time.monotonic()
        if self._performance.seconds is not None and now_s - self._begin_s >= self._performance.seconds:
            return True
        if not self._performance.exit_when_done or self._inputs.performing:
            return False
        if self._done_s is None:
            self._done_s = now_s
        # A tenth of a second, so that what was played last has reached the status.
        quiet = max(self._audio.status().levels_db) <= SILENCE_DB and now_s - self._done_s > 0.2
        return quiet or now_s - self._done_s > TAIL_S

    def _write_status(self, status: AudioStatus) -> None:
        assert self._manifest is not None
        assert self._audio is not None
        assert self._inputs is not None
        facts = DaemonStatus(
            pid=os.getpid(),
            time_s=time.time(),
            bundle=self._manifest.name,
            modes=[mode.name for mode in self._manifest.modes],
            sha256=status.sha256 or self._sha256,
            confirmed=self._store.slots.confirmed,
            audio=self._audio.ready.audio,
            midi=self._inputs.names,
            panel=self._inputs.panel_name,
            serial=self._config.serial,
            voices=self._config.voices,
            voice_limit=status.voice_limit,
            slimmed=status.slimmed,
            lost=status.lost,
            sounding=sum(level_db > SILENCE_DB for level_db in status.levels_db),
            blend=[round(float(weight), 4) for weight in self._player.blend],
            periods=status.periods,
            xruns=status.xruns,
            load_p50_us=round(status.load_p50_us, 1),
            load_p99_us=round(status.load_p99_us, 1),
            latency_p50_ms=round(status.latency_p50_ms, 2),
            latency_max_ms=round(status.latency_max_ms, 2),
            peak_db=round(status.peak_db, 1),
            fault=status.fault,
            refused=self._audio.ready.refused,
        )
        try:
            write_status(self._config.state_path, facts)
        except StoreError as error:
            _LOG.warning("%s", error)  # A full disk must not stop the music.

    def _close(self) -> None:
        self._notifier.stopping()
        self._notifier.close()
        if self._front is not None:
            self._front.close()
        if self._audio is not None:
            self._audio.stop()
        if self._inputs is not None:
            self._inputs.close()
        (self._config.state_path / "status.json").unlink(missing_ok=True)


def _read_bundle(path: Path) -> tuple[Manifest, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"the bundle {path} cannot be read ({error.strerror}); flash it again") from error
    return decode_bundle(data).manifest, bundle_sha256(data)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
