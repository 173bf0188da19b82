"""One bar with the total time: what the meter reckons, and what is printed where there is no terminal."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console
from tombola_host.progress import FIRST_LINE_S, LINE_EVERY_S, Meter, Part, Silent, Teller, duration, joined, reporting

PLAN = (Part("listening to sax", 20.0), Part("learning sax", 60.0), Part("joining the voices", 120.0))


def run_through(meter, slowness):
    """Every part as long as planned times ``slowness``, told of at each hundredth. Yields (now, share, to go)."""
    now = 0.0
    for part in PLAN:
        tell = meter.begin(part.title, now)
        for done in range(1, 101):
            now += part.seconds * slowness / 100
            tell(done, 100, "", now)
            yield now, meter.share(now), meter.to_go_s(now)


@pytest.mark.parametrize("slowness", [0.7, 1.0, 4.0])
def test_the_time_to_go_is_within_a_fifth_of_the_truth_once_a_quarter_is_done(slowness):
    meter = Meter(0.0)
    meter.plan(PLAN)
    end_s = slowness * 200.0
    told = list(run_through(meter, slowness))
    for now_s, _, to_go_s in told:
        if 0.25 * end_s < now_s < 0.99 * end_s:
            assert to_go_s == pytest.approx(end_s - now_s, rel=0.2)
    shares = [share for _, share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert told[-1][2] == pytest.approx(0.0, abs=1e-6)


def test_what_was_done_in_an_earlier_run_is_no_sign_of_speed():
    meter = Meter(0.0)
    meter.plan(PLAN)
    for part in PLAN[:2]:
        meter.begin(part.title, 0.1)(1, 1, "done before", 0.2)
    assert meter.share(0.2) == 0.0
    assert meter.to_go_s(0.2) == pytest.approx(120.0, rel=0.02)


def test_work_that_goes_on_from_a_checkpoint_counts_what_is_left():
    meter = Meter(0.0)
    meter.plan(PLAN[1:2])
    tell = meter.begin("learning sax", 0.0)
    tell(50, 100, "", 0.5)
    assert meter.share(0.5) == 0.0
    assert meter.to_go_s(0.5) == pytest.approx(30.0, rel=0.05)
    tell(75, 100, "", 15.5)
    assert meter.share(15.5) == pytest.approx(0.5)


def test_a_part_that_says_nothing_moves_with_time_but_never_ends_by_itself():
    meter = Meter(0.0)
    meter.plan([Part("measuring", 20.0)])
    meter.begin("measuring", 0.0)
    shares = [meter.share(now_s) for now_s in (5.0, 20.0, 60.0, 600.0)]
    assert shares == sorted(shares)
    assert 0.1 < shares[0] < shares[1] < 0.95
    assert shares[-1] <= 1.0
    assert meter.to_go_s(600.0) >= 0.0


def test_the_share_does_not_go_back_when_more_is_planned():
    meter = Meter(0.0)
    meter.plan(PLAN[:1])
    meter.begin("listening to sax", 0.0)(1, 2, "", 10.0)
    assert meter.share(10.0) == pytest.approx(0.5)
    meter.plan(PLAN[1:])
    assert meter.share(10.0) == pytest.approx(0.5)


def test_a_better_plan_takes_the_place_of_the_first():
    meter = Meter(0.0)
    meter.plan(PLAN)
    meter.plan([Part("listening to sax", 40.0), *PLAN[1:]])
    assert meter.to_go_s(0.0) == pytest.approx(220.0)


def test_what_goes_on_side_by_side_is_one_line():
    assert joined(["learning sax", "learning harp"]) == "learning sax, harp"
    assert joined(["joining the voices", "comparing"]) == "joining the voices and comparing"
    assert joined(["comparing"]) == "comparing"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "5 s"), (42, "40 s"), (58, "1 min"), (150, "2 min"), (4900, "1 h 22 min")]
)
def test_a_time_to_go_is_as_one_says_it(seconds, text):
    assert duration(seconds) == text


def test_a_plain_line_names_the_work_and_the_time_to_go_and_the_log_keeps_the_words(tmp_path):
    file = io.StringIO()
    teller = Teller(Console(file=file), tmp_path / "runs" / "tombola.log", clock=lambda: 0.0)
    teller.plan(PLAN)
    teller.task("learning sax")(30, 100, "loss 0.41")
    assert re.fullmatch(r" +\d+ % · 3 min to go · learning sax", teller.line())
    teller.note(teller.line(words=True))
    teller.say("a/path/that is longer/" * 12)
    log = (tmp_path / "runs" / "tombola.log").read_text()
    assert "begin learning sax" in log
    assert "learning sax (loss 0.41)" in log
    assert file.getvalue() == "a/path/that is longer/" * 12 + "\n"


def test_a_log_that_cannot_be_written_does_not_end_the_work(tmp_path):
    (tmp_path / "file").touch()
    Teller(Console(file=io.StringIO()), tmp_path / "file" / "log").note("lost")


def test_lines_come_though_the_work_says_nothing_and_no_oftener_than_asked():
    """In virtual terms: 1 s of silent work with a line each 0.1 s is 100 s with a line each 10 s."""
    file = io.StringIO()
    with reporting(Console(file=file, force_terminal=False), every_s=0.1) as reporter:
        reporter.plan([Part("measuring", 1.0)])
        reporter.task("measuring")
        time.sleep(1.0)
    lines = file.getvalue().splitlines()
    assert 4 <= len(lines) <= 11
    assert all(line.endswith("to go · measuring") for line in lines)


def test_no_line_is_awaited_for_longer_than_fifteen_seconds_and_short_work_needs_none():
    assert LINE_EVERY_S + FIRST_LINE_S < 15.0
    assert LINE_EVERY_S >= 8.0
    file = io.StringIO()
    with reporting(Console(file=file, force_terminal=False)) as reporter:
        reporter.task("sending")
    assert not file.getvalue()


def test_a_terminal_has_one_bar_whatever_goes_on_and_it_leaves_nothing_behind():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with reporting(console, every_s=1.0) as reporter:
        reporter.plan(PLAN)
        for part in PLAN[:2]:
            reporter.task(part.title)
        time.sleep(0.7)
        reporter.say("a line that stays")
    drawn = file.getvalue()
    assert "to go · listening to sax and learning sax" in drawn
    assert drawn.count("a line that stays") == 1
    for frame in drawn.split("\r"):
        assert frame.count("━") <= 24


def test_who_is_not_interested_hears_nothing(capsys):
    silent = Silent()
    silent.plan(PLAN)
    silent.task("learning sax")(1, 2, "word")
    silent.say("word")
    assert capsys.readouterr() == ("", "")
