"""A study on a real Ray cluster of two nodes on this computer; skipped where Ray is not installed."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path

import pytest
from tombola_device.contract.errors import BadConfig
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import from_corpus
from tombola_host.progress import Silent
from tombola_host.runs import ray_pool
from tombola_host.runs.pool import InProcessPool, Job, WorkerEnded, run_jobs
from tombola_host.runs.ray_pool import RayPool
from tombola_host.runs.store import RunStore
from tombola_host.study.laboratory import work as work_module
from tombola_host.study.laboratory.figures import measured
from tombola_host.study.laboratory.plan import read_study
from tombola_host.study.laboratory.work import work

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
FILE = """
name = "far"
families = ["voice"]
densities = [0.05]
seeds = [0, 1]
corpora = {{ toy = "{folder}" }}

[steps]
control_steps = 20
control_windows = 2

[[row]]
name = "kept"
reset = "keep"

[[row]]
name = "random"
criterion = "random"

[[row]]
name = "scratch"
reset = "reinitialise"
"""


@pytest.fixture(scope="module")
def head():
    """Ray with one node of one core, and this process as its driver."""
    ray = pytest.importorskip("ray")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    with pytest.MonkeyPatch.context() as patch:
        # Workers import this file by its name, and it is in no package.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
        cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=NODE)
        try:
            RayPool(cluster.address)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


class Pair(RayPool):
    """The pool over the head and a second node, which can be lost."""

    def __init__(self, head):
        self.head, self.second = head, head.add_node(**NODE)
        head.wait_for_nodes()
        super().__init__(head.address)

    def lose_the_second(self):
        """As a computer loses its power: no process of the node is told."""
        self.head.remove_node(self.second, allow_graceful=False)
        self.second = None


@pytest.fixture
def pair(head):
    pool = Pair(head)
    yield pool
    if pool.second:
        pool.lose_the_second()


def test_a_study_loses_nothing_when_a_node_of_its_cluster_dies(pair, clip, monkeypatch, tmp_path):
    """The node dies when three of eight cells are done; the study has then the same errors as one that ran here."""
    clips = tuple(clip(48.0 + 2 * number, 40) for number in range(12))
    material = from_corpus("toy", Corpus("toy", clips, (), None), "CC0", fresh=True)
    monkeypatch.setattr(work_module, "gather", lambda folders, reporter, fresh: (material,))
    (tmp_path / "study.toml").write_text(FILE.format(folder=tmp_path))
    study, finished = read_study(tmp_path / "study.toml"), {}
    far, here = (RunStore(tmp_path / name) for name in ("far", "here"))

    class Dying:
        """The cluster's pool, which loses its second node in the middle of the cells."""

        def run(self, jobs, reporter, told):
            def count(number, value):
                told(number, value)
                finished.update(results_in(far.root))
                if len(finished) == 3:
                    pair.lose_the_second()

            pair.run(jobs, reporter, count)

    placed = work(study, far, Silent(), pool=Dying())
    assert pair.second is None
    assert len(placed) == 8
    assert all(each.run.done for each in placed)
    assert {path: time_of for path, time_of in results_in(far.root).items() if path in finished} == finished
    there, beside = measured(placed), measured(work(study, here, Silent(), pool=InProcessPool()))
    assert [each.errors for each in there] == [each.errors for each in beside]


def results_in(root):
    """Finished cells, and when they were written."""
    return {path: path.stat().st_mtime_ns for path in root.glob("cell-*/result.json")}


def test_jobs_go_to_both_nodes_and_a_killed_worker_costs_only_its_job_again(pair, tmp_path):
    jobs = [Job(f"job {number}", far_job, (tmp_path, number, 1)) for number in range(6)]
    assert run_jobs(jobs, Silent(), pool=pair) == [(number, number**2) for number in range(6)]
    assert len((tmp_path / "begun-2").read_text().split()) == 2
    assert len({(tmp_path / f"begun-{number}").read_text().split()[-1] for number in range(6)}) == 2


def test_a_job_that_kills_each_worker_is_named_and_the_finished_ones_are_told(head, monkeypatch, tmp_path):
    monkeypatch.setattr(ray_pool, "TRIES", 1)
    told = {}
    jobs = [Job(f"job {number}", far_job, (tmp_path, number, 9)) for number in (0, 1, 2)]
    with pytest.raises(WorkerEnded, match="'job 2' was ended from outside"):
        RayPool(head.address).run(jobs, Silent(), told.__setitem__)
    assert told == {0: (0, 0), 1: (1, 1)}


def test_what_a_job_refuses_on_the_cluster_is_the_same_sentence_here(head):
    with pytest.raises(BadConfig, match=r"^nothing can be learned here; try elsewhere$"):
        run_jobs([Job("refusing", refusing, ())], Silent(), pool=RayPool(head.address))


def test_a_host_that_lacks_the_code_of_a_job_is_told_what_to_install(head, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def job(step): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    job = importlib.import_module("only_here").job
    with pytest.raises(BadConfig, match=r"cannot begin 'x' \(No module named 'only_here'\); install the same"):
        run_jobs([Job("x", job, ())], Silent(), pool=RayPool(head.address))


def test_an_address_where_no_cluster_answers_is_refused_in_a_sentence(monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(BadConfig, match=r"no Ray cluster answers at 127.0.0.1:1 \(.*refused\); start one"):
        RayPool("127.0.0.1:1")


def far_job(folder, number, deaths, step):
    """Square a number; number 2 kills its worker as often as told."""
    import ray

    step(0, 1, "")
    with (folder / f"begun-{number}").open("a") as begun:
        begun.write(f"{ray.get_runtime_context().get_node_id()}\n")
    time.sleep(0.5)  # long enough that both nodes get work
    if number == 2 and len((folder / "begun-2").read_text().split()) <= deaths:
        os._exit(9)
    return number, number**2


def refusing(step):
    """Raise what a user can mend."""
    step(0, 1, "")
    raise BadConfig("nothing can be learned here; try elsewhere")
