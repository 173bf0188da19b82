"""Flashes over USB in an emulated PC. The kernel's dummy controller connects the gadget's ttyGS0 to a ttyACM0.

    python tests/rig/usb_gadget.py --kernel linux-image-….deb

The guest mounts this machine's files read-only, and so has the project and this Python. ``systemd/gadget.sh`` makes the
gadget. The device is ``tombolad run``, which renders without a note. The host calls the function of ``tombola flash``.
The bundle is the factory bundle with a padded graph.
Needs qemu-system-x86_64, kmod, cpio and busybox-static. The kernel is Debian's package for amd64.

Prints one line of JSON: the rates of the raw line in both directions, the rate of the flash, and the result of
unplugging twice. While the guest computes, each instruction takes a nanosecond; while it is idle, time is this
machine's. So the figures are those of one core of 1 GHz with one instruction per cycle, which runs both ends and the
sound.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import onnx
from emulated import GUEST, PROJECT, make_initrd, run_guest, unpack_kernel
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle

MODULES = ("configfs", "usbcore", "udc-core", "libcomposite", "usb_f_acm", "dummy_hcd", "cdc-acm")
SCRIPT = """export HOME=/run TMPDIR=/run XDG_STATE_HOME=/run XDG_CONFIG_HOME=/run XDG_CACHE_HOME=/run
export ORT_DISABLE_TELEMETRY=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export PYTHONPATH={project}/device:{project}/host_tools
mount -t configfs none /sys/kernel/config
{project}/systemd/gadget.sh start
for try in 1 2 3 4 5 6 7 8 9; do [ -e /dev/ttyACM0 ] || sleep 0.2; done
cd /{guest}
{python} usb_guest.py one.tombola two.tombola
"""
BUNDLES = ("one.tombola", "two.tombola")
QUARTET = PROJECT / "models/quartet/quartet.tombola"


def factory_of_size(size_bytes: int, seed: int) -> bytes:
    """The factory bundle, padded with unused weights to a length; it plays as before."""
    bundle = decode_bundle(QUARTET.read_bytes())
    graph = onnx.load_from_string(bundle.graphs["frame"])
    padding = np.random.default_rng(seed).integers(0, 256, size_bytes - len(QUARTET.read_bytes()), np.uint8)
    graph.graph.initializer.append(onnx.numpy_helper.from_array(padding, "padding"))
    manifest = msgspec.structs.replace(bundle.manifest, name=f"quartet {seed}")
    return encode_bundle(Bundle(manifest, {"frame": graph.SerializeToString()}))


def hear(line: str) -> None:
    found = line.removeprefix("FOUND ")
    print(found, file=sys.stdout if found != line else sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--busybox", type=Path, default=shutil.which("busybox"))
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of the bundle")
    parser.add_argument(
        "--cores", type=int, default=0, help="of wall-clock time; 0: one, whose clock counts instructions"
    )
    options = parser.parse_args()
    script = SCRIPT.format(project=PROJECT, python=sys.executable, guest=GUEST)
    files = {"guest.sh": script, "usb_guest.py": Path(__file__).with_name("usb_guest.py")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, bundle in enumerate(BUNDLES):
            files[bundle] = folder / bundle
            files[bundle].write_bytes(factory_of_size(options.bytes, seed))
        kernel = unpack_kernel(options.kernel, folder / "kernel")
        make_initrd(options.busybox, kernel, MODULES, files, folder / "initrd.gz", folder / "initrd")
        clock = ["-accel", "tcg", "-icount", "shift=0,sleep=on", "-smp", "1"]
        if options.cores:
            clock = ["-accel", "tcg,thread=multi", "-smp", str(options.cores)]
        run_guest(
            ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", *clock, "-m", "3072", "-kernel", str(kernel.image),
             "-initrd", str(folder / "initrd.gz"), "-append", "console=ttyS0 quiet panic=-1"],
            Path("/"), hear,
        )  # fmt: skip


if __name__ == "__main__":
    main()
