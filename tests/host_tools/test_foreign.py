"""Foreign text at every edge of the host: it takes one line, and cannot steer the terminal."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import onnx
import onnx.helper
import pytest
import tombola_host
from msgspec.structs import replace
from rich.table import Table
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.foreign import plain
from tombola_host.__main__ import main
from tombola_host.cli import playing
from tombola_host.cost.arm64 import __main__ as arm64
from tombola_host.cost.inspect import graph_facts
from tombola_host.demo import sounds
from tombola_host.progress import Part, Teller, reporting
from tombola_host.report.page import escape
from tombola_host.terminal import Terminal
from typer.testing import CliRunner

EVIL = "a\x1b[2J\rb\ntombola: forged\x9b1m\u202e\u2028\x07"
SHOWN = plain(EVIL)
SOURCE = Path(tombola_host.__file__).parent
QUARTET = Path(__file__).parents[2] / "models" / "quartet" / "quartet.tombola"


def lines_of(text: str) -> list[str]:
    """The lines of what was printed, once it is certain that a terminal shows them as they are."""
    assert all(letter.isprintable() for letter in text.replace("\n", "")), ascii(text)
    lines = text.rstrip("\n").split("\n")
    assert not [line for line in lines if line.lstrip("│ ").startswith("tombola: forged")]
    return lines


@pytest.fixture
def tombola(monkeypatch, capsys):
    """The command as a user gives it. What it prints does not go to a terminal, so nothing is coloured."""

    def run(*arguments: object) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["tombola", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return SimpleNamespace(returncode=end.value.code or 0, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture
def evil_bundle(tmp_path) -> Path:
    """A bundle that plays, with evil words wherever its manifest allows any."""
    bundle = decode_bundle(QUARTET.read_bytes())
    manifest = replace(bundle.manifest, licence=EVIL, provenance={EVIL: EVIL})
    path = tmp_path / "evil.tombola"
    path.write_bytes(encode_bundle(Bundle(manifest, bundle.graphs)))
    return path


@pytest.mark.parametrize("options", [(), ("--all",), ("--json",)])
def test_inspect_shows_licence_and_provenance_in_their_lines(tombola, evil_bundle, options):
    done = tombola("inspect", evil_bundle, *options)
    assert (done.returncode, done.stderr) == (0, "")
    lines = lines_of(done.stdout)
    if options == ("--json",):
        assert json.loads("\n".join(lines))["manifest"]["licence"] == EVIL
    else:
        assert "forged" in "".join(lines)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_corpus_shows_names_of_files_in_their_lines(tombola, tmp_path, options):
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    (folder / f"{EVIL}.wav").write_bytes(b"not sound")
    (folder / f"{EVIL}.txt").write_text("")
    (folder / os.fsdecode(b"\xff\x1b.wav")).write_bytes(b"")
    done = tombola("corpus", folder, *options)
    assert done.returncode == 2, done.stderr
    assert "forged" in "".join(lines_of(done.stdout))
    lines_of(done.stderr)


def test_an_error_and_an_argument_that_is_not_understood_are_one_line(tombola):
    for arguments in (("inspect", EVIL), ("inspect", "a", EVIL), (f"--{EVIL}",), ("corpus", EVIL)):
        done = tombola(*arguments)
        assert done.returncode in {1, 2}
        assert "forged" in lines_of(done.stderr)[-1]
        assert done.stdout == ""


def test_what_an_instrument_answers_is_shown_as_json_that_cannot_steer(monkeypatch):
    monkeypatch.setattr(playing, "device_info", lambda *_, **__: {"last_error": EVIL, "playing": {"bundle": EVIL}})
    done = CliRunner().invoke(playing.app, ["device", "--port", "x"])
    assert json.loads("\n".join(lines_of(done.output)))["last_error"] == EVIL


def test_progress_and_its_log_keep_titles_and_words_in_one_line(tmp_path, monkeypatch):
    for terminal in ("", "1"):
        monkeypatch.setenv("FORCE_COLOR", terminal)  # So rich takes it for a terminal.
        monkeypatch.setenv("TERM", "xterm")
        console = Terminal(file=(shown := io.StringIO()))
        assert console.is_terminal == bool(terminal)
        with reporting(console, tmp_path / "log", every_s=0.01) as reporter:
            reporter.plan([Part(EVIL, 1.0)])
            step = reporter.task(EVIL)
            step(1, 2, EVIL)
            reporter.say(EVIL)
            reporter.note(EVIL)
            while "to go" not in shown.getvalue():  # The bar, or the first plain line.
                time.sleep(0.001)
        text = shown.getvalue()
        assert "tombola: forged" in text
        assert not re.search(r"\n *tombola: forged", text)
        assert not set(text) & set("\x9b\u202e\u2028\x07")
        assert "\x1b[2J" not in text
    assert all(line[:4].isdigit() for line in lines_of((tmp_path / "log").read_text()))


def test_a_console_of_another_kind_gets_no_foreign_line_from_progress(tmp_path):
    shown: list[str] = []
    console = SimpleNamespace(print=lambda text, **_: shown.append(text))
    Teller(console, None, clock=lambda: 0.0).say(EVIL)
    assert shown == [SHOWN]


def test_tables_are_laid_out_after_the_filter():
    table = Table("name", "length", title=EVIL)
    table.add_row(EVIL, "1")
    table.add_row("x", EVIL)
    Terminal(file=(shown := io.StringIO())).print(table)
    rows = lines_of(shown.getvalue())[1:]
    assert len({len(row) for row in rows[1:]}) == 1


def test_the_report_shows_marks_of_direction_and_keeps_tags_out():
    assert escape(f"<b>{EVIL}") == f"&lt;b&gt;{SHOWN}"


def test_the_small_programs_print_their_errors_in_one_line(capsys, monkeypatch):
    assert sounds.main([EVIL, EVIL]) == 1
    assert "forged" in lines_of(capsys.readouterr().out)[0]

    def fails(_):
        raise BadConfig(EVIL)

    monkeypatch.setattr(arm64, "prepare_root", fails)
    monkeypatch.setattr(sys, "argv", ["arm64", "root"])
    assert arm64.main() == 1
    assert lines_of(capsys.readouterr().err) == [f"tombola: {SHOWN}"]


def test_a_graph_that_declares_400_dimensions_of_2_to_62_is_refused_with_a_sentence(tombola, tmp_path):
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[2**62] * 400)
    graph = onnx.helper.make_graph([], "g", [], [], [tensor])
    path, bundle = tmp_path / "wide.tombola", decode_bundle(QUARTET.read_bytes())
    graphs = {role: onnx.helper.make_model(graph).SerializeToString() for role in bundle.graphs}
    path.write_bytes(encode_bundle(Bundle(bundle.manifest, graphs)))
    for options in ((), ("--json",)):
        done = tombola("inspect", path, *options)
        assert done.returncode == 1
        assert len(lines_of(done.stderr)) == 1
        assert "more weights than" in done.stderr
    (graph,) = bundle.graphs.values()
    assert graph_facts(graph).weights > 10_000


def test_there_is_one_console_on_the_host_and_no_print():
    """So a new edge cannot forget the filter."""
    calls = [
        (path.relative_to(SOURCE).as_posix(), ast.unparse(node.func))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    ways = {"print", "Console", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}
    assert not [(file, name) for file, name in calls if name in ways or "basicConfig" in name]
