"""The three states of the daemon: it waits for a bundle, it starts the audio process with one, or it plays one.

    Waiting ── a bundle is flashed ──► Starting ── the audio process has begun ──► Playing ─┐
       ▲                               ▲      │                                       ▲     │ another bundle is flashed,
       └──── it plays no bundle ───────┼──────┘                                       │     │ the player goes back, or
                                       │                                              └─────┘ the bundle is mute
           a bundle is found at the start

Once it plays, it plays until the daemon ends: an audio process that is lost is started again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from tombola_device.audio.client import Audio, AudioLost, error_of
from tombola_device.audio.frames import AudioStatus, quiet_status
from tombola_device.audio.messages import AudioEvent
from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB
from tombola_device.contract.errors import DeviceUnavailable, TombolaError
from tombola_device.contract.manifest import Manifest
from tombola_device.daemon.trial import Trial
from tombola_device.disk.errands import Errands
from tombola_device.play.player import Player
from tombola_device.slots.store import Store
from tombola_device.surface.view import View

LOAD_PERIODS: Final = round(30.0 * FRAME_RATE_HZ)
"""Longest load; the check of a bundle before it is installed may take 20 s."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NamedBundle:
    """A bundle's manifest, and the hash by which the audio process and the slots call it."""

    manifest: Manifest
    sha256: str

    @property
    def modes(self) -> tuple[str, ...]:
        """Names of its modes."""
        return tuple(mode.name for mode in self.manifest.modes)


def named_bundle(event: AudioEvent) -> NamedBundle:
    """The bundle of a ``ready`` or ``loaded`` event. The control process reads no bundle's file itself."""
    assert event.manifest is not None
    return NamedBundle(event.manifest, event.sha256)


class Waiting:
    """No bundle plays: one can be flashed, an owner be paired, a jack be calibrated; the outputs are muted."""

    healthy: Final = False
    level_db: Final = SILENCE_DB
    name: Final = ""
    modes: Final[tuple[str, ...]] = ()
    ready: Final = AudioEvent("waiting")

    def __init__(self, pulse: int = 0) -> None:
        self.status = quiet_status(1)
        self.pulse = pulse

    @property
    def doing(self) -> str:
        """See Playing."""
        return "waiting for a bundle"

    def next(self) -> State:
        """See Starting; a bundle must be flashed first."""
        return self

    def install(self, path: Path, start: Start) -> State:
        """Start to play with a bundle that was flashed."""
        return start(path)

    def revert(self) -> str:
        """See House."""
        return "nothing plays yet"

    def tick(self) -> bool:
        """See Playing."""
        self.pulse += 1
        return False

    def send(self, controls: bytes, came_s: float) -> None:
        """See Playing; nobody listens."""

    def see(self) -> View:
        """See Playing."""
        return View(doing=self.doing)

    def close(self) -> None:
        """See Playing; nothing is open."""


class Starting(Waiting):
    """The audio process starts with a bundle, which takes seconds. Until then all is as while waiting.

    Args:
        audio: The audio process, as soon as it has started.
        plays: Called with it, in the control loop.
        pulse: Of the state before; 0: systemd hears that the instrument is ready when it plays.
    """

    def __init__(self, audio: Future[Audio], plays: Callable[[Audio], Playing], pulse: int = 0) -> None:
        super().__init__(pulse)
        self._audio, self._plays = audio, plays
        self._later: list[Path] = []

    @property
    def doing(self) -> str:
        """See Playing."""
        return "starting"

    def next(self) -> State:
        """Play when the audio process has started.

        Raises:
            AudioLost: It has died.
            BadBundle: It does not play this bundle.
            TombolaError: It cannot be started.
        """
        if not self._audio.done():
            return self
        playing = self._plays(self._audio.result())
        for path in self._later:
            playing.load(path)
        return playing

    def install(self, path: Path, _: Start) -> State:
        """Cross-fade to a bundle that was flashed as soon as the audio process has started."""
        self._later.append(path)
        return self

    def tick(self) -> bool:
        """See Playing."""
        return super().tick() if self.pulse else False

    def close(self) -> None:
        """End the audio process that has started, or is about to."""
        with contextlib.suppress(TombolaError, OSError):
            self._audio.result().stop()


