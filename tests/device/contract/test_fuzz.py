"""All readers of outside bytes, with random bytes: only their own errors, no hang, bounded memory."""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.config import read_config
from tombola_device.contract import protocol as p
from tombola_device.contract.bundle import Bundle, bundle_sha256, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle, BadConfig, FlashError
from tombola_device.contract.manifest import decode_manifest, encode_manifest
from tombola_device.contract.receiver import BeginAsked, FinishAsked, PairAsked, Receiver, StatusAsked
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.disk.fake import FakeFiles
from tombola_device.hal.midi.bytes import PASSED_ON, MidiBytes
from tombola_device.slots.pointer import POINTER_NAME
from tombola_device.slots.store import Store

LONG_BYTES = 1_000_000
FOLDER = Path("/slots")

small = st.integers(0, 300)
word = st.integers(0, 2**32 - 1)


def exactly(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


messages = st.one_of(
    st.builds(p.Hello, st.integers(0, 3), st.integers(0, 255), st.integers(0, 65535), st.integers(0, 255)),
    st.builds(p.Begin, word | small, st.integers(0, 255), st.sampled_from([32, 128]).flatmap(exactly)),
    st.builds(p.Data, word | small.map(lambda n: n * 64), st.binary(min_size=1, max_size=64)),
    st.just(p.Finish()),
    st.just(p.Ask()),
    st.builds(p.Pair, st.binary(min_size=96, max_size=128)),
    st.builds(p.Welcome, st.integers(0, 255), st.integers(0, 65535), st.integers(0, 255)),
    st.builds(p.Ready, st.integers(0, 255), word | small, word),
    st.builds(p.Ack, word | small, st.binary(max_size=32)),
    st.just(p.Installed()),
    st.builds(p.Status, st.binary(min_size=2, max_size=40)),
    st.just(p.Wait()),
    st.builds(p.Paired, st.integers(0, 255)),
    st.builds(p.Error, st.integers(0, 65535), word),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([1, 1, 1, 2]), messages, st.booleans()), max_size=40))
def test_any_messages_in_any_order_leave_a_receiver_that_takes_the_next_bundle(
    said: list[tuple[int, p.Message, bool]],
) -> None:
    receiver = Receiver()

    def answer(data: bytes, *, at_once: bool) -> None:
        for event in receiver.receive(data):
            if isinstance(event, BeginAsked) and at_once:
                receiver.begun(0, 0, active=False)
            elif isinstance(event, FinishAsked) and at_once:
                receiver.installed()
            elif isinstance(event, PairAsked):
                receiver.paired(1)
            elif isinstance(event, StatusAsked):
                receiver.status(b"{}")

    for session, message, at_once in said:
        answer(p.encode_frame(session, message), at_once=at_once)
        assert len(receiver.take_output()) <= p.MAX_FRAME_BYTES
        assert len(receiver._early) <= p.WINDOW_CHUNKS
    for message in (p.Hello(2, 2, 64, 4), p.Begin(3, 0, bytes(32)), p.Data(0, b"abc"), p.Finish()):
        answer(p.encode_frame(9, message), at_once=True)
    answers = [answer for _, answer in p.FrameReader().feed(receiver.take_output())]
    assert answers == [p.Welcome(2, 64, 4), p.Ready(0, 0, 0), p.Ack(3, b""), p.Installed()]


@settings(max_examples=300)
@given(st.lists(messages, max_size=30), st.integers(1, 400))
def test_any_answers_leave_a_sender_that_ends_or_gives_up_in_a_sentence(said: list[p.Message], length: int) -> None:
    sender, now = Sender(bytes(length), 1, 64, bytes(32)), 0.0
    with contextlib.suppress(FlashError):
        for message in said:
            # In the sender's current session: the device answers wrongly, not late.
            sender.receive(p.encode_frame(sender._session, message), now)
            output = sender.poll(now)
            assert len(output) <= (p.WINDOW_CHUNKS + 1) * p.MAX_FRAME_BYTES
            assert 0 <= sender.held_bytes <= length
            now += 0.3
        while sender.phase is not SenderPhase.DONE:
            sender.poll(now)
            now += 0.3
            assert now < 600, "it neither ends nor gives up"


@settings(max_examples=200)
@given(st.data())
def test_a_bundle_with_random_parts_is_decoded_or_refused(bundle: Bundle, data: st.DataObject) -> None:
    encoded = encode_bundle(bundle)
    start = data.draw(st.integers(0, len(encoded)))
    end = data.draw(st.integers(start, len(encoded)))
    damaged = encoded[:start] + data.draw(st.binary(max_size=100)) + encoded[end:]
    if damaged == encoded:
        assert decode_bundle(damaged) == bundle
    else:
        with pytest.raises(BadBundle):
            decode_bundle(damaged)


