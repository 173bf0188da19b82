"""Measures what pages cost the instrument: xruns, load, latency, ticks of the control loop; and what a map takes.

    python tests/rig/browser.py [--minutes M] [--pages N] [--still]

While a MIDI socket plays chords, the instrument runs on the virtual card (vcard.c) first alone, then with N pages, each
of which takes state, scope, both maps and the sound as fast as it may, turns a knob 30 times a second and moves the
blend. With ``--still`` the card stands still while the machine does (card_clock.h), so that what is left is ours.

Prints one line of JSON for each part.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tombola_device.audio.ring import create_memory
from tombola_device.audio.tap import TAP_BYTES
from tombola_device.contract.bundle import decode_bundle
from tombola_device.surface.browser.child import Place, ServerProcess
from tombola_device.surface.browser.face import BrowserFace
from tombola_device.surface.browser.maps import Mapper
from tombola_device.web.client import WebClient

HERE = Path(__file__).parent
QUARTET = HERE.parents[1] / "models" / "quartet" / "quartet.tombola"
ALSA_CONF = Path("/usr/share/alsa/alsa.conf")


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OpenPage:
    """One page: reads and acknowledges everything, and plays."""

    def __init__(self, client: WebClient, index: int, stop: threading.Event) -> None:
        self.ages_ms: list[float] = []
        """How old a block of sound is when it arrives here."""
        self.count_anew()
        self._socket, self._sound = client.socket("/socket"), client.socket("/sound")
        self._index, self._stop = index, stop
        for work in (self._read, self._listen, self._play):
            threading.Thread(target=work, daemon=True).start()

    def count_anew(self) -> None:
        """Forget what came while the pages were opened."""
        self.messages = self.maps = self.state_bytes = self.samples = 0
        self.ages_ms.clear()

    def _read(self) -> None:
        self._socket.send({"kind": "want", "scope": True, "blend_map": True, "timbre_map": True})
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                message = self._socket.receive()
                if isinstance(message, bytes):
                    kind, _, _, seq = struct.unpack_from("<BBHI", message)
                    self.maps += kind == 2
                else:
                    seq = json.loads(message)["seq"]
                    self.state_bytes += len(message)
                self.messages += 1
                self._socket.send({"kind": "ack", "seq": seq})

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                block = self._sound.receive()
                seq, written_us = struct.unpack_from("<II", block)
                self.samples += (len(block) - 8) // 2
                self.ages_ms.append((time.monotonic_ns() // 1000 - written_us & 0xFFFFFFFF) / 1000)
                self._sound.send({"heard": seq})

    def _play(self) -> None:
        turn = 0
        with contextlib.suppress(OSError):
            while not self._stop.wait(1 / 30):
                turn += 1
                self._socket.send({"kind": "set_weight", "mode": self._index % 4, "weight": turn % 60 / 60})


def chords(port: int, stop: threading.Event) -> None:
    """Four voices all the time, a new chord each half second."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        turn = 0
        while not stop.wait(0.5):
            notes = [60 + turn % 5 + step for step in (0, 4, 7, 11)]
            line.sendall(bytes((0xB0, 123, 0)) + b"".join(bytes((0x90, note, 100)) for note in notes))
            turn += 1


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def child(pid: int, what: bytes) -> int:
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and what in (process / "cmdline").read_bytes():
                return int(process.name)
    return 0


