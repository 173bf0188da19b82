"""Makes bundles ready beside the sound: the loading thread of the audio process."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tombola_device.audio.messages import AudioEvent, Load, tell
from tombola_device.audio.realtime import become_helper
from tombola_device.contract.bundle import bundle_sha256, decode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ, Controls
from tombola_device.contract.errors import BadBundle, StoreError, TombolaError
from tombola_device.engine.crossfade import PREROLL_PERIODS, preroll
from tombola_device.engine.engine import Engine

HOUSEKEEPING_S: Final = 0.1
PERIOD_S: Final = 1 / FRAME_RATE_HZ
LONGEST_PREROLL_S: Final = 2 * PREROLL_PERIODS * PERIOD_S
"""Twice the time that is there: the first runs take longer, and a machine that is busy must not refuse a bundle."""


class Stage(Protocol):
    """Where bundles take over from each other: ``AudioLoop``.

    >>> class Bare:
    ...     frame = Player(modes=3, voices=1).controls()
    ...     def __init__(self, engine): self.engine, self.stop = engine, False
    ...     def take_over(self, engine, sha256): self.engine = engine
    ...     def forget(self): pass
    >>> stage: Stage = Bare(Engine(bundle, voices=1))
    >>> stage.take_over(stage.engine.twin(), sha256="")
    """

    stop: bool
    """Whether the sound ends."""

    @property
    def engine(self) -> Engine:
        """The engine that plays."""

    @property
    def frame(self) -> Controls:
        """The controls that it plays with now."""

    def take_over(self, engine: Engine, sha256: str) -> None:
        """Cross-fade to another engine, which has played its preroll."""

    def forget(self) -> None:
        """Free engines that no longer play."""


def load_engine(path: Path, voices: int, neighbour: Engine | None = None) -> tuple[Engine, str]:
    """Read a bundle; return its engine, ready to play, and its SHA-256.

    Raises:
        StoreError: The file cannot be read.
        BadBundle: The bundle does not play.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"the bundle {path} cannot be read ({error.strerror}); flash it again") from error
    try:
        engine = Engine(decode_bundle(data), voices, neighbour=neighbour)
        engine.warm_up()
    except MemoryError as error:
        raise BadBundle(f"the bundle {path} needs more memory than there is; export a smaller one") from error
    return engine, bundle_sha256(data)


class Pace:
    """Makes the preroll take its real time, as a period in the audio thread does.

    At full speed this thread would keep the interpreter from the audio thread for longer at a time.
    """

    def __init__(self) -> None:
        self._begun_s = time.thread_time()

    def __call__(self) -> None:
        """Wait after a period.

        Raises:
            BadBundle: All periods together took more than LONGEST_PREROLL_S of processor time.
        """
        if time.thread_time() - self._begun_s > LONGEST_PREROLL_S:
            raise BadBundle("the bundle takes longer than a period for the notes that sound; prune it further")
        time.sleep(PERIOD_S)


def serve_commands(stage: Stage, *, realtime: bool) -> None:
    """Load requested bundles until standard input ends.

    A bundle that cannot be loaded, for whatever reason, is refused: the thread outlives it.
    """
    if realtime:
        become_helper()
    for line in _lines(stage):
        path = msgspec.json.decode(line, type=Load).path
        try:
            engine, sha256 = load_engine(Path(path), stage.engine.voices, stage.engine)
            preroll(engine, lambda: stage.frame, Pace())
        except Exception as error:  # noqa: BLE001 - a thread that ends here would ignore all later bundles
            reason = str(error) if isinstance(error, TombolaError) else f"{path} cannot be loaded ({error!r:.200})"
            tell(sys.stdout.fileno(), AudioEvent("refused", path=path, reason=reason))
            continue
        tell(sys.stdout.fileno(), AudioEvent("loaded", path=path, sha256=sha256, manifest=engine.manifest))
        stage.take_over(engine, sha256)


def _lines(stage: Stage) -> Iterator[bytes]:
    """Lines of standard input. Frees old bundles while no line arrives."""
    pending, descriptor = b"", sys.stdin.fileno()
    while not stage.stop:
        stage.forget()
        if not select.select([descriptor], [], [], HOUSEKEEPING_S)[0]:
            continue
        data = os.read(descriptor, 65_536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        yield from lines