@settings(max_examples=300)
@given(st.data())
def test_a_manifest_with_random_parts_is_decoded_or_refused(bundle: Bundle, data: st.DataObject) -> None:
    encoded = encode_manifest(bundle.manifest)
    start = data.draw(st.integers(0, len(encoded)))
    new = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"-1", b"1e999", b"[" * 5000, b"null", b'"\\ud800"', b"{}"])
    )
    with contextlib.suppress(BadBundle):
        manifest = decode_manifest(encoded[:start] + new + encoded[start + data.draw(st.integers(0, 30)) :])
        assert decode_manifest(encode_manifest(manifest)) == manifest


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_give_only_midi_messages_that_are_whole(data: bytes, piece: int) -> None:
    def fed(length: int) -> list[tuple[int, ...]]:
        reader = MidiBytes()
        return [
            message for start in range(0, len(data), length) for message in reader.feed(data[start : start + length])
        ]

    messages = fed(piece)
    assert messages == fed(1)
    for status, *values in messages:
        assert status in PASSED_ON or 0x80 <= status < 0xF0
        assert len(values) == (0 if status in PASSED_ON else 1 if status & 0xF0 in (0xC0, 0xD0) else 2)
        assert all(0 <= value < 0x80 for value in values)


KEYS = ("audio", "voices", "buffer_periods", "midi", "serial", "realtime", "state_dir", "unknown")
toml_values = st.one_of(
    st.integers(-(10**30), 10**30).map(str), st.floats().map(str), st.booleans().map(lambda yes: str(yes).lower()),
    st.text(max_size=20).map(lambda text: f"'{text}'"), st.just("[1, 2]"), st.just("{a = 1}"), st.just("1979-05-27"),
)  # fmt: skip


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.lists(st.tuples(st.sampled_from(KEYS), toml_values), max_size=4).map(
    lambda lines: "\n".join(f"{key} = {value}" for key, value in lines).encode("utf-8", "replace")))  # fmt: skip
def test_any_configuration_is_read_or_refused_in_a_sentence(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(data)
    try:
        config = read_config(path)
    except BadConfig as error:
        message = str(error)
        assert message.startswith(f"the configuration {path}")
        return
    assert 1 <= config.voices <= 16


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_slots_file_still_boots(bundle: Bundle, data: bytes) -> None:
    files = FakeFiles()
    store = Store(FOLDER, lambda _: None, files=files)
    encoded = encode_bundle(bundle)
    store.begin(bundle_sha256(encoded), len(encoded))
    store.write(encoded)
    store.finish()
    store.confirm()
    files.write(FOLDER / POINTER_NAME, data)
    assert files.read(Store(FOLDER, lambda _: None, files=files).boot()) == encoded


def _feed_frames(data: bytes) -> None:
    reader = p.FrameReader()
    for start in range(0, len(data), 4096):
        reader.feed(data[start : start + 4096])


def _feed_receiver(data: bytes) -> None:
    receiver = Receiver()
    receiver.receive(p.encode_frame(1, p.Hello(1, 2, 4096, 255)) + p.encode_frame(1, p.Begin(1 << 26, 0, bytes(32))))
    receiver.begun(0, 0, active=False)
    receiver.take_output()
    for start in range(0, len(data), 4096):
        # Ahead of the next chunk, so that the receiver would have to keep all of it.
        receiver.receive(p.encode_frame(1, p.Data(4096 + start, data[start : start + 4096])))
        receiver.take_output()


def _feed_midi(data: bytes) -> None:
    reader = MidiBytes()
    for start in range(0, len(data), 4096):
        reader.feed(data[start : start + 4096])


@pytest.mark.parametrize(
    ("feed", "content", "most_bytes"),
    [
        (_feed_frames, b"x", 100_000),
        (_feed_frames, b"\0", 100_000),
        (_feed_frames, b"\1\0", 500_000),
        (_feed_receiver, b"x", 1_500_000),  # At most a window of 255 chunks of 4 KiB.
        (_feed_midi, b"\xf0\x01", 500_000),
        (_feed_midi, b"\x90\x01", 500_000),
    ],
)
def test_a_long_input_takes_no_more_memory_than_a_short_one(
    feed: Callable[[bytes], None], content: bytes, most_bytes: int
) -> None:
    data = content * (LONG_BYTES // len(content))
    tracemalloc.start()
    feed(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < most_bytes


@pytest.mark.parametrize("content", [b"[" * LONG_BYTES, b'{"name":"' + b"x" * LONG_BYTES])
def test_a_huge_manifest_is_refused_like_any_other(content: bytes) -> None:
    with pytest.raises(BadBundle):
        decode_manifest(content)
