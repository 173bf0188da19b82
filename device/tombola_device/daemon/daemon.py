"""The control process: everything but audio.

    faces ◄──► Surface ─┐
    MIDI, knobs, CV ──► Player ──► frames of controls ═══► audio process ──► card
    serial ──► Bundles ──► "load this" ──────────────────►      │
                  ▲  confirm / go back ◄──── status ◄═══════════╛

It wakes a thousand times a second and passes on what came in. It never waits: work for the disk is done by ``errands``,
and the audio process starts in a thread.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from tombola_device import __version__
from tombola_device.audio.client import Audio, AudioLost, AudioProcess
from tombola_device.config import Config
from tombola_device.contract.errors import BadBundle, DeviceUnavailable, StoreError, TombolaError
from tombola_device.daemon.bundles import Bundles
from tombola_device.daemon.console import Console, open_console
from tombola_device.daemon.performance import Performance, Performing
from tombola_device.daemon.pulse import Pulse
from tombola_device.daemon.revival import Revival
from tombola_device.daemon.states import NamedBundle, Playing, Starting, State, Waiting, count
from tombola_device.daemon.status import Lock
from tombola_device.daemon.status_file import StatusFile
from tombola_device.daemon.systemd import Notifier
from tombola_device.daemon.watchdog import Watchdog
from tombola_device.disk.errands import ErrandThread
from tombola_device.hal.audio.open import BROWSER
from tombola_device.hal.midi.held import Sources
from tombola_device.play.player import Player
from tombola_device.surface.browser.face import BrowserFace
from tombola_device.surface.browser.open import OpenPage
from tombola_device.surface.face import Face
from tombola_device.surface.remote import RemoteFace
from tombola_device.surface.view import View

TICK_S: Final = 0.001
NOT_HEARD: Final = (
    ", because no sound output was found: connect one and start again (without ALSA, Debian needs libportaudio2)"
)
_LOG = logging.getLogger(__name__)


class Daemon:
    """The instrument: ties inputs, surface and serial line to the bundle that plays.

    Args:
        config: How the instrument is set up.
        performance: What it plays from files.
        report: Takes one line when it begins to play, and one for each bundle that takes over.
        faces: Faces beside that of the panel.
        page: The face in a browser; None: there is none.
    """

    def __init__(
        self,
        config: Config,
        performance: Performance,
        report: Callable[[str], None],
        faces: Sequence[Face] = (),
        page: OpenPage | None = None,
    ) -> None:
        self._config, self._report, self._page = config, report, page
        self._held: Sources = page.held if page is not None else []
        self._remote = RemoteFace(sources=self._held) if config.serial else None
        remote: list[BrowserFace | RemoteFace] = [page.face] if page is not None else []
        remote += [self._remote] if self._remote is not None else []
        self._faces, self._sources = (*faces, *remote), [face.midi for face in remote]
        self.bundles = Bundles(config, self.playing, page.take_line if page is not None else None, self._remote)
        self.state: State = Waiting()
        self.errands = ErrandThread()
        self._starts = ThreadPoolExecutor(1, "start")
        self._ending = threading.Event()
        self._player = Player(1, config.voices)
        self._performing = Performing(performance)
        self._pulse, self._revival = Pulse(), Revival(self.bundles.store)
        self._watchdog = Watchdog(Notifier())
        self._status_file = StatusFile(config, self.errands)

    def run(self, stop: threading.Event) -> None:
        """Play until ``stop`` is set or the performance is over.

        Raises:
            TombolaError: There is nothing to play, or nothing to play it on.
        """
        with Lock(self._config.state_path):
            try:
                opened = open_console(
                    self._config, self._player, self, self.errands, self._faces, self._sources, self._held
                )
                with closing(opened) as console:
                    self.bundles.start()
                    self._play(console, stop)
            finally:
                self._watchdog.close()
                self.errands.close()
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
        accept = partial(self.bundles.owner.accept, fingerprint)
        self.errands.send(accept, lambda _: f"{fingerprint} is an owner now")
        return ""

    def turn_down_key(self) -> str:
        """See House."""
        self.bundles.owner.turn_down()
        return "the key was turned down"

    def open_page(self, *, opened: bool) -> str:
        """See House."""
        if self._remote is None:
            return "no computer is on a serial line"
        return self._remote.open() if opened else self._remote.shut()

    # The loop

    def _play(self, console: Console, stop: threading.Event) -> None:
        try:
            self._boot(console)
            while not stop.is_set() and not self._over(console):
                self._tick(console)
                time.sleep(TICK_S)
        finally:
            self._watchdog.stopping()
            self._ending.set()
            self.state.close()  # First: an installation that is under way may take seconds to end.
            self._starts.shutdown()
            self.bundles.close()

    def _boot(self, console: Console) -> None:
        """Start with the active bundle; without any, wait if one can come."""
        fault = self.bundles.factory_fault()
        try:
            path = self.bundles.store.boot()
        except StoreError as error:
            why = f"{fault}, and {error}" if fault else str(error)
            if not self.bundles.ways_in:
                raise StoreError(why) from error
            self._wait(why)
        else:
            if fault:
                _LOG.warning("%s; correct factory, because a bundle that fails leads back to it", fault)
            self.state = self._start(console, path)

    def _wait(self, why: str) -> None:
        self.state = Waiting(self.state.pulse)
        self._say(f"waiting for a bundle on {self.bundles.ways_in}: {why}")

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # Nobody reads it, or the disk that it goes to is full.
            self._report(line)

    def _start(self, console: Console, path: Path, *, flashed: bool = False) -> Starting:
        return self._begin(console, lambda: path, flashed=flashed)

    def _begin(self, console: Console, choose: Callable[[], Path], *, flashed: bool = False) -> Starting:
        """Start the audio process, in a thread, with the bundle that is chosen there."""
        config, controls, page = self._config, console.player.packed(), self._page

        def begin() -> Audio:
            path = choose()
            try:
                return AudioProcess(
                    path,
                    controls,
                    audio=config.audio,
                    buffer_periods=config.buffer_periods,
                    fallback=config.state_path / "tombola.wav" if page is None else Path(BROWSER),
                    realtime=config.realtime,
                    measure=config.measure,
                    should_stop=self._ending.is_set,
                    tap=page.tap if page is not None else -1,
                )
            except TombolaError:  # Some are OSErrors too.
                raise
            except OSError as error:
                raise DeviceUnavailable(
                    f"the audio process cannot be started ({error.strerror}); free memory"
                ) from error

        return Starting(self._starts.submit(begin), partial(self._started, console, flashed), self.state.pulse)

    def _started(self, console: Console, flashed: bool, audio: Audio) -> Playing:  # noqa: FBT001 - given by ``_start``
        """The audio process has started."""
        playing = Playing(audio, self._player, self.bundles.store, self.errands, partial(self._arrived, console))
        bundle, ready = playing.bundle, audio.ready
        console.surface.set_modes(bundle.modes, bundle.manifest.blend, bundle.manifest.words)
        playing.send(console.player.packed(), 0.0)
        unheard = NOT_HEARD if self._config.audio == "auto" and "file" in ready.audio else ""
        modes, voices = ", ".join(bundle.modes), count(ready.voices, "voice")
        plays = f"playing {playing.name} (modes: {modes}; {voices}) on {ready.audio}{unheard}"
        self._say("; ".join(filter(None, (plays, console.inputs.what_to_press))))
        for refused in ready.refused:
            _LOG.info("the system does not grant %s to the audio process", refused)
        self._performing.bundle_plays(console.inputs, flashed=flashed)
        return playing

    def _next(self, console: Console) -> None:
        """Go on to the next state. If a bundle does not start, to the one before; without any, wait for another."""
        try:
            self.state = self.state.next()
        except AudioLost as error:
            self._revive(console, error)
        except BadBundle as error:
            _LOG.warning("%s", error)
            try:
                path = self.bundles.store.revert()
            except StoreError:
                if not self.bundles.ways_in:
                    raise error from None
                self._wait(str(error))
            else:
                self.state = self._start(console, path)

    def _arrived(self, console: Console, bundle: NamedBundle) -> None:
        """Another bundle has taken over."""
        console.surface.set_modes(bundle.modes, bundle.manifest.blend, bundle.manifest.words)
        self._say(f"now playing {bundle.manifest.name} (modes: {', '.join(bundle.modes)})")
        self._performing.bundle_plays(console.inputs, flashed=True)

    def _tick(self, console: Console) -> None:
        now_s = time.monotonic()
        changed = console.inputs.poll()
        for path in self.bundles.installed():
            self.state = self.state.install(path, partial(self._start, console, flashed=True))
        self._next(console)
        changed |= self._listen(console, now_s)
        state = self.state
        changed |= console.answer(self._see, now_s)
        console.put_out(state.level_db, now_s, healthy=state.healthy)
        if changed:
            state.send(console.player.packed(), console.inputs.came_s)
        self._watchdog.tick(state.pulse, state.doing, now_s)
        self._status_file.tick(state, console, self.bundles.store.slots, now_s)

    def _listen(self, console: Console, now_s: float) -> bool:
        """Hear the audio process, and start it again if it was lost. True if the controls must be sent again."""
        state = self.state
        if isinstance(state, Playing) and self._pulse.stands_still(state.pulse, now_s):
            _LOG.warning("the audio process has rendered nothing for a second and is ended")
            state.audio.kill()
        try:
            return state.tick()
        except AudioLost as error:
            self._revive(console, error)
            return False

    def _revive(self, console: Console, error: AudioLost) -> None:
        """Start the audio process again, in the performance as it stands."""
        _LOG.warning("%s", error)
        self.state.close()
        self.state = self._begin(console, partial(self._revival.bundle, time.monotonic()))

    def _see(self, now_s: float) -> View:
        """What the daemon sees; the surface completes it."""
        view = self.bundles.see(self.state.see())
        about = (f"tombola {__version__}", self.bundles.board.name, *view.about)
        code = self._remote.code if self._remote is not None else None
        about = (*((f"page code {code}",) if code else ()), *about)  # First: the display shows few lines.
        return replace(view, tempo_bpm=self._player.clock.tempo_bpm(now_s), about=about, page_code=code)

    def _over(self, console: Console) -> bool:
        return self._performing.over(self.state.level_db, performing=console.inputs.performing)
