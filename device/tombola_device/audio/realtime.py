"""Real-time requests of a process to the operating system. The system may refuse each of them."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from typing import Final

INTERRUPT_PRIORITY: Final = 50
"""Of the kernel's interrupt threads, where interrupts have threads. Source: sched(7); kernel/irq/manage.c."""
FIFO_PRIORITY: Final = INTERRUPT_PRIORITY - 5
"""Above all ordinary programs, below the interrupts: the card, the serial lines and the panel are moved by interrupt
threads, and the audio thread computes for most of a period."""
HELPER_PRIORITY: Final = FIFO_PRIORITY - 5
"""Priority of the other threads in the audio process: below the audio thread, above other programs. The audio thread
waits while a helper holds the interpreter, and any program could stop a helper of ordinary priority."""
SWITCH_INTERVAL_S = 0.0005
"""Longest time for which another Python thread keeps the interpreter.

Latest wake-up of a FIFO thread, measured on 2 x86 cores with 0.5 ms and with Python's default of 5 ms: beside a thread
that makes 30 sessions 0.96 and 1.1 ms, beside a thread that makes 3 noise tables 1.1 and 4.2 ms.
"""
_LOCK_ALL = 3


def become_realtime() -> list[str]:
    """Switch the garbage collector off, lock memory and request SCHED_FIFO for the calling thread.

    Returns:
        The refused requests, for the log.
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
    """Request SCHED_FIFO below the audio thread for the calling thread; a refusal changes nothing."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(HELPER_PRIORITY))


def _lock_memory() -> bool:
    """Lock all memory if the system sets no limit. With a limit, a later allocation would fail."""
    try:
        import resource

        if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY and os.geteuid() != 0:
            return False
        return ctypes.CDLL(None).mlockall(_LOCK_ALL) == 0  # type: ignore[no-any-return]
    except (ImportError, AttributeError, OSError):
        return False
