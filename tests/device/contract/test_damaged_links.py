"""Damaged lines by the thousand, in virtual time: everything as it is on both ends, only the line is made up.

TOMBOLA_CAMPAIGN sets how many; `-m slow` damages ten thousand; `--log-cli-level=INFO` tells what happened.
"""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from tombola_device.contract.bundle import Bundle, bundle_sha256, encode_bundle
from tombola_device.contract.errors import FlashError, TombolaError
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.contract.refusals import Refused
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.contract.signing import public_key, sign_pairing
from tombola_device.disk.fake import FakeFiles
from tombola_device.flash.reception import Reception
from tombola_device.slots.owner import Owner
from tombola_device.slots.store import Store

FOLDER = Path("/slots")
ENVELOPE = Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0)
MODE = Mode("m", "#000000", (0.0, 127.0), ENVELOPE)
SEED = bytes(range(32))
LINKS = int(os.environ.get("TOMBOLA_CAMPAIGN", "1000"))
IDLE_S = 0.02
LIMIT_S = 3600.0
_LOG = logging.getLogger(__name__)
DAMAGES = ("flip", "drop", "double", "truncate", "insert", "reorder")


def encoded(name: str, graph_bytes: int) -> bytes:
    manifest = Manifest(name, "voice", [MODE], {"frame": block_graph(1, 1)}, Cost(1, 1, 1, 1))
    return encode_bundle(Bundle(manifest, {"frame": random.Random(name).randbytes(graph_bytes)}))


OLD = encoded("old", 500)
NEW = [encoded(f"new {length}", length) for length in (100, 2_000, 6_000)]


class Wire:
    """One direction of a line. ``damage`` is the share of writes that arrive damaged."""

    def __init__(self, rng: random.Random, damage: float, kinds: tuple[str, ...], bytes_per_s: float, delay_s: float):
        self._rng, self._damage, self._kinds = rng, damage, kinds
        self._bytes_per_s, self._delay_s = bytes_per_s, delay_s
        self._free_s = 0.0
        self.due: list[tuple[float, bytes]] = []
        self.damages: Counter[str] = Counter()

    def write(self, data: bytes, now: float) -> None:
        if data and self._rng.random() < self._damage:
            kind = self._rng.choice(self._kinds)
            self.damages[kind] += 1
            data = self._damaged(data, kind)
        self._free_s = max(self._free_s, now) + len(data) / self._bytes_per_s
        self.due.append((self._free_s + self._delay_s, data))

    def read(self, now: float) -> bytes:
        come = [data for due_s, data in self.due if due_s <= now]
        self.due = [piece for piece in self.due if piece[0] > now]
        return b"".join(come)

    def _damaged(self, data: bytes, kind: str) -> bytes:
        rng, place = self._rng, self._rng.randrange(len(data))
        length = min(rng.choice([1, 2, 20, 3000]), len(data) - place)
        if kind == "flip":
            return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
        if kind == "drop":
            return data[:place] + data[place + length :]
        if kind == "double":
            return data[: place + length] + data[place:]
        if kind == "truncate":
            return data[:place]
        if kind == "insert":
            return data[:place] + rng.randbytes(rng.choice([1, 30, 5000])) + data[place:]
        if self.due:  # This write overtakes earlier ones.
            due_s, before = self.due.pop()
            self.due.append((due_s, data))
            return before
        return data[place:] + data[:place]


class LateWorker:
    """A worker that runs its task when the test calls it."""

    def __init__(self) -> None:
        self._tasks: list[tuple[Callable[[], Path], Future[Path]]] = []

    def submit(self, task: Callable[[], Path], /) -> Future[Path]:
        future: Future[Path] = Future()
        self._tasks.append((task, future))
        return future

    def work(self) -> None:
        for task, future in self._tasks:
            try:
                future.set_result(task())
            except TombolaError as error:
                future.set_exception(error)
        self._tasks.clear()

    def shutdown(self) -> None:
        self.work()


