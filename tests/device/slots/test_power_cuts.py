"""Power cuts by the thousand, on a disk that tears, zeroes and reorders: never without a playable bundle.

TOMBOLA_CAMPAIGN sets how many; `-m slow` cuts ten thousand times; `--log-cli-level=INFO` tells where.
"""

from __future__ import annotations

import logging
import os
import random
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tombola_device.contract.bundle import Bundle, bundle_sha256, decode_bundle, encode_bundle
from tombola_device.contract.graph import block_graph
from tombola_device.contract.manifest import Cost, Envelope, Manifest, Mode
from tombola_device.contract.refusals import Refused
from tombola_device.contract.signing import public_key, sign_pairing
from tombola_device.disk.fake import FakeFiles, PowerCut
from tombola_device.slots.owner import Owner
from tombola_device.slots.store import TRIAL_BOOTS, Store

FOLDER = Path("/slots")
OWNERS = Path("/slots/owners.json")
ENVELOPE = Envelope([0.0, 1.0], [-9.0, -9.0], 0.0, -1.0)
MODE = Mode("m", "#000000", (0.0, 127.0), ENVELOPE)
_LOG = logging.getLogger(__name__)
CUTS = int(os.environ.get("TOMBOLA_CAMPAIGN", "1000"))


def encoded(name: str) -> bytes:
    manifest = Manifest(name, "voice", [MODE], {"frame": block_graph(1, 1)}, Cost(1, 1, 1, 1))
    return encode_bundle(Bundle(manifest, {"frame": random.Random(name).randbytes(3000)}))


BUNDLES = {bundle_sha256(data): data for data in map(encoded, "abcd")}
FIRST = next(iter(BUNDLES))
SEEDS = [bytes([number]) * 32 for number in range(4)]


@dataclass
class Life:
    """The life of an instrument up to a power cut, and what is known about its state then."""

    files: FakeFiles
    rng: random.Random
    good: str = FIRST
    """SHA-256 of the last bundle that was certainly confirmed."""
    maybe_good: set[str] = field(default_factory=set)
    """Bundles that may have been confirmed at the moment of the power cut."""
    active: str = FIRST
    enrolled: int = 0

    def live(self, steps: int) -> None:
        store = Store(FOLDER, lambda _: None, files=self.files)
        store.boot()
        for _ in range(steps):
            self.rng.choice([self.flash, self.flash, self.confirm, self.revert, self.reboot, self.enrol])(store)

    def flash(self, store: Store) -> None:
        sha256, data = self.rng.choice(list(BUNDLES.items()))
        held = store.begin(sha256, len(data))
        if zlib.crc32(data[: held.offset]) != held.crc32:
            held = store.begin(sha256, len(data), restart=True)
        chunk_bytes = self.rng.choice([700, 1500, 4096])
        for start in range(held.offset, len(data), chunk_bytes):
            store.write(data[start : start + chunk_bytes])
            if self.rng.random() < 0.05:
                return  # Unplugged. The next flash of this bundle resumes; one of another bundle discards the part.
        if sha256 == store.slots.previous:
            self.maybe_good = {sha256}  # The bundle has played before and needs no trial.
        store.finish()
        if store.slots.confirmed:
            assert store.slots.active is not None
            self.good, self.maybe_good = store.slots.active, set()

    def confirm(self, store: Store) -> None:
        if store.slots.active is not None:
            self.maybe_good = {store.slots.active}
            store.confirm()
            self.good, self.maybe_good = store.slots.active, set()

    def revert(self, store: Store) -> None:
        if store.slots.previous is not None:
            # After a revert the previous bundle, which has played before, is the one to keep.
            self.maybe_good = {store.slots.previous}
            store.revert()
            assert store.slots.active is not None
            self.good, self.maybe_good = store.slots.active, set()

    def reboot(self, store: Store) -> None:
        if not store.slots.confirmed and store.slots.previous is not None:
            self.maybe_good = {store.slots.previous}
        store.boot()
        if store.slots.confirmed and store.slots.active is not None:
            self.good = store.slots.active
        self.maybe_good = set()

    def enrol(self, store: Store) -> None:
        owner = Owner(OWNERS, files=self.files)
        assert len(owner.keys) == self.enrolled
        if self.enrolled < len(SEEDS):
            seed = SEEDS[self.enrolled]
            owner.open_window()
            with pytest.raises(Refused):
                owner.enrol(public_key(seed), "me", sign_pairing(seed, "me"))
            owner.accept(owner.asking_key)
            self.enrolled += 1


def with_one_that_has_played() -> FakeFiles:
    files = FakeFiles()
    store = Store(FOLDER, lambda _: None, files=files)
    store.begin(FIRST, len(BUNDLES[FIRST]))
    store.write(BUNDLES[FIRST])
    store.finish()
    store.confirm()
    return files


def booted(files: FakeFiles) -> tuple[Store, str]:
    store = Store(FOLDER, lambda _: None, files=files)
    data = files.read(store.boot())
    decode_bundle(data)
    assert data == BUNDLES[bundle_sha256(data)]
    return store, bundle_sha256(data)


def cut_once(seed: int) -> str:
    """Run one life with one cut, or a second during the boot, and check all promises; return the place of the cut."""
    rng = random.Random(seed)
    files, plan = with_one_that_has_played(), rng.randrange(1 << 30)
    files.cut_power_at(rng.randrange(60), rng.choice([None, rng.randrange(4096)]))
    life = Life(files, random.Random(plan))
    try:
        life.live(steps=12)
        where = "after the last operation"
    except PowerCut:
        where = "within"
    reorders = rng.random() < 0.5
    files = files.after_power_cut(rng, reorders=reorders)
    if rng.random() < 0.3:
        files.cut_power_at(rng.randrange(8), rng.choice([None, rng.randrange(200)]))
        try:
            Store(FOLDER, lambda _: None, files=files).boot()
        except PowerCut:
            where = "twice"
        files = files.after_power_cut(rng, reorders=reorders)
    # A bundle plays, and the last confirmed one is stored bit by bit, whatever is on trial.
    good = {life.good, *life.maybe_good}
    assert any(files.size_bytes(FOLDER / f"{sha256}.tombola") == len(BUNDLES[sha256]) for sha256 in good)
    _, playing = booted(files)
    for _ in range(TRIAL_BOOTS + 1):
        store, playing = booted(files)
    assert playing in good
    assert store.slots.confirmed
    # No owner is lost or invented; only the one being enrolled may be missing.
    keys = [key.key for key in Owner(OWNERS, files=files).keys]
    assert keys == [public_key(seed).hex() for seed in SEEDS[: len(keys)]]
    assert life.enrolled <= len(keys) <= life.enrolled + 1
    # The next flash succeeds, whatever the last one left.
    life = Life(files, random.Random(seed))
    life.rng.random = lambda: 1.0  # type: ignore[method-assign]  # never unplugged
    life.flash(store)
    store.confirm()
    assert booted(files)[1] == store.slots.active
    return where


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cuts", [CUTS, pytest.param(10_000, marks=pytest.mark.slow)])
def test_after_any_power_cut_the_last_good_bundle_plays_and_the_next_flash_succeeds(cuts: int) -> None:
    where = [cut_once(seed) for seed in range(cuts)]
    _LOG.info("%d power cuts: %s", cuts, dict(Counter(where)))
    assert where.count("within") > 0.5 * cuts
    assert where.count("twice") > 0.02 * cuts
