"""The load probe in a process of its own, within limits.

A graph that nobody has run yet may ask for all memory, run for minutes or crash the runtime; then the probe ends, and
not the instrument. It also keeps that work out of the interpreter that reads MIDI and knobs a thousand times a second.

    parent ──► a line of JSON (the board), the bundle ──► child ──► a line of JSON (what was found) ──► parent
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import msgspec

from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle, TombolaError
from tombola_device.contract.refusals import Refused
from tombola_device.slots.board import Board
from tombola_device.slots.probe import probe_bundle

LIMIT_S: Final = 20.0
"""A tenth of that on a fast computer would be slow; hosts wait for 30 s and longer."""
MEMORY_BYTES: Final = 1 << 30
"""Of addresses. A small bundle's probe does with 200 MiB; the largest needs some copies of its 64 MiB."""
NICER: Final = 5


class _Found(msgspec.Struct, frozen=True):
    """What the child says.

    Args:
        sentence: What is wrong; empty: nothing.
        code: Number of the refusal, 0: it was none.
        value: The figure that belongs to it.
    """

    sentence: str = ""
    code: int = 0
    value: int = 0


def probe_in_child(
    bundle: Bundle, board: Board | None = None, limit_s: float = LIMIT_S, memory_bytes: int = MEMORY_BYTES
) -> None:
    """Do what ``probe_bundle`` does, in a process of its own.

    Args:
        bundle: A whole one.
        board: What it is to play on; without one its speed is not looked at.
        limit_s: How long it may take.
        memory_bytes: Address space that it may take.

    Raises:
        BadBundle: It does not play here, or did not come to an end.
        Refused: It needs more than the board can do.
    """
    command = [sys.executable, "-m", __name__, str(memory_bytes)]
    told = msgspec.json.encode(board) + b"\n" + encode_bundle(bundle)
    try:
        child = subprocess.run(command, input=told, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise BadBundle(f"its graph did not come to an end in {limit_s:.0f} s; export a simpler one") from error
    try:
        found = msgspec.json.decode(child.stdout, type=_Found)
    except msgspec.DecodeError as error:
        raise BadBundle(f"its graph brought the probe down (exit {child.returncode}); export it again") from error
    if found.code:
        raise Refused(found.code, found.value)
    if found.sentence:
        raise BadBundle(found.sentence)


def main() -> None:
    """Read a bundle from stdin, probe it, and write what was found to stdout."""
    _confine(int(sys.argv[1]))
    board, _, data = sys.stdin.buffer.read().partition(b"\n")
    try:
        probe_bundle(decode_bundle(data), msgspec.json.decode(board, type=Board | None))
        found = _Found()
    except Refused as error:
        found = _Found(str(error), error.code, error.value)
    except TombolaError as error:
        found = _Found(str(error))
    except MemoryError:
        found = _Found("its graph takes too much memory; export a smaller one")
    sys.stdout.buffer.write(msgspec.json.encode(found))


def _confine(memory_bytes: int) -> None:
    """Give way to what plays, and take no more memory than that."""
    if os.name != "posix":
        return
    import resource

    os.nice(NICER)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
