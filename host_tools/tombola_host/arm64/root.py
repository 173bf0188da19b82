"""An arm64 Debian tree with Python and the wheels that the device needs.

It is made once, as root: ``debootstrap --arch=arm64 --variant=minbase --include=python3 bookworm ROOT``, which needs
``qemu-user-static`` and ``binfmt-support`` for its second stage.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from tombola_device.contract.errors import BadConfig

LIBRARIES: Final = "opt/tombola-libraries"
WHEELS: Final = ("onnxruntime==1.32.0", "numpy==2.4.6", "msgspec==0.22.0", "cobs", "pyserial")
"""Pinned: another version of the runtime or of numpy has another count."""
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
"""Name at qemu, and what /proc/cpuinfo of a Pi 4 and a Pi 5 say: onnxruntime chooses its kernels by it."""


def check_root(root: Path) -> Path:
    """The tree's Python.

    Raises:
        BadConfig: It is no arm64 tree, or its wheels are missing.
    """
    python = root / "usr/bin/python3.11"
    if not python.exists():
        raise BadConfig(
            f"{root} is no arm64 Debian tree with Python 3.11; make one with `debootstrap --arch=arm64 "
            f"--variant=minbase --include=python3 bookworm {root}`"
        )
    with python.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != 183:
        raise BadConfig(f"the Python of {root} is not for arm64; make the tree with --arch=arm64")
    if not (root / LIBRARIES / "onnxruntime").is_dir():
        raise BadConfig(f"{root} has none of the device's libraries; give --prepare once, with a network")
    return python


def prepare_root(root: Path) -> None:
    """Fetch the wheels for arm64 and unpack them into the tree.

    Raises:
        BadConfig: They cannot be fetched, or the tree cannot be written.
    """
    folder = root / LIBRARIES
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version", "311"]
    command += [option for platform in PLATFORMS for option in ("--platform", platform)]
    try:
        (folder / "wheels").mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [*command, "--dest", str(folder / "wheels"), *WHEELS], check=True, capture_output=True, text=True
        )
        for wheel in (folder / "wheels").glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadConfig(f"the wheels for arm64 cannot be fetched ({last}); check the network") from error
    except OSError as error:
        raise BadConfig(f"{folder} cannot be written ({error.strerror}); run it as root") from error


def pretend(root: Path, cpu: str) -> str:
    """Let the tree look like a Raspberry Pi; the name of its processor at qemu."""
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
        raise BadConfig(f"{root} cannot be written ({error.strerror}); run it as root") from error
    return name
