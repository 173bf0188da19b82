"""A fake audio process for tests: no process, no sound, and time in periods that the test plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tombola_device.audio.frames import AudioStatus, quiet_status
from tombola_device.audio.messages import AudioEvent
from tombola_device.contract.bundle import bundle_sha256, decode_bundle
from tombola_device.contract.controls import Controls
from tombola_device.contract.errors import BadBundle, DeviceUnavailable
from tombola_device.contract.packed import unpack


class FakeAudio:
    """Plays one bundle in silence: ``play``, ``sound``, ``break_down``, ``slim``, ``unplug``, ``hang``, ``die``.

    Args:
        bundle: File of the first bundle.
        voices: V.
    """

    def __init__(self, bundle: Path, voices: int = 4) -> None:
        self.sent: list[Controls] = []
        self.loads: list[Path] = []
        self.alive, self.stopped, self._hangs = True, False, False
        data = bundle.read_bytes()
        manifest, sha256 = decode_bundle(data).manifest, bundle_sha256(data)
        self._status = replace(quiet_status(voices), sha256=sha256)
        self._events: list[AudioEvent] = []
        self.ready = AudioEvent("ready", audio="nothing (a fake)", sha256=sha256, manifest=manifest, voices=voices)

    def play(self, periods: int) -> None:
        """Play a number of periods."""
        status = self._status
        self._status = replace(status, periods=status.periods + periods, played=status.played + periods)

    def sound(self, level_db: float, voice: int = 0, peak_db: float | None = None) -> None:
        """Let a voice be wanted at a level, dB, and heard with this peak, by default the same."""
        levels_db = list(self._status.levels_db)
        levels_db[voice] = level_db
        peak_db = level_db if peak_db is None else peak_db
        self._status = replace(self._status, levels_db=tuple(levels_db), peak_db=peak_db)

    def break_down(self, fault: str) -> None:
        """Become silent, with a fault."""
        self._status = replace(self._status, fault=fault)

    def slim(self, voices: int) -> None:
        """Reduce the voices, as after overload."""
        self._status = replace(self._status, voice_limit=voices, slimmed=self._status.slimmed + 1)

    def unplug(self) -> None:
        """Lose the card."""
        self._status = replace(self._status, lost=True)

    def hang(self) -> None:
        """Load no more bundles, and say nothing about it."""
        self._hangs = True

    def die(self) -> None:
        """End without an event."""
        self.alive = False

    def send(self, controls: bytes, stamp_s: float = 0.0) -> None:  # noqa: ARG002 - nothing leaves it
        """See Audio."""
        self.sent.append(unpack(controls))

    def status(self) -> AudioStatus:
        """See Audio."""
        return self._status

    def load(self, bundle: Path) -> None:
        """See Audio; the bundle plays at once, without a fade."""
        if not self.alive:
            raise DeviceUnavailable("the fake has ended; make another one")
        self.loads.append(bundle)
        if self._hangs:
            return
        try:
            data = bundle.read_bytes()
            manifest = decode_bundle(data).manifest
        except (OSError, BadBundle) as error:
            self._events.append(AudioEvent("refused", path=str(bundle), reason=str(error)))
            return
        sha256 = bundle_sha256(data)
        self._events.append(AudioEvent("loaded", path=str(bundle), sha256=sha256, manifest=manifest))
        self._status = replace(self._status, sha256=sha256, played=0, fault="")

    def events(self) -> list[AudioEvent]:
        """See Audio."""
        events, self._events = self._events, []
        return events

    def kill(self) -> None:
        """See Audio."""
        self.alive = False

    def stop(self) -> None:
        """See Audio."""
        self.alive, self.stopped = False, True
