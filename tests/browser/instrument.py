"""A small instrument behind the page: the real server with a state that tests can see and move. It makes no sound."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import random
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Self

from tombola_device.web.files import read_files
from tombola_device.web.keys import Keys, new_keys
from tombola_device.web.server import Answer, Asked, WebServer
from tombola_device.web.socket import Closed, Socket

STATIC = Path(__file__).parents[2] / "device" / "tombola_device" / "surface" / "browser" / "static"
MODES = {"sax": "#d9952e", "violin": "#b4552d", "flute": "#7fb6c9", "harp": "#c9b458"}
RECORDINGS = {
    "sax": [("A3", 57.0, 0.25, 0.75), ("<b>C4", 60.0, 0.6, 0.4)],
    "violin": [("G4 forte", 67.0, 0.9, 0.9)],
    "flute": [],
    "harp": [("pluck", 48.0, 0.1, 0.1)],
}
OPTIONS = {
    "voices": ("poly", "mono", "legato", "paraphonic"),
    "MIDI channel": ("all", *(str(channel) for channel in range(1, 17))),
    "learn": ("·", "timbre x", "timbre y"),
    "forget": ("·",),
}
SIDE = 51


def first_state() -> dict:
    """Four modes, of which the first sounds alone."""
    modes = [
        {
            "name": name,
            "color": color,
            "low": 55,
            "high": 96,
            "gate": "held",
            "licence": "CC BY 3.0",
            "knobs": {},
            "error": 0.86,
            "recordings": RECORDINGS[name],
        }
        for name, color in MODES.items()
    ]
    cost = {"parameters": 15_088, "onnx_bytes": 271_000, "nodes": 27, "arm64_instructions_per_period": 211_763,
            "arm64_instructions_per_further_voice": 58_912}  # fmt: skip
    return {
        "bundle": {"name": "quartet", "sha256": "ab" * 32, "generator": "voice", "licence": "CC BY 3.0", "delay_ms": 0.0,
                   "cost": cost, "modes": modes},
        "modes": list(MODES), "blend": [1.0, 0.0, 0.0, 0.0], "hand_blend": [1.0, 0.0, 0.0, 0.0], "place": 0.0,
        "timbre": [0.5, 0.5], "life": 1.0, "words": [], "loudness_db": 0.0, "glide_s": 0.0, "tune_semitones": 0.0,
        "knobs": [1.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 1.0], "held": [], "levels_db": [], "peak_db": -80.0,
        "sounding": 0, "voices": 4, "voices_wanted": 4, "slimmed": False, "load": 0.11, "load_p50": 0.05, "headroom": 0.89,
        "latency_ms": 9.8, "latency_max_ms": 10.2, "xruns": 0, "lost": False, "fault": "", "audio": "none", "sound_here": False,
        "jacks": dict.fromkeys(("V_OCT", "CV_X", "CV_Y", "CV_1", "CV_2", "CV_3"), 0.0),
        "outputs": {"CV_A": 0.0, "CV_B": 0.0, "GATE_OUT": 0.0},
        "lamps": [[0.0, 1.0]] + [[0.0, 0.0]] * 7, "oled": picture([1.0, 0.0, 0.0, 0.0]),
        "scenes": [{"words": "sax 55, violin 45", "name": "reed and bow"}] + [{"words": "", "name": ""}] * 15,
        "options": [{"name": name, "choices": choices, "chosen": 0, "waits": name in {"learn", "forget"}}
                    for name, choices in OPTIONS.items()],
        "learning": "", "calibration": "", "pitch_volts": 0.012, "tempo_bpm": 0.0, "previous": "struck", "confirmed": True,
        "flashing": -1.0, "owners": 0, "pairing": False, "asking_key": "", "asking_bundle": "", "allowed_bundle": "",
        "hands_here": True, "notice": "", "doing": "plays quartet", "about": ["tombola 0.0", "x86_64"],
        "log": ["INFO plays quartet"], "clients": 1,
    }  # fmt: skip


def picture(blend: list[float]) -> str:
    """Bars of the blend, as the display would show them: 128 × 64 bits."""
    rows = [[False] * 128 for _ in range(64)]
    for bar, weight in enumerate(blend):
        for y in range(round(60 - 50 * weight), 62):
            rows[y][4 + bar * 32 : 26 + bar * 32] = [True] * 22
    bits = "".join("1" if lit else "0" for row in rows for lit in row)
    return base64.b64encode(int(bits, 2).to_bytes(1024, "big")).decode()


class FakeInstrument:
    """Serves the page, takes actions, and shows what came in.

    Args:
        port: 0: any.
        delay_s: How long each message takes, each way.
        keys: Of an instrument before, so that its cookies hold.
    """

    def __init__(self, port: int = 0, delay_s: float = 0.0, keys: Keys | None = None) -> None:
        self.delay_s = delay_s
        self.keys = keys or Keys(new_keys(), lambda _: None)
        self.state = first_state()
        self.asked: list[dict] = []
        """Every message that came in but acknowledgements and pings."""
        self._holds: dict[Socket, set[int]] = {}
        self.mute = False
        """Whether it sends no sound."""
        self.wants: dict = {}
        """What a page has last asked for beside the state."""
        self.bundles: list[bytes] = []
        self.signatures: list[str] = []
        self._version = dict.fromkeys(self.state, 1)
        self._count = 1
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/#{self.keys.token}"

    def change(self, **fields: object) -> None:
        """Change the state, as if the instrument had done it."""
        self._count += 1
        self.state.update(fields)
        self._version.update(dict.fromkeys(fields, self._count))

    def reset(self) -> None:
        """Be as at the start."""
        self.change(**first_state())
        self.asked.clear()

    def of_kind(self, kind: str) -> list[dict]:
        return [message for message in self.asked if message["kind"] == kind]

    def last_of_kind(self, kind: str) -> dict:
        """The last such message; the first may still be on its way."""
        until_s = time.monotonic() + 5.0
        while not self.of_kind(kind) and time.monotonic() < until_s:
            time.sleep(0.01)
        return self.of_kind(kind)[-1]

    def _run(self) -> None:
        asyncio.run(self._serve())  # Which ends what is still open.

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = WebServer(self._listener, self.keys, read_files(STATIC))
        server.socket("/socket", self._talk, 4096)
        server.socket("/sound", self._sing, 4096)
        server.post("/bundle", self._flash, 64 << 20)
        async with server:
            self._ready.set()
            await self._over.wait()
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - they end when they have noticed
            await asyncio.sleep(0.01)

    async def _flash(self, asked: Asked) -> Answer:
        if not asked.body.startswith(b"TOMBOLA"):
            return Answer.of({"error": "this is no bundle; export it again"}, 400)
        for share in (0.25, 0.5, 0.75):
            self.change(flashing=share)
            await asyncio.sleep(0.05)
        self.bundles.append(asked.body)
        self.signatures.append(asked.headers.get("Tombola-Signature", ""))
        self.change(flashing=-1.0, bundle=self.state["bundle"] | {"name": "fresh"}, previous="quartet")
        return Answer.of({"said": "fresh plays"})

    async def _sing(self, socket: Socket) -> None:
        if self.mute:
            return
        seq, phase = 0, 0.0
        with contextlib.suppress(Closed):
            while True:
                samples = []
                for _ in range(512):
                    phase += 2 * math.pi * 220 / 48_000
                    samples.append(round(8000 * math.sin(phase)))
                stamp = time.monotonic_ns() // 1000 & 0xFFFFFFFF
                await socket.send(struct.pack("<II", seq, stamp) + struct.pack("<512h", *samples))
                seq += 1
                await asyncio.sleep(512 / 48_000)

    async def _talk(self, socket: Socket) -> None:
        wants: dict[str, bool] = {}
        free = asyncio.Event()
        free.set()
        pushing = asyncio.create_task(self._push(socket, wants, free))
        try:
            while True:
                message = json.loads(await socket.receive())
                asyncio.get_running_loop().call_later(self.delay_s, self._take, message, socket, wants, free)
        finally:
            pushing.cancel()
            for note in self._holds.pop(socket, set()):
                self._key(0x80, note, 64)

    def _take(self, message: dict, socket: Socket, wants: dict[str, bool], free: asyncio.Event) -> None:
        kind = message["kind"]
        if kind == "ack":
            free.set()
        elif kind == "want":
            wants.update(message)
            self.wants = message
        elif kind == "ping":
            pong = {"pong": message["t"], "clock_us": time.monotonic_ns() // 1000 & 0xFFFFFFFF}
            self._later(socket, json.dumps(pong))
        else:
            self.asked.append(message)
            self._do(kind, message)
            if kind == "midi":
                note, begins = message["bytes"][1], message["bytes"][0] & 0xF0 == 0x90
                holds = self._holds.setdefault(socket, set())
                holds.add(note) if begins else holds.discard(note)

    def _later(self, socket: Socket, message: str | bytes) -> None:
        async def send() -> None:
            with contextlib.suppress(Closed):
                await asyncio.sleep(self.delay_s)
                await socket.send(message)

        self._sending = asyncio.get_running_loop().create_task(send())

    async def _push(self, socket: Socket, wants: dict[str, bool], free: asyncio.Event) -> None:
        seen, seq, turn = 0, 0, 0
        with contextlib.suppress(Closed):
            while True:
                await asyncio.sleep(0.033)
                await free.wait()
                changed = {name: self.state[name] for name, count in self._version.items() if count > seen}
                turn += 1
                seq += 1
                if changed:
                    seen, message = self._count, json.dumps({"seq": seq, "state": changed})
                elif wants.get("scope") and turn % 3 == 0:
                    message = self._scope(seq)
                elif wants.get("blend_map") and turn % 8 == 1:
                    message = self._map(seq, 0)
                elif wants.get("timbre_map") and turn % 8 == 5:
                    message = self._map(seq, 1)
                else:
                    continue
                free.clear()
                await asyncio.sleep(self.delay_s)
                await socket.send(message)

    def _scope(self, seq: int) -> bytes:
        loud = 12_000 if self.state["held"] else 0
        wave = [round(loud * (math.sin(at / 9) + 0.4 * math.sin(at / 3))) for at in range(1024)]
        bands = [
            max(0, round(150 - abs(band - 110) * 1.1 + random.uniform(-4, 4))) if loud else 0 for band in range(256)
        ]
        return struct.pack("<BBHI", 1, 0, 0, seq) + struct.pack("<1024h", *wave) + bytes(bands)

    def _map(self, seq: int, which: int) -> bytes:
        shift = self.state["timbre"][0] if which == 0 else self.state["blend"][0]
        cells = bytearray()
        for row in range(SIDE):
            for column in range(SIDE):
                x, y = column / (SIDE - 1), row / (SIDE - 1)
                value = 127 + 110 * math.sin(3 * x + 2 * shift) * math.cos(2.5 * y - shift)
                cells += bytes((round(value), round(255 * y), round(255 * x), round(255 * x * y)))
        return struct.pack("<BBHI", 2, which, SIDE, seq) + bytes(cells)

    def _do(self, kind: str, message: dict) -> None:  # noqa: C901, PLR0912 - one line for each action
        state = self.state
        knobs = list(state["knobs"])
        if kind == "set_weight":
            knobs[message["mode"]] = message["weight"]
            self._weigh(knobs[:4], knobs)
        elif kind == "set_blend":
            self._weigh(message["weights"], [*message["weights"], *knobs[4:]])
        elif kind == "set_timbre":
            knobs[5:7] = message["x"], message["y"]
            self.change(timbre=[message["x"], message["y"]], knobs=knobs)
        elif kind == "set_loudness":
            knobs[7] = max(message["offset_db"] / 40 + 1, 0)
            self.change(loudness_db=message["offset_db"], knobs=knobs)
        elif kind == "set_word":
            named = [(word["name"], word["name"] == message["word"]) for word in state["words"]]
            self.change(words=[{"name": name, "place": message["place"] if here else None} for name, here in named])
        elif kind == "midi":
            self._key(*message["bytes"])
        elif kind == "patch":
            self.change(jacks=state["jacks"] | {message["jack"]: message["volts"]})
        elif kind == "gate":
            self.change(outputs=state["outputs"] | {"GATE_OUT": 5.0 * message["high"]})
        elif kind == "panic":
            self.change(held=[], sounding=0, peak_db=-80.0)
        elif kind == "choose":
            options = [dict(option) for option in state["options"]]
            for option in options:
                if option["name"] == message["option"]:
                    option["chosen"] = 0 if option["waits"] else option["choices"].index(message["choice"])
            self.change(
                options=options, learning=message["choice"] if message["option"] == "learn" else state["learning"]
            )
        elif kind == "stop_learning":
            self.change(learning="")
        elif kind in {"save_scene", "rename_scene"}:
            scenes = [dict(scene) for scene in state["scenes"]]
            scenes[message["place"]] |= {"words": "sax 100"} if kind == "save_scene" else {"name": message["name"]}
            self.change(scenes=scenes, notice=f"scene {message['place'] + 1} kept")
        elif kind == "calibrate":
            self.change(calibration="patch 1 V into V/OCT, then push")
        elif kind in {"confirm_calibration", "cancel_calibration"}:
            self.change(calibration="")

    def _weigh(self, weights: list[float], knobs: list[float]) -> None:
        whole = sum(weights)
        if whole:
            blend = [weight / whole for weight in weights]
            lamps = [[0.0, weight**2.2] for weight in blend] + [[0.0, 0.0]] * (8 - len(blend))
            self.change(blend=blend, hand_blend=blend, knobs=knobs, lamps=lamps, oled=picture(blend))

    def _key(self, status: int, note: int, velocity: int) -> None:
        held = [other for other in self.state["held"] if other != note]
        if status & 0xF0 == 0x90 and velocity:
            held.append(note)
        elif status & 0xF0 not in {0x80, 0x90}:
            return
        self.change(held=held, sounding=len(held), peak_db=-12.0 if held else -80.0)


if __name__ == "__main__":
    with FakeInstrument(port=8670) as running:
        print(running.address, flush=True)  # noqa: T201
        threading.Event().wait()
