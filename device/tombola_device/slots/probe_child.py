"""The load probe in a child process with limits.

An untested graph may use all memory, run for minutes or crash onnxruntime. In a child it ends the probe and not the
instrument. A child also leaves the interpreter free that reads MIDI and knobs a thousand times a second.

    parent ──► a line of JSON (the board), the bundle ──► child ──► a line of JSON (the result) ──► parent
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
"""Ten times as long as a slow probe on a fast computer; shorter than the 30 s that a host waits."""
MEMORY_BYTES: Final = 1 << 30
"""Address space. The probe of a small bundle uses 200 MiB; the largest bundle needs several copies of its 64 MiB."""
NICER: Final = 5


class _Found(msgspec.Struct, frozen=True):
    """The result of the child.

    Args:
        sentence: The error; empty: the bundle plays.
        code: Number of the refusal; 0: no refusal.
        value: Figure of the refusal.
    """

    sentence: str = ""
    code: int = 0
    value: int = 0


def probe_in_child(
    bundle: Bundle, board: Board | None = None, limit_s: float = LIMIT_S, memory_bytes: int = MEMORY_BYTES
) -> None:
    """Run ``probe_bundle`` in a child process.

    Args:
        bundle: A decoded bundle.
        board: The board that must be fast enough; None: do not check the speed.
        limit_s: Longest run of the child.
        memory_bytes: Largest address space of the child.

    Raises:
        BadBundle: The bundle does not play here, or the child crashed or exceeded a limit.
        Refused: The board is too slow for one voice.
    """
    command = [sys.executable, "-m", __name__, str(memory_bytes)]
    told = msgspec.json.encode(board) + b"\n" + encode_bundle(bundle)
    try:
        child = subprocess.run(command, input=told, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise BadBundle(f"its graph ran longer than {limit_s:.0f} s; export a simpler one") from error
    try:
        found = msgspec.json.decode(child.stdout, type=_Found)
    except msgspec.DecodeError as error:
        raise BadBundle(f"its graph crashed the probe (exit {child.returncode}); export it again") from error
    if found.code:
        raise Refused(found.code, found.value)
    if found.sentence:
        raise BadBundle(found.sentence)


def main() -> None:
    """Read a bundle from stdin, probe it, and write the result to stdout."""
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
        found = _Found("its graph needs too much memory; export a smaller one")
    sys.stdout.buffer.write(msgspec.json.encode(found))


def _confine(memory_bytes: int) -> None:
    """Lower the priority below the instrument's, and limit the memory."""
    if os.name != "posix":
        return
    import resource

    os.nice(NICER)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
