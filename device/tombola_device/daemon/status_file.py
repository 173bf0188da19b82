"""Writes the status file, while a bundle plays and while none does."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import Final

from tombola_device.config import Config
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import TombolaError
from tombola_device.daemon.console import Console
from tombola_device.daemon.states import State
from tombola_device.daemon.status import STATUS_NAME, DaemonStatus, write_status
from tombola_device.disk.errands import Complaint, Errands
from tombola_device.slots.pointer import Slots

STATUS_S: Final = 0.5


class StatusFile:
    """Writes the status of a daemon.

    Args:
        config: How the daemon is set up.
        errands: Does the writing.
    """

    def __init__(self, config: Config, errands: Errands) -> None:
        self._config, self._errands = config, errands
        self._begun_s = 0.0
        self._under_way = False
        self._complaint = Complaint()

    def tick(self, state: State, console: Console, slots: Slots, now_s: float) -> None:
        """Write the status if it is time and the disk has taken the one before; it may refuse, the music goes on."""
        if now_s - self._begun_s < STATUS_S or self._under_way:
            return
        self._begun_s, self._under_way = now_s, True
        status = self._status(state, console, slots)
        self._errands.send(partial(write_status, self._config.state_path, status), self._written, self._not_written)

    def remove(self) -> None:
        """Remove the file: nothing plays any more."""
        with contextlib.suppress(OSError):  # A file that stays is known as old by its time.
            (self._config.state_path / STATUS_NAME).unlink(missing_ok=True)

    def _written(self, _: None) -> str:
        self._under_way = False
        self._complaint.worked()
        return ""

    def _not_written(self, error: TombolaError) -> str:
        self._under_way = False
        return self._complaint.failed(error)

    def _status(self, state: State, console: Console, slots: Slots) -> DaemonStatus:
        status, ready = state.status, state.ready
        return DaemonStatus(
            pid=os.getpid(),
            time_s=time.time(),
            bundle=state.name,
            modes=list(state.modes),
            sha256=status.sha256 or ready.sha256,
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
            blend=[round(float(weight), 4) for weight in console.player.blend] if state.modes else [],
            periods=status.periods,
            xruns=status.xruns,
            load_p50_us=round(status.load_p50_us, 1),
            load_p99_us=round(status.load_p99_us, 1),
            latency_p50_ms=round(status.latency_p50_ms, 2),
            latency_max_ms=round(status.latency_max_ms, 2),
            peak_db=round(status.peak_db, 1),
            fault=status.fault,
            refused=ready.refused,
            doing=state.doing,
        )
