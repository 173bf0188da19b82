from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from tombola_device.contract.errors import BadRun, StoreError
from tombola_host.generators import family_named
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import RunStore, write_atomically
from tombola_host.training.effort import Length
from tombola_host.training.hooks import Checkpoints, Told
from tombola_host.training.loop import Loop

FACTS = {"mode": "violin", "seed": 0, "shares": [0.2, 0.05], "size": {"input": 512, "hidden": 512}}
SPEC = Spec("train", 4, "voice", FACTS)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_the_hash_of_a_run_is_pinned():
    """If this fails, users' runs will be repeated: do that only on purpose, through a stage's version."""
    assert SPEC.name == "train-19de1252c07c"


def test_the_hash_depends_on_stage_version_family_and_every_fact_and_on_no_order():
    assert Spec("train", 4, "voice", dict(reversed(FACTS.items()))).name == SPEC.name
    others = [
        Spec("merge", 4, "voice", FACTS),
        Spec("train", 5, "voice", FACTS),
        Spec("train", 4, "hits", FACTS),
        Spec("train", 4, "voice", {**FACTS, "seed": 1}),
        Spec("train", 4, "voice", {**FACTS, "shares": [0.2, 0.051]}),
    ]
    hashes = {spec.name.partition("-")[2] for spec in [SPEC, *others]}
    assert len(hashes) == 6


WORKER = """
import pathlib, sys, time
from tombola_host.runs.store import Run
run = Run(pathlib.Path(sys.argv[1]))
with run.claimed(lambda *word: None) as todo:
    print(todo)
    if todo:
        time.sleep(0.5)
        run.finish({"worker": sys.argv[2]})
"""


def test_two_workers_do_a_run_once(store):
    run = store.open(SPEC)
    began = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(run.path), name], stdout=subprocess.PIPE, text=True)
        for name in ("first", "second")
    ]
    did = [worker.communicate(timeout=60)[0].strip() for worker in began]
    assert sorted(did) == ["False", "True"]
    assert run.result() == {"worker": ("first", "second")[did.index("True")]}


def test_the_claim_of_a_worker_that_died_is_void(store):
    run = store.open(SPEC)
    code = (
        "import os, sys, pathlib; from tombola_host.runs.store import Run; "
        "claim = Run(pathlib.Path(sys.argv[1])).claimed(lambda *word: None); claim.__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(run.path)], check=False).returncode == 9
    with run.claimed(lambda *word: None) as todo:
        assert todo


def test_what_a_killed_worker_was_writing_is_removed_by_the_next_one(store):
    run = store.open(SPEC)
    run.save("dense", {"w": torch.ones(2)})
    for name in (".dense.safetensors.4711", ".checkpoint.safetensors.4711", ".result.json.4711"):
        (run.path / name).write_bytes(b"half")
    with run.claimed(lambda *_: None) as todo:
        assert todo
        assert sorted(path.name for path in run.path.iterdir()) == [".claim", "dense.safetensors", "spec.json"]


def test_a_run_that_cannot_be_claimed_is_one_sentence(store):
    run = store.open(SPEC)
    (run.path / ".claim").mkdir()
    with pytest.raises(StoreError, match="cannot be claimed .*; free some space or delete it"):
        run.claimed(lambda *_: None).__enter__()


def test_a_run_is_done_when_it_is_finished_and_found_again(store):
    run = store.open(SPEC)
    assert run.name == SPEC.name
    assert not run.done
    run.save("dense", {"w": torch.arange(6.0).reshape(2, 3).T})
    run.finish({"loss": 0.5})
    again = store.open(SPEC)
    assert again.done
    assert again.result() == {"loss": 0.5}
    assert torch.equal(again.load("dense")["w"], torch.arange(6.0).reshape(2, 3).T)
    assert store.find(run.name) == store.find(str(run.path)) == run


def test_finishing_drops_the_checkpoint(store):
    run = store.open(SPEC)
    run.checkpoint().save({"step": torch.tensor([3])})
    assert int(run.checkpoint().load()["step"]) == 3
    run.finish({})
    assert run.checkpoint().load() is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[1]", b"null", b"[" * 100_000, None])
def test_a_damaged_result_is_refused_in_one_sentence(store, damage):
    run = store.open(SPEC)
    run.finish({"loss": 0.5})
    result = run.path / "result.json"
    result.unlink() if damage is None else result.write_bytes(damage)
    with pytest.raises(BadRun) as refused:
        run.result()
    assert f"the result in {run.path} cannot be read" in one_sentence(refused)
    assert "delete the folder and run again" in one_sentence(refused)


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "noise"])
def test_damaged_weights_are_refused_in_one_sentence(store, damage):
    run = store.open(SPEC)
    run.save("dense", {"w": torch.ones(50)})
    path = run.path / "dense.safetensors"
    data = path.read_bytes()
    changed = {"cut": data[:100], "empty": b"", "noise": os.urandom(200)}
    path.unlink() if damage == "missing" else path.write_bytes(changed[damage])
    with pytest.raises(BadRun) as refused:
        run.load("dense")
    assert f"delete {run.path} and run again" in one_sentence(refused)


def test_every_flipped_bit_of_a_result_or_of_weights_is_noticed_or_changes_nothing(store):
    run = store.open(SPEC)
    facts, tensors = {"loss": 0.25, "size": [4, 8]}, {"a": torch.ones(3), "b": torch.arange(4, dtype=torch.int64)}
    run.finish(facts)
    run.save("dense", tensors)
    assert run.result() == facts
    for file, read in (("result.json", run.result), ("dense.safetensors", lambda: run.load("dense"))):
        path = run.path / file
        data = path.read_bytes()
        for place in range(len(data)):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
            try:
                found = read()
            except BadRun:
                continue
            if file == "result.json":  # A space may become another, or the name of the seal itself is hit.
                assert {name: found[name] for name in facts} == facts
            else:
                assert found.keys() == tensors.keys()
                assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_runs_of_before_the_seal_are_still_read(store):
    run = store.open(SPEC)
    (run.path / "result.json").write_text('{"loss": 0.5}')
    (run.path / "dense.safetensors").write_bytes(safetensors.torch.save({"w": torch.ones(2)}))
    assert run.result() == {"loss": 0.5}
    assert torch.equal(run.load("dense")["w"], torch.ones(2))


def test_training_starts_again_from_a_damaged_checkpoint(store, mode):
    run, data, family = store.open(SPEC), [mode()], family_named("voice")
    (run.path / "checkpoint.safetensors").write_bytes(b"half a file")
    steps = []
    trainee = family.trainee(family.build(1, VoiceSize(4, 4), 0), data, 0)
    hooks = Checkpoints(run.checkpoint(), every=1), Told(lambda done, total, word: steps.append(done))
    Loop(trainee, family.phases(trainee, data, Length(3, 0, 1, 1), 0, "test"), hooks).run()
    assert steps == [1, 2, 3]
    assert int(run.checkpoint().load()["step"]) == 2  # only complete checkpoints replaced it


def test_a_failed_write_keeps_the_old_content_and_leaves_no_temporary_file(tmp_path, monkeypatch):
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


def test_a_written_file_has_the_permissions_of_the_umask(tmp_path):
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
        RunStore(tmp_path / "runs").open(SPEC)
