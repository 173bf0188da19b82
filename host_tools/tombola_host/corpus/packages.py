"""Packages of recordings, fetched by the ordinary clients of their registries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tombola_device.contract.errors import BadAudio

NPM_TIMEOUT_S = 300
APT_TIMEOUT_S = 1800


def npm_archive(package: str, folder: Path) -> Path | None:
    """An npm package's archive in an empty folder; None if npm is missing, offline or fails."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "pack", package, "--silent", "--fetch-retries=1", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=NPM_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(sorted(folder.glob("*.tgz"))), None)


def debian_file(package: str, path: str, folder: Path) -> Path:
    """A file of a Debian package, unpacked in an empty folder; nothing is installed.

    Args:
        package: Its name.
        path: Where the package would install the file, without the first slash.
        folder: Where to unpack it.

    Raises:
        BadAudio: The package's tools are missing, it cannot be fetched, or it holds no such file.
    """
    apt_get, dpkg = (_tool(name, package) for name in ("apt-get", "dpkg-deb"))
    try:
        download = [apt_get, "download", package]
        fetched = subprocess.run(
            download, cwd=folder, check=False, capture_output=True, text=True, timeout=APT_TIMEOUT_S
        )
        archive = next(iter(folder.glob("*.deb")), None)
        if fetched.returncode or archive is None:
            reason = (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise BadAudio(f"apt-get cannot download {package} ({reason}); try apt-get update, or see to the network")
        subprocess.run([dpkg, "-x", archive.name, "."], cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise BadAudio(f"the Debian package {package} cannot be fetched or unpacked: {error}; try again") from error
    archive.unlink()
    if not (folder / path).is_file():
        raise BadAudio(f"the Debian package {package} holds no {path}; it is another version than this one knows")
    return folder / path


def _tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise BadAudio(f"the Debian package {package} needs {name}, which is missing here; unpack it elsewhere")
    return path
