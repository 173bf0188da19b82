from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from tombola_device.contract.errors import TombolaError
from tombola_host.progress import Silent
from tombola_host.runs.pool import Job, run_jobs

# In a file of its own, since other processes import what they run.
WORK = """
import os
import signal
import time

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


def test_one_worker_does_all_work_here_in_order(work):
    told = Told()
    assert run_jobs(jobs_of(work.double, 2, 1), told, workers=1) == [4, 2]
    assert told.words == {f"job {n}": [(1, 3, f"{n}"), (2, 3, f"{n}"), (3, 3, f"{n}")] for n in (2, 1)}


def test_nothing_to_do_is_done(work):
    assert run_jobs([], Silent()) == []


def test_processes_give_results_in_order_and_tell_all_of_their_progress(work):
    told = Told()
    assert run_jobs(jobs_of(work.double, 0, 1, 2), told, workers=2) == [0, 2, 4]
    assert told.words == {f"job {n}": [(1, 3, f"{n}"), (2, 3, f"{n}"), (3, 3, f"{n}")] for n in (0, 1, 2)}


def test_the_first_error_reaches_the_caller_and_stops_the_rest(work):
    begun = time.monotonic()
    with pytest.raises(ValueError, match="the work failed"):
        run_jobs([Job("endless", work.never_end, ()), Job("failing", work.fail, ())], Silent(), workers=2)
    assert time.monotonic() - begun < 40  # of the 60 s that the other would go on
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_is_told_in_one_sentence(work):
    with pytest.raises(TombolaError, match="ended from outside, perhaps for want of memory; run again"):
        run_jobs([Job("endless", work.never_end, ()), Job("killed", work.die, ())], Silent(), workers=2)


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
