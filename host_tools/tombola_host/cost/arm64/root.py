"""An arm64 Debian tree with Python and the wheels that the device needs.

``tombola bench BUNDLE --arm64 ROOT --prepare`` makes it once. A whole tree from debootstrap works as well: the counts
differ by at most 0.1 %, and by at most 0.3 % from those with bookworm's first Python and libc.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadConfig

from tombola_host.cost.arm64.packages import unpack_packages

LIBRARIES: Final = "opt/tombola-libraries"
WHEELS: Final = ("onnxruntime==1.32.0", "numpy==2.4.6", "msgspec==0.22.0", "cobs", "pyserial")
"""Pinned: another version of onnxruntime or numpy changes the counts."""
PLATFORMS: Final = (
    "manylinux_2_28_aarch64",
    "manylinux_2_27_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux2014_aarch64",
)
FEATURES: Final = {
    "a72": ("cortex-a72", "0", "d08", "3", "fp asimd evtstrm crc32 cpuid"),
    "a76": (
        "cortex-a76",
        "4",
        "d0b",
        "1",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}
"""Name in qemu, and /proc/cpuinfo of a Pi 4 and a Pi 5: onnxruntime chooses its kernels from it."""


def check_root(root: Path) -> Path:
    """Check a tree; return its Python.

    Raises:
        BadConfig: The folder is not an arm64 tree, or its wheels are missing.
    """
    python = root / "usr/bin/python3.11"
    if not python.exists():
        raise BadConfig(
            f"{root} is not an arm64 Debian tree with Python 3.11; give --prepare once, with a network, to make it one"
        )
    with python.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != 183:
        raise BadConfig(f"the Python of {root} is not for arm64; name another folder")
    if not _has_libraries(root):
        raise BadConfig(f"{root} lacks the device's present libraries; give --prepare once, with a network")
    return python


def prepare_root(root: Path) -> None:
    """Make the tree, or add what is missing or outdated: Python and its libraries, and the wheels for arm64.

    Raises:
        BadConfig: A download fails, or the tree cannot be written.
    """
    if not (root / "usr/bin/python3.11").exists():
        unpack_packages(root)
    if not _has_libraries(root):
        _unpack_wheels(root / LIBRARIES)


def _has_libraries(root: Path) -> bool:
    """Whether the tree has the wheels in the versions that WHEELS pins."""
    found = {info.name.removesuffix(".dist-info") for info in (root / LIBRARIES).glob("*.dist-info")}
    names = {name.split("-")[0] for name in found}
    return all(wheel.replace("==", "-") in found or wheel in names for wheel in WHEELS)


def _unpack_wheels(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version", "311"]
    command += [option for platform in PLATFORMS for option in ("--platform", platform)]
    try:
        with tempfile.TemporaryDirectory(prefix="tombola-wheels-") as fetched:
            subprocess.run([*command, "--dest", fetched, *WHEELS], check=True, capture_output=True, text=True)
            shutil.rmtree(folder, ignore_errors=True)  # Two versions of one library must not be mixed.
            for wheel in Path(fetched).glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(folder)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadConfig(f"the wheels for arm64 cannot be fetched ({last}); check the network") from error
    except OSError as error:
        raise BadConfig(f"{folder} cannot be written ({error.strerror}); choose another folder") from error


def pretend(root: Path, cpu: str) -> str:
    """Make the tree look like a Raspberry Pi; return the name of its processor in qemu."""
    name, variant, part, revision, features = FEATURES[cpu]
    core = (
        f"BogoMIPS\t: 108.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
        f"CPU variant\t: 0x{variant}\nCPU part\t: 0x{part}\nCPU revision\t: {revision}\n\n"
    )
    try:
        (root / "proc").mkdir(exist_ok=True)
        (root / "proc/cpuinfo").write_text("".join(f"processor\t: {number}\n{core}" for number in range(4)))
        cpus = root / "sys/devices/system/cpu"
        cpus.mkdir(parents=True, exist_ok=True)
        for file in ("present", "possible"):
            (cpus / file).write_text("0-3\n")
    except OSError as error:
        raise BadConfig(f"{root} cannot be written ({error.strerror}); choose another folder") from error
    return name
