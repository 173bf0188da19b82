"""Where jobs run: here one after the other, or in several processes of this computer.

A pool is a Protocol of one method, so that other machines are one more class. ``run_jobs`` is what callers use.

A small recurrent network gains little from a second thread, and two processes with two threads each on two cores wait
for each other: measured, 24 steps of the dense network took 4 s alone and over 90 s so crowded. So a process of the
local pool gives torch one thread.

A process has one pipe to its parent and shares nothing else, neither locks nor queues nor a manager. So it can be ended
at any moment. An interrupted ``ProcessPoolExecutor`` waited until each job told of its next step, however long that
took.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

from tombola_device.contract.errors import TombolaError

from tombola_host.progress import Reporter, Step

END_S = 0.5
"""How long a process may take to end when it is asked to, before it is killed."""

Finished = Callable[[int, Any], None]
"""Called in the caller's process with a job's number and what it gave."""


class WorkerEnded(TombolaError):
    """A process ended while it worked.

    Args:
        number: Of the job that it worked on.
        title: Of that job.
    """

    def __init__(self, number: int, title: str) -> None:
        super().__init__(
            f"the process that worked on {title!r} was ended from outside, perhaps for want of memory; run again"
        )
        self.number = number


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work.

    Args:
        title: What the user sees.
        function: Importable; called with ``arguments`` and a ``Step``. If it needs torch, its module imports it.
        arguments: Picklable.
    """

    title: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Pool(Protocol):
    """Runs jobs, in whatever order and place.

    The smallest one runs them here, in order:

    >>> class InOrder:
    ...     def run(self, jobs: Sequence[Job], reporter: Reporter, finished: Finished) -> None:
    ...         for number, job in enumerate(jobs):
    ...             finished(number, job.function(*job.arguments, reporter.task(job.title)))
    """

    def run(self, jobs: Sequence[Job], reporter: Reporter, finished: Finished) -> None:
        """Run all jobs. The first error is raised and stops the rest, and so does an interrupt.

        Args:
            jobs: The number of a job is its place.
            reporter: Told of each job and of its steps.
            finished: Called once for each job, as soon as it is done.

        Raises:
            WorkerEnded: A job's process ended before the job did.
        """


class InProcessPool:
    """Runs jobs here, in order: for a single job, for one core, and for tests."""

    def run(self, jobs: Sequence[Job], reporter: Reporter, finished: Finished) -> None:
        """Run all jobs."""
        for number, job in enumerate(jobs):
            _run_here(number, job, reporter, finished)


class LocalPool:
    """Runs each job in one of several processes of this computer.

    Where no process can be started, such as under a script without a main guard, jobs run here.

    Args:
        workers: Processes; one per core by default.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or os.cpu_count() or 1

    def run(self, jobs: Sequence[Job], reporter: Reporter, finished: Finished) -> None:
        """Run all jobs."""
        waiting = deque(enumerate(jobs))
        workers: list[_Worker] = []
        try:
            with suppress(OSError), _interrupts_held():
                while len(workers) < min(self._workers, len(jobs)) and _main_can_be_imported():
                    workers.append(_Worker())
            while workers:
                for pipe in wait([worker.pipe for worker in workers]):
                    worker = next(worker for worker in workers if worker.pipe is pipe)
                    if not worker.listen(finished):
                        continue
                    if waiting and worker.serves:
                        number, job = waiting.popleft()
                        worker.begin(number, job, reporter.task(job.title))
                    else:
                        workers.remove(worker)
                        worker.end()
        finally:
            for worker in workers:
                worker.process.terminate()  # All at once, then one after the other until it is gone.
            for worker in workers:
                worker.end()
        for number, job in waiting:  # No process could be started.
            _run_here(number, job, reporter, finished)


def run_jobs(
    jobs: Sequence[Job], reporter: Reporter, workers: int | None = None, pool: Pool | None = None
) -> list[Any]:
    """Run all jobs and give back their results in order. The first error stops the rest, and so does an interrupt.

        run_jobs([Job("learning violin", train, (violin,)), Job("learning harp", train, (harp,))], reporter)

    Args:
        workers: Processes of this computer; one per core by default. With one, or one job, the work is done here.
        pool: Where the jobs run instead.

    Raises:
        WorkerEnded: A process was ended from outside.
    """
    results: list[Any] = [None] * len(jobs)
    if pool is None:
        alone = min(workers or os.cpu_count() or 1, len(jobs)) <= 1
        pool = InProcessPool() if alone else LocalPool(workers)
    pool.run(jobs, reporter, results.__setitem__)
    return results


def _run_here(number: int, job: Job, reporter: Reporter, finished: Finished) -> None:
    finished(number, job.function(*job.arguments, reporter.task(job.title)))


@dataclass(frozen=True, slots=True)
class _Ready:
    """The process has started."""


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
        # Not fork: threads of torch and BLAS may already run in this process.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # So that the pipe ends when the process does.
        self.serves = False
        self._number, self._title = -1, ""
        self._step: Step = lambda done, total, word: None

    def begin(self, number: int, job: Job, step: Step) -> None:
        """Give it a job."""
        self._number, self._title, self._step = number, job.title, step
        with suppress(BrokenPipeError):  # It has died: told when it is next listened to.
            self.pipe.send((job.function, job.arguments))

    def listen(self, finished: Finished) -> bool:
        """Take what it has sent. True if it has nothing to do now: it may then ``serve``, or could not be started."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError) as error:
            if not self.serves:
                return True
            raise WorkerEnded(self._number, self._title) from error
        if isinstance(answer, _Told):
            self._step(answer.done, answer.total, answer.word)
            return False
        if isinstance(answer, _Failed):
            raise answer.error
        if isinstance(answer, _Returned):
            finished(self._number, answer.value)
        self.serves = True
        return True

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.terminate()
        self.process.join(END_S)
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _main_can_be_imported() -> bool:
    """Whether a new process finds the script of this one; standard input is read only once."""
    main_file = getattr(sys.modules["__main__"], "__file__", None)
    return main_file is None or Path(main_file).exists()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C for a moment.

    A process that is started meanwhile never gets it: the parent alone ends its workers, and they print no traceback.
    """
    # multiprocessing starts a tracker before its first process, and then lets SIGINT through: so start that one first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection) -> None:
    """In the worker's process: do jobs until the parent ends it, or has ended itself."""

    def step(done: int, total: int, word: str) -> None:
        pipe.send(_Told(done, total, word))

    with suppress(EOFError, BrokenPipeError):
        pipe.send(_Ready())
        while True:
            function, arguments = pipe.recv()  # This imports the function's module.
            if (torch := sys.modules.get("torch")) is not None:
                torch.set_num_threads(1)
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
