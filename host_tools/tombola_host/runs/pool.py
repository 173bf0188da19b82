"""Work on several modes at once: one process per core, one thread each.

A small recurrent network gains little from a second thread, and two processes with two threads each on two cores wait
for each other: measured, 24 steps of the dense network took 4 s alone and over 90 s so crowded.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

import torch
from tombola_device.contract.errors import TombolaError

from tombola_host.progress import Reporter, Step

POLL_S = 0.2
_Message = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work.

    Args:
        title: What the user sees.
        function: Importable; called with ``arguments`` and a ``Step``.
        arguments: Picklable.
    """

    title: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def run_jobs(jobs: Sequence[Job], reporter: Reporter, workers: int | None = None) -> list[Any]:
    """Run all jobs and give back their results in order. The first error stops the rest.

    Args:
        workers: Processes; one per core by default. With one, or one job, the work is done here.

    Raises:
        TombolaError: A process was ended from outside.
    """
    count = min(workers or os.cpu_count() or 1, len(jobs))
    steps = [reporter.task(job.title) for job in jobs]
    if count <= 1:
        return [job.function(*job.arguments, step) for job, step in zip(jobs, steps, strict=True)]
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        # The manager ends before the pool: after an error, jobs that still run fail at their next step.
        with context.Manager() as manager:
            queue: Queue[_Message] = manager.Queue()
            futures = [pool.submit(_work, queue, number, job) for number, job in enumerate(jobs)]
            _follow(futures, queue, steps)
            return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise TombolaError("a worker process was ended from outside, perhaps for want of memory; run again") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _follow(futures: Sequence[Future[Any]], queue: Queue[_Message], steps: Sequence[Step]) -> None:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=POLL_S)
        for future in done:
            future.result()
        while True:
            try:
                number, at, total, word = queue.get_nowait()
            except Empty:
                break
            steps[number](at, total, word)


def _begin() -> None:
    # An interrupted worker just ends: its last checkpoint is on disk, and the parent tells the user.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)


def _work(queue: Queue[_Message], number: int, job: Job) -> object:
    def step(done: int, total: int, word: str) -> None:
        queue.put((number, done, total, word))

    return job.function(*job.arguments, step)
