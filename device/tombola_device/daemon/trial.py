"""The trial of a new bundle: confirmed when it has played, given up when it is mute."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from tombola_device.audio.frames import AudioStatus
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.errors import StoreError
from tombola_device.slots.store import Store

TRIAL_PERIODS: Final = round(2.0 * FRAME_RATE_HZ)
"""A bundle that has played alone for two seconds without a fault is confirmed."""
_LOG = logging.getLogger(__name__)


class Trial:
    """Judges the active bundle until it is confirmed.

    Args:
        store: Where bundles live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._given_up = ""

    def judge(self, status: AudioStatus) -> Path | None:
        """Confirm a bundle that has played. Gives the bundle to go back to if the one on trial is mute.

        Raises:
            StoreError: The slots cannot be written.
        """
        slots = self._store.slots
        on_trial = slots.active is not None and not slots.confirmed and status.sha256 == slots.active
        if not on_trial or status.sha256 == self._given_up:
            return None
        if status.fault:
            _LOG.warning("%s", status.fault)
            self._given_up = status.sha256
            return self.go_back()
        if status.played >= TRIAL_PERIODS:
            self._store.confirm(status.sha256)
        return None

    def go_back(self) -> Path | None:
        """Give up the active bundle. Gives the one before; None if there is none, or the disk refuses."""
        try:
            return self._store.revert()
        except StoreError as error:
            _LOG.warning("%s", error)
            return None
