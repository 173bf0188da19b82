from __future__ import annotations

import doctest
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from tombola_host.progress import Silent
from tombola_host.runs import pool as pool_module
from tombola_host.runs.pool import InProcessPool, Job, LocalPool, Pool, WorkerEnded, run_jobs

# In a file of its own, since other processes import what they run.
WORK = """
import os
import signal
import time

import torch

def double(number, step):
    for done in range(3):
        step(done + 1, 3, f"{number}")
        time.sleep(0.05 * (2 - number))
    return 2 * number

def fail(step):
    step(1, 2, "about to")
    raise ValueError("the work failed")

def die(step):
    os.kill(os.getpid(), signal.SIGKILL)

def never_end(step):
    for done in range(1200):
        step(done, 1200, "on and on")
        time.sleep(0.05)

def tell_nothing(path, step):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(100)

def give_a_function(step):
    return lambda: 1

def where(step):
    return os.getpid()

def count_threads(step):
    return torch.get_num_threads()
"""
INTERRUPTED = """
import sys
import some_work
from tombola_host.progress import Silent
from tombola_host.runs.pool import Job, run_jobs
if __name__ == "__main__":
    run_jobs([Job(path, some_work.tell_nothing, (path,)) for path in sys.argv[1:]], Silent(), workers=2)
"""


class Told(Silent):
    def __init__(self):
        self.words = {}

    def task(self, title):
        words = self.words.setdefault(title, [])
        return lambda *word: words.append(word)


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "some_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("some_work")


def jobs_of(function, *numbers):
    return [Job(f"job {number}", function, (number,)) for number in numbers]


def of_the_docstring():
    """The smallest pool, as the Protocol's docstring shows it."""
    scope = dict(vars(pool_module))
    (example,) = doctest.DocTestParser().get_examples(Pool.__doc__)
    exec(example.source, scope)
    return scope["InOrder"]()


@pytest.fixture(params=["local", "in process", "docstring"])
def pool(request):
    return {"local": lambda: LocalPool(2), "in process": InProcessPool, "docstring": of_the_docstring}[request.param]()


def test_results_come_in_order_whichever_is_done_first(work, pool):
    assert run_jobs(jobs_of(work.double, 0, 1, 2), Silent(), pool=pool) == [0, 2, 4]


def test_each_job_finishes_once_with_its_number(work, pool):
    finished = []
    pool.run(jobs_of(work.double, 2, 1, 0), Silent(), lambda number, value: finished.append((number, value)))
    assert sorted(finished) == [(0, 4), (1, 2), (2, 0)]


def test_all_progress_arrives_at_its_job(work, pool):
    told = Told()
    run_jobs(jobs_of(work.double, 0, 1, 2), told, pool=pool)
    assert told.words == {f"job {n}": [(1, 3, f"{n}"), (2, 3, f"{n}"), (3, 3, f"{n}")] for n in (0, 1, 2)}


def test_the_first_error_reaches_the_caller_and_stops_the_rest(work, pool, tmp_path):
    jobs = [Job("failing", work.fail, ()), *(Job("long", work.tell_nothing, (str(tmp_path / n),)) for n in "abc")]
    begun = time.monotonic()
    with pytest.raises(ValueError, match="the work failed"):
        run_jobs(jobs, Silent(), pool=pool)
    assert time.monotonic() - begun < 40  # Of the 100 s that each other one takes.
    assert len(list(tmp_path.glob("[abc]"))) <= 1
    assert multiprocessing.active_children() == []


def test_nothing_to_do_is_done(pool):
    assert run_jobs([], Silent(), pool=pool) == []


def test_one_worker_or_one_job_needs_no_process(work):
    here = [Job("where", work.where, ())]
    assert run_jobs(here, Silent()) == [os.getpid()]
    assert run_jobs(here * 2, Silent(), workers=1) == [os.getpid()] * 2
    assert os.getpid() not in run_jobs(here * 2, Silent(), workers=2)


def test_a_process_gives_torch_one_thread(work):
    assert run_jobs([Job("threads", work.count_threads, ())] * 2, Silent(), workers=2) == [1, 1]


def test_where_no_process_starts_the_jobs_run_here(work, monkeypatch):
    monkeypatch.setattr("__main__.__file__", "<stdin>", raising=False)
    assert run_jobs([Job("where", work.where, ())] * 3, Silent(), pool=LocalPool(2)) == [os.getpid()] * 3


def test_a_process_that_is_killed_is_told_in_one_sentence(work):
    with pytest.raises(WorkerEnded, match="'killed' was ended from outside, .* memory; run again") as raised:
        run_jobs([Job("endless", work.never_end, ()), Job("killed", work.die, ())], Silent(), workers=2)
    assert raised.value.number == 1


def test_a_result_that_cannot_be_sent_is_told(work):
    with pytest.raises(TypeError, match="what give_a_function gave cannot be sent"):
        run_jobs([Job("function", work.give_a_function, ()), Job("other", work.double, (1,))], Silent(), workers=2)


@pytest.mark.parametrize("everyone", [False, True], ids=["parent alone", "whole group, as Ctrl-C does"])
def test_an_interrupted_pool_ends_at_once_though_its_jobs_are_in_a_long_step(work, tmp_path, everyone):
    """Jobs that next tell of themselves in 100 s; a pool that waits for that takes as long."""
    (tmp_path / "main.py").write_text(INTERRUPTED)
    paths = [tmp_path / "first", tmp_path / "second"]
    command = [sys.executable, str(tmp_path / "main.py"), *map(str, paths)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not all(path.exists() and path.read_text() for path in paths):
        assert process.poll() is None
        time.sleep(0.05)
    begun = time.monotonic()
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert time.monotonic() - begun < 3.0
    assert process.returncode == -signal.SIGINT
    assert told.count("Traceback") == 1
    assert told.rstrip().endswith("KeyboardInterrupt")
    for path in paths:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)
