"""The control process: everything but audio.

    faces ◄──► Surface ─┐
    MIDI, knobs, CV ──► Player ──► frames of controls ═══► audio process ──► card
    serial ──► Bundles ──► "load this" ──────────────────►      │
                  ▲  confirm / go back ◄──── status ◄═══════════╛

It wakes a thousand times a second, passes on what came in, and writes its status twice a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from tombola_device import __version__
from tombola_device.audio.client import AudioProcess
from tombola_device.config import Config
from tombola_device.contract.errors import BadBundle, StoreError
from tombola_device.daemon.bundles import Bundles
from tombola_device.daemon.console import Console, open_console
from tombola_device.daemon.performance import Performance, Performing
from tombola_device.daemon.states import NamedBundle, Playing, Start, State, Waiting, count, read_named_bundle
from tombola_device.daemon.status import Lock
from tombola_device.daemon.status_file import StatusFile
from tombola_device.daemon.systemd import Notifier
from tombola_device.daemon.watchdog import Watchdog
from tombola_device.play.player import Player
from tombola_device.surface.surface import Face
from tombola_device.surface.view import View

TICK_S: Final = 0.001
_LOG = logging.getLogger(__name__)


class Daemon:
    """The instrument: ties inputs, surface and serial line to the bundle that plays.

    Args:
        config: How the instrument is set up.
        performance: What it plays from files.
        report: Takes one line when it begins to play, and one for each bundle that takes over.
        faces: Faces beside that of the panel.
    """

    def __init__(
        self,
        config: Config,
        performance: Performance,
        report: Callable[[str], None],
        faces: Sequence[Face] = (),
    ) -> None:
        self._config, self._report, self._faces = config, report, faces
        self.bundles = Bundles(config, self.playing)
        self.state: State = Waiting()
        self._player = Player(1, config.voices)
        self._performing = Performing(performance)
        self._watchdog = Watchdog(Notifier())
        self._status_file = StatusFile(config)

    def run(self, stop: threading.Event) -> None:
        """Play until ``stop`` is set or the performance is over.

        Raises:
            TombolaError: There is nothing to play, or nothing to play it on.
        """
        with Lock(self._config.state_path):
            try:
                with closing(open_console(self._config, self._player, self, self._faces)) as console:
                    self.bundles.start()
                    self._play(console, stop)
            finally:
                self._watchdog.close()
                self._status_file.remove()

    def playing(self) -> Mapping[str, object]:
        """Answer a host that asks over the serial line."""
        # Called in the serial line's thread. It takes the status that the control loop has read, because the ring
        # between the processes has one reader.
        state = self.state
        status = state.status
        return {"bundle": state.name, "sha256": status.sha256, "xruns": status.xruns, "fault": status.fault}

    # What a face can ask for

    def revert(self) -> str:
        """See House."""
        return self.state.revert()

    def allow_once(self, bundle: str) -> str:
        """See House."""
        self.bundles.owner.allow_once(bundle)
        return f"{bundle} may come in once; flash it again"

    def enrol(self) -> str:
        """See House."""
        self.bundles.owner.open_window()
        return "open for an owner's key: `tombola pair`"

    def accept_key(self, fingerprint: str) -> str:
        """See House."""
        self.bundles.owner.accept(fingerprint)
        return f"{fingerprint} is an owner now"

    def turn_down_key(self) -> str:
        """See House."""
        self.bundles.owner.turn_down()
        return "the key was turned down"

    # The loop

    def _play(self, console: Console, stop: threading.Event) -> None:
        start = partial(self._start, console, stop)
        try:
            self._boot(console, start)
            while not stop.is_set() and not self._over(console):
                self._tick(console, start)
                time.sleep(TICK_S)
        finally:
            self._watchdog.stopping()
            self.state.close()  # First: an installation that is under way may take seconds to end.
            self.bundles.close()

    def _boot(self, console: Console, start: Start) -> None:
        """Play the active bundle, or the one before if that does not load; without any, wait if one can come."""
        store = self.bundles.store
        try:
            path = store.boot()
        except StoreError:
            if not self.bundles.serial:
                raise
            self._report(f"waiting for a bundle on {self.bundles.serial}: none has been flashed yet")
            return
        try:
            self.state = start(path)
        except BadBundle as error:
            _LOG.warning("%s", error)
            self.state = start(store.revert())
        self._performing.bundle_plays(console.inputs, flashed=False)

    def _start(self, console: Console, stop: threading.Event, path: Path) -> Playing:
        config, bundle = self._config, read_named_bundle(path)

        def gives_up() -> bool:
            self._watchdog.starting(time.monotonic())
            return stop.is_set()

        console.surface.set_modes(bundle.modes)
        audio = AudioProcess(
            path,
            voices=config.voices,
            audio=config.audio,
            buffer_periods=config.buffer_periods,
            fallback=config.state_path / "tombola.wav",
            realtime=config.realtime,
            measure=config.measure,
            should_stop=gives_up,
        )
        audio.send(console.player.controls())
        ready = audio.ready
        self._report(
            f"playing {bundle.manifest.name} (modes: {', '.join(bundle.modes)}; "
            f"{count(ready.voices, 'voice')}) on {ready.audio}"
            f"{' because ALSA has no card' if config.audio == 'auto' and 'file' in ready.audio else ''}"
        )
        for refused in ready.refused:
            _LOG.info("the system does not grant %s to the audio process", refused)
        return Playing(audio, bundle, self._player, self.bundles.store, partial(self._arrived, console))

    def _arrived(self, console: Console, bundle: NamedBundle) -> None:
        """Another bundle has taken over."""
        console.surface.set_modes(bundle.modes)
        self._report(f"now playing {bundle.manifest.name} (modes: {', '.join(bundle.modes)})")
        self._performing.bundle_plays(console.inputs, flashed=True)

    def _tick(self, console: Console, start: Start) -> None:
        now_s = time.monotonic()
        changed = console.inputs.poll()
        for path in self.bundles.installed():
            waited = isinstance(self.state, Waiting)
            self.state = self.state.install(path, start)
            if waited:
                self._performing.bundle_plays(console.inputs, flashed=True)
        state = self.state
        changed |= state.tick()
        changed |= console.answer(self._see, now_s)
        console.put_out(state.level_db, now_s, healthy=state.healthy)
        if changed:
            state.send(console.player.controls(), console.inputs.came_s)
        self._watchdog.tick(state.pulse, state.doing, now_s)
        if isinstance(state, Playing):
            self._status_file.tick(state, console, self.bundles.store.slots, now_s)

    def _see(self, now_s: float) -> View:
        """What the daemon sees; the surface completes it."""
        view = self.bundles.see(self.state.see())
        about = (f"tombola {__version__}", self.bundles.board.name, *view.about)
        return replace(view, tempo_bpm=self._player.clock.tempo_bpm(now_s), about=about)

    def _over(self, console: Console) -> bool:
        return self._performing.over(self.state.level_db, performing=console.inputs.performing)