class Instrument:
    """An instrument with a paired owner, on which OLD has played."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.files, self.worker, self.installed = FakeFiles(), LateWorker(), 0
        self.store = Store(FOLDER, lambda _: None, files=self.files)
        owner = Owner(FOLDER / "owners.json", "ask", self.files)
        owner.open_window()
        with pytest.raises(Refused):
            owner.enrol(public_key(SEED), "me", sign_pairing(SEED, "me"))
        owner.accept(owner.asking_key)
        self.store.begin(bundle_sha256(OLD), len(OLD))
        self.store.write(OLD)
        self.store.finish()
        self.store.confirm()
        self.reception = Reception(self.store, owner, self._on_installed, dict, self.worker)

    def _on_installed(self, path: Path) -> None:
        self.installed += 1

    def step(self, data: bytes) -> bytes:
        longest = self._rng.choice([1, 50, 5000, 5000]) if len(data) < 3000 else 5000
        for start in range(0, len(data), longest):
            self.reception.receive(data[start : start + longest])
        if self._rng.random() < 0.3:
            self.worker.work()
        return self.reception.poll()

    def has(self, data: bytes) -> bool:
        name = f"{bundle_sha256(data)}.tombola"
        return name in self.files.names(FOLDER) and self.files.read(FOLDER / name) == data


def flash(sender: Sender, instrument: Instrument, wires: tuple[Wire, Wire], unplug_at: list[int]) -> int:
    """Run until the flash ends. Unplug and plug the line after given numbers of bytes; return how often."""
    down, up = wires
    now, sent, unplugged = 0.0, 0, 0
    while sender.phase is not SenderPhase.DONE:
        output = sender.poll(now)
        if unplug_at and sent + len(output) > unplug_at[0]:
            instrument.step(down.read(1e12) + output[: max(unplug_at.pop(0) - sent, 0)])
            down.due.clear()
            up.due.clear()
            instrument.reception.hang_up()
            sender.reconnect()
            unplugged += 1
        else:
            if output:
                down.write(output, now)
            answer = instrument.step(down.read(now))
            if answer:
                up.write(answer, now)
            sender.receive(up.read(now), now)
        sent += len(output)
        next_s = min([due_s for due_s, _ in (*down.due, *up.due)], default=now + IDLE_S)
        now = min(max(next_s, now + 1e-4), now + IDLE_S)
        assert now < LIMIT_S, "the transfer does not end"
    return unplugged


def damage_once(seed: int) -> Counter[str]:
    """Flash once over a damaged line and check all promises; return the outcome."""
    rng = random.Random(seed)
    data, instrument = rng.choice(NEW), Instrument(rng)
    damage = rng.choice([0.02, 0.1, 0.3, 0.9])
    kinds = rng.choice([DAMAGES, (rng.choice(DAMAGES),)])
    rate, delay_s = rng.choice([1e4, 1e5, 1e6]), rng.choice([0.0, 0.003, 0.05])
    wires = (Wire(rng, damage, kinds, rate, delay_s), Wire(rng, rng.choice([0.0, damage]), kinds, rate, delay_s))
    unplug_at = sorted(rng.randrange(len(data) + 500) for _ in range(rng.choice([0, 0, 1, 3])))
    sender = Sender(data, rng.getrandbits(32), rng.choice([64, 300, 2048]), SEED)
    happened: Counter[str] = Counter()
    try:
        happened["unplugged"] += flash(sender, instrument, wires, unplug_at)
        happened["installed"] += 1
        assert instrument.store.slots.active == bundle_sha256(data)
        assert instrument.has(data)
    except FlashError as error:
        happened["gave up"] += 1
        sentence = str(error)
        assert "\n" not in sentence
        assert "; " in sentence, "it does not say what to do"
        instrument.worker.work()
        instrument.reception.poll()
    assert instrument.has(OLD)
    assert instrument.store.slots.active in (bundle_sha256(OLD), bundle_sha256(data))
    clean = (Wire(rng, 0.0, DAMAGES, 1e6, 0.001), Wire(rng, 0.0, DAMAGES, 1e6, 0.001))
    instrument.reception.hang_up()
    flash(Sender(data, rng.getrandbits(32), seed=SEED), instrument, clean, [])
    assert instrument.store.slots.active == bundle_sha256(data)
    assert instrument.store.slots.previous == bundle_sha256(OLD)
    assert instrument.has(data)
    assert instrument.has(OLD)
    assert instrument.installed == 1
    return happened + wires[0].damages + wires[1].damages


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("links", [LINKS, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_link_installs_bit_by_bit_or_says_why_not_and_a_clean_one_always_does(links: int) -> None:
    happened: Counter[str] = Counter()
    for seed in range(links):
        happened += damage_once(seed)
    _LOG.info("%d damaged links: %s", links, dict(happened.most_common()))
    assert happened["installed"] > 0.5 * links
    assert happened["gave up"] > 0.02 * links
    assert min(happened[kind] for kind in DAMAGES) > links
    assert happened["unplugged"] > 0.1 * links
