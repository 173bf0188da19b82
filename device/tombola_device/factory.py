"""The factory set: bundles that are part of the firmware. One of them plays until another bundle is flashed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, StoreError
from tombola_device.disk.files import DiskFiles, Files
from tombola_device.disk.sealed import read_sealed, write_sealed

FOLDER: Final = Path(__file__).parent / "models"
FIRST: Final = "quartet"
"""What plays before anything is chosen."""
CHOICE_NAME: Final = "factory.json"


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``factory.json``: the name of a bundle of the set."""

    name: str


def shipped() -> dict[str, Path]:
    """The bundles of the set: name → file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*/*.tombola"))}


def choose(name: str, state: Path, files: Files | None = None) -> None:
    """Choose the bundle that plays until another is flashed, from the next start on.

    Args:
        name: Of a bundle of the set.
        state: Folder in which the instrument keeps its state.
        files: The file system.

    Raises:
        BadConfig: The set has no such bundle.
        StoreError: The choice cannot be stored.
    """
    if name not in shipped():
        raise BadConfig(f"no factory bundle is called {name!r}; choose one of {', '.join(shipped())}")
    try:
        write_sealed(files or DiskFiles(), state / CHOICE_NAME, Choice(name))
    except OSError as error:
        raise StoreError(f"{state / CHOICE_NAME} cannot be kept ({error.strerror or error}); check the card") from error


def chosen(state: Path, files: Files | None = None) -> Path | None:
    """File of the chosen bundle; where it is missing or damaged, of another whole one; None: there is none.

    Args:
        state: Folder in which the instrument keeps its state.
        files: The file system of the state.
    """
    choice, bundles = read_sealed(files or DiskFiles(), state / CHOICE_NAME, Choice), shipped()
    for name in (choice.name if choice is not None else FIRST, FIRST, *bundles):
        if name in bundles and _is_whole(bundles[name]):
            return bundles[name]
    return None


def _is_whole(path: Path) -> bool:
    try:
        decode_bundle(path.read_bytes())
    except (OSError, BadBundle):
        return False
    return True
