"""Frames between processes: the newest is read, damage is noticed, and neither side waits."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.audio.frames import (
    ControlsReader,
    ControlsWriter,
    StatusReader,
    StatusWriter,
    memory_bytes,
)
from tombola_device.audio.ring import SLOTS, RingReader, RingWriter, create_memory, map_memory, ring_bytes
from tombola_device.contract.controls import Controls
from tombola_device.contract.errors import ShapeError
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player


def ring(payload_bytes: int = 24):
    memory = memoryview(bytearray(ring_bytes(payload_bytes)))
    into = memoryview(bytearray(payload_bytes))
    return memory, RingWriter(memory, payload_bytes), RingReader(memory, into), into


def test_reader_finds_nothing_before_the_first_frame():
    _, _, reader, into = ring()
    assert not reader.read()
    assert bytes(into) == bytes(24)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(st.just("read"), st.binary(min_size=24, max_size=24)), max_size=60))
def test_reader_always_has_the_newest_whole_frame(steps):
    _, writer, reader, into = ring()
    newest, is_new = bytes(24), False
    for step in steps:
        if step == "read":
            assert reader.read() == is_new
            assert bytes(into) == newest
            is_new = False
        else:
            writer.write(step)
            newest, is_new = step, True


@pytest.mark.parametrize("at", [0, 7, 8, 15, 16, 39])
def test_damaged_frame_is_dropped_and_the_last_one_stays(at):
    memory, writer, reader, into = ring()
    writer.write(b"a" * 24)
    assert reader.read()
    writer.write(b"b" * 24)
    memory[64 + 2 * 64 + at] ^= 1
    assert not reader.read()
    assert bytes(into) == b"a" * 24
    writer.write(b"c" * 24)
    assert reader.read()
    assert bytes(into) == b"c" * 24


def test_frame_whose_number_arrives_before_its_bytes_is_dropped():
    memory, writer, reader, into = ring()
    for _ in range(SLOTS + 3):
        writer.write(b"a" * 24)
    reader.read()
    memory[:8] = (SLOTS + 4).to_bytes(8, "little")  # The slot still holds frame 4.
    assert not reader.read()
    assert bytes(into) == b"a" * 24


def test_another_process_reads_frames_written_at_full_speed():
    descriptor = create_memory(ring_bytes(400))
    writer = RingWriter(map_memory(descriptor, ring_bytes(400)), 400)
    program = textwrap.dedent(
        f"""
        from tombola_device.audio.ring import RingReader, map_memory, ring_bytes
        into = memoryview(bytearray(400))
        reader = RingReader(map_memory({descriptor}, ring_bytes(400)), into)
        print("ready", flush=True)
        frames = last = 0
        while last < 255:
            if reader.read():
                assert len(set(into)) == 1, bytes(into)
                assert into[0] >= last or into[0] == 0
                frames, last = frames + 1, into[0]
        print(frames)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], pass_fds=(descriptor,), stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "ready\n"
        for value in range(256):
            for _ in range(20):
                writer.write(bytes([value]) * 400)
        frames = int(child.stdout.readline())
    assert child.returncode == 0
    assert frames >= 1


def test_controls_arrive_as_they_were_sent():
    memory = memoryview(bytearray(memory_bytes(4)))
    writer, reader = ControlsWriter(memory, 4), ControlsReader(memory, 4, modes=3)
    at_rest = reader.latest()
    assert at_rest.blend.tolist() == [[1, 0, 0]] * 4
    player = Player(3, 4)
    player.note_on(61, 0.6)
    player.cv_gate(high=True, time_s=123_456.789012345)
    player.set_blend([0.2, 0.3, 0.5])
    MidiMap(player).control_change(0, 11, 90)
    player.set_life(1.5)
    sent = player.controls()
    writer.write(player.packed())
    got = reader.latest()
    for name in Controls.__slots__:
        np.testing.assert_allclose(getattr(got, name), getattr(sent, name), rtol=1e-6)
    assert got.loudness_db == pytest.approx(sent.loudness_db)
    assert got.gate.dtype == np.bool_
    assert (at_rest.life.tolist(), got.life.tolist()) == ([1.0] * 4, [1.5] * 4)
    assert got.onset_s.tolist() == [0.0, 123_456.789012345, 0.0, 0.0]
    assert reader.latest() is got


def test_time_of_an_input_reaches_a_reader_that_missed_its_frame():
    memory = memoryview(bytearray(memory_bytes(1)))
    writer, reader, player = ControlsWriter(memory, 1), ControlsReader(memory, 1, modes=3), Player(3, 1)
    player.note_on(61, 0.6)
    writer.write(player.packed(), 12.5)
    player.set_life(1.5)  # Changed by no input with a known time, before the audio process read.
    writer.write(player.packed())
    assert (reader.latest().gate[0], reader.latest().life[0], reader.stamp_s) == (True, 1.5, 12.5)


def test_controls_for_another_number_of_voices_are_refused():
    writer = ControlsWriter(memoryview(bytearray(memory_bytes(4))), 4)
    with pytest.raises(ShapeError, match="2 voices"):
        writer.write(Player(3, 2).packed())


def test_status_arrives_as_it_was_published():
    memory = memoryview(bytearray(memory_bytes(2)))
    writer, reader = StatusWriter(memory, 2), StatusReader(memory, 2)
    assert reader.latest().levels_db == (-80.0, -80.0)
    writer.fields["periods"][0], writer.fields["xruns"][0] = 1000, 3
    writer.fields["sha256"][0], writer.fields["fault"][0] = b"ab" * 32, "stumm – µ".encode()
    writer.write()
    status = reader.latest()
    assert (status.periods, status.xruns, status.sha256, status.fault) == (1000, 3, "ab" * 32, "stumm – µ")
