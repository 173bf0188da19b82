"""The buffer between the socket and the speakers, in virtual time: its gaps, its length, its pitch."""

from __future__ import annotations

import pytest

RIG = """
  const [plan] = args;
  globalThis.AudioWorkletProcessor = class { constructor() { this.port = { sent: [], postMessage(it) { this.sent.push(it); } }; } };
  let Blocks = null;
  globalThis.registerProcessor = (name, kind) => { Blocks = kind; };
  await import(`./worklet.js?${Math.random()}`);
  const blocks = new Blocks();
  let at = 0, sent = 0, worst = 0, sounding = 0, before = 0;
  const step = 2 * Math.PI * plan.hz / 48000;
  const arrivals = [];
  for (let block = 0; block * 512 < plan.seconds * 48000; block++) {
    arrivals.push(block * 512 * plan.drift + (block > 100 ? plan.jitter_samples * Math.abs(Math.sin(block * 12.9898)) : 0) + (block >= plan.stall_block && block < plan.stall_block + 20 ? plan.stall_samples : 0));
  }
  const out = [[new Float32Array(128)]], starts = [];
  while (at < (plan.seconds - 0.5) * 48000) {
    while (sent < arrivals.length && arrivals[sent] <= at) {
      const samples = Int16Array.from({ length: 512 }, (_, n) => Math.round(16000 * Math.sin(step * (sent * 512 + n))));
      blocks.take({ samples, written_us: Math.round(sent * 512 / 48000 * 1e6) });
      sent++;
    }
    const read = blocks.read;
    blocks.process([], [out[0]]);
    if (blocks.playing && read !== blocks.read && at > 48000) starts.push((blocks.read - read) / 128);
    for (const sample of out[0][0]) { worst = Math.max(worst, Math.abs(sample - before)); before = sample; }
    at += 128;
  }
  return { gaps: blocks.gaps, target_ms: blocks.target / 48, fill_ms: (blocks.written - blocks.read) / 48, worst,
    slow: Math.min(...starts), fast: Math.max(...starts), last: blocks.port.sent.at(-1) };
"""


@pytest.fixture(scope="module")
def one_page(module_page, module_instrument):
    return module_page.open(module_instrument.address)


def played(page, **plan):
    usual = {"seconds": 5, "hz": 220, "drift": 1.0, "jitter_samples": 0, "stall_block": -100, "stall_samples": 0}
    return page.module(RIG, usual | plan)


def test_an_even_link_plays_without_a_gap_from_a_buffer_of_30_ms(one_page):
    sound = played(one_page)
    assert sound["gaps"] == 0
    assert 20 <= sound["fill_ms"] <= 45
    # The steepest step of the wave itself, and no click.
    assert sound["worst"] <= 16000 / 32768 * 2 * 3.1416 * 220 / 48000 * 1.02


def test_a_link_that_jitters_by_60_ms_makes_the_buffer_longer_until_no_gap_is_left(one_page):
    first, whole = (played(one_page, seconds=seconds, jitter_samples=60 * 48) for seconds in (5, 9))
    assert 1 <= first["gaps"] <= 6
    assert whole["gaps"] == first["gaps"]
    assert 40 <= whole["target_ms"] <= 110


def test_a_quiet_link_makes_the_buffer_shorter_again(one_page):
    sound = played(one_page, seconds=60)
    assert sound["gaps"] == 0
    assert sound["target_ms"] < 22


@pytest.mark.parametrize("drift", [0.999, 1.001])
def test_a_clock_that_is_off_by_a_thousandth_is_followed_without_a_gap_within_seven_cents(one_page, drift):
    sound = played(one_page, seconds=40, drift=drift)
    assert sound["gaps"] == 0
    assert sound["slow"] >= 0.9959
    assert sound["fast"] <= 1.0041
    assert abs(sound["fill_ms"] - sound["target_ms"]) < 15


@pytest.mark.parametrize("stall_samples", [9_600, 48_000])
def test_after_a_stall_it_does_not_stay_late(one_page, stall_samples):
    sound = played(one_page, seconds=8, stall_block=200, stall_samples=stall_samples)
    assert sound["gaps"] >= 1
    assert sound["fill_ms"] < 80


def test_a_gap_does_not_click(one_page):
    sound = played(one_page, seconds=4, stall_block=200, stall_samples=9_600)
    assert sound["gaps"] >= 1
    assert sound["worst"] < 0.06


def test_the_age_of_what_plays_is_told(one_page):
    sound = played(one_page, seconds=5)
    now_us = 4.5e6
    age_ms = (now_us - sound["last"]["written_us"]) / 1000
    # Told at most 0.2 s before the end; what plays then is as old as the buffer is long.
    assert 10 <= age_ms <= 250


def test_bytes_of_a_midi_keyboard_at_the_browser_reach_the_instrument_as_they_are(one_page, module_instrument):
    module_instrument.reset()
    one_page.js(
        "(() => { window.keyboard = { name: 'a keyboard' }; navigator.requestMIDIAccess = async () => ({ inputs: new Map([[1, window.keyboard]]) }); })()"
    )
    one_page.click("#MIDI_IN")
    one_page.until("document.querySelector('#notice').textContent.includes('MIDI from a keyboard.')")
    one_page.js("window.keyboard.onmidimessage({ data: new Uint8Array([0xb3, 74, 99]) })")
    one_page.until("true")
    end = [message["bytes"] for message in module_instrument.of_kind("midi")]
    for _ in range(100):
        if end:
            break
        one_page.until("true")
        end = [message["bytes"] for message in module_instrument.of_kind("midi")]
    assert end == [[0xB3, 74, 99]]


def test_a_browser_without_midi_says_what_to_do(one_page):
    one_page.js(
        "(() => { Object.defineProperty(navigator, 'requestMIDIAccess', { value: undefined, configurable: true }); })()"
    )
    one_page.click("#MIDI_IN")
    one_page.until("document.querySelector('#notice').textContent.includes('This browser has no Web MIDI')")
