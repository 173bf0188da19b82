from __future__ import annotations

import os
import stat

import pytest
import torch
from tombola_device.contract.errors import BadRun, StoreError
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.runs.store import RunStore, fingerprint, write_atomically
from tombola_host.training import loop as fit
from tombola_host.training.loop import Training, new_trainee
from tombola_host.training.schedule import Schedule

FACTS = {"mode": "violin", "seed": 0, "rounds": [0.2, 0.05], "size": {"input": 512, "hidden": 512}}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_the_hash_of_a_run_is_pinned():
    """If this fails, runs of users are made again: only do that on purpose, by RUN_VERSION."""
    assert fingerprint("train", FACTS) == "ed4762122e97"


def test_the_hash_depends_on_every_fact_and_on_no_order():
    assert fingerprint("train", dict(reversed(FACTS.items()))) == fingerprint("train", FACTS)
    others = [("merge", FACTS), ("train", {**FACTS, "seed": 1}), ("train", {**FACTS, "rounds": [0.2, 0.051]})]
    assert len({fingerprint(*other) for other in [("train", FACTS), *others]}) == 4


def test_a_run_is_done_when_it_is_finished_and_found_again(store):
    run = store.open("train", FACTS)
    assert run.name == f"train-{fingerprint('train', FACTS)}"
    assert not run.done
    run.save("dense", {"w": torch.arange(6.0).reshape(2, 3).T})
    run.finish({"loss": 0.5})
    again = store.open("train", FACTS)
    assert again.done
    assert again.result() == {"loss": 0.5}
    assert torch.equal(again.load("dense")["w"], torch.arange(6.0).reshape(2, 3).T)
    assert store.find(run.name) == store.find(str(run.path)) == run


def test_finishing_drops_the_checkpoint(store):
    run = store.open("train", FACTS)
    run.checkpoint().save({"step": torch.tensor([3])})
    assert int(run.checkpoint().load()["step"]) == 3
    run.finish({})
    assert run.checkpoint().load() is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", None])
def test_a_damaged_result_is_refused_in_one_sentence(store, damage):
    run = store.open("train", FACTS)
    run.finish({"loss": 0.5})
    result = run.path / "result.json"
    result.unlink() if damage is None else result.write_bytes(damage)
    with pytest.raises(BadRun) as refused:
        run.result()
    assert f"the result in {run.path} cannot be read" in one_sentence(refused)
    assert "delete the folder and run again" in one_sentence(refused)


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "noise"])
def test_damaged_weights_are_refused_in_one_sentence(store, damage):
    run = store.open("train", FACTS)
    run.save("dense", {"w": torch.ones(50)})
    path = run.path / "dense.safetensors"
    data = path.read_bytes()
    changed = {"cut": data[:100], "empty": b"", "noise": os.urandom(200)}
    path.unlink() if damage == "missing" else path.write_bytes(changed[damage])
    with pytest.raises(BadRun) as refused:
        run.load("dense")
    assert f"delete {run.path} and run again" in one_sentence(refused)


def test_training_starts_again_from_a_damaged_checkpoint(store, mode, monkeypatch):
    monkeypatch.setattr(fit, "CHECKPOINT_STEPS", 1)
    run, data = store.open("train", FACTS), [mode()]
    (run.path / "checkpoint.safetensors").write_bytes(b"half a file")
    steps = []
    torch.manual_seed(0)
    trainee = new_trainee(Voice(1, VoiceSize(4, 4)), data, 0)
    progress = lambda done, total, loss: steps.append(done)  # noqa: E731
    Training(trainee, data, Schedule(3, 0, 1, 1), 0).run(progress, run.checkpoint())
    assert steps == [1, 2, 3]
    assert int(run.checkpoint().load()["step"]) == 2  # it was replaced by whole ones


def test_a_write_that_fails_leaves_the_old_content_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_atomically(path, b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError) as refused:
        write_atomically(path, b"new")
    assert "No space left on device; free some space" in one_sentence(refused)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_written_may_be_read_by_whom_the_umask_lets(tmp_path):
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "new" / "bundle.tombola", b"bytes")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "bundle.tombola").stat().st_mode) == 0o644


def test_an_unknown_run_is_refused_with_where_it_was_looked_for(store):
    with pytest.raises(BadRun) as refused:
        store.find("build-0123456789ab")
    assert "no run 'build-0123456789ab'" in one_sentence(refused)
    assert str(store.root) in one_sentence(refused)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match="choose another with --runs"):
        RunStore(tmp_path / "runs").open("train", FACTS)
