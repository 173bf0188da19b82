"""Backs up and restores what the player has set: all of it or nothing, a power cut included.

The whole backup is written to one file first. From then on it holds: if the power is cut before each scene has its
file, ``finish_restore`` goes on with it at the next start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tombola_device.contract.errors import StoreError, TombolaError
from tombola_device.disk.errands import Errands, said
from tombola_device.disk.sealed import read_sealed, write_sealed
from tombola_device.surface.backup import Backup
from tombola_device.surface.scene_page import ScenePage
from tombola_device.surface.scenes import SceneStore
from tombola_device.surface.settings import SettingsPage
from tombola_device.surface.view import Said
from tombola_device.surface.volts import Calibration, Voltmeter

UNDER_WAY: Final = "restore.json"


class Archive:
    """Makes a backup of what the pages hold, and puts one in its place.

    Args:
        store: Where scenes and settings are stored.
        scenes: Holds the scenes.
        settings: Holds the settings.
        voltmeter: Holds the calibration.
        save: Saves the calibration.
        errands: Does what waits for the disk.
    """

    def __init__(
        self,
        store: SceneStore,
        scenes: ScenePage,
        settings: SettingsPage,
        voltmeter: Voltmeter,
        save: Callable[[Calibration], None],
        errands: Errands,
    ) -> None:
        self._store, self._scenes, self._settings, self._voltmeter = store, scenes, settings, voltmeter
        self._save, self._errands = save, errands

    def backup(self) -> str:
        """The backup, as the text of its file."""
        backup = Backup(self._scenes.scenes, self._settings.settings, self._voltmeter.calibration)
        return msgspec.json.format(msgspec.json.encode(backup)).decode()

    def restore(self, backup: Backup, ticket: str, reply: Callable[[Said], None]) -> None:
        """Replace everything by a backup; ``reply`` hears with this ticket how it went."""

        def done(_: None) -> str:
            self._scenes.take(backup.scenes)
            self._settings.take(backup.settings)
            self._voltmeter.calibrate(backup.calibration)
            count = sum(scene is not None for scene in backup.scenes)
            text = f"restored: {count} scenes, the settings and the calibration"
            reply(Said(ticket, text))
            return text

        def failed(error: TombolaError) -> str:
            reply(Said(ticket, str(error), good=False))
            return said(error)

        self._errands.send(partial(_replace, self._store, self._save, backup), done, failed)


def finish_restore(store: SceneStore, save: Callable[[Calibration], None]) -> None:
    """Go on with a restore that a power cut has ended. Call it before anything is read.

    Raises:
        TombolaError: The disk or the memory of the calibration refuses; the next start tries again.
    """
    backup = read_sealed(store.files, _under_way(store), Backup)
    if backup is not None:
        _replace(store, save, backup)


def _replace(store: SceneStore, save: Callable[[Calibration], None], backup: Backup) -> None:
    path = _under_way(store)
    try:
        write_sealed(store.files, path, backup)
    except OSError as error:
        raise StoreError(f"the backup cannot be kept ({error.strerror or error}), so nothing was changed") from error
    for place, scene in enumerate(backup.scenes):
        if scene is None:
            store.remove_scene(place)
        else:
            store.save_scene(place, scene)
    store.save_settings(backup.settings)
    save(backup.calibration)
    store.remove(path)


def _under_way(store: SceneStore) -> Path:
    return store.folder / UNDER_WAY
