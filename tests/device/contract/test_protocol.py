"""The flash protocol over a simulated line in virtual time: perfect, slow, cut into pieces, lossy or dead."""

from __future__ import annotations

import heapq
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tombola_device.contract import protocol as p
from tombola_device.contract.asking import Asker
from tombola_device.contract.bundle import bundle_sha256
from tombola_device.contract.errors import FlashError
from tombola_device.contract.receiver import BeginAsked, ChunkArrived, FinishAsked, PairAsked, Receiver, StatusAsked
from tombola_device.contract.refusals import ErrorCode, error_sentence
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.contract.signing import public_key

STEP_S = 0.002


@dataclass
class Line:
    """One direction of a serial line: a rate, a delay, and ways to go wrong.

    ``wrong`` is the share of written frames that are dropped, doubled, delayed, cut short or have a bit flipped.
    """

    bytes_per_s: float = 1e9
    delay_s: float = 0.0
    wrong: float = 0.0
    longest_read: int = 1 << 20
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    dead: bool = False
    carried: int = 0
    _free_s: float = 0.0
    _queue: list[tuple[float, int, bytes]] = field(default_factory=list)
    _count: int = 0

    def write(self, data: bytes, now: float) -> None:
        for frame in data.split(p.DELIMITER):
            if frame:
                self._write_frame(p.DELIMITER + frame + p.DELIMITER, now)

    def _write_frame(self, frame: bytes, now: float) -> None:
        copies, late = [frame], 0.0
        if self.rng.random() < self.wrong:
            place = self.rng.randrange(len(frame))
            flipped = bytearray(frame)
            flipped[place] ^= 1 << self.rng.randrange(8)
            noise = self.rng.randbytes(self.rng.randrange(1, 40))
            copies, late = self.rng.choice(
                [([], 0.0), ([frame, frame], 0.0), ([frame], 0.05), ([frame[:place]], 0.0), ([bytes(flipped)], 0.0),
                 ([noise, frame], 0.0)]
            )  # fmt: skip
        for copy in copies:
            self._free_s = max(self._free_s, now) + len(copy) / self.bytes_per_s
            self._count += 1
            heapq.heappush(self._queue, (self._free_s + self.delay_s + late, self._count, copy))

    def read(self, now: float) -> list[bytes]:
        pieces = []
        while self._queue and self._queue[0][0] <= now:
            data = heapq.heappop(self._queue)[2]
            self.carried += len(data)
            while data and not self.dead:
                length = self.rng.randint(1, self.longest_read) if self.longest_read > 1 else 1
                pieces.append(data[:length])
                data = data[length:]
        return pieces


