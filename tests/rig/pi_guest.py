"""The script in the guest of ``virtual_pi.py``: python pi_guest.py SECONDS."""

from __future__ import annotations

import json
import os
import pty
import random
import socket
import subprocess
import sys
import time
import tty
from pathlib import Path

VOICES = 16
QUARTET = Path(__file__).with_name("tombola_device") / "models/quartet/quartet.tombola"
PLAYED = """audio = "alsa:hw:0,0"
midi = "none"
panel = "none"
voices = 4
measure = false
midi_serial = "{din}"
midi_thru = false
state_dir = "/run/state"
"""
STARTED = f"""audio = "alsa:hw:0,0"
midi = "none"
panel = "none"
voices = {VOICES}
state_dir = "/run/started"
"""
"""The configuration of the board: all voices, measured."""
FIGURES = ("periods", "xruns", "load_p50_us", "load_p99_us", "latency_p50_ms", "latency_max_ms", "voice_limit",
           "slimmed", "sounding", "refused", "audio")  # fmt: skip


def control_stages() -> list[tuple[str, float]]:
    """Do what the control process does before it starts the audio process."""
    marks = [("control process: python", time.monotonic())]
    from tombola_device.daemon import daemon  # noqa: F401

    return [*marks, ("control process: imports", time.monotonic())]


def audio_stages() -> list[tuple[str, float]]:
    """Do what the audio process does before it opens the card."""
    marks = [("audio process: python", time.monotonic())]
    import onnxruntime  # noqa: F401
    from tombola_device.audio import process as audio_process
    from tombola_device.audio.budget import voices_that_play
    from tombola_device.audio.frames import memory_bytes
    from tombola_device.audio.ring import create_memory, map_memory

    marks.append(("audio process: imports", time.monotonic()))
    engine, sha256 = audio_process.load_engine(QUARTET, VOICES)
    marks.append(("bundle, graph, noise", time.monotonic()))
    voices = voices_that_play(engine, VOICES)
    marks.append(("measuring voices", time.monotonic()))
    memory = map_memory(create_memory(memory_bytes(VOICES)), memory_bytes(VOICES))
    audio_process.AudioLoop(engine, sha256, memory, voices).rehearse()
    return [*marks, ("rehearsal", time.monotonic())]


STAGES = {"control": control_stages, "audio": audio_stages}


def measured_stages(which: str) -> dict[str, float]:
    """Seconds of each stage, in a new process as at a real start."""
    begun_s = time.monotonic()
    done = subprocess.run([sys.executable, __file__, which], capture_output=True, text=True, check=True)
    ends = json.loads(done.stdout)
    begins = [begun_s, *(end_s for _, end_s in ends)]
    return {name: round(end_s - begin_s, 3) for (name, end_s), begin_s in zip(ends, begins, strict=False)}


def start(settings: str, name: str, **environment: str) -> subprocess.Popen[str]:
    path = Path(f"/run/{name}.toml")
    path.write_text(settings)
    command = [sys.executable, "-m", "tombola_device", "run", "--config", str(path), "--verbose"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)


def ready_s() -> float:
    """Time from the start of ``tombolad`` until its READY, sent after the first rendered periods."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("/run/notify")
        begun_s = time.monotonic()
        daemon = start(STARTED, "started", NOTIFY_SOCKET="/run/notify")
        while b"READY=1" not in ear.recv(4096):
            pass
        seconds = time.monotonic() - begun_s
    daemon.terminate()
    daemon.wait()
    return seconds


def play(seconds: float) -> dict:
    """Hold a chord during a flood of MIDI at 31 250 baud; return the status."""
    host, device = pty.openpty()
    tty.setraw(device)
    daemon = start(PLAYED.format(din=os.ttyname(device)), "played")
    daemon.stdout.readline()
    rng, end_s = random.Random(0), time.monotonic() + seconds
    for note in (48, 55, 64):
        os.write(host, bytes((0x90, note, 100)))
    while time.monotonic() < end_s:
        value = rng.randrange(128)
        data = bytes((0xB0, rng.choice((1, 11, 74)), value, 0xF8, 0x90, 72, value, 0x80, 72, 0, 0xE0, value, 64))
        os.write(host, data)
        time.sleep(len(data) / 3125)
    said = json.loads(Path("/run/state/status.json").read_text())
    daemon.terminate()
    daemon.wait()
    return {key: said[key] for key in FIGURES}


def main() -> None:
    if sys.argv[1] in STAGES:
        print(json.dumps(STAGES[sys.argv[1]]()))
        return
    for which in STAGES:
        measured_stages(which)  # This first run compiles the imported modules, as the installation does.
    kernel_s = float(Path(__file__).with_name("kernel_s").read_text())
    start_s = {"kernel": kernel_s} | measured_stages("control") | measured_stages("audio")
    found = {"start_s": start_s | {"tombolad until READY": round(ready_s(), 3)}}
    print("FOUND", json.dumps(found | play(float(sys.argv[1]))), flush=True)


if __name__ == "__main__":
    main()
