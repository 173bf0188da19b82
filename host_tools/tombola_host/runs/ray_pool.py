"""A pool whose workers are the hosts of a Ray cluster; all of them see the runs' folder under the same path.

Ray is an extra (`pip install tombola-host[cluster]`). A worker that dies loses the job it worked on and nothing else:
the job is sent again, and finds what it had kept in its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tombola_device.contract.errors import BadConfig

from tombola_host.progress import Reporter, Step
from tombola_host.runs.pool import Finished, Job, WorkerEnded

TRIES = 3
"""How often Ray sends a job again whose worker died."""


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
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise BadConfig(f"no Ray cluster answers at {address}; start one with `ray start --head`") from error

    def run(self, jobs: Sequence[Job], reporter: Reporter, finished: Finished) -> None:
        """See Pool: steps are not told from far away, only the end of each job."""
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=TRIES)(_far)
        left = {remote.remote(job.function, job.arguments): number for number, job in enumerate(jobs)}
        steps = [reporter.task(job.title) for job in jobs]
        try:
            while left:
                (ready, *_), _ = ray.wait(list(left), num_returns=1)
                number = left.pop(ready)
                try:
                    value = ray.get(ready)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause or error from error
                except ray.exceptions.WorkerCrashedError as error:
                    raise WorkerEnded(number, jobs[number].title) from error
                steps[number](1, 1, "")
                finished(number, value)
        finally:
            for reference in left:
                ray.cancel(reference, force=True)


def _far(function: Any, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - whatever a job is given and gives
    """On the cluster: do one job on one thread."""
    import torch

    torch.set_num_threads(1)

    def unheard(done: int, total: int, word: str) -> None:
        del done, total, word

    step: Step = unheard
    return function(*arguments, step)
