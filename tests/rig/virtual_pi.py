"""Plays the instrument in an emulated arm64 computer whose time is counted in instructions: one is a nanosecond.

    python tests/rig/virtual_pi.py --root ROOT --kernel linux-image-….deb --seconds 10

ROOT is an arm64 Debian tree with Python 3.11, what ``tombola bench --arm64 ROOT --prepare`` puts there, alsaaudio
beside it, and busybox-static. The kernel is Debian's own package. Needs qemu-system-aarch64, kmod and cpio. Prints the
guest's last status.

However slow or noisy this machine is, the guest sees the same: a core of 1 GHz that does one instruction a cycle, real
ALSA (the kernel's loop-back card), SCHED_FIFO, a control process that is flooded with MIDI at 31 250 baud.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ("virtio_pci", "virtio_mmio", "9pnet_virtio", "9p", "snd-aloop")
WORK = "opt/tombola-test"
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts none /dev/pts; mount -t tmpfs none /dev/shm
while read module; do insmod /modules/$module 2>/dev/null; done < /modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro host /root || { echo "no tree"; poweroff -f; }
for folder in proc sys dev; do mount --bind /$folder /root/$folder; done
mount --bind /dev/pts /root/dev/pts; mount --bind /dev/shm /root/dev/shm
for folder in tmp run; do mount -t tmpfs none /root/$folder; done
chroot /root /bin/sh /%s/guest.sh
poweroff -f
"""
GUEST = """export PYTHONPATH=/{libraries}:/{work} HOME=/tmp
export ORT_DISABLE_TELEMETRY=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
/usr/bin/python3.11 /{work}/guest.py {seconds}
"""
PLAY = """
import json, os, pty, random, subprocess, sys, threading, time, tty
began = time.monotonic()
host, device = pty.openpty()
tty.setraw(device)
open("/tmp/c.toml", "w").write(
    'audio = "alsa:hw:0,0"\\nbuffer_periods = 4\\nvoices = 4\\nmidi = "none"\\npanel = "none"\\nmeasure = false\\n'
    f'midi_serial = "{os.ttyname(device)}"\\nmidi_thru = false\\nstate_dir = "/tmp/state"\\n')
daemon = subprocess.Popen([sys.executable, "-m", "tombola_device", "run", "--config", "/tmp/c.toml", "--verbose"],
                          stdout=subprocess.PIPE, text=True)
print(daemon.stdout.readline().strip(), "after", round(time.monotonic() - began, 2), "s", flush=True)
status = lambda: json.load(open("/tmp/state/status.json"))
rng, end = random.Random(0), time.monotonic() + float(sys.argv[1])
for note in (48, 55, 64):
    os.write(host, bytes((0x90, note, 100)))
while time.monotonic() < end:
    value = rng.randrange(128)
    data = bytes((0xB0, rng.choice((1, 11, 74)), value, 0xF8, 0x90, 72, value, 0x80, 72, 0, 0xE0, value, 64))
    os.write(host, data)
    time.sleep(len(data) / 3125)
said = status()
print("STATUS", json.dumps({key: said[key] for key in ("periods", "xruns", "load_p50_us", "load_p99_us",
      "latency_p50_ms", "latency_max_ms", "voice_limit", "slimmed", "sounding", "refused", "audio")}), flush=True)
daemon.terminate()
daemon.wait(30)
"""


def modules_in_order(tree: Path) -> list[Path]:
    """The modules and what they stand on, in the order in which they load."""
    (release,) = list((tree / "lib/modules").iterdir())
    if not (release / "modules.dep").exists():
        subprocess.run(["depmod", "-b", str(tree), release.name], check=True)
    needs = {}
    for line in (release / "modules.dep").read_text().splitlines():
        path, rest = line.split(":")
        needs[path] = rest.split()
    order: list[str] = []
    for name in MODULES:
        wanted = name.replace("-", "_")
        for path, below in needs.items():
            if path.rsplit("/", 1)[-1].split(".")[0].replace("-", "_") == wanted:
                order += [need for need in (*reversed(below), path) if need not in order]
    return [release / path for path in order]


def make_initrd(root: Path, kernel: Path, into: Path) -> None:
    """busybox, the modules, and an init that mounts the tree and runs what is to be run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for made in ("bin", "proc", "sys", "dev", "root", "modules"):
            (folder / made).mkdir()
        shutil.copy(root / "bin/busybox", folder / "bin/busybox")
        modules = modules_in_order(kernel)
        for module in modules:
            shutil.copy(module, folder / "modules")
        (folder / "modules/order").write_text("".join(f"{module.name}\n" for module in modules))
        (folder / "init").write_text(INIT % WORK)
        (folder / "init").chmod(0o755)
        names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
        archive = subprocess.run(
            ["cpio", "-o", "-H", "newc"], cwd=folder, input=names.encode(), capture_output=True, check=True
        )
        into.write_bytes(gzip.compress(archive.stdout, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=2.0, help="of the guest's time")
    options = parser.parse_args()
    work = options.root / WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    shutil.copytree(
        ROOT / "device/tombola_device", work / "tombola_device", ignore=shutil.ignore_patterns("__pycache__")
    )
    (work / "guest.sh").write_text(GUEST.format(libraries="opt/tombola-libraries", work=WORK, seconds=options.seconds))
    (work / "guest.py").write_text(PLAY)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["dpkg-deb", "-x", str(options.kernel), str(folder / "kernel")], check=True)
        make_initrd(options.root, folder / "kernel", folder / "initrd.gz")
        (image,) = list((folder / "kernel/boot").glob("vmlinuz-*"))
        subprocess.run(
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a76", "-accel", "tcg", "-icount", "shift=0,sleep=off",
             "-smp", "1", "-m", "2048", "-nographic", "-no-reboot", "-nic", "none", "-kernel", str(image),
             "-initrd", str(folder / "initrd.gz"), "-append", "console=ttyAMA0 quiet panic=-1",
             "-virtfs", f"local,path={options.root},mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
            check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip


if __name__ == "__main__":
    main()
