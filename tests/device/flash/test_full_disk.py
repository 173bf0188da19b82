"""A disk that is full when a bundle is dropped, or fills up in the middle: one sentence, and nothing is lost."""

from __future__ import annotations

import random
import socket
import threading
from pathlib import Path

import pytest
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.disk.fake import FakeFiles
from tombola_device.flash.page_port import PagePort
from tombola_device.flash.serve import Flashd
from tombola_device.slots.store import RESERVE_BYTES, Store
from tombola_device.surface.browser.upload import flash

SLOTS = Path("/slots")
OTHERS = SLOTS / "log of another program"


class Filling(FakeFiles):
    """A disk on which another program writes as soon as so many bytes of a bundle have arrived."""

    eaten_after: int | None = None
    arrived_bytes = 0
    """Of bundles, since it was last set to 0."""

    def append(self, path: Path, data: bytes) -> None:
        if self.eaten_after is not None and (self.size_bytes(path) or 0) >= self.eaten_after:
            self.eaten_after = None
            super().append(OTHERS, bytes(self.free_bytes(SLOTS) - len(data) // 2))
        super().append(path, data)
        self.arrived_bytes += len(data)


class Instrument:
    """A store behind the line of a page."""

    def __init__(self, capacity_bytes: int) -> None:
        self.files, self.installed = Filling(capacity_bytes), []
        self.store = Store(SLOTS, lambda bundle: None, files=self.files)
        self.page, instrument = socket.socketpair()
        lines = [instrument]
        self._flashd = Flashd(
            "the page",
            self.store,
            self.installed.append,
            open_port=lambda _: PagePort(lambda: lines.pop() if lines else None),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._flashd.run, args=(self._stop,))
        self._thread.start()

    def names(self) -> set[str]:
        return {path for path in self.files.names(SLOTS) if path.endswith(".tombola")}

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.page.close()


@pytest.fixture
def bundles(make_bundle) -> tuple[bytes, bytes]:
    return encode_bundle(make_bundle(modes=1)), encode_bundle(make_bundle(modes=3, name="another"))


@pytest.fixture
def make_instrument():
    made = []

    def make(capacity_bytes: int) -> Instrument:
        made.append(Instrument(capacity_bytes))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_bundle_that_does_not_fit_is_refused_before_it_comes_and_the_one_that_plays_stays(make_instrument, bundles):
    first, second = bundles
    instrument = make_instrument(RESERVE_BYTES + len(first) + len(second) // 2)
    assert flash(instrument.page, first) == "installed; it takes over now"
    with pytest.raises(Refused, match=r"has only \d+ bytes free; remove files from its disk") as refused:
        flash(instrument.page, second)
    assert (refused.value.code, str(refused.value).count("\n")) == (ErrorCode.DISK_FULL, 0)
    assert instrument.names() == {f"{bundle_sha256(first)}.tombola"}
    assert instrument.store.slots.active == bundle_sha256(first)


def test_a_disk_that_fills_up_in_the_middle_is_one_sentence_and_the_next_drop_goes_on_where_it_stopped(
    make_instrument, bundles
):
    first, second = bundles
    instrument = make_instrument(RESERVE_BYTES + len(first) + len(second) + 1000)
    flash(instrument.page, first)
    instrument.store.confirm()
    instrument.files.eaten_after = len(second) // 2
    with pytest.raises(Refused, match="remove files from its disk") as refused:
        flash(instrument.page, second)
    assert refused.value.code == ErrorCode.DISK_FULL
    assert instrument.store.slots.active == bundle_sha256(first)
    assert instrument.installed == [SLOTS / f"{bundle_sha256(first)}.tombola"]
    held = instrument.files.size_bytes(SLOTS / f"{bundle_sha256(second)}.partial")
    assert len(second) // 2 <= held < len(second)
    # Whatever a power cut leaves of a full disk, the instrument comes up with what played.
    after = instrument.files.after_power_cut(random.Random(0))
    assert Store(SLOTS, lambda bundle: None, files=after).boot().name == f"{bundle_sha256(first)}.tombola"

    instrument.files.remove(OTHERS)
    instrument.files.arrived_bytes = 0
    assert flash(instrument.page, second) == "installed; it takes over now"
    assert instrument.store.slots.active == bundle_sha256(second)
    assert instrument.store.slots.previous == bundle_sha256(first)
    assert instrument.files.read(SLOTS / f"{bundle_sha256(second)}.tombola") == second
    assert instrument.files.arrived_bytes == len(second) - held
