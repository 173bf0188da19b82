"""The command line as a whole: how fast it begins, its help, what it fetches and what it keeps."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tombola_device.contract.errors import BadConfig
from tombola_host import __version__
from tombola_host.cli.app import app, run_store, say
from tombola_host.runs.spec import Spec
from tombola_host.runs.store import RunStore

IMPORTED = """
import sys
from tombola_host.cli import fetching, keeping, live, making, owning, playing, staging
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
SLOW = {"torch", "scipy", "librosa", "matplotlib", "onnx", "onnxruntime"}
"""1.5 s of torch alone, which who flashes would wait for each time."""


def test_commands_begin_without_the_libraries_of_training():
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert not SLOW & set(done.stdout.split())
    assert "typer" in done.stdout.split()


def test_the_version_is_printed(tombola):
    assert tombola("--version").output == f"tombola {__version__}\n"


def test_a_shell_can_complete_commands(tombola):
    assert "--install-completion" in tombola("--help").output
    environment = {"_TOMBOLA_COMPLETE": "complete_bash", "COMP_WORDS": "tombola fl", "COMP_CWORD": "1"}
    assert tombola(env=environment, prog_name="tombola").output.split() == ["flash"]


def test_recordings_of_the_factory_set_are_fetched_into_the_cache_and_their_folders_printed(
    tombola, monkeypatch, tmp_path
):
    asked = []

    def fetched(bundles, cache_dir, *_, font):
        asked.append((bundles, font))
        return {name: {"bells": cache_dir / name / "bells"} for name in bundles}

    monkeypatch.setattr("tombola_host.cli.fetching.fetch_factory_sounds", fetched)
    monkeypatch.setattr("tombola_host.cli.fetching.user_cache_path", lambda _: tmp_path)
    told = tombola("fetch", "struck", "--font", tmp_path / "a.sf2").output
    assert f"struck:\n  bells={tmp_path}/sounds/struck/bells\n" in told
    tombola("fetch")
    assert asked == [(("struck",), tmp_path / "a.sf2"), (("quartet", "bowed_and_blown", "struck"), None)]


def test_an_unknown_factory_bundle_fetches_nothing(tombola):
    with pytest.raises(BadConfig, match="no factory bundle is called 'drums'"):
        tombola("fetch", "drums")


def test_a_demo_of_an_unknown_effort_fetches_nothing(tombola, tmp_path, monkeypatch):
    monkeypatch.setattr("tombola_host.demo.demo.fetch_demo_sounds", lambda *_, **__: pytest.fail("it fetched"))
    with pytest.raises(BadConfig, match="no effort 'fast'"):
        tombola("demo", "--folder", tmp_path, "--effort", "fast")


def test_commands_to_copy_are_never_wrapped(capsys):
    text = "  look    tombola report " + "/a/very/long/path" * 20 + "/[red]build"
    say(text)
    assert capsys.readouterr().out == text + "\n"


def test_what_is_kept_is_listed_and_cleared_and_nothing_else(tombola, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = RunStore(tmp_path / "mine")
    run = store.open(Spec("train", 1, "voice", {"seed": 0}))
    (run.path / "weights").write_bytes(bytes(2_000_000))
    (tmp_path / "mine" / "tombola.log").write_text("a line\n")
    (tmp_path / "mine" / "song.wav").write_text("not ours")
    runs = ["--runs", tmp_path / "mine"]
    listed = {entry["name"]: entry for entry in json.loads(tombola("cache", "list", "--json", *runs).output)}
    assert set(listed) == {"analyses", "runs", "sounds"}
    assert listed["runs"]["bytes"] == pytest.approx(2_000_000, rel=0.01)
    assert str(tmp_path / "mine") in tombola("cache", "list", *runs).output
    assert "Nothing was deleted." in tombola("cache", "clear", "runs", *runs, input="n\n").output
    assert run.path.is_dir()
    assert "2.0 MB freed." in tombola("cache", "clear", "runs", "--yes", *runs).output
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["song.wav"]
    with pytest.raises(BadConfig, match="clear analyses, runs, sounds or all"):
        tombola("cache", "clear", "songs", *runs)


def test_runs_are_kept_where_the_option_the_environment_or_the_cache_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TOMBOLA_RUNS", str(tmp_path / "environment"))
    assert run_store(tmp_path / "option").root == tmp_path / "option"
    assert run_store(None).root == tmp_path / "environment"


def test_no_command_in_a_help_text_is_wrapped_and_no_summary_is_cut(tombola):
    for command in ("build", "export", "render", "evaluate", "merge", "bench", "flash", "demo", "train", "ticket"):
        (example,) = [line for line in tombola(command, "--help").output.splitlines() if "Example:" in line]
        source = app.registered_commands
        (callback,) = [entry.callback for entry in source if (entry.name or entry.callback.__name__) == command]
        written = [line.strip() for line in callback.__doc__.splitlines() if "Example:" in line]
        assert [example.strip()] == written
    told = tombola("--help").output
    assert "  tombola build violin=violin/ flute=flute/ -o mine.tombola\n" in told
    cut = [line.split()[0] for line in told.partition("Commands:")[2].splitlines() if line.endswith("...")]
    assert set(cut) <= {"corpus"}
