"""What a process can ask of the system to be on time; all of it optional."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys

FIFO_PRIORITY = 70
"""Above the threads of other programs, below the kernel's own interrupt threads that serve the card at 50 … 99 only
where they are raised; jackd's usual place."""
HELPER_PRIORITY = FIFO_PRIORITY - 10
"""Of other threads in the audio process: below the audio thread, above all else. While one of them holds the
interpreter the audio thread waits for it, and with an ordinary priority any program could keep it from going on."""
SWITCH_INTERVAL_S = 0.0005
"""How long another Python thread may keep the interpreter.

Measured on 2 x86 cores, a FIFO thread beside one that makes 30 sessions or 3 noise tables: latest wake-up 0.96 and
1.1 ms with 0.5 ms, against 1.1 and 4.2 ms with Python's own 5 ms.
"""
_LOCK_ALL = 3


def become_realtime() -> list[str]:
    """Freeze the garbage collector, lock memory and ask for SCHED_FIFO, for the calling thread.

    Returns:
        What was refused, for the log.
    """
    refused = []
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.disable()
    if not _lock_memory():
        refused.append("locked memory")
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except (OSError, AttributeError):
        refused.append("SCHED_FIFO")
    return refused


def become_helper() -> None:
    """Ask for SCHED_FIFO below the audio thread, for the calling thread; as before where that is refused."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(HELPER_PRIORITY))


def _lock_memory() -> bool:
    """Only without a limit: with one, a later allocation would fail instead of being paged."""
    try:
        import resource

        if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY and os.geteuid() != 0:
            return False
        return ctypes.CDLL(None).mlockall(_LOCK_ALL) == 0  # type: ignore[no-any-return]
    except (ImportError, AttributeError, OSError):
        return False
