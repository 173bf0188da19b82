"""Debian's packages for arm64, fetched by apt and unpacked without being installed.

Only Python runs in the tree, under qemu, so no maintainer script has to run, and neither root's rights, binfmt nor
``debootstrap`` are needed. apt gets its own lists and cache here: it uses the machine's sources and keys, but does not
touch the machine's architectures or installed packages.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadConfig

PYTHON: Final = "python3.11-minimal"
PACKAGES: Final = (
    "libc6",
    "libgcc-s1",
    "libstdc++6",
    "zlib1g",
    "libexpat1",
    "libffi8",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    PYTHON,
)
"""Packages that Python, numpy and onnxruntime load. Python is last, so that a tree has it only when it is complete."""
MINUTES: Final = 10


def unpack_packages(root: Path) -> None:
    """Fetch PACKAGES for arm64 (7 MB, and 20 MB of lists), and unpack them into ``root``.

    Raises:
        BadConfig: apt is missing, reaches no source or has no Python 3.11, or ``root`` cannot be written.
    """
    apt, unpacker = _tool("apt-get"), _tool("dpkg-deb")
    with tempfile.TemporaryDirectory(prefix="tombola-arm64-") as name:
        folder = Path(name)
        _fetch(apt, folder)
        try:
            root.mkdir(parents=True, exist_ok=True)
            for package in PACKAGES:
                (archive,) = folder.glob(f"{package}_*.deb")
                subprocess.run([unpacker, "-x", archive, root], check=True, capture_output=True, text=True)
        except OSError as error:
            raise BadConfig(f"{root} cannot be written ({error.strerror}); choose another folder") from error
        except subprocess.CalledProcessError as error:
            raise BadConfig(f"{root} cannot be filled ({_reason(error.stderr)}); choose another folder") from error


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise BadConfig(f"an arm64 tree cannot be made without {name}; make it on Debian 12 and copy it")
    return path


def _fetch(apt: str, folder: Path) -> None:
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "state/status").touch()
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",  # Another user cannot write in this folder.
        "Acquire::Retries": 2,
        "Acquire::http::Timeout": 30,
    }
    command = [apt, "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    # If one of several sources does not answer, the packages may still come from another: the next command shows that.
    updated = _run([*command, "update"], folder)
    fetched = _run([*command, "download", *PACKAGES], folder)
    if fetched.returncode == 0:
        return
    # Without lists every package is unknown; the reason is then in the first command's errors.
    if f"locate package {PYTHON}" in fetched.stderr and not updated.stderr:
        raise BadConfig(
            f"this machine's package sources have no {PYTHON} for arm64; Debian 12 has: make the tree there and copy it"
        )
    reason = _reason(updated.stderr or fetched.stderr)
    raise BadConfig(f"the packages of an arm64 tree cannot be fetched ({reason}); check the network and apt's sources")


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60 * MINUTES)
    except subprocess.TimeoutExpired as error:
        raise BadConfig(f"apt has not answered for {MINUTES} minutes; check the network and apt's sources") from error


def _reason(said: str) -> str:
    """The first message, errors before warnings."""
    lines = sorted((line.strip() for line in said.splitlines() if line.strip()), key=lambda line: line[:3] != "E: ")
    return lines[0].removeprefix("E: ").removeprefix("W: ") if lines else "no reason given"
