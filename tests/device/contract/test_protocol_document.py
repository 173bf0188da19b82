"""Compares every frame, table and constant of docs/protocol.md with the code."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tombola_device.contract import protocol as p
from tombola_device.contract.asking import REQUEST_TRIES, Asker
from tombola_device.contract.receiver import BeginAsked, ChunkArrived, FinishAsked, PairAsked, Receiver
from tombola_device.contract.refusals import ErrorCode
from tombola_device.contract.sender import Sender, SenderPhase
from tombola_device.contract.signing import BUNDLE_DOMAIN, PAIRING_DOMAIN, fingerprint, public_key, sign_pairing

TEXT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
SEED = bytes(range(32))


def table(heading: str) -> list[list[str]]:
    """Rows of the table with this heading."""
    lines = TEXT[TEXT.index(heading) :].splitlines()[2:]
    end = next(index for index, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


def test_golden_frames() -> None:
    found = [bytes.fromhex(line) for line in re.findall(r"^    [A-Z].*  (00(?: [0-9a-f]{2})+ 00)$", TEXT, re.MULTILINE)]
    messages = [p.Hello(1, 2, 2048, 255), p.Hello(1, 1, 2048, 64), p.Data(3, b"\0xyz"), p.Finish(), p.Ready(1, 2, 3)]
    messages += [p.Ack(5, b"\1\0\2"), p.Paired(1), p.Error(5, 7)]
    assert found == [p.encode_frame(0xDEADBEEF, message) for message in messages]


def test_the_table_of_messages() -> None:
    rows = {row[0]: row for row in table("| Message | Kind")}
    assert {name: int(row[1], 16) for name, row in rows.items()} == {
        kind.__name__: kind.kind for kind in p.get_args(p.Message)
    }
    for kind in p.get_args(p.Message):
        _, _, sender, fields, _ = rows[kind.__name__]
        assert sender == ("host" if kind.kind < 0x80 else "device")
        sizes = [int(size) for size in re.findall(r" (\d)(?:,|$)", fields)]
        assert sum(sizes) == kind.layout.size
        assert len(sizes) == len(kind.layout.unpack(bytes(kind.layout.size)))


def test_the_table_of_errors() -> None:
    assert [int(row[0]) for row in table("| Code | Meaning")] == sorted(ErrorCode)


BEGIN, DATA, FINISH = p.Begin(100, 0, bytes(32)), p.Data(0, bytes(64)), p.Finish()


def frame(message: p.Message) -> bytes:
    return p.encode_frame(1, message)


STEPS: dict[str, Callable[[Receiver], object]] = {
    "CLOSED": lambda receiver: None,
    "OPEN": lambda receiver: receiver.receive(frame(p.Hello(1, 2, 64, 8))),
    "ASKED": lambda receiver: receiver.receive(frame(BEGIN)),
    "RECEIVING": lambda receiver: receiver.begun(0, 0, active=False),
    "VERIFYING": lambda receiver: receiver.receive(frame(DATA) + frame(p.Data(64, bytes(36))) + frame(FINISH)),
    "DONE": lambda receiver: receiver.installed(),
}
"""State of the receiver → step that leads to it from the state before."""


def receiver_at(state: str) -> Receiver:
    receiver = Receiver()
    for name, step in STEPS.items():
        step(receiver)
        if name == state:
            break
        if (name, state) == ("ASKED", "REFUSED"):
            receiver.failed(ErrorCode.DISK_FULL, 5)
            break
    receiver.take_output()
    return receiver


def answered(receiver: Receiver, message: p.Message) -> str:
    receiver.receive(frame(message))
    for _, answer in p.FrameReader().feed(receiver.take_output()):
        return f"Error {answer.code}" if isinstance(answer, p.Error) else type(answer).__name__
    return "–"


def test_the_table_of_states() -> None:
    rows = table("| The device is")
    assert [row[0].split(",")[0] for row in rows] == [*STEPS, "REFUSED"]
    for state, *cells in rows:
        for message, cell in zip((BEGIN, DATA, FINISH), cells, strict=True):
            if (state, message) == ("OPEN", BEGIN):
                continue  # Here the answer depends on the store.
            said = answered(receiver_at(state.split(",")[0]), message)
            told = {"as RECEIVING": "Ready", "the same Error": "Error 5"}.get(cell, cell)
            assert said in told.replace("the same Ready", "Ready"), (state, cell)


def test_the_vector_of_the_owners() -> None:
    assert f"public key    {public_key(SEED).hex()}" in TEXT
    assert f"fingerprint   {fingerprint(public_key(SEED))}" in TEXT
    for domain in (BUNDLE_DOMAIN, PAIRING_DOMAIN):
        assert f'"{domain[:-1].decode()}" 00 |' in re.sub(r"00 +\|", "00 |", TEXT)


def conversation() -> list[bytes]:
    """The frames of the worked example, in order."""
    frames: list[bytes] = []
    for who, text in re.findall(r"^    (host  |device|      )  ((?:[0-9a-f]{2} ?)+)$", TEXT, re.MULTILINE):
        if who.strip():
            frames.append(b"")
        frames[-1] += bytes.fromhex(text)
    return frames


def test_the_worked_example_is_what_both_ends_say() -> None:
    said: list[bytes] = []
    receiver, held = Receiver(), bytearray()

    def device(data: bytes) -> bytes:
        for event in receiver.receive(data):
            if isinstance(event, BeginAsked):
                receiver.begun(0, 0, active=False)
            elif isinstance(event, ChunkArrived):
                held.extend(event.data)
            elif isinstance(event, FinishAsked):
                receiver.installed()
            elif isinstance(event, PairAsked):
                receiver.paired(1)
        return receiver.take_output()

    def exchange(data: bytes) -> bytes:
        answer = device(data)
        said.extend(p.DELIMITER + part + p.DELIMITER for part in (data + answer).split(p.DELIMITER) if part)
        return answer

    request = p.Pair(public_key(SEED) + sign_pairing(SEED, "me") + b"me")
    asker, sender, now = Asker(0xDEADBEED, request), Sender(b"tombola" * 10, 0xDEADBEEF, 64, SEED), 0.0
    while asker.answer is None:
        asker.receive(exchange(asker.poll(now)))
        now += 0.01
    while sender.phase is not SenderPhase.DONE:
        sender.receive(exchange(sender.poll(now)), now)
        now += 0.01
    assert bytes(held) == b"tombola" * 10
    assert conversation() == said


def test_another_decoder_than_ours_reads_the_worked_example() -> None:
    for framed in conversation():
        assert framed[0] == framed[-1] == 0
        stuffed, message = framed[1:-1], bytearray()
        while stuffed:
            length = stuffed[0]
            message += stuffed[1:length] + (b"\0" if length < 255 else b"")
            stuffed = stuffed[length:]
        message.pop()  # Drop the zero that ends the frame.
        assert zlib.crc32(message[:-4]) == int.from_bytes(message[-4:], "little")
        assert int.from_bytes(message[1:5], "little") in (0xDEADBEED, 0xDEADBEEF)


@pytest.mark.parametrize(
    "said",
    [
        f"A frame of more than {p.MAX_FRAME_BYTES} bytes",
        f"Chunk: {p.MIN_CHUNK_BYTES} to {p.MAX_CHUNK_BYTES} bytes",
        f"1 to {p.WINDOW_CHUNKS} chunks",
        f"1 to {p.VERSION_1_WINDOW_CHUNKS} chunks",
        f"This is version {p.PROTOCOL_VERSION}",
        {10: "after ten times"}[REQUEST_TRIES],
    ],
)
def test_constants(said: str) -> None:
    assert said in re.sub(r"\s+", " ", TEXT)
