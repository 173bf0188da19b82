"""Modes and their folders, as a user names them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadConfig

_NAME: Final = re.compile(r"[\w .+-]{1,64}")
"""The form of names in a bundle's manifest."""


def parse_folders(arguments: list[str]) -> dict[str, Path]:
    """Read ``NAME=FOLDER`` arguments; a bare ``FOLDER`` gives the mode its own name.

    Raises:
        BadConfig: A bundle cannot store a name, a name is given twice, or a folder does not exist.
    """
    folders: dict[str, Path] = {}
    for argument in arguments:
        name, given, rest = argument.partition("=")
        folder = Path(rest if given else name).expanduser()
        name = name if given else folder.resolve().name
        check_name("mode", name)
        if name in folders:
            raise BadConfig(f"the mode {name!r} is given twice; give each a name of its own: NAME=FOLDER")
        if not folder.is_dir():
            raise BadConfig(f"{folder} is not a folder; give each mode as NAME=FOLDER")
        folders[name] = folder
    return folders


def check_name(what: str, name: str) -> None:
    """Refuse a name that a bundle cannot store.

    Raises:
        BadConfig: It is empty or too long, or has other signs than a manifest allows.
    """
    if not _NAME.fullmatch(name):
        raise BadConfig(f"the {what} cannot be called {name!r}; use 1 to 64 letters, digits, spaces and . + - _ for it")
