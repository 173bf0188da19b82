"""An audio process that dies or stands still: when it is noticed, and what plays afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from tombola_device.contract.bundle import bundle_sha256, encode_bundle
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.daemon.pulse import STILL_S, Pulse
from tombola_device.daemon.revival import MOST_DEATHS, WITHIN_S, Revival
from tombola_device.slots.store import Store


@pytest.fixture
def store(tmp_path, make_bundle):
    """A store with a factory bundle and a confirmed one; ``flash`` makes another one active."""
    factory = tmp_path / "factory.tombola"
    factory.write_bytes(encode_bundle(make_bundle(name="factory")))
    store = Store(tmp_path / "slots", lambda _: None, factory)
    flash(store, make_bundle(name="first"))
    store.confirm()
    return store


def flash(store: Store, bundle) -> Path:
    data = encode_bundle(bundle)
    store.begin(bundle_sha256(data), len(data))
    store.write(data)
    return store.finish()


def test_process_that_renders_nothing_for_a_second_stands_still_and_one_that_renders_never_does():
    pulse, still = Pulse(), Pulse()
    for tick in range(5000):
        now_s = 100.0 + tick / 1000
        assert not pulse.stands_still(tick // 50, now_s)
        if still.stands_still(7, now_s):
            assert now_s - 100.0 == pytest.approx(STILL_S, abs=0.02)
            return
    pytest.fail("it was not noticed")


def test_time_in_which_the_whole_machine_stood_still_does_not_count():
    pulse = Pulse()
    for now_s in (1.0, 1.1, 61.0, 3661.0, 3660.0, 3662.0):
        assert not pulse.stands_still(7, now_s)


def test_confirmed_bundle_has_a_second_chance_and_after_two_deaths_within_a_minute_the_one_before_plays(store):
    first = store.path_of(store.slots.active)
    revival = Revival(store)
    assert revival.bundle(0.0) == first
    assert revival.bundle(WITHIN_S + 1.0) == first
    assert revival.bundle(WITHIN_S + 2.0) == store.path_of(None)
    assert store.slots.rejected == first.stem


def test_bundle_on_trial_is_given_up_at_its_first_death(store, make_bundle):
    first = store.path_of(store.slots.active)
    second = flash(store, make_bundle(name="second"))
    assert Revival(store).bundle(0.0) == first
    assert store.slots.rejected == second.stem


def test_factory_bundle_is_tried_again_and_again_but_not_for_ever(store):
    revival = Revival(store)
    store.revert()
    for death in range(MOST_DEATHS):
        assert revival.bundle(death * 1.0) == store.path_of(None)
    with pytest.raises(DeviceUnavailable, match="6 times within a minute"):
        revival.bundle(MOST_DEATHS * 1.0)
