"""Plays the instrument in an emulated arm64 computer in which each instruction takes a nanosecond.

    python tests/rig/virtual_pi.py --root ROOT --kernel linux-image-….deb --seconds 10

ROOT is an arm64 Debian tree, used read-only. It holds Python 3.11, the packages of ``tombola bench --arm64 ROOT
--prepare``, alsaaudio, libasound2 and busybox-static. The kernel is a package of Debian. Needs qemu-system-aarch64,
kmod and cpio. Prints one line of JSON: the time of each stage of a start, and the last status.

The guest is the same on any machine, slow or busy: a core of 1 GHz with one instruction per cycle, real ALSA (the
kernel's loop-back card), SCHED_FIFO, and a control process flooded with MIDI at 31 250 baud. Its files are in memory,
so nothing waits for a disk: a start from a memory card takes longer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from emulated import GUEST, PROJECT, make_initrd, run_guest, unpack_kernel

MODULES = ("snd-aloop",)
SCRIPT = """ram=/run/ram; mkdir $ram; mount -t tmpfs -o size=1400m none $ram; mkdir -p $ram/usr/share $ram/opt $ram/tmp
for folder in bin sbin lib; do ln -s usr/$folder $ram/$folder; done
cp -a /usr/bin /usr/lib $ram/usr; cp -a /usr/share/alsa $ram/usr/share; cp -a /etc $ram
cp -a /opt/tombola-libraries $ram/opt
for folder in proc sys dev dev/pts dev/shm; do mkdir -p $ram/$folder; mount --bind /$folder $ram/$folder; done
mkdir $ram/run; mv /{guest} $ram/run
export PYTHONPATH=/opt/tombola-libraries:/{guest} HOME=/tmp ORT_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1
chroot $ram /usr/bin/python3.11 /{guest}/pi_guest.py {seconds}
"""


def hear(line: str) -> None:
    found = line.removeprefix("FOUND ")
    print(found, file=sys.stdout if found != line else sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=2.0, help="of the guest's time")
    options = parser.parse_args()
    files = {
        "guest.sh": SCRIPT.format(guest=GUEST, seconds=options.seconds),
        "pi_guest.py": Path(__file__).with_name("pi_guest.py"),
        "tombola_device": PROJECT / "device/tombola_device",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kernel = unpack_kernel(options.kernel, folder / "kernel")
        busybox = options.root / "bin/busybox"
        make_initrd(busybox, kernel, MODULES, files, folder / "initrd.gz", folder / "initrd")
        run_guest(
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a76", "-accel", "tcg", "-icount", "shift=0,sleep=off",
             "-smp", "1", "-m", "3072", "-kernel", str(kernel.image), "-initrd", str(folder / "initrd.gz"),
             "-append", "console=ttyAMA0 quiet panic=-1"],
            options.root, hear,
        )  # fmt: skip


if __name__ == "__main__":
    main()
