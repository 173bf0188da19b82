"""Work on several modes at once: one process per core, one thread each.

A small recurrent network gains little from a second thread, and two processes with two threads each on two cores wait
for each other: measured, 24 steps of the dense network took 4 s alone and over 90 s so crowded.

A process has one pipe to its parent and shares nothing else, neither locks nor queues nor a manager. So it can be ended
at any moment. An interrupted ``ProcessPoolExecutor`` waited until each job told of its next step, however long that
took.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import torch
from tombola_device.contract.errors import TombolaError

from tombola_host.progress import Reporter, Step

END_S = 0.5
"""How long a process may take to end when it is asked to, before it is killed."""


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


@dataclass(frozen=True, slots=True)
class _Told:
    """How far a job is."""

    done: int
    total: int
    word: str


@dataclass(frozen=True, slots=True)
class _Returned:
    """What a job gave back."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    """What a job raised."""

    error: Exception


class _Worker:
    """A process, and the job that it works on."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _interrupts_held():
            self.process.start()
        theirs.close()  # So that the pipe ends when the process does.
        self.number = -1
        self.step: Step = lambda done, total, word: None

    def begin(self, number: int, job: Job, step: Step) -> None:
        """Give it a job."""
        self.number, self.step = number, step
        with suppress(BrokenPipeError):  # It has died: told when it is next listened to.
            self.pipe.send((job.function, job.arguments))

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.terminate()
        self.process.join(END_S)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_jobs(jobs: Sequence[Job], reporter: Reporter, workers: int | None = None) -> list[Any]:
    """Run all jobs and give back their results in order. The first error stops the rest, and so does an interrupt.

    Args:
        workers: Processes; one per core by default. With one, or one job, the work is done here.

    Raises:
        TombolaError: A process was ended from outside.
    """
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count <= 1:
        return [job.function(*job.arguments, reporter.task(job.title)) for job in jobs]
    results: list[Any] = [None] * len(jobs)
    waiting = list(enumerate(jobs))
    busy: list[_Worker] = []
    try:
        for _ in range(count):
            busy.append(_Worker())
            _next(busy[-1], waiting, reporter)
        while busy:
            for pipe in wait([worker.pipe for worker in busy]):
                worker = next(worker for worker in busy if worker.pipe is pipe)
                answer = _heard(worker)
                if isinstance(answer, _Told):
                    worker.step(answer.done, answer.total, answer.word)
                    continue
                results[worker.number] = answer.value
                if waiting:
                    _next(worker, waiting, reporter)
                else:
                    busy.remove(worker)
                    worker.end()
    finally:
        for worker in busy:
            worker.process.terminate()  # All at once, then one after the other until it is gone.
        for worker in busy:
            worker.end()
    return results


def _next(worker: _Worker, waiting: list[tuple[int, Job]], reporter: Reporter) -> None:
    number, job = waiting.pop(0)
    worker.begin(number, job, reporter.task(job.title))


def _heard(worker: _Worker) -> _Told | _Returned:
    try:
        answer = worker.pipe.recv()
    except (EOFError, OSError) as error:
        raise TombolaError("a worker process was ended from outside, perhaps for want of memory; run again") from error
    if isinstance(answer, _Failed):
        raise answer.error
    assert isinstance(answer, _Told | _Returned)
    return answer


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C for a moment.

    A process that is started meanwhile never gets it: the parent alone ends its workers, and they print no traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """In the worker's process: do jobs until the parent ends it, or has ended itself."""
    torch.set_num_threads(1)

    def step(done: int, total: int, word: str) -> None:
        pipe.send(_Told(done, total, word))

    with suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments = pipe.recv()
            try:
                answer: _Returned | _Failed = _Returned(function(*arguments, step))
            except BrokenPipeError:
                raise  # The parent has ended, so the result is not needed.
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised again in the parent
                error.add_note(traceback.format_exc())
                answer = _Failed(error)
            try:
                pipe.send(answer)
            except BrokenPipeError:
                raise
            except Exception as error:  # noqa: BLE001 - anything may be wrong with what cannot be sent
                pipe.send(_Failed(TypeError(f"what {function.__name__} gave cannot be sent to its parent: {error}")))
