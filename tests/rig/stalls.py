"""Records stalls of the machine: one process per core, with higher priority than the audio process.

    python tests/rig/stalls.py FILE

Each process wakes up every 2 ms, at SCHED_FIFO 90. If it wakes up late by LATE_S or more, it writes a line: monotonic
time, core, delay in ms. Only the kernel or the machine below it can cause such a delay.
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
