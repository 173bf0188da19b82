"""All that a player has set, in one file: scenes, settings, calibration. Pure.

Owners are not in it: a file that is restored by a page must not enrol a key (``docs/adr/0027``). Bundles are not in it
either; they are flashed.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tombola_device.contract.errors import BadConfig
from tombola_device.surface.scenes import PLACES, Scene, Settings
from tombola_device.surface.volts import Calibration


class Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file.

    Args:
        scenes: The scene of each place; None: it is empty.
        settings: The settings.
        calibration: The measured lines.
    """

    scenes: Annotated[tuple[Scene | None, ...], Meta(min_length=PLACES, max_length=PLACES)]
    settings: Settings
    calibration: Calibration
    format: Literal["tombola backup"] = "tombola backup"
    version: Literal[1] = 1


def read_backup(data: bytes) -> Backup:
    """Read and check the file.

    Raises:
        BadConfig: It is no backup, or something in it cannot be.
    """
    try:
        backup = msgspec.json.decode(data, type=Backup)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig(f"this file is no backup of an instrument ({error}); choose another one") from error
    flat = [name for name, line in backup.calibration.lines.items() if line.volts_at_zero == line.volts_at_full]
    if flat:
        raise BadConfig(f"the backup's calibration of {flat[0]!r} cannot be; choose another file")
    return backup
