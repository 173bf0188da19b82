"""The script in the guest of ``usb_gadget.py``: python usb_guest.py BUNDLE BUNDLE."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
import tty
from pathlib import Path

from tombola_host.link.flash import flash

DEVICE, HOST = "/dev/ttyGS0", "/dev/ttyACM0"
RAW_BYTES = 1 << 20
STATE = Path("/run/state")
CONFIG = f"""audio = "null"
midi = "none"
panel = "none"
measure = false
serial = "{DEVICE}"
state_dir = "{STATE}"
"""
UDC = Path("/sys/kernel/config/usb_gadget/tombola/UDC")
"""Writing an empty line unplugs the gadget; writing a controller's name plugs it in."""
AWAY_S = 1.0


def raw_rate(source: str, sink: str, size: int) -> float:
    """Bytes per second of the raw line, from the first write until the last byte arrives."""
    reading, writing = (os.open(path, os.O_RDWR | os.O_NOCTTY) for path in (sink, source))
    for port in (reading, writing):
        tty.setraw(port)
    child = os.fork()
    if child == 0:
        left = size
        while left:
            left -= len(os.read(reading, 65_536))
        os._exit(0)
    block, left = os.urandom(4096), size
    begun_s = time.monotonic()
    while left:
        left -= os.write(writing, block[:left])
    os.waitpid(child, 0)
    seconds = time.monotonic() - begun_s
    os.close(reading)
    os.close(writing)
    return size / seconds


def status() -> dict:
    try:
        return json.loads((STATE / "status.json").read_text())
    except (OSError, ValueError):
        return {}


def flashing(bundle: Path) -> subprocess.Popen[str]:
    """Call the function of ``tombola flash``, in a process of its own."""
    command = [sys.executable, __file__, "flash", str(bundle)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def report(process: subprocess.Popen[str], bundle: Path) -> dict:
    """The report of a flash in round figures, and whether the device confirms it."""
    out = process.communicate()[0]
    if process.returncode:
        return {"failed": out[-500:]}
    said = json.loads(out.splitlines()[-1])
    payload_bytes = said["size_bytes"] - said["resumed_from"]
    return {
        "bytes": payload_bytes,
        "sent_s": round(payload_bytes / max(said["payload_bytes_per_s"], 1), 3),
        "kB_per_s": round(said["payload_bytes_per_s"] / 1000),
        "until_installed_s": round(said["seconds"], 2),
        "sessions": said["sessions"],
        "pluggings": said["pluggings"],
        "resent_chunks": said["resent_chunks"],
        "whole": installed(bundle),
    }


def installed(bundle: Path) -> bool:
    """Whether the device's active bundle is this one, byte by byte."""
    data = bundle.read_bytes()
    slots = json.loads((STATE / "slots/slots.json").read_text().splitlines()[0])
    active = hashlib.sha256(data).hexdigest()
    return slots["active"] == active and (STATE / f"slots/{active}.tombola").read_bytes() == data


def partial_bytes() -> int | None:
    """Bytes that the device holds of the incoming bundle; None: no bundle is incoming."""
    sizes = [path.stat().st_size for path in (STATE / "slots").glob("*.partial")]
    return sizes[0] if sizes else None


def seen(process: subprocess.Popen[str], until_bytes: float) -> list[int]:
    """Values of ``partial_bytes`` until one reaches a size or is None."""
    sizes: list[int] = []
    while process.poll() is None and (not sizes or sizes[-1] < until_bytes):
        if (size := partial_bytes()) is not None:
            sizes.append(size)
        elif sizes:
            break
        time.sleep(0.001)
    return sizes


def flash_unplugged(bundle: Path) -> dict:
    """Flash; unplug the line after one third and again after two thirds."""
    process, udc, size = flashing(bundle), UDC.read_text(), bundle.stat().st_size
    seen(process, size / 3)
    held, fewest = [], []
    for until_bytes in (2 * size / 3, size + 1):
        UDC.write_text("\n")
        time.sleep(AWAY_S)
        held.append(partial_bytes())
        UDC.write_text(udc)
        fewest.append(min(seen(process, until_bytes)))
    return {"held_when_unplugged": held, "fewest_held_later": fewest, **report(process, bundle)}


def main() -> None:
    if sys.argv[1] == "flash":
        print(json.dumps(dataclasses.asdict(flash(Path(sys.argv[2]), HOST))))
        return
    bundles = [Path(name) for name in sys.argv[1:]]
    found: dict = {
        "raw_to_device_kB_per_s": round(raw_rate(HOST, DEVICE, RAW_BYTES) / 1000, 1),
        "raw_to_host_kB_per_s": round(raw_rate(DEVICE, HOST, RAW_BYTES) / 1000, 1),
    }
    STATE.mkdir()
    Path("/run/c.toml").write_text(CONFIG)
    daemon = subprocess.Popen(
        [sys.executable, "-m", "tombola_device", "run", "--config", "/run/c.toml"], stdout=subprocess.PIPE, text=True
    )
    print(daemon.stdout.readline().strip(), flush=True)
    found["flash"] = report(flashing(bundles[0]), bundles[0])
    found["unplugged"] = flash_unplugged(bundles[1])
    found["xruns"] = status().get("xruns")
    daemon.terminate()
    daemon.wait()
    print("FOUND", json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