class Device:
    """A device that stores the bundle in memory."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.held: dict[str, bytearray] = {}
        self.active = ""
        self.installs: list[bytes] = []
        self.asked = ""
        self.polls_until_installed = 0
        self._pending: int | None = None

    def receive(self, data: bytes) -> bytes:
        for event in self.receiver.receive(data):
            if isinstance(event, BeginAsked):
                if event.restart:
                    self.held.pop(event.sha256, None)
                self.asked = event.sha256
                held = self.held.setdefault(event.sha256, bytearray())
                self.receiver.begun(len(held), zlib.crc32(held), active=self.active == event.sha256)
            elif isinstance(event, ChunkArrived):
                assert event.offset == len(self.held[self.asked])
                self.held[self.asked] += event.data
            elif isinstance(event, FinishAsked):
                self._pending = self.polls_until_installed
            elif isinstance(event, PairAsked):
                self.receiver.paired(1)
            elif isinstance(event, StatusAsked):
                self.receiver.status(b'{"device":"fake"}')
        if self._pending == 0:
            assert bundle_sha256(bytes(self.held[self.asked])) == self.asked
            self.active = self.asked
            self.installs.append(bytes(self.held[self.asked]))
            self.receiver.installed()
        if self._pending is not None:
            self._pending = self._pending - 1 if self._pending else None
        return self.receiver.take_output()


def transfer(
    sender: Sender,
    device: Device,
    down: Line,
    up: Line,
    *,
    limit_s: float = 3600.0,
    each_step: Callable[[float], None] = lambda now: None,
) -> float:
    """Run until the transfer ends; return the virtual seconds."""
    now = 0.0
    while sender.phase is not SenderPhase.DONE:
        each_step(now)
        down.write(sender.poll(now), now)
        for piece in down.read(now):
            up.write(device.receive(piece), now)
        for piece in up.read(now):
            sender.receive(piece, now)
        now += STEP_S
        assert now < limit_s, "the transfer does not end"
    return now


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (p.Hello(1, 1, 2048, 64), "000801efbeadde01010708405bc32a1f00"),
        (p.Hello(1, 2, 2048, 255), "000801efbeadde01020708ffa8c2415600"),
        (p.Begin(5, 0, b"a" * 32), "000702efbeadde0501010125" + 32 * "61" + "09eb2e1c00"),
        (p.Data(3, b"\0xyz"), "000703efbeadde030101010878797a0c9c619f00"),
        (p.Finish(), "000a04efbeaddedeeebc0800"),
        (p.Ready(1, 2, 3), "000882efbeadde0102010102030101056b064a9b00"),
        (p.Ack(5, bytes(7) + b"\x80"), "000783efbeadde05010101010101010101028004220c7b00"),
        (p.Ack(5, b"\1\0\2"), "000783efbeadde05010102010602bdb2f6f300"),
        (p.Paired(1), "000b87efbeadde0150fa425c00"),
        (p.Error(5, 7), "0007ffefbeadde050207010105fa4c5d3000"),
    ],
)
def test_golden_frames(message: p.Message, frame: str) -> None:
    assert p.encode_frame(0xDEADBEEF, message).hex() == frame
    assert p.FrameReader().feed(bytes.fromhex(frame)) == [(0xDEADBEEF, message)]


def test_every_flipped_bit_of_a_frame_is_noticed() -> None:
    frame = p.encode_frame(7, p.Data(1000, bytes(range(40))))
    reader = p.FrameReader()
    for bit in range(8, 8 * (len(frame) - 1)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        assert reader.feed(bytes(flipped) + p.DELIMITER) == []
    assert reader.feed(frame) == [(7, p.Data(1000, bytes(range(40))))]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_garbage_before_a_frame_costs_no_frame(garbage: bytes, piece: int) -> None:
    stream = garbage + p.encode_frame(3, p.Finish())
    reader, found = p.FrameReader(), []
    for start in range(0, len(stream), piece):
        found += reader.feed(stream[start : start + piece])
    assert found[-1:] == [(3, p.Finish())]


def test_a_stream_without_delimiters_takes_no_memory() -> None:
    reader = p.FrameReader()
    for _ in range(100):
        reader.feed(b"x" * 10_000)
    assert len(reader._frame) <= p.MAX_FRAME_BYTES
    assert reader.feed(p.encode_frame(1, p.Finish())) == [(1, p.Finish())]
    assert reader.bad_frames == 1


def test_every_error_number_is_a_sentence() -> None:
    for code in ErrorCode:
        assert error_sentence(code, 12).startswith(("the ", "nobody "))
    assert "77" in error_sentence(77, 0)


@pytest.mark.parametrize(
    ("bytes_per_s", "delay_s", "seconds"),
    [(960, 0.06, 10), (11_520, 0.0, 10), (11_520, 0.06, 10), (1e6, 0.0, 3), (1e6, 0.02, 5), (3.7e6, 0.001, 1),
     (3.7e6, 0.02, 5)],
)  # fmt: skip
def test_payload_takes_at_least_90_percent_of_the_line(bytes_per_s: float, delay_s: float, seconds: float) -> None:
    data = noise(round(bytes_per_s * seconds))
    down, up = Line(bytes_per_s, delay_s), Line(bytes_per_s, delay_s)
    sender = Sender(data, 1)
    assert len(data) / transfer(sender, Device(), down, up) >= 0.9 * bytes_per_s
    assert sender.resent_chunks == 0


def test_a_slow_line_carries_nothing_twice() -> None:
    sender, down = Sender(noise(40_000), 1), Line(960.0)
    transfer(sender, Device(), down, Line(960.0))
    assert sender.resent_chunks == 0
    assert down.carried <= 1.03 * 40_000


@pytest.mark.parametrize("length", [1, 63, 64, 2047, 2048, 2049, 300_000])
def test_one_byte_reads_lose_nothing(length: int) -> None:
    device = Device()
    sender = Sender(noise(length), 9)
    transfer(sender, device, Line(longest_read=1), Line(longest_read=1))
    assert device.installs == [noise(length)]
    assert (sender.held_bytes, sender.resent_chunks, sender.sessions) == (length, 0, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    length=st.integers(1, 30_000),
    wrong=st.floats(0.0, 0.35),
    longest_read=st.sampled_from([1, 7, 300, 1 << 20]),
    chunk_bytes=st.sampled_from([64, 500, 2048, 4096]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_lossy_line_brings_all_bytes_or_a_clear_error(
    length: int, wrong: float, longest_read: int, chunk_bytes: int, seed: int
) -> None:
    rng = random.Random(seed)
    data, device = rng.randbytes(length), Device()
    down, up = (Line(100_000.0, 0.003, wrong, longest_read, random.Random(rng.random())) for _ in range(2))
    why = ""
    try:
        transfer(Sender(data, seed, chunk_bytes), device, down, up)
    except FlashError as error:
        why = str(error)
    assert why == "" or "flash again" in why or "no device answers" in why
    assert device.installs == [data] or (why and device.installs == [])


def test_a_line_that_damages_one_frame_in_ten_still_delivers() -> None:
    data, device = noise(200_000), Device()
    down, up = Line(100_000.0, 0.003, 0.1), Line(100_000.0, 0.003, 0.1, rng=random.Random(5))
    sender = Sender(data, 1)
    seconds = transfer(sender, device, down, up)
    assert device.installs == [data]
    assert seconds < 2 * len(data) / 100_000
    assert down.carried < 1.4 * len(data)


@settings(max_examples=40, deadline=None)
@given(cut_bytes=st.integers(0, 60_000))
def test_after_unplugging_at_any_byte_the_transfer_continues_there(cut_bytes: int) -> None:
    data, device, sender = noise(50_000), Device(), Sender(noise(50_000), 1)
    sent = 0
    while sent < cut_bytes and sender.phase is not SenderPhase.DONE:
        frame = sender.poll(sent / 1e5)[: cut_bytes - sent]
        sent += max(len(frame), 1)
        sender.receive(device.receive(frame), sent / 1e5)
    held = len(device.held.get(device.asked, b""))
    device.receiver.hang_up()
    sender.reconnect()
    down = Line(1e5)
    transfer(sender, device, down, Line(1e5))
    assert device.installs == [data]
    assert down.carried <= 1.03 * (len(data) - held) + 200


def test_a_device_that_restarted_is_found_again() -> None:
    device, sender, data = Device(), Sender(noise(100_000), 1), noise(100_000)

    def restart(now: float) -> None:
        if abs(now - 0.5) < STEP_S / 2:
            device.receiver = Receiver()

    transfer(sender, device, Line(1e5), Line(1e5), each_step=restart)
    assert device.installs == [data]
    assert sender.sessions == 2


def test_an_active_bundle_is_not_sent_again() -> None:
    data, device, down = noise(50_000), Device(), Line()
    device.active = bundle_sha256(data)
    sender = Sender(data, 1)
    transfer(sender, device, down, Line())
    assert sender.already_active
    assert down.carried < 100
    assert device.installs == []


def test_unplugging_during_the_installation_does_not_report_an_already_active_bundle() -> None:
    device, sender, line = Device(), Sender(noise(50_000), 1), Line()
    device.polls_until_installed = 1000

    def unplug(now: float) -> None:
        if sender.phase is SenderPhase.FINISHING and not device.active:
            device.active = device.asked
            device.receiver.hang_up()
            sender.reconnect()

    transfer(sender, device, line, Line(), each_step=unplug)
    assert sender.sessions == 2
    assert (sender.already_active, sender.resumed_from) == (False, 0)


def test_a_damaged_beginning_is_discarded() -> None:
    data, device = noise(50_000), Device()
    device.held[bundle_sha256(data)] = bytearray(data[:10_000] + b"\0" * 500)
    sender = Sender(data, 1)
    transfer(sender, device, Line(), Line())
    assert device.installs == [data]
    assert sender.resumed_from == 0


def test_the_sender_waits_for_a_long_check_but_not_for_an_endless_one() -> None:
    device = Device()
    device.polls_until_installed = 20
    transfer(Sender(noise(1000), 1), device, Line(), Line())
    assert len(device.installs) == 1
    endless = Device()
    endless.polls_until_installed = 1_000_000
    with pytest.raises(FlashError, match="takes too long to check"):
        transfer(Sender(noise(1000), 1), endless, Line(), Line(), limit_s=40.0)


def test_a_line_without_a_device_is_an_error_within_a_dozen_seconds() -> None:
    with pytest.raises(FlashError, match="no device answers"):
        transfer(Sender(noise(1000), 1), Device(), Line(dead=True), Line(), limit_s=12.0)


def test_a_line_that_swallows_long_frames_gets_shorter_ones() -> None:
    class Narrow(Line):
        def _write_frame(self, frame: bytes, now: float) -> None:
            if len(frame) <= 600:
                super()._write_frame(frame, now)

    device = Device()
    transfer(Sender(noise(20_000), 1), device, Narrow(), Line())
    assert device.installs == [noise(20_000)]


def test_a_line_that_swallows_every_chunk_ends_in_an_error() -> None:
    class Deaf(Line):
        def _write_frame(self, frame: bytes, now: float) -> None:
            if len(frame) <= 60:
                super()._write_frame(frame, now)

    with pytest.raises(FlashError, match="stops at 0 of 20000 bytes"):
        transfer(Sender(noise(20_000), 1), Device(), Deaf(), Line())


@pytest.mark.parametrize("code", [code for code in ErrorCode if code is not ErrorCode.NO_SESSION])
def test_a_refusal_is_final(code: ErrorCode) -> None:
    class Refusing(Device):
        def receive(self, data: bytes) -> bytes:
            if any(isinstance(event, ChunkArrived) for event in self.receiver.receive(data)):
                self.receiver.failed(code, 3)
            else:
                self.receiver.begun(0, 0, active=False)
            return self.receiver.take_output()

    with pytest.raises(FlashError) as caught:
        transfer(Sender(noise(5000), 1), Refusing(), Line(), Line())
    assert str(caught.value) == error_sentence(code, 3)


def test_a_bundle_beyond_the_limit_is_refused_before_it_is_sent() -> None:
    device, down = Device(), Line()
    device.receiver = Receiver(max_bundle_bytes=1000)
    with pytest.raises(FlashError, match="larger than 1000 bytes"):
        transfer(Sender(noise(1001), 1), device, down, Line())
    assert down.carried < 100


def test_another_protocol_version_is_named() -> None:
    for lowest, highest in [(3, 9), (0, 0)]:
        receiver = Receiver()
        receiver.receive(p.encode_frame(4, p.Hello(lowest, highest, 2048, 64)))
        assert p.FrameReader().feed(receiver.take_output()) == [(4, p.Error(ErrorCode.VERSION, 2))]


def hello_and_welcome(receiver: Receiver, hello: p.Hello) -> p.Message:
    receiver.receive(p.encode_frame(4, hello))
    ((_, welcome),) = p.FrameReader().feed(receiver.take_output())
    return welcome


@pytest.mark.parametrize(
    ("hello", "welcome"),
    [
        (p.Hello(1, 1, 2048, 64), p.Welcome(1, 2048, 64)),
        (p.Hello(1, 1, 2048, 255), p.Welcome(1, 2048, 64)),
        (p.Hello(1, 2, 5000, 255), p.Welcome(2, 4096, 255)),
        (p.Hello(2, 7, 10, 0), p.Welcome(2, 64, 1)),
    ],
)
def test_version_chunk_and_window_are_what_both_can(hello: p.Hello, welcome: p.Welcome) -> None:
    assert hello_and_welcome(Receiver(), hello) == welcome


def test_a_host_of_version_1_counts_as_unsigned_and_gets_acknowledgements_of_8_bytes() -> None:
    receiver = Receiver()
    hello_and_welcome(receiver, p.Hello(1, 1, 64, 4))
    assert receiver.receive(p.encode_frame(4, p.Begin(300, 0, bytes(32)))) == [BeginAsked("00" * 32, 300, False)]
    receiver.begun(0, 0, active=False)
    receiver.take_output()
    receiver.receive(p.encode_frame(4, p.Data(128, bytes(64))))
    assert p.FrameReader().feed(receiver.take_output()) == [(4, p.Ack(0, b"\2" + bytes(7)))]
    for message in (p.Pair(bytes(96)), p.Begin(300, 0, bytes(128))):
        receiver.receive(p.encode_frame(4, message))
        assert p.FrameReader().feed(receiver.take_output()) == [(4, p.Error(ErrorCode.BAD_REQUEST, message.kind))]


def test_a_signed_begin_and_a_pairing_arrive_in_their_parts() -> None:
    receiver, seed = Receiver(), bytes(range(32))
    hello_and_welcome(receiver, p.Hello(1, 2, 64, 4))
    key, sha256, signature = public_key(seed), bytes(range(32, 64)), bytes(range(64, 128))
    assert receiver.receive(p.encode_frame(4, p.Pair(key + signature + "é".encode()))) == [
        PairAsked(key, signature, "é")
    ]
    begin = p.encode_frame(4, p.Begin(3, 1, sha256 + key + signature))
    assert receiver.receive(begin) == [BeginAsked(sha256.hex(), 3, True, key, signature)]


def test_all_255_chunks_of_a_window_are_named_when_the_first_is_missing() -> None:
    device = Device()
    hello_and_welcome(device.receiver, p.Hello(1, 2, 64, 255))
    device.receive(p.encode_frame(4, p.Begin(255 * 64, 0, bundle_sha256(noise(255 * 64)).encode()[:32])))
    for index in range(254, 0, -1):
        answer = device.receive(p.encode_frame(4, p.Data(index * 64, bytes(64))))
    assert p.FrameReader().feed(answer) == [(4, p.Ack(0, b"\xff" * 31 + b"\x3f"))]
    assert device.receive(p.encode_frame(4, p.Data(255 * 64, bytes(64)))) == answer  # Beyond the window.


def test_repeated_requests_are_answered_alike_and_done_once() -> None:
    receiver = Receiver()
    begin = p.encode_frame(4, p.Begin(3, 0, bytes(32)))
    receiver.receive(p.encode_frame(4, p.Hello(1, 1, 64, 4)))
    welcome = receiver.take_output()
    receiver.receive(p.encode_frame(4, p.Hello(1, 1, 64, 4)))
    assert receiver.take_output() == welcome
    assert receiver.receive(begin + begin) == [BeginAsked("00" * 32, 3, False)]
    receiver.begun(0, 0, active=False)
    ready = receiver.take_output()
    assert receiver.receive(begin) == []
    assert receiver.take_output() == ready
    chunk = p.encode_frame(4, p.Data(0, b"abc"))
    assert receiver.receive(chunk + chunk) == [ChunkArrived(0, b"abc")]
    finish = p.encode_frame(4, p.Finish())
    assert receiver.receive(finish + finish) == [FinishAsked("00" * 32)]
    receiver.installed()
    receiver.take_output()
    assert receiver.receive(finish) == []
    assert p.FrameReader().feed(receiver.take_output()) == [(4, p.Installed())]


@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(0, 2**32 - 1))
def test_random_bytes_do_not_upset_the_device(pieces: list[bytes], session: int) -> None:
    device = Device()
    for piece in pieces:
        device.receive(piece)
    messages = [
        p.Finish(),
        p.Data(7, b"x"),
        p.Begin(0, 3, bytes(32)),
        p.Ack(1, b"\2"),
        p.Ask(),
        p.Pair(bytes(96) + b"\xff"),
        p.Hello(1, 1, 0, 0),
    ]
    for message in [*messages, *messages]:
        device.receive(p.encode_frame(session, message))
    sender = Sender(b"tombola", session ^ 1)
    transfer(sender, device, Line(), Line())
    assert device.installs == [b"tombola"]


def test_status_is_asked_over_the_same_line_even_in_the_middle_of_a_loss() -> None:
    device, asker, now = Device(), Asker(5, p.Ask()), 0.0
    down, up = Line(wrong=0.5), Line(wrong=0.5, rng=random.Random(3))
    while asker.answer is None:
        down.write(asker.poll(now), now)
        for piece in down.read(now):
            up.write(device.receive(piece), now)
        for piece in up.read(now):
            asker.receive(piece)
        now += STEP_S
    assert asker.answer == p.Status(b'{"device":"fake"}')
