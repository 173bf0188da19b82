"""The notebooks' studies and experiments by one command, which goes on where it stopped."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tombola_host.demo import notebook
from tombola_host.demo.notebook import Experiment, experiments, main
from tombola_host.progress import Part


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """What ran, in its order; nothing is fetched and nothing is trained."""
    order = []
    (tmp_path / "studies").mkdir()
    for name in ("b", "a"):
        (tmp_path / "studies" / f"{name}.toml").touch()

    def experiment(arguments):
        order.append(arguments[0])
        (tmp_path / "kin.json").touch()
        return 0

    beside = (Experiment(tmp_path / "kin.json", experiment, ("kinship",), 100.0),)
    monkeypatch.setattr(notebook, "fetch_demo_sounds", lambda *_: order.append("fetched"))
    monkeypatch.setattr(notebook, "read_study", lambda path: SimpleNamespace(name=path.stem))
    monkeypatch.setattr(notebook, "place", lambda *_: ())
    monkeypatch.setattr(notebook, "parts_of", lambda *_: (Part("cells", 1000.0),))
    monkeypatch.setattr(notebook, "work", lambda study, *_: order.append(study.name))
    monkeypatch.setattr(notebook, "show", lambda study, *_: order.append(f"{study.name}.html"))
    monkeypatch.setattr(notebook, "experiments", lambda *_: beside)
    return order


def run(tmp_path, *more):
    paths = (str(tmp_path / name) for name in ("studies", "pictures", "output"))
    return main([*paths, "--runs", str(tmp_path / "runs"), "--workers", "2", *more])


def test_all_studies_are_run_and_shown_and_an_experiment_only_once(ran, tmp_path, capsys):
    assert run(tmp_path) == 0
    assert ran == ["fetched", "a", "a.html", "b", "b.html", "kinship"]
    assert "35 min of processor time are left, about 18 min here" in capsys.readouterr().err
    ran.clear()
    assert run(tmp_path) == 0
    assert ran == ["fetched", "a", "a.html", "b", "b.html"]
    assert "33 min of processor time are left" in capsys.readouterr().err


def test_a_dry_run_only_says_how_long(ran, tmp_path, capsys):
    assert run(tmp_path, "--dry-run") == 0
    assert ran == ["fetched"]
    assert "35 min" in capsys.readouterr().err


def test_an_interrupted_notebook_says_how_it_goes_on(ran, tmp_path, monkeypatch, capsys):
    def interrupted(study, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(notebook, "work", interrupted)
    assert run(tmp_path) == 130
    assert "the same command goes on from here" in capsys.readouterr().out


def test_a_folder_without_studies_is_refused_in_one_sentence(ran, tmp_path, capsys):
    for path in (tmp_path / "studies").iterdir():
        path.unlink()
    assert run(tmp_path) == 1
    assert "there is no study in" in capsys.readouterr().out


def test_each_experiment_writes_the_file_by_which_it_counts_as_done(tmp_path):
    for each in experiments(*(tmp_path / name for name in ("studies", "pictures", "output", "runs", "sounds"))):
        assert str(each.written) in each.arguments
