"""The commands of sessions, from a file to what was learned, as somebody types them."""

from __future__ import annotations

import re

import pytest
from tombola_device.config import Config
from tombola_host.cli.listening import app
from tombola_host.study.sessions.desk import Desk, Said
from tombola_host.study.sessions.session import open_session
from typer.testing import CliRunner

PLAN = """
name = "two"
kind = "pairs"
bundle = "{bundle}"
stimulus = [{{name = "sax", blend = {{sax = 1}}}}, {{name = "harp", blend = {{harp = 1}}}}]
passage = [{{name = "short", notes = [[0.0, 0.2, 64, 0.7]]}}]
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Types a command in a folder that holds a session's file; gives what was printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blind.toml").write_text(PLAN.format(bundle=Config().factory_path))

    def type_(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["session", *arguments], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return str(result.exception)
        return result.output

    return type_


def test_from_a_file_to_what_was_learned(run, tmp_path):
    assert re.search(r"2 sounds; 1 trials for each listener, about 1 min", run("new", "blind.toml"))
    folder = tmp_path / "blind.session"
    assert "nobody has voted" in run("report", "blind.session")
    desk = Desk(open_session(folder))
    for listener in ("anna", "ben"):
        behind = desk._behind(listener, 0)
        answer = "a" if behind["A"].name == "harp" else "b"
        other = "B" if answer == "a" else "A"
        desk.vote(Said(listener, 0, answer, words="<b>thin</b>", marks={other: ["low"]}))
    assert "report.html" in run("report", "blind.session")
    page = (folder / "report.html").read_text()
    assert "&lt;b&gt;thin" in page
    assert "<b>thin" not in page
    assert (folder / "report.csv").read_text().count("\n") == 5
    said = run("apply", "blind.session")
    assert "preferred: harp" in said
    assert "--weights blind.session/learned/weights.json" in said
    assert {path.name for path in (folder / "learned").iterdir()} == {"scenes.json", "weights.json", "next.toml"}
    assert "harp" in run("hear", "blind.session", "anna", "1", "--letter", "A", "-o", "x.wav") + run(
        "hear", "blind.session", "anna", "1", "--letter", "B", "-o", "x.wav"
    )
    assert (tmp_path / "x.wav").stat().st_size > 10_000
    assert "has no vote on A of trial 7" in run("hear", "blind.session", "anna", "7")


def test_what_is_missing_is_said_in_one_sentence(run, tmp_path):
    assert "cannot be read" in run("new", "other.toml")
    assert "holds no session" in run("report", "nowhere.session")
    run("new", "blind.toml")
    assert "holds a session already" in run("new", "blind.toml")
    (tmp_path / "blind.session" / "listeners").mkdir()
    (tmp_path / "blind.session" / "listeners" / "anna.votes").write_text("nonsense\nmore\n")
    assert "line 1 of blind.session/listeners/anna.votes is damaged" in run("report", "blind.session")
