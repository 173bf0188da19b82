"""Plays for a long time under all disturbances at once: two floods of MIDI, a panel whose controls and display change
all the time, repeated flashing, requests for the status, rotated logs.

    python tests/rig/soak.py --minutes 65 --still
    python tests/rig/soak.py --minutes 20 --speed 0.25

One flood arrives through the DIN socket. The other has the rate of USB and arrives through a real port of a JACK
server, or through a TCP socket without jackd or with ``--no-jack``.

With ``--speed`` the card's clock runs at a share of the normal speed. With ``--still`` it stands still while the
machine does (card_clock.h): the audio process then runs on one processor, and the driver of the clock checks that
processor each millisecond.

Prints one line of JSON: minutes of the card's time; xruns; latency; number of flashed bundles; number, sum and maximum
of the pauses of the clock; stalls of the machine (``stalls.py``); and for each xrun the time since the last period and
the part of this time during which the card ran.
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
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

import msgspec
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle

ROTATE_S = 30.0
HERE = Path(__file__).parent
CARD = HERE.parent / "integration" / "test_virtual_card.py"
USB_BYTES_PER_S = 20_000.0
DIN_BYTES_PER_S = 3125.0
MidiMessage = tuple[int, ...]
Send = Callable[[tuple[MidiMessage, ...]], object]


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def two_bundles(quartet: Path, folder: Path) -> list[Path]:
    """The quartet under two names, so that each flash installs another bundle."""
    bundle, paths = decode_bundle(quartet.read_bytes()), []
    for name in ("one", "two"):
        path = folder / f"{name}.tombola"
        path.write_bytes(encode_bundle(Bundle(msgspec.structs.replace(bundle.manifest, name=name), bundle.graphs)))
        paths.append(path)
    return paths


def flood(send: Send, bytes_per_s: float, stop: threading.Event, seed: int) -> None:
    """Send notes, controllers, bends and clock at ``bytes_per_s``."""
    rng = random.Random(seed)
    while not stop.is_set():
        note, value = rng.randint(30, 100), rng.randint(0, 127)
        controller = (0xB0, rng.choice((1, 11, 74)), value)
        messages = ((0x90, note, value), controller, (0xF8,), (0xE0, value, 64), (0x80, note, 0))
        try:
            send(messages)
        except (OSError, ValueError):  # The line was cut, or the pipe is closed.
            return
        stop.wait(sum(map(len, messages)) / bytes_per_s)


def rotate(log: Path, stop: threading.Event) -> None:
    """Rotate a log as logrotate does with copytruncate."""
    while not stop.wait(ROTATE_S):
        shutil.copy(log, log.with_suffix(".1"))
        os.truncate(log, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of real time")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--still", action="store_true", help="let the card stand still while the machine does")
    parser.add_argument("--jack", action=argparse.BooleanOptionalAction, default=shutil.which("jackd") is not None)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        soak(options, stack)


def compiled(folder: Path) -> Path:
    """Compile the card and the driver of its clock into one folder."""
    plugin = folder / "libasound_module_pcm_vcard.so"
    card = ["-shared", "-fPIC", "-DPIC", "-o", plugin, HERE / "vcard.c", "-lasound"]
    for what in (card, ["-o", folder / "card_clock", HERE / "card_clock.c"]):
        subprocess.run(["gcc", "-O2", *what], check=True)
    return plugin


def drive_clock(folder: Path, core: int, stack: contextlib.ExitStack) -> Path:
    """Start the driver of the clock; return the clock's file."""
    file = folder / "clock"
    driver = subprocess.Popen([folder / "card_clock", file, str(core)], stdout=subprocess.PIPE, text=True)
    stack.callback(driver.kill)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "runs\n"
    return file


def joined(messages) -> bytes:
    return bytes(byte for message in messages for byte in message)


def over_jack(folder: Path, stack: contextlib.ExitStack) -> tuple[str, str, Send]:
    """The daemon's ``midi``, further lines of its configuration, and the function that sends."""
    jack = load(HERE / "jack.py").Jack(folder, period_samples=512)
    stack.callback(jack.close)
    os.environ["JACK_DEFAULT_SERVER"] = jack.name
    keyboard = jack.keyboard("flood")
    stack.callback(keyboard.unplug)
    return "jack", "", lambda messages: keyboard.send(*messages)


