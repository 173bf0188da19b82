"""What a bundle, a card or the end of the control process can do to the audio process."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import pytest
from tombola_device.audio.client import AudioLost, AudioProcess
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.play.player import Player

PATIENCE_S = 20.0


def until(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def file(tmp_path):
    def write(bundle):
        path = tmp_path / f"{bundle.manifest.name}.tombola"
        path.write_bytes(encode_bundle(bundle))
        return path

    return write


@pytest.fixture
def start(tmp_path):
    started = []

    def start_with(path, audio="null", player=None):
        controls = (player or Player(3, 3)).packed()
        common = {"buffer_periods": 4, "fallback": tmp_path / "x.wav", "realtime": False}
        started.append(AudioProcess(path, controls, audio=audio, **common))
        return started[-1]

    yield start_with
    for process in started:
        process.stop()


def next_event(audio):
    events = []
    until(lambda: events.extend(audio.events()) or events)
    return events[0]


def hang_up(audio):
    """What the kernel does to the pipe when the control process is killed."""
    audio._process.stdin.close()


def hungry(bundle):
    """Tones that take 1 GiB for each voice."""
    model = onnx.load_from_string(bundle.graphs["frame"])
    sound = next(node for node in model.graph.node if "audio" in node.output)
    sound.output[:] = ["sound" if output == "audio" else output for output in sound.output]
    more = onnx.parser.parse_graph("""
    takes (float[voices,128] sound, float[voices,10] controls) => (float[voices,128] audio)
    {
       notes = Slice(controls, i0, one, one)
       many = Expand(notes, wide)
       most = ReduceMax<keepdims=1>(many, one)
       nothing = Sub(most, notes)
       audio = Add(sound, nothing)
    }
    """)
    model.graph.node.extend(more.node)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 1 << 28], np.int64), "wide"))
    return Bundle(msgspec.structs.replace(bundle.manifest, name="hungry"), {"frame": model.SerializeToString()})


def test_bundle_that_takes_gigabytes_is_refused_and_the_process_stays_below_its_limit(start, file, make_bundle):
    audio = start(file(make_bundle()))
    audio.load(file(hungry(make_bundle())))
    event = next_event(audio)
    assert (event.event, "hungry" in event.reason) == ("refused", True)
    rows = Path(f"/proc/{audio.pid}/status").read_text().splitlines()
    assert next(int(row.split()[1]) for row in rows if row.startswith("VmPeak")) <= 1.25 * 2**20
    audio.load(file(make_bundle(name="next")))
    assert next_event(audio).event == "loaded"


def test_bundle_that_raises_with_three_voices_is_refused_and_the_next_one_still_loads(
    start, file, make_bundle, make_failing
):
    audio = start(file(make_bundle()))
    audio.load(file(make_failing(voices=2)))
    event = next_event(audio)
    assert event.event == "refused"
    assert "cannot be run with 3 voices" in event.reason
    audio.load(file(make_bundle(name="next")))
    assert next_event(audio).event == "loaded"
    hang_up(audio)
    until(lambda: not audio.alive)


def test_bundle_that_raises_at_the_start_is_bad_and_a_process_that_dies_there_is_lost_and_no_card_is_blamed(
    start, file, make_bundle, make_failing, tmp_path, monkeypatch
):
    with pytest.raises(BadBundle, match="cannot be run with 3 voices"):
        start(file(make_failing(voices=2)))
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))
    with pytest.raises(AudioLost, match="while it started"):
        start(file(make_bundle()))


def test_audio_process_whose_card_stands_still_ends_when_the_control_process_was_killed(
    start, file, make_bundle, tmp_path
):
    card = tmp_path / "card"
    os.mkfifo(card)
    reader = os.open(card, os.O_RDWR | os.O_NONBLOCK)  # Nobody reads: after 64 KiB a write waits for ever.
    try:
        audio = start(file(make_bundle()), f"wav-fast:{card}")
        seen = []
        until(lambda: seen.append(audio.status().periods) or (seen[-1] and seen[-50:].count(seen[-1]) == 50))
        hang_up(audio)
        until(lambda: not audio.alive)
    finally:
        os.close(reader)


def test_audio_process_that_still_loads_a_bundle_ends_when_the_control_process_was_killed(
    start, file, make_bundle, tmp_path
):
    audio = start(file(make_bundle()))
    endless = tmp_path / "endless.tombola"
    os.mkfifo(endless)
    audio.load(endless)
    time.sleep(0.3)  # It opens the file, and waits for its bytes.
    hang_up(audio)
    until(lambda: not audio.alive)


def test_audio_process_that_starts_in_a_performance_plays_the_held_notes_and_not_the_released_ones(
    start, file, make_bundle
):
    player = Player(5, 3)  # As many modes as the bundle before had.
    for note in (60, 64):
        player.note_on(note, 1.0)
    player.note_off(60)
    audio = start(file(make_bundle()), player=player)
    seen = []
    until(lambda: seen.append(audio.status()) or seen[-1].periods > 64)
    assert {status.levels_db[0] for status in seen} == {-80.0}
    assert seen[-1].levels_db[1:] == (-20.0, -80.0)


def test_audio_process_that_was_stopped_ends_at_once_when_it_is_killed(start, file, make_bundle):
    audio = start(file(make_bundle()))
    os.kill(audio.pid, signal.SIGSTOP)
    audio.kill()
    until(lambda: not audio.alive)
    assert audio._process.returncode == -signal.SIGKILL
