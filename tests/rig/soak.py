"""Plays for a long time under all that can disturb: two floods of MIDI, a panel on which all moves and whose display is
drawn anew, flashing over and over, status, logs that are rotated.

    python tests/rig/soak.py --plugin CARD.so --minutes 20 --speed 0.25

One flood comes through the DIN socket; the other, as much as USB brings, through a real port of a JACK server, or
through a TCP socket where jackd is not installed or ``--no-jack`` says so.

Prints one line of JSON: minutes of the card's time, xruns, latency, bundles that were flashed; stalls of the machine
itself (``stalls.py``), and how many of the times at which xruns came lie within 2 s of one.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import pty
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

import msgspec
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle

ROTATE_S = 30.0
STATUS_S = 0.25
SEEN_WITHIN_S = 2.0
"""The status is written twice a second."""
HERE = Path(__file__).parent
CARD = HERE.parent / "integration" / "test_virtual_card.py"
USB_BYTES_PER_S = 20_000.0


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def two_bundles(quartet: Path, folder: Path) -> list[Path]:
    """The quartet under two names, so that each flash is another bundle."""
    bundle, paths = decode_bundle(quartet.read_bytes()), []
    for name in ("one", "two"):
        path = folder / f"{name}.tombola"
        path.write_bytes(encode_bundle(Bundle(msgspec.structs.replace(bundle.manifest, name=name), bundle.onnx)))
        paths.append(path)
    return paths


def flood(send, bytes_per_s: float, stop: threading.Event, seed: int) -> None:
    """Notes, controllers, bends and clock, as fast as a line carries them."""
    rng = random.Random(seed)
    while not stop.is_set():
        note, value = rng.randint(30, 100), rng.randint(0, 127)
        controller = (0xB0, rng.choice((1, 11, 74)), value)
        messages = ((0x90, note, value), controller, (0xF8,), (0xE0, value, 64), (0x80, note, 0))
        try:
            send(messages)
        except (OSError, ValueError):  # The line was cut, the pipe is closed.
            return
        stop.wait(sum(map(len, messages)) / bytes_per_s)


def rotate(log: Path, stop: threading.Event) -> None:
    """As logrotate does it with copytruncate."""
    while not stop.wait(ROTATE_S):
        shutil.copy(log, log.with_suffix(".1"))
        os.truncate(log, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugin", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1.0, help="of real time")
    parser.add_argument("--speed", type=float, default=0.25)
    parser.add_argument("--jack", action=argparse.BooleanOptionalAction, default=shutil.which("jackd") is not None)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        soak(options, stack)


def note_xruns(instrument, seen_s: list[float], stop: threading.Event) -> None:
    """Note when the count of xruns is seen to have grown."""
    before = 0
    while not stop.wait(STATUS_S):
        with contextlib.suppress(OSError, ValueError):
            now = instrument.status()["xruns"]
            if now > before:
                seen_s.append(time.monotonic())
            before = now


def joined(messages) -> bytes:
    return bytes(byte for message in messages for byte in message)


def soak(options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
    card = load(CARD)
    folder = Path(tempfile.mkdtemp(prefix="tombola-soak-"))
    host, device = pty.openpty()
    for end in (host, device):
        tty.setraw(end)
    extra, midi = f'serial = "{os.ttyname(device)}"\n', "none"
    if options.jack:
        jack = load(HERE / "jack.py").Jack(folder, period_samples=512)
        stack.callback(jack.close)
        os.environ["JACK_DEFAULT_SERVER"], midi = jack.name, "jack"
        keyboard = jack.keyboard("flood")
        stack.callback(keyboard.unplug)
    else:
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = probe.getsockname()[1]
        extra += f'midi_socket = "localhost:{port}"\n'
    instrument = card.Instrument(
        folder, options.plugin, options.speed, extra, panel="mock", midi=midi, command=(HERE / "swept_panel.py",)
    )
    (folder / "frames").symlink_to(os.devnull)  # Hours of sound.
    (folder / "times").symlink_to(os.devnull)
    instrument.start()
    stop, flashed, seen_s = threading.Event(), 0, []
    witness = subprocess.Popen([sys.executable, HERE / "stalls.py", folder / "stalls"])
    stack.callback(witness.kill)
    if options.jack:
        sources = [(lambda messages: keyboard.send(*messages), USB_BYTES_PER_S)]
    else:
        usb = socket.create_connection(("localhost", port))
        sources = [(lambda messages: usb.sendall(joined(messages)), USB_BYTES_PER_S)]
    sources.append((lambda messages: os.write(instrument.din, joined(messages)), 3125.0))
    for seed, (send, rate) in enumerate(sources):
        threading.Thread(target=flood, args=(send, rate, stop, seed), daemon=True).start()
    threading.Thread(target=rotate, args=(folder / "log", stop), daemon=True).start()
    threading.Thread(target=note_xruns, args=(instrument, seen_s, stop), daemon=True).start()
    bundles = two_bundles(card.QUARTET, folder)
    end_s = time.monotonic() + 60 * options.minutes
    far, near = pty.openpty()
    for end in (far, near):
        tty.setraw(end)
    for one, other in ((host, far), (far, host)):
        threading.Thread(target=pump, args=(one, other), daemon=True).start()
    while time.monotonic() < end_s:
        done = subprocess.run(
            [sys.executable, "-m", "tombola_host", "flash", bundles[flashed % 2], "--port", os.ttyname(near)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr[-300:], file=sys.stderr)
        flashed += done.returncode == 0
        time.sleep(min(10.0, max(end_s - time.monotonic(), 0)))
    said = instrument.status()
    stop.set()
    instrument.stop()
    print(json.dumps({"flashed": flashed, **summary(said, folder / "stalls", seen_s)}))


def summary(said: dict[str, object], stalls: Path, seen_s: list[float]) -> dict[str, object]:
    keys = ("midi", "xruns", "latency_p50_ms", "latency_max_ms", "load_p50_us", "load_p99_us", "slimmed", "sha256")
    late = [tuple(map(float, line.split())) for line in stalls.read_text().splitlines()]
    stalled = [any(abs(at_s - xrun_s) < SEEN_WITHIN_S for at_s, _, _ in late) for xrun_s in seen_s]
    return {
        "card_minutes": round(said["periods"] / 375 / 60, 2),
        "machine_stalls": len(late),
        "longest_stall_ms": max((ms for _, _, ms in late), default=0.0),
        "xrun_bursts": len(seen_s),
        "of_them_near_a_stall": sum(stalled),
        **{key: said[key] for key in keys},
    }


def pump(source: int, sink: int) -> None:
    """Carry bytes from one pty's master to the other's."""
    try:
        while data := os.read(source, 65_536):
            os.write(sink, data)
    except OSError:
        return


if __name__ == "__main__":
    main()
