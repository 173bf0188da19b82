"""A witness of what the machine itself loses: one process for each core, above the audio process in priority.

    python tests/rig/stalls.py FILE

Each wakes every 2 ms, at SCHED_FIFO 90, and writes a line when it comes late by LATE_S or more: when by the monotonic
clock, on which core, how late in ms. No program can keep it from waking but the kernel and the machine under it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

EVERY_S = 0.002
LATE_S = 0.005
PRIORITY = 90


def watch(file: Path, core: int) -> None:
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    with file.open("a", buffering=1) as lines:
        before_s = time.monotonic()
        while os.getppid() != 1:
            time.sleep(EVERY_S)
            now_s = time.monotonic()
            if now_s - before_s - EVERY_S >= LATE_S:
                lines.write(f"{now_s:.4f} {core} {1e3 * (now_s - before_s - EVERY_S):.1f}\n")
            before_s = now_s


def main() -> None:
    cores = sorted(os.sched_getaffinity(0))
    for core in cores[1:]:
        if os.fork() == 0:
            watch(Path(sys.argv[1]), core)
            return
    watch(Path(sys.argv[1]), cores[0])


if __name__ == "__main__":
    main()
