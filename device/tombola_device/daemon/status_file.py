"""Writes the status file while a bundle plays."""

from __future__ import annotations

import logging
import os
import time
from typing import Final

from tombola_device.config import Config
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import StoreError
from tombola_device.daemon.console import Console
from tombola_device.daemon.states import Playing
from tombola_device.daemon.status import STATUS_NAME, DaemonStatus, write_status
from tombola_device.slots.store import Slots

STATUS_S: Final = 0.5
_LOG = logging.getLogger(__name__)


class StatusFile:
    """Writes the status of a daemon that plays.

    Args:
        config: How the daemon is set up.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._written_s = 0.0

    def tick(self, playing: Playing, console: Console, slots: Slots, now_s: float) -> None:
        """Write the status if it is time; a full disk must not stop the music."""
        if now_s - self._written_s < STATUS_S:
            return
        self._written_s = now_s
        try:
            write_status(self._config.state_path, self._status(playing, console, slots))
        except StoreError as error:
            _LOG.warning("%s", error)

    def remove(self) -> None:
        """Remove the file: nothing plays any more."""
        (self._config.state_path / STATUS_NAME).unlink(missing_ok=True)

    def _status(self, playing: Playing, console: Console, slots: Slots) -> DaemonStatus:
        status, ready = playing.status, playing.audio.ready
        return DaemonStatus(
            pid=os.getpid(),
            time_s=time.time(),
            bundle=playing.name,
            modes=list(playing.bundle.modes),
            sha256=status.sha256 or playing.bundle.sha256,
            confirmed=slots.confirmed,
            audio=ready.audio,
            midi=console.inputs.names,
            panel=console.panel_name,
            serial=self._config.serial,
            voices=self._config.voices,
            voice_limit=status.voice_limit,
            slimmed=status.slimmed,
            lost=status.lost,
            sounding=sum(level_db > SILENCE_DB for level_db in status.levels_db),
            blend=[round(float(weight), 4) for weight in console.player.blend],
            periods=status.periods,
            xruns=status.xruns,
            load_p50_us=round(status.load_p50_us, 1),
            load_p99_us=round(status.load_p99_us, 1),
            latency_p50_ms=round(status.latency_p50_ms, 2),
            latency_max_ms=round(status.latency_max_ms, 2),
            peak_db=round(status.peak_db, 1),
            fault=status.fault,
            refused=ready.refused,
        )