def over_socket() -> tuple[str, str, Send]:
    """The same over TCP: the function connects when it sends for the first time."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    lines: list[socket.socket] = []

    def send(messages: tuple[MidiMessage, ...]) -> None:
        if not lines:
            lines.append(socket.create_connection(("localhost", port)))
        lines[0].sendall(joined(messages))

    return "none", f'midi_socket = "localhost:{port}"\n', send


def flash_until(end_s: float, bundles: list[Path], port: str) -> int:
    """Flash bundles one after the other; return the number of installed ones."""
    flashed = 0
    while time.monotonic() < end_s:
        command = [sys.executable, "-m", "tombola_host", "flash", bundles[flashed % 2], "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr[-300:], file=sys.stderr)
        flashed += done.returncode == 0
        time.sleep(min(10.0, max(end_s - time.monotonic(), 0)))
    return flashed


def raw_pty() -> tuple[int, int]:
    """Both ends of a raw serial line."""
    ends = pty.openpty()
    for end in ends:
        tty.setraw(end)
    return ends


def soak(options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
    card = load(CARD)
    folder = Path(tempfile.mkdtemp(prefix="tombola-soak-"))
    plugin, fields = compiled(folder), f'late "{folder}/late"'
    *others, core = sorted(os.sched_getaffinity(0))
    if options.still:
        fields += f' clock "{drive_clock(folder, core, stack)}"'
        os.sched_setaffinity(0, others)  # All other processes; on a Raspberry Pi they have three cores.
    host, device = raw_pty()
    far, near = raw_pty()
    midi, extra, send = over_jack(folder, stack) if options.jack else over_socket()
    extra += f'serial = "{os.ttyname(device)}"\n'
    instrument = card.Instrument(
        folder, plugin, options.speed, extra, panel="mock", midi=midi, command=(HERE / "swept_panel.py",), card=fields
    )
    for endless in ("frames", "times"):
        (folder / endless).symlink_to(os.devnull)
    instrument.start()
    stack.callback(instrument.stop)
    if options.still:
        threads = Path(f"/proc/{instrument.audio_process}/task")
        for thread in threads.iterdir():  # Later threads inherit the processor from these.
            os.sched_setaffinity(int(thread.name), {core})
    witness = subprocess.Popen([sys.executable, HERE / "stalls.py", folder / "stalls"])
    stack.callback(witness.kill)
    stop = threading.Event()
    stack.callback(stop.set)
    for work in (
        (flood, send, USB_BYTES_PER_S, stop, 0),
        (flood, lambda messages: os.write(instrument.din, joined(messages)), DIN_BYTES_PER_S, stop, 1),
        (rotate, folder / "log", stop),
        (pump, host, far),
        (pump, far, host),
    ):
        threading.Thread(target=work[0], args=work[1:], daemon=True).start()
    flashed = flash_until(time.monotonic() + 60 * options.minutes, two_bundles(card.QUARTET, folder), os.ttyname(near))
    print(json.dumps({"flashed": flashed, **summary(instrument.status(), folder)}))


def summary(said: dict[str, object], folder: Path) -> dict[str, object]:
    keys = ("midi", "xruns", "latency_p50_ms", "latency_max_ms", "load_p50_us", "load_p99_us", "slimmed", "sha256")
    stalls = [tuple(map(float, line.split())) for line in (folder / "stalls").read_text().splitlines()]
    late = [tuple(map(float, line.split())) for line in (folder / "late").read_text().splitlines()]
    stood = {}
    if (folder / "clock").exists():
        *_, still_ns, longest_ns, stills = struct.unpack("<6Q", (folder / "clock").read_bytes())
        stood = {"stood_still": stills, "in_all_ms": round(still_ns / 1e6), "at_most_ms": round(longest_ns / 1e6, 1)}
    return {
        "card_minutes": round(said["periods"] / 375 / 60, 2),
        **{key: said[key] for key in keys},
        **stood,
        "machine_stalls": len(stalls),
        "longest_stall_ms": max((ms for _, _, ms in stalls), default=0.0),
        "late": [(since_ms, ran_ms) for _, since_ms, ran_ms in late],
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