def on_the_card(options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
    soak = load("soak")
    folder = Path(tempfile.mkdtemp(prefix="tombola-pages-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    plugin, clock = soak.compiled(folder), ""
    *others, core = sorted(os.sched_getaffinity(0))
    if options.still:
        clock = f'clock "{soak.drive_clock(folder, core, stack)}"'
        os.sched_setaffinity(0, others)
    (folder / "frames").symlink_to(os.devnull)
    (folder / "asoundrc").write_text(
        f'<{ALSA_CONF}>\npcm_type.vcard {{ lib "{plugin}" }}\n'
        f'pcm.card {{ type vcard file "{folder}/frames" log "{folder}/times" gone "{folder}/gone" '
        f"speed 1.0 {clock} }}\n"
    )
    (folder / "times").symlink_to(os.devnull)
    midi, port = free_port(), free_port()
    config = folder / "tombola.toml"
    config.write_text(
        f'audio = "alsa:card"\nvoices = 4\nmidi = "none"\npanel = "none"\nmidi_socket = "localhost:{midi}"\n'
        f'state_dir = "{folder}/state"\nfactory = "{QUARTET}"\nmeasure = false\n'
    )
    command = [sys.executable, "-m", "tombola_device", "run", "--config", str(config), "--browser", "--no-open"]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        env=os.environ | {"ALSA_CONFIG_PATH": str(folder / "asoundrc")},
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    token, plays = "", False
    while not (token and plays):
        line = process.stdout.readline()
        plays |= line.startswith("playing ")
        token = line.partition("#")[2].strip() or token
    if options.still:
        for thread in Path(f"/proc/{child(process.pid, b'audio.process')}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
    stop = threading.Event()
    stack.callback(stop.set)
    threading.Thread(target=chords, args=(midi, stop), daemon=True).start()
    time.sleep(3.0)
    server = child(process.pid, b"browser.process")
    for pages in (0, options.pages):
        opened = []
        for index in range(pages):
            client = WebClient(port)
            client.login(token)
            opened.append(OpenPage(client, index, stop))
        time.sleep(3.0)
        for page in opened:
            page.count_anew()
        before, cpu = status(folder), (cpu_s(process.pid), cpu_s(server))
        begun_s = time.monotonic()
        time.sleep(60 * options.minutes)
        after, seconds = status(folder), time.monotonic() - begun_s
        ages_ms = sorted(age for page in opened for age in page.ages_ms)
        said = {
            "pages": pages,
            "minutes": round(seconds / 60, 2),
            "xruns": after["xruns"] - before["xruns"],
            "voices": after["voice_limit"],
            **{key: after[key] for key in ("load_p50_us", "load_p99_us", "latency_p50_ms", "latency_max_ms")},
            "control_cpu": round((cpu_s(process.pid) - cpu[0]) / seconds, 4),
            "server_cpu": round((cpu_s(server) - cpu[1]) / seconds, 4),
            "server_ms_per_message": round(
                1000 * (cpu_s(server) - cpu[1]) / max(sum(page.messages for page in opened), 1), 3
            ),
            "messages_per_s": [round(page.messages / seconds, 1) for page in opened],
            "state_bytes_per_s": [round(page.state_bytes / seconds) for page in opened],
            "maps": [page.maps for page in opened],
            "sound_rate": [round(page.samples / seconds) for page in opened],
            "sound_age_ms": [round(ages_ms[int(q * (len(ages_ms) - 1))], 1) for q in (0.5, 0.99)] if ages_ms else [],
        }
        print(json.dumps(said), flush=True)


def status(folder: Path) -> dict[str, object]:
    return json.loads((folder / "state" / "status.json").read_text())


def ticks(count: int) -> None:
    """The loop of control_loop.py without and with the face, and with a page."""
    rig = load("control_loop")
    sys.setswitchinterval(rig.SWITCH_INTERVAL_S)
    with tempfile.TemporaryDirectory(dir=".") as name, contextlib.ExitStack() as stack:
        folder, tokens = Path(name), []
        listener = socket.create_server(("127.0.0.1", 0))
        place = Place(listener, create_memory(TAP_BYTES), folder / "keys", folder / "slots", QUARTET, hands_here=True)
        face = BrowserFace(ServerProcess(place), lambda address: tokens.append(address.partition("#")[2]))
        plain, paged = rig.Rig(folder / "plain", full=True), rig.Rig(folder / "paged", full=True)
        stack.callback(paged.close)
        stack.callback(plain.close)
        paged.console.faces = (*paged.console.faces, face)
        paged.console._edges = [rig_edge(each) for each in paged.console.faces]
        paged.console.inputs._sources.append(face.midi)
        paged.console.inputs._edges[face.midi] = rig_edge(face.midi)
        for each in (plain, paged):
            each.ticks_us(300)
        said = {}
        for kind, each in (("no_page_face", plain), ("nobody_there", paged), ("again", plain), ("nobody_again", paged)):
            said[kind] = figures(each.ticks_us(count))
        while not tokens:
            paged.ticks_us(10)
        visit = [sys.executable, __file__, "--visit", str(listener.getsockname()[1]), tokens[0]]
        visitor = subprocess.Popen(visit)  # Not a thread: it would take the interpreter from the loop.
        stack.callback(visitor.kill)
        while not face.pages:
            paged.ticks_us(10)
        said["one_page"] = figures(paged.ticks_us(count))
        print(json.dumps({"tick_us": said}), flush=True)


def rig_edge(what: object):
    from tombola_device.hal.edge import Edge

    return Edge(type(what).__name__)


def figures(taken_us: list[float]) -> dict[str, float]:
    ordered = sorted(taken_us)
    return {
        "median": round(statistics.median(ordered), 1),
        "mean": round(statistics.fmean(ordered[: int(0.999 * len(ordered))]), 1),
        "p99": round(ordered[int(0.99 * len(ordered))], 1),
    }


def maps() -> None:
    """2 500 points on one core, for each factory bundle."""
    said = {}
    for path in sorted(QUARTET.parents[1].glob("*/*.tombola")):
        mapper, times = Mapper(decode_bundle(path.read_bytes())), []
        for turn in range(10):
            begun_s = time.process_time()
            if turn % 2:
                mapper.blend_map((0.5, 0.5))
            else:
                mapper.timbre_map([1 / len(mapper.modes)] * len(mapper.modes))
            times.append(time.process_time() - begun_s)
        said[path.stem] = {"median_s": round(statistics.median(times), 3), "longest_s": round(max(times), 3)}
    print(json.dumps({"map_of_2500_points": said}), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each half")
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--still", action="store_true", help="let the card stand still while the machine does")
    parser.add_argument("--ticks", type=int, default=4000)
    parser.add_argument("--visit", nargs=2, metavar=("PORT", "TOKEN"), help="only be one page, until it is ended")
    options = parser.parse_args()
    if options.visit:
        client = WebClient(int(options.visit[0]))
        client.login(options.visit[1])
        OpenPage(client, 0, threading.Event())
        threading.Event().wait()
    maps()
    ticks(options.ticks)
    with contextlib.ExitStack() as stack:
        on_the_card(options, stack)
    return 0


if __name__ == "__main__":
    sys.exit(main())
