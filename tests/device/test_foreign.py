"""Foreign text at every edge of the instrument: it takes one line, and cannot steer the terminal."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
import tombola_device
from hypothesis import given
from hypothesis import strategies as st
from tombola_device import __main__ as command
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.foreign import LONGEST_LOGGED, PlainFormatter, plain
from tombola_device.contract.refusals import Refused
from tombola_device.contract.signing import public_key, sign_pairing
from tombola_device.daemon.status import DaemonStatus, write_status
from tombola_device.slots.owner import OWNERS_FILE, Owner
from tombola_device.surface.oled.canvas import LETTER_WIDTH, Canvas

EVIL = "a\x1b[2J\rb\ntombolad: forged\x9b1m\u202e\u2028\x07\udc80"
SHOWN = r"a\u001b[2J\u000db\u000atombolad: forged\u009b1m\u202e\u2028\u0007\udc80"
SOURCE = Path(tombola_device.__file__).parent


def lines_of(text: str) -> list[str]:
    """The lines of what was printed, once it is certain that a terminal shows them as they are."""
    assert all(letter.isprintable() for letter in text.replace("\n", "")), ascii(text)
    return text.rstrip("\n").split("\n")


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_becomes_one_line_of_what_can_be_seen_and_one_pass_is_enough(text):
    shown = plain(text)
    assert all(letter.isprintable() or unicodedata.category(letter) == "Zs" for letter in shown)
    assert plain(shown) == shown
    assert shown.encode().decode() == shown
    assert json.loads(plain(json.dumps(text, ensure_ascii=False))) == json.loads(json.dumps(text))


def test_words_of_all_languages_stay_as_they_are():
    for words in ("Flöte 2", "笛の音", "скрипка – A♯4", "נבל", "a\u3000b\u00a0c", "🎻"):
        assert plain(words) == words


def logged(log) -> list[str]:
    handler = logging.StreamHandler(stream := _Stream())
    handler.setFormatter(PlainFormatter("tombolad: %(message)s"))
    logger = logging.Logger("test")  # noqa: LOG001 - not that of all tests
    logger.addHandler(handler)
    log(logger)
    return lines_of(stream.text)


class _Stream:
    text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_the_log_keeps_a_message_on_one_line_of_bounded_length():
    assert logged(lambda log: log.warning("refused: %s", EVIL)) == [f"tombolad: refused: {SHOWN}"]
    (line,) = logged(lambda log: log.warning("x" * 10**6))
    assert len(line) == LONGEST_LOGGED + 1


def test_the_lines_of_a_traceback_in_the_log_cannot_be_taken_for_messages():
    def fails():
        raise ValueError(EVIL)

    def log(logger):
        try:
            fails()
        except ValueError:
            logger.exception("a fault")

    first, *trace = logged(log)
    assert first == "tombolad: a fault"
    before, after = SHOWN.split(r"\u000a")
    assert trace[-2:] == [f"| ValueError: {before}", f"| {after}"]
    assert all(line.startswith("| ") for line in trace)


def test_an_error_is_one_line_on_stderr(monkeypatch, capsys):
    def fails(_):
        raise BadBundle(f"the graph says {EVIL}")

    monkeypatch.setattr(command, "_slots", fails)
    assert command.main(["slots"]) == 1
    assert lines_of(capsys.readouterr().err) == [f"tombolad: the graph says {SHOWN}"]


def test_an_argument_that_is_not_understood_is_quoted_in_one_line(capsys):
    with pytest.raises(SystemExit):
        command.main(["slots", EVIL])
    assert lines_of(capsys.readouterr().err)[-1] == f"tombolad: error: unrecognized arguments: {SHOWN}"
    with pytest.raises(SystemExit):
        command.main(["selftest", "--step", EVIL])
    assert "forged" in lines_of(capsys.readouterr().err)[-1]


@pytest.fixture
def state(tmp_path):
    """A configuration with this folder for its state."""
    (tmp_path / "tombola.toml").write_text(f'state_dir = "{tmp_path}"\n')
    return tmp_path


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_status_shows_names_of_bundles_ports_and_faults_in_their_lines(state, capsys, json_):
    evil = EVIL.removesuffix("\udc80")
    words = ("bundle", "sha256", "audio", "panel", "serial", "fault", "doing")
    facts = dict.fromkeys(words, evil) | {"modes": [evil], "midi": [evil], "refused": [evil], "blend": [1.0]}
    numbers = dict.fromkeys(set(DaemonStatus.__struct_fields__) - facts.keys(), 0)
    numbers |= {"time_s": time.time(), "confirmed": True, "lost": False}
    write_status(state, DaemonStatus(**facts, **numbers))
    assert command.main(["status", "--config", str(state / "tombola.toml"), *json_]) == 0
    lines = lines_of(capsys.readouterr().out)
    if json_:
        assert json.loads(lines[0])["fault"] == evil
    else:
        assert [line[:8].strip() for line in lines] == ["bundle", "sound", "blend", "input", "load", "fault"]


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_owners_shows_the_label_that_a_host_chose_in_its_line(state, capsys, json_):
    label, seed = EVIL[:20], bytes(32)
    owner = Owner(state / OWNERS_FILE)
    owner.open_window()
    with pytest.raises(Refused):
        owner.enrol(public_key(seed), label, sign_pairing(seed, label))
    owner.accept(owner.asking_key)
    assert command.main(["owners", "--config", str(state / "tombola.toml"), *json_]) == 0
    line, *_ = lines_of(capsys.readouterr().out)
    if json_:
        assert json.loads(line)["owners"][0]["label"] == label
    else:
        assert line.endswith(f"  {plain(label)}")


def test_the_display_draws_one_box_for_each_letter_that_it_does_not_know():
    canvas = Canvas()
    assert canvas.text(0, 0, "\x1b\n\u202e") == 3 * LETTER_WIDTH
    assert canvas.image.getbbox()[3] <= 8


def test_the_audio_process_logs_in_one_line():
    code = f"""
import logging, sys
from tombola_device.audio import process
process.play = lambda _: logging.getLogger("x").warning("the card %s is gone", {EVIL!r})
sys.argv[1:] = ['{{"memory": 0, "voices": 1, "bundle": ""}}']
process.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert lines_of(done.stderr) == [f"tombolad: the card {SHOWN} is gone"]


def test_there_is_one_print_in_the_instrument_and_one_handler_of_its_log_beside_that_of_the_page():
    """So a new edge cannot forget the filter; tests/device/surface/test_browser.py looks at the page's log."""
    calls = [
        (path.relative_to(SOURCE).as_posix(), ast.unparse(node.func))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    assert [file for file, name in calls if name == "print"] == ["__main__.py"]
    handlers = sorted(file for file, name in calls if "basicConfig" in name or "Handler" in name)
    assert handlers == ["contract/foreign.py"] * 2 + ["surface/browser/face.py"] * 2
    assert not [file for file, name in calls if name in {"sys.stderr.write", "sys.stdout.write"}]
