"""What to play after the audio process has died, or was ended because it stood still."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import DeviceUnavailable, StoreError
from tombola_device.slots.store import Store

WITHIN_S: Final = 60.0
"""Deaths longer ago are forgotten."""
MOST_DEATHS: Final = 5
_LOG = logging.getLogger(__name__)


class Revival:
    """Chooses the bundle with which the audio process starts again.

    A confirmed bundle gets a second chance, because a process may die of something else: memory ran out, or someone
    ended it. A bundle on trial is given up, and so is one that dies twice within WITHIN_S, or again and again
    (``Store.fault``).

    Args:
        store: Where bundles live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deaths_s: list[float] = []

    def bundle(self, now_s: float) -> Path:
        """The file of the bundle to play after a death.

        Args:
            now_s: By ``time.monotonic``.

        Raises:
            DeviceUnavailable: More than MOST_DEATHS within WITHIN_S: no bundle is to blame.
            StoreError: No bundle is playable.
        """
        self._deaths_s = [then_s for then_s in self._deaths_s if now_s - then_s < WITHIN_S] + [now_s]
        if len(self._deaths_s) > MOST_DEATHS:
            raise DeviceUnavailable(
                f"the audio process has ended {len(self._deaths_s)} times within a minute; read its log"
            )
        return self._instead() or self._store.boot()

    def _instead(self) -> Path | None:
        """The bundle before, if the active one is given up."""
        slots = self._store.slots
        if slots.confirmed:
            return self._store.fault(slots.active or "", certain=len(self._deaths_s) > 1)
        try:
            return self._store.revert()
        except StoreError as error:
            _LOG.warning("%s", error)
            return None