class Playing:
    """A bundle plays in the audio process.

    Args:
        audio: The audio process.
        player: The player.
        store: Where bundles live.
        errands: Does what waits for the disk.
        on_arrival: Called with each bundle that has taken over from another one.
    """

    def __init__(
        self,
        audio: Audio,
        player: Player,
        store: Store,
        errands: Errands,
        on_arrival: Callable[[NamedBundle], None],
    ) -> None:
        self.audio, self.bundle = audio, named_bundle(audio.ready)
        self.status = quiet_status(player.voices)
        """The newest status. The serial line's thread reads it too."""
        self._player, self._store, self._errands, self._on_arrival = player, store, errands, on_arrival
        self._trial = Trial(store, errands, self.load)
        self._coming: NamedBundle | None = None
        self._asked: list[int] = []
        """For each bundle that is still to be loaded, the period in which that was asked for."""
        self._limit = self._slimmed = 0

    @property
    def healthy(self) -> bool:
        """Whether the sound may be heard."""
        return self.status.periods > 0 and not self.status.fault and not self.status.lost

    @property
    def level_db(self) -> float:
        """Level of the loudest voice."""
        return max(self.status.levels_db)

    @property
    def pulse(self) -> int:
        """Changes as long as sound is rendered; 0: none has been yet."""
        return self.status.periods

    @property
    def name(self) -> str:
        """Name of the bundle that plays; empty: none."""
        return self.bundle.manifest.name

    @property
    def doing(self) -> str:
        """What the daemon does, in one line."""
        return f"playing {self.name}"

    @property
    def modes(self) -> tuple[str, ...]:
        """Names of the modes of the bundle that plays."""
        return self.bundle.modes

    @property
    def ready(self) -> AudioEvent:
        """What the audio process said when it had started."""
        return self.audio.ready

    def next(self) -> State:
        """See Starting."""
        return self

    def install(self, path: Path, _: Start) -> State:
        """Cross-fade to a bundle that was flashed; the audio process runs already."""
        self.load(path)
        return self

    def load(self, path: Path) -> None:
        """Cross-fade to the bundle in a file."""
        self._asked.append(self.status.periods)
        with contextlib.suppress(DeviceUnavailable):  # The end of the audio process is noticed in the next tick.
            self.audio.load(path)

    def revert(self) -> str:
        """See House."""

        def reverted(path: Path) -> str:
            self.load(path)
            return "going back"

        self._errands.send(self._store.revert, reverted)
        return ""

    def tick(self) -> bool:
        """Hear the audio process, and judge the bundle on trial. True if the controls must be sent again.

        Raises:
            AudioLost: The audio process has ended by itself.
            TombolaError: The audio process has ended, and said why.
        """
        self._hear(self.audio.status())
        for event in self.audio.events():
            self._act_on(event)
        arrived = self._arrive()
        if self._asked and self.status.periods - self._asked[0] > LOAD_PERIODS:
            self.audio.kill()
        if not self.audio.alive:
            raise AudioLost("the audio process has ended by itself; it is started again")
        self._trial.judge(self.status)
        return arrived

    def send(self, controls: bytes, came_s: float) -> None:
        """Send the player's controls; ``came_s``: when the change behind them came in."""
        self.audio.send(controls, came_s)

    def see(self) -> View:
        """What can be shown of the bundle and of the audio process."""
        status, manifest = self.status, self.bundle.manifest
        return View(
            bundle=manifest.name,
            sha256=self.bundle.sha256,
            doing=self.doing,
            audio=self.ready.audio,
            levels_db=status.levels_db,
            load_p50=status.load_p50_us * FRAME_RATE_HZ / 1e6,
            latency_ms=status.latency_p50_ms,
            latency_max_ms=status.latency_max_ms,
            voices_wanted=self._player.voices,
            peak_db=status.peak_db,
            load=status.load_p99_us * FRAME_RATE_HZ / 1e6,
            sounding=sum(level_db > SILENCE_DB for level_db in status.levels_db),
            voices=status.voice_limit,
            slimmed=status.slimmed > 0 and status.voice_limit < self._player.voices,
            xruns=status.xruns,
            about=(
                f"latency {status.latency_p50_ms:.1f} ms",
                f"at most {status.latency_max_ms:.1f} ms",
                *(manifest.licence or "no licence given").split("; "),
            ),
            fault=status.fault,
            lost=status.lost,
        )

    def close(self) -> None:
        """End the audio process."""
        self.audio.stop()

    def _hear(self, status: AudioStatus) -> None:
        if status is self.status:  # An old one would call a voice silent that was taken just now.
            return
        self.status = status
        self._player.hear(status.levels_db)
        if status.voice_limit == self._limit:
            return
        if status.slimmed > self._slimmed:
            _LOG.warning("too much to do: %s now; fewer voices or a smaller bundle", count(status.voice_limit, "voice"))
        self._limit, self._slimmed = status.voice_limit, status.slimmed
        self._player.limit_voices(status.voice_limit)

    def _act_on(self, event: AudioEvent) -> None:
        if event.event == "ended":
            raise error_of(event)
        del self._asked[:1]
        if event.event == "refused":
            _LOG.warning("%s", event.reason)
            # Of two flashes in a row, the first one's file may be gone before it is read; the second one is on its way.
            if Path(event.path) == self._store.path_of(self._store.slots.active):
                self._trial.go_back()
        elif event.event == "loaded":
            self._coming = named_bundle(event)

    def _arrive(self) -> bool:
        """Turn to the bundle that was loaded once it plays alone; True if the controls changed.

        Not before: the bundle that fades out would follow a blend that is meant for other modes.
        """
        coming = self._coming
        if coming is None or self.status.sha256 != coming.sha256 or self.status.fading:
            return False
        self._coming, self.bundle = None, coming
        self._on_arrival(coming)
        return True


State: TypeAlias = Waiting | Playing
Start: TypeAlias = Callable[[Path], Starting]
"""Begins to start the audio process with a bundle."""


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 voice, 2 voices."""
    return f"{number} {noun}{'s' if number != 1 else ''}"
