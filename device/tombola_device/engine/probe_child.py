"""The load probe in a child process with limits.

An untested graph may use all memory, run for minutes or crash onnxruntime. In a child it ends the probe and not the
instrument. A child also leaves the interpreter free that reads MIDI and knobs a thousand times a second.

    parent ──► a line of JSON (the board), the bundle ──► child ──► a line of JSON (the result) ──► parent

The child ends when it is told to, when its time or memory is used up, and when its parent ends in any way.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
from typing import Final

import msgspec

from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle, StoreError, TombolaError
from tombola_device.contract.refusals import Refused
from tombola_device.engine.board import Board
from tombola_device.engine.probe import probe_bundle

LIMIT_S: Final = 20.0
"""Several times as long as a probe on a slow board; shorter than the 30 s that a host waits."""
MEMORY_BYTES: Final = 640 << 20
COPIES: Final = 5
"""Address space: so much, and so many times the bundle. The probe of the factory bundle takes 245 MiB, that of a bundle
of 60 MB 455 MiB. What is left for a graph's own tensors fits twice into what the audio process may take
(``audio.limits``), which holds two bundles during a swap."""
NICER: Final = 5
_PR_SET_PDEATHSIG: Final = 1
"""Source: linux/prctl.h."""


class ProbeStopped(StoreError):
    """The probe was stopped before it had a result; nothing is known of the bundle."""


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


class ChildProbe:
    """Probes bundles, each in a child process. ``stop`` may be called by any thread, the rest by one at a time.

    Args:
        board: The board that must be fast enough; None: do not check the speed.
        limit_s: Longest run of the child.
        memory_bytes: Largest address space of the child, without COPIES of the bundle.
    """

    def __init__(self, board: Board | None = None, limit_s: float = LIMIT_S, memory_bytes: int = MEMORY_BYTES) -> None:
        self._board, self._limit_s, self._memory_bytes = board, limit_s, memory_bytes
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def __call__(self, bundle: Bundle) -> None:
        """Run ``probe_bundle`` in a child.

        Raises:
            BadBundle: The bundle does not play here, or the child crashed or exceeded a limit.
            Refused: The board is too slow for one voice.
            ProbeStopped: ``stop`` was called, or the system ends.
        """
        told = b"".join([msgspec.json.encode(self._board), b"\n", encode_bundle(bundle)])
        limits = (self._memory_bytes + COPIES * len(told), self._limit_s, os.getpid())
        command = [sys.executable, "-m", __name__, *map(str, limits)]
        with self._lock:
            if self._stopped.is_set():
                raise ProbeStopped("the instrument is ending; flash the bundle again")
            # A session of its own: Ctrl-C at a terminal is for the parent, which then stops the child.
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        with self._child as child:
            try:
                answer, _ = child.communicate(told, timeout=self._limit_s)
            except subprocess.TimeoutExpired as error:
                raise BadBundle(f"its graph ran longer than {self._limit_s:.0f} s; export a simpler one") from error
            finally:
                child.kill()
        if self._stopped.is_set() or child.returncode == -signal.SIGTERM:
            raise ProbeStopped("the instrument is ending; flash the bundle again")
        try:
            found = msgspec.json.decode(answer, type=_Found)
        except msgspec.DecodeError as error:
            raise BadBundle(f"its graph crashed the probe (exit {child.returncode}); export it again") from error
        if found.code:
            raise Refused(found.code, found.value)
        if found.sentence:
            raise BadBundle(found.sentence)

    def stop(self) -> None:
        """End a running probe at once, and run no other."""
        with self._lock:
            self._stopped.set()
            if self._child is not None:
                self._child.kill()


def probe_in_child(
    bundle: Bundle, board: Board | None = None, limit_s: float = LIMIT_S, memory_bytes: int = MEMORY_BYTES
) -> None:
    """Probe one bundle in a child process; see ``ChildProbe``."""
    ChildProbe(board, limit_s, memory_bytes)(bundle)


def main() -> None:
    """Read a bundle from stdin, probe it, and write the result to stdout."""
    _confine(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
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


def _confine(memory_bytes: int, limit_s: float, parent: int) -> None:
    """End with the parent, lower the priority below the instrument's, and limit memory and time."""
    if os.name != "posix":
        return
    import resource

    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # It ended before it could be asked for a signal.
            sys.exit(1)
    os.nice(NICER)
    with contextlib.suppress(ValueError, OSError):  # macOS knows no such limit.
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit_s) + 1,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
