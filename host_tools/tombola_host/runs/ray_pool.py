"""A pool whose workers are the hosts of a Ray cluster; all of them see the runs' folder under the same path.

Ray is an extra (`pip install tombola-host[cluster]`). A worker that dies loses the job it worked on and nothing else:
the job is sent again, and finds what it had kept in its run.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Any

from tombola_device.contract.errors import BadConfig

from tombola_host.progress import Reporter, Step
from tombola_host.runs.pool import Finished, Job, WorkerEnded

TRIES = 3
"""How often Ray sends a job again whose worker died."""
ANSWER_S = 5.0
"""How long a cluster's address may take to accept a connection."""


class RayPool:
    """Runs each job on some core of a cluster.

    Args:
        address: Of the cluster, such as ``10.0.0.1:6379``; ``local`` starts one here.

    Raises:
        BadConfig: Ray is not installed, or no cluster answers there.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise BadConfig("--cluster needs Ray; install it with `pip install tombola-host[cluster]`") from error
        self._ray: Any = ray
        if not ray.is_initialized():
            try:
                _knock(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
                reason = str(error).strip().splitlines()[0]
                raise BadConfig(
                    f"no Ray cluster answers at {address} ({reason}); start one with `ray start --head`"
                ) from error

    def run(self, jobs: Sequence[Job], reporter: Reporter, finished: Finished) -> None:
        """See Pool: steps are not told from far away, only the end of each job.

        Raises:
            WorkerEnded: Workers of one job ended ``TRIES`` times more.
            BadConfig: A host lacks what a job needs.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=TRIES)(_far)
        left = {remote.remote(job.function, job.arguments): number for number, job in enumerate(jobs)}
        steps = [reporter.task(job.title) for job in jobs]
        try:
            while left:
                (ready, *_), _ = ray.wait(list(left), num_returns=1)
                number = left.pop(ready)
                value = self._value(ready, number, jobs[number].title)
                steps[number](1, 1, "")
                finished(number, value)
        finally:
            for reference in left:
                ray.cancel(reference, force=True)

    def _value(self, ready: Any, number: int, title: str) -> Any:  # noqa: ANN401 - whatever a job gives
        errors = self._ray.exceptions
        try:
            return self._ray.get(ready)
        except errors.RayError as error:
            cause = error.cause if isinstance(error, errors.RayTaskError) else error
            if isinstance(cause, errors.RaySystemError):  # What was sent cannot be read there.
                reason = str(cause).partition("\n")[0].removeprefix("System error: ")
                raise BadConfig(
                    f"a host of the cluster cannot begin {title!r} ({reason}); "
                    "install the same tombola-host and Python on each"
                ) from error
            if isinstance(cause, errors.RayError):  # Worker, node or memory was lost more than TRIES times.
                raise WorkerEnded(number, title) from error
            raise cause or error from error


def _knock(address: str) -> None:
    """Ask a plain HOST:PORT whether anything listens: Ray itself tries for more than two minutes.

    Raises:
        OSError: Nothing does.
    """
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()


def _far(function: Any, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - whatever a job is given and gives
    """On the cluster: do one job on one thread."""
    import torch

    torch.set_num_threads(1)

    def unheard(done: int, total: int, word: str) -> None:
        del done, total, word

    step: Step = unheard
    return function(*arguments, step)
