"""The trial of a bundle: confirmed when it has sounded, given up as soon as it is mute.

Silence proves nothing: only periods count in which a voice was to sound and did. A confirmed bundle is judged on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tombola_device.audio.frames import AudioStatus, quiet_status
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SILENCE_DB
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.graph import MAX_HIT_SAMPLES
from tombola_device.disk.errands import Complaint, Errands, said
from tombola_device.slots.store import Store

TRIAL_PERIODS: Final = round(2.0 * FRAME_RATE_HZ)
"""A bundle that has sounded alone for two seconds without a fault is confirmed."""
MUTE_PERIODS: Final = round(MAX_HIT_SAMPLES / PERIOD_SAMPLES + FRAME_RATE_HZ)
"""A bundle is mute if nothing sounds for so long although a voice is wanted: the longest hit, whose end may be silent,
and a second (6.5 s)."""
LONG_PERIODS: Final = round(600.0 * FRAME_RATE_HZ)
"""After ten minutes without another one, the faults of a confirmed bundle are forgotten."""
AUDIBLE_DB: Final = -40.0
"""A voice at this level is heard; softer ones may be lost below the status's -80 dBFS."""
AGAIN_PERIODS: Final = round(10.0 * FRAME_RATE_HZ)
"""Time until a disk that has refused to confirm a bundle is asked again."""
_LOG = logging.getLogger(__name__)


class Trial:
    """Judges the active bundle.

    Args:
        store: Where bundles live.
        errands: Writes down what was decided.
        load: Lets the audio process play another bundle.
    """

    def __init__(self, store: Store, errands: Errands, load: Callable[[Path], None]) -> None:
        self._store, self._errands, self._load = store, errands, load
        self._status = quiet_status(1)
        self._sounded = self._mute = 0
        """Periods in which the bundle that plays has sounded; and in which it has not although it should, in a row."""
        self._given_up = ""
        self._write_at = 0
        self._complaint = Complaint()

    def judge(self, status: AudioStatus) -> None:
        """Confirm a bundle that has sounded; go back from one that is mute."""
        if status is self._status:
            return
        before, self._status = self._status, status
        if status.sha256 != before.sha256 or status.played < before.played:  # Another bundle, or the same one anew.
            self._sounded = self._mute = self._write_at = 0
            self._given_up = ""
            before = quiet_status(1)
        self._count(status, status.played - before.played)
        slots = self._store.slots
        if slots.active is None or status.sha256 != slots.active or status.sha256 == self._given_up:
            return
        if fault := status.fault or ("the bundle is mute while notes are held" if self._mute >= MUTE_PERIODS else ""):
            _LOG.warning("%s", fault)
            self._given_up = status.sha256
            self.go_back()
        elif status.periods >= self._write_at:
            self._write_down(status)

    def go_back(self) -> None:
        """Give up the active bundle: play the one before."""
        slots = self._store.slots
        if slots.confirmed and slots.active is not None:
            self._errands.send(partial(self._store.fault, slots.active, certain=True), self._play)
        else:
            self._errands.send(self._store.revert, self._play, self._play_factory)

    def _count(self, status: AudioStatus, periods: int) -> None:
        """Count the periods since the status before, which are a fiftieth of a second."""
        sounds = status.peak_db > SILENCE_DB
        self._sounded += periods if sounds and max(status.levels_db) > SILENCE_DB else 0
        self._mute = 0 if sounds or max(status.levels_db) < AUDIBLE_DB else self._mute + periods

    def _write_down(self, status: AudioStatus) -> None:
        slots = self._store.slots
        if not slots.confirmed and self._sounded >= TRIAL_PERIODS:
            task: Callable[[str], None] = self._store.confirm
        elif slots.boots and status.played >= TRIAL_PERIODS:
            task = self._store.started
        elif slots.faults and status.played >= LONG_PERIODS:
            task = self._store.played_long
        else:
            return
        self._write_at = status.periods + AGAIN_PERIODS
        # If the disk refuses, the bundle plays on, and remains on trial until the disk takes it.
        self._errands.send(partial(task, status.sha256), self._written, self._complaint.failed)

    def _written(self, _: None) -> str:
        self._write_at = 0
        self._complaint.worked()
        return ""

    def _play(self, path: Path | None) -> str:
        if path is not None:
            self._load(path)
        return ""

    def _play_factory(self, error: TombolaError) -> str:
        """The slots cannot be changed, or hold nothing else: the factory bundle needs neither."""
        factory = self._store.path_of(None)
        if factory is not None and self._store.slots.active is not None:
            self._load(factory)
        return said(error)
