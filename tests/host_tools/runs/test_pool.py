from __future__ import annotations

import importlib
import multiprocessing
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
