"""Modes and their folders, as a user names them."""

from __future__ import annotations

from pathlib import Path

from tombola_device.contract.errors import BadConfig


def parse_folders(arguments: list[str]) -> dict[str, Path]:
    """Read ``NAME=FOLDER`` arguments; a bare ``FOLDER`` gives the mode its own name.

    Raises:
        BadConfig: A name is given twice, or a folder does not exist.
    """
    folders: dict[str, Path] = {}
    for argument in arguments:
        name, given, rest = argument.partition("=")
        folder = Path(rest if given else name).expanduser()
        name = name if given else folder.resolve().name
        if name in folders:
            raise BadConfig(f"the mode {name!r} is given twice; give each a name of its own: NAME=FOLDER")
        if not folder.is_dir():
            raise BadConfig(f"{folder} is not a folder; give each mode as NAME=FOLDER")
        folders[name] = folder
    return folders
