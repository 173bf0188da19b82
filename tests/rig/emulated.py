"""Boots a Debian kernel in an emulator, mounts a tree of this machine read-only, and runs one script.

The guest mounts the tree over 9p. The initrd carries further files, which the script finds in ``/run/guest``. There,
``kernel_s`` holds the time of the kernel until its first process. The guest ends with the script; its console carries
the output of the script.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
TREE_MODULES = ("virtio_pci", "virtio_mmio", "9pnet_virtio", "9p")
GUEST = "run/guest"
"""Folder of the initrd's files in the guest."""
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
cut -d " " -f 1 /proc/uptime > /guest/kernel_s
mkdir -p /dev/pts /dev/shm; mount -t devpts none /dev/pts; mount -t tmpfs none /dev/shm
while read module; do insmod /modules/$module 2>/dev/null; done < /modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro host /root || echo "no tree"
for folder in proc sys dev; do mount --bind /$folder /root/$folder; done
mount --bind /dev/pts /root/dev/pts; mount --bind /dev/shm /root/dev/shm
mount -t tmpfs none /root/run
cp -r /guest /root/run/guest
chroot /root /bin/sh /{guest}/guest.sh
poweroff -f
"""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked Debian kernel package.

    Args:
        image: The kernel.
        modules: Folder of its modules, ``lib/modules/RELEASE``.
    """

    image: Path
    modules: Path


def unpack_kernel(package: Path, into: Path) -> Kernel:
    """Unpack ``linux-image-….deb`` into a folder."""
    subprocess.run(["dpkg-deb", "-x", str(package), str(into)], check=True)
    (image,) = (into / "boot").glob("vmlinuz-*")
    (modules,) = (into / "lib/modules").iterdir()
    if not (modules / "modules.dep").exists():
        subprocess.run(["depmod", "-b", str(into), modules.name], check=True)
    return Kernel(image, modules)


def modules_in_order(kernel: Kernel, wanted: Iterable[str]) -> list[Path]:
    """The modules and their dependencies, in loading order."""
    needs = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, rest = line.split(":")
        needs[path] = rest.split()
    order: list[str] = []
    for name in wanted:
        for path, below in needs.items():
            if path.rsplit("/", 1)[-1].split(".")[0].replace("-", "_") == name.replace("-", "_"):
                order += [need for need in (*reversed(below), path) if need not in order]
    return [kernel.modules / path for path in order]


def make_initrd(
    busybox: Path, kernel: Kernel, modules: Iterable[str], files: Mapping[str, Path | str], into: Path, work: Path
) -> None:
    """Make an initrd with busybox, modules and an init that mounts the tree and runs ``guest.sh``.

    Args:
        busybox: Static busybox for the guest's processor.
        kernel: The kernel that will load the initrd.
        modules: Names of modules in loading order. The modules for the tree are added before them.
        files: Path below ``/run/guest`` → a file, a folder (without compiled Python) or a text.
        into: The file to write.
        work: An empty folder.
    """
    for made in ("bin", "proc", "sys", "dev", "root", "modules", "guest"):
        (work / made).mkdir(parents=True)
    shutil.copy(busybox, work / "bin/busybox")
    order = modules_in_order(kernel, (*TREE_MODULES, *modules))
    for module in order:
        shutil.copy(module, work / "modules")
    (work / "modules/order").write_text("".join(f"{module.name}\n" for module in order))
    for name, content in files.items():
        place = work / "guest" / name
        if isinstance(content, str):
            place.write_text(content)
        elif content.is_dir():
            shutil.copytree(content, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(content, place)
    (work / "init").write_text(INIT.format(guest=GUEST))
    (work / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(work)) for path in sorted(work.rglob("*")))
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc"], cwd=work, input=names.encode(), capture_output=True, check=True
    )
    into.write_bytes(gzip.compress(archive.stdout, 1))


def run_guest(command: list[str], root: Path, heard: Callable[[str], None]) -> None:
    """Run an emulator until its guest has powered off.

    Args:
        command: The emulator and its options; this function adds those for the tree and the console.
        root: The tree that the guest mounts.
        heard: Called with each line of the guest's console.
    """
    tree = f"local,path={root},mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    command = [*command, "-nographic", "-no-reboot", "-nic", "none", "-virtfs", tree]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as emulator:
        assert emulator.stdout is not None
        for line in emulator.stdout:
            heard(line.rstrip())
    if emulator.returncode:
        raise SystemExit(f"{command[0]} ended with {emulator.returncode}")
