"""What all pages share is worked out and encoded once: views, fields, the scope; and thirty a second stay thirty."""

from __future__ import annotations

import asyncio
import contextlib
import json
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("microdot", reason="microdot is not installed; pip install the extra `browser`")

from tombola_device.hal.midi.held import HeldKeys
from tombola_device.surface.actions import MakeBackup
from tombola_device.surface.browser import hub as hub_module
from tombola_device.surface.browser import page as page_module
from tombola_device.surface.browser.hub import Hub
from tombola_device.surface.browser.page import Page
from tombola_device.surface.browser.shelf import BundleShelf
from tombola_device.surface.browser.shown import Shown
from tombola_device.surface.browser.sound import Ear
from tombola_device.surface.view import View
from tombola_device.web.socket import Closed


def line(**fields: object) -> bytes:
    return msgspec.json.encode({"view": View(**fields)})


def in_hub(act):
    async def run():
        hub = Hub(lambda _: None, Ear(None), BundleShelf(Path("/nowhere"), None), hands_here=True)
        await act(hub)

    asyncio.run(run())


def peak_of(hub: Hub) -> float:
    _, text = hub.news(0)
    return json.loads(text)["peak_db"]


def test_a_burst_of_views_is_worked_out_twice_the_first_at_once_and_the_newest_soon(monkeypatch):
    worked_out = []
    real = hub_module.state_of
    monkeypatch.setattr(hub_module, "state_of", lambda view, now_s: worked_out.append(view) or real(view, now_s))

    async def act(hub):
        worked_out.clear()
        for peak_db in range(-50, 0):
            hub.take(line(peak_db=float(peak_db)))
        assert peak_of(hub) == -50.0
        await asyncio.sleep(2 * hub_module.SEE_S)
        assert peak_of(hub) == -1.0
        assert [view.peak_db for view in worked_out] == [-50.0, -1.0]

    in_hub(act)


def test_an_answer_in_a_view_that_is_never_shown_still_arrives():
    async def act(hub):
        hub.take(line())
        asking = asyncio.create_task(hub.ask(MakeBackup))
        await asyncio.sleep(0)
        (ticket,) = hub._asks
        hub.take(line(answer=hub_module.Said(ticket, "kept")))
        hub.take(line())
        assert await asyncio.wait_for(asking, 1.0) == "kept"

    in_hub(act)


def test_a_field_is_encoded_once_for_sixteen_pages_and_again_only_when_it_changes(monkeypatch):
    encoded = []
    real = msgspec.json.encode
    monkeypatch.setattr(msgspec.json, "encode", lambda value: encoded.append(value) or real(value))
    shown = Shown({"name": "quartet", "peak_db": -80.0})
    texts = {shown.news(0) for _ in range(16)}
    assert texts == {(1, '{"name":"quartet","peak_db":-80.0}')}
    assert not shown.put({"name": "quartet"})
    shown.put({"peak_db": -10.0})
    assert {shown.news(1) for _ in range(16)} == {(2, '{"peak_db":-10.0}')}
    assert shown.news(0) == (2, '{"name":"quartet","peak_db":-10.0}')
    assert encoded == ["quartet", -80.0, -10.0]


def test_the_scope_of_one_look_is_computed_once_for_all_pages(monkeypatch):
    computed = []
    monkeypatch.setattr(hub_module, "scope_of", lambda *_: computed.append(1) or b"wave")

    async def act(hub):
        assert hub.scope(0) is None
        hub._look()
        messages = {hub.scope(0)[1](7) for _ in range(4)}
        assert len(messages) == len(computed) == 1
        assert hub.scope(1) is None

    in_hub(act)


class Clock:
    """Stands still while nobody waits, and is late by what it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.late_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds + self.late_s
        await REAL_SLEEP(0)


REAL_SLEEP = asyncio.sleep


@pytest.mark.parametrize(("late_s", "most_s"), [(0.0, 90 / 30), (0.012, 90 / 30), (0.1, 90 * 0.1 + 0.5)])
def test_ninety_messages_take_three_seconds_though_each_is_sent_twelve_milliseconds_late(monkeypatch, late_s, most_s):
    """And after a standstill no volley follows: who is a tenth of a second late each time stays late."""
    clock, sent_s = Clock(), []
    clock.late_s = late_s
    shown = Shown({"peak_db": 0.0})

    class HubOfNews:
        def news(self, known):
            shown.put({"peak_db": len(sent_s)})
            return shown.news(known)

    class Acknowledging:
        async def send(self, message):
            sent_s.append(clock.now_s)
            page._acknowledged.set()
            if len(sent_s) > 90:
                raise Closed

        def abort(self):
            pass

    monkeypatch.setattr(page_module.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(page_module.asyncio, "sleep", clock.sleep)
    page = Page(Acknowledging(), HubOfNews(), HeldKeys())

    async def run():
        page.tell()
        with contextlib.suppress(Closed):
            await page._send()

    asyncio.run(run())
    assert sent_s[90] - sent_s[0] == pytest.approx(most_s, abs=0.6 if late_s > 0.05 else 0.02)
    gaps_s = [after - before for before, after in pairwise(sent_s)]
    assert min(gaps_s) >= 1 / 60 - 1e-9 + (0.0 if late_s < 0.05 else 0.08)
